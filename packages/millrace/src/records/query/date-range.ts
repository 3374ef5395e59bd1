import { Temporal } from 'temporal-polyfill'

/** Days from `from` up to but not including `to`, each `'2026-11-24'`. */
export interface DayRange {
  readonly from: string
  readonly to: string
}

export interface Calendar {
  /** Epoch ms. */
  readonly now: number
  /** IANA name. */
  readonly timeZone: string
  /** Month, 1 to 12, in which the fiscal year begins. */
  readonly fiscalYearStart: number
}

type Unit = 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR' | 'FISCAL_QUARTER' | 'FISCAL_YEAR'

/** The unit's period with this distance from the current one, and how many of them. */
interface Periods {
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

/**
 * The days that a date literal of SOQL means for somebody who is in this zone at this time. Weeks begin on Sunday. LAST_N_DAYS:n
 * ends with today, the other LAST_N before the current week, month, quarter or year; NEXT_N begins after it. Source: "Date Formats
 * and Date Literals in WHERE" of the SOQL reference. undefined for a name that is none, for n missing or below 0, and for days outside
 * of the years 1 to 9999.
 */
export function dateRange(name: string, n: number | undefined, calendar: Calendar): DayRange | undefined {
  const periods = periodsOf(name, n)
  if (periods === undefined) return undefined
  const today = Temporal.Instant.fromEpochMilliseconds(calendar.now)
    .toZonedDateTimeISO(calendar.timeZone)
    .toPlainDate()
  try {
    const start = startOf(periods.unit, today, calendar.fiscalYearStart)
    const from = step(start, periods.unit, periods.first)
    const to = step(start, periods.unit, periods.first + periods.count)
    return from.year < 1 || to.year > 9999 ? undefined : { from: String(from), to: String(to) }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function periodsOf(name: string, n: number | undefined): Periods | undefined {
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

function startOf(unit: Unit, day: Temporal.PlainDate, fiscalYearStart: number): Temporal.PlainDate {
  const monthsInto = (size: number, first: number): number => (day.month - first + 12) % size
  const month = day.with({ day: 1 })
  switch (unit) {
    case 'DAY':
      return day
    case 'WEEK':
      // Monday is 1 and Sunday 7.
      return day.subtract({ days: day.dayOfWeek % 7 })
    case 'MONTH':
      return month
    case 'QUARTER':
      return month.subtract({ months: monthsInto(3, 1) })
    case 'YEAR':
      return month.subtract({ months: monthsInto(12, 1) })
    case 'FISCAL_QUARTER':
      return month.subtract({ months: monthsInto(3, fiscalYearStart) })
    case 'FISCAL_YEAR':
      return month.subtract({ months: monthsInto(12, fiscalYearStart) })
  }
}

const units: Readonly<Record<Unit, readonly ['days' | 'months', number]>> = {
  DAY: ['days', 1],
  WEEK: ['days', 7],
  MONTH: ['months', 1],
  QUARTER: ['months', 3],
  YEAR: ['months', 12],
  FISCAL_QUARTER: ['months', 3],
  FISCAL_YEAR: ['months', 12],
}

function step(day: Temporal.PlainDate, unit: Unit, count: number): Temporal.PlainDate {
  const [name, size] = units[unit]
  return day.add({ [name]: count * size })
}

/** Epoch ms at which the day begins there; not always at midnight, where clocks are put forward over it. */
export function startOfDay(day: string, timeZone: string): number {
  return Temporal.PlainDate.from(day).toZonedDateTime(timeZone).epochMilliseconds
}

/** The day, `'2026-11-24'`, that it is there at this instant. */
export function dayAt(epochMs: number, timeZone: string): string {
  return String(Temporal.Instant.fromEpochMilliseconds(epochMs).toZonedDateTimeISO(timeZone).toPlainDate())
}

/** The first day after it. */
export function dayAfter(day: string): string {
  return String(Temporal.PlainDate.from(day).add({ days: 1 }))
}
