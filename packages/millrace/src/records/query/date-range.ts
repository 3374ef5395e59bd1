import { Temporal } from 'temporal-polyfill'
import { periodsOf, type Unit } from './date-literal.ts'

export { dateLiteralKind } from './date-literal.ts'

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
