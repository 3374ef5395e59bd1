import { describeValue } from './describe-value.ts'
import { MillraceError } from './errors.ts'

/**
 * A length of time as text: numbers with units, added up. `'10 minutes'`, `'1.5 hours'`, `'1h 30m'`, `'500ms'`, and
 * `'0'`. Units: ms, s, m, h, d, w and their names in full. Months and years are none: they have no fixed length.
 */
export type Duration = string

/** 100 years of 365.25 days: what no duration may exceed. */
export const MAX_DURATION_MS = 100 * 365.25 * 86_400_000
const maxText = 100

const units: readonly (readonly [ms: number, one: string, many: string, ...short: string[]])[] = [
  [604_800_000, 'week', 'weeks', 'w'],
  [86_400_000, 'day', 'days', 'd'],
  [3_600_000, 'hour', 'hours', 'h', 'hr', 'hrs'],
  [60_000, 'minute', 'minutes', 'm', 'min', 'mins'],
  [1000, 'second', 'seconds', 's', 'sec', 'secs'],
  [1, 'ms', 'ms', 'millisecond', 'milliseconds'],
]
const unitMs = new Map(units.flatMap(([ms, ...names]) => names.map((name) => [name, ms] as const)))

/**
 * Whole ms (rounded) of a {@link Duration}. Throws MILL_DURATION_INVALID for anything else: a number (of what?), a
 * negative or unknown unit, more than 100 years.
 */
export function parseDuration(value: unknown, where: string): number {
  if (typeof value !== 'string') throw invalid(value, where, 'is no text')
  const text = value.trim()
  if (text === '0') return 0
  if (text === '' || text.length > maxText) throw invalid(value, where, 'cannot be read')
  const part = /(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*/y
  let total = 0
  while (part.lastIndex < text.length) {
    const [, amount, unit = ''] = part.exec(text) ?? []
    if (amount === undefined) throw invalid(value, where, 'cannot be read')
    const ms = unitMs.get(unit)
    if (ms === undefined) throw invalid(value, where, `has the unknown unit ${describeValue(unit)}`)
    total += Number(amount) * ms
  }
  if (total > MAX_DURATION_MS) throw invalid(value, where, 'is longer than 100 years')
  return Math.round(total)
}

function invalid(value: unknown, where: string, what: string): MillraceError {
  return new MillraceError(
    'MILL_DURATION_INVALID',
    `${where}: the duration ${describeValue(value)} ${what}. Write it as '10 minutes', '1.5 hours', '2 days', '500 ms' or '0'; at most 100 years.`,
    { data: { where } },
  )
}

/**
 * For people: the two largest units that count, rounded down ('1 hour 30 minutes', '2 days', '0 ms'). It reads back
 * through {@link parseDuration}. Less than 0 shows as '0 ms'.
 */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.floor(ms))
  const parts: string[] = []
  for (const [unit, one, many] of units) {
    const count = Math.floor(rest / unit)
    rest -= count * unit
    if (count > 0) parts.push(`${count} ${count === 1 ? one : many}`)
  }
  return parts.slice(0, 2).join(' ') || '0 ms'
}
