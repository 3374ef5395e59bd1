export type Unit = 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR' | 'FISCAL_QUARTER' | 'FISCAL_YEAR'

/** The unit's period with this distance from the current one, and how many of them. */
export interface Periods {
  readonly unit: Unit
  readonly first: number
  readonly count: number
}

const single: Readonly<Record<string, Periods>> = {
  YESTERDAY: { unit: 'DAY', first: -1, count: 1 },
  TODAY: { unit: 'DAY', first: 0, count: 1 },
  TOMORROW: { unit: 'DAY', first: 1, count: 1 },
  // The current day counts as well: 91 days.
  LAST_90_DAYS: { unit: 'DAY', first: -90, count: 91 },
  NEXT_90_DAYS: { unit: 'DAY', first: 1, count: 90 },
}
const named = /^(LAST|THIS|NEXT)_(WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR)$/
const counted = /^(LAST|NEXT)_N_(DAY|WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR)S$/
const ago = /^N_(DAY|WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR)S_AGO$/
const distance: Readonly<Record<string, number>> = { LAST: -1, THIS: 0, NEXT: 1 }

/** Whether the name is a date literal of SOQL, and whether it takes `:n`. */
export function dateLiteralKind(name: string): 'plain' | 'counted' | undefined {
  if (Object.hasOwn(single, name) || named.test(name)) return 'plain'
  return counted.test(name) || ago.test(name) ? 'counted' : undefined
}

/** undefined for a name that is none, and for n missing, too many or below 0. */
export function periodsOf(name: string, n: number | undefined): Periods | undefined {
  if (Object.hasOwn(single, name)) return n === undefined ? single[name] : undefined
  const [, near, unit] = named.exec(name) ?? []
  if (near !== undefined)
    return n === undefined ? { unit: unit as Unit, first: distance[near] ?? 0, count: 1 } : undefined
  if (n === undefined || !Number.isSafeInteger(n) || n < 0) return undefined
  const [, direction, many] = counted.exec(name) ?? []
  if (direction !== undefined) return severalOf(direction, many as Unit, n)
  const [, past] = ago.exec(name) ?? []
  return past === undefined ? undefined : { unit: past as Unit, first: -n, count: 1 }
}

function severalOf(direction: string, unit: Unit, n: number): Periods {
  if (direction === 'NEXT') return { unit, first: 1, count: n }
  return { unit, first: -n, count: unit === 'DAY' ? n + 1 : n }
}
