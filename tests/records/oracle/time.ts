import type { Scalar } from '../../../packages/millrace/src/records/query/query.ts'

/**
 * Days, date literals and date functions by Salesforce's "Date Formats and Date Literals in WHERE", "Date Functions" and
 * "convertTimezone()". A day is a whole number: days since 1970-01-01. Weeks begin on Sunday, fiscal years on 1 January (the
 * defaults of an organisation in the locale en_US).
 */

const msPerDay = 86_400_000

export const dayOf = (text: string): number => Date.parse(`${text}T00:00:00Z`) / msPerDay
export const textOf = (day: number): string => new Date(day * msPerDay).toISOString().slice(0, 10)

const formats = new Map<string, Intl.DateTimeFormat>()

/** What a clock on a wall of the zone shows, as if it were UTC, in ms. */
function wallClock(instant: number, timeZone: string): number {
  let format = formats.get(timeZone)
  if (format === undefined) {
    const two = '2-digit' as const
    format = new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone, calendar: 'iso8601', hourCycle: 'h23' },
      ...{ year: 'numeric', month: two, day: two, hour: two, minute: two, second: two },
    })
    formats.set(timeZone, format)
  }
  const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]))
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0
  const seconds = Date.UTC(
    ...([part('year'), part('month') - 1, part('day'), part('hour')] as const),
    ...([part('minute'), part('second')] as const),
  )
  return seconds + (((instant % 1000) + 1000) % 1000)
}

export const localDay = (instant: number, timeZone: string): number =>
  Math.floor(wallClock(instant, timeZone) / msPerDay)

const starts = new Map<string, number>()

/** The first instant of a day in a zone, also where midnight itself is skipped. */
export function startOfDay(day: number, timeZone: string): number {
  const key = `${day} ${timeZone}`
  const known = starts.get(key)
  if (known !== undefined) return known
  const start = firstInstant(day, timeZone)
  starts.set(key, start)
  return start
}

function firstInstant(day: number, timeZone: string): number {
  let before = (day - 1) * msPerDay - 16 * 3_600_000
  let after = (day + 1) * msPerDay + 16 * 3_600_000
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (localDay(middle, timeZone) >= day) after = middle
    else before = middle
  }
  return after
}

/** First day and the day after the last. */
export interface Days {
  readonly from: number
  readonly until: number
}

const parts = (day: number) => {
  const date = new Date(day * msPerDay)
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), weekday: date.getUTCDay() }
}
const firstOfMonth = (year: number, month: number): number => Date.UTC(year, month, 1) / msPerDay

/** The unit's period that is `away` periods from today's; `length` periods long. */
function period(unit: string, today: number, away: number, length = 1): Days {
  const { year, month, weekday } = parts(today)
  const start = (at: number): number => {
    switch (unit) {
      case 'DAY':
        return today + at
      case 'WEEK':
        return today - weekday + 7 * at
      case 'MONTH':
        return firstOfMonth(year, month + at)
      case 'QUARTER':
        return firstOfMonth(year, month - (month % 3) + 3 * at)
      case 'YEAR':
        return firstOfMonth(year + at, 0)
      default:
        throw new Error(`no unit ${unit}`)
    }
  }
  return { from: start(away), until: start(away + length) }
}

export function daysOf({ name, n }: Extract<Scalar, { kind: 'dateLiteral' }>, today: number): Days {
  const plain = name.replace('FISCAL_', '')
  const times = n ?? 0
  if (plain === 'YESTERDAY') return period('DAY', today, -1)
  if (plain === 'TODAY') return period('DAY', today, 0)
  if (plain === 'TOMORROW') return period('DAY', today, 1)
  // 91 days: today and the 90 before it.
  if (plain === 'LAST_90_DAYS') return { from: today - 90, until: today + 1 }
  if (plain === 'NEXT_90_DAYS') return { from: today + 1, until: today + 91 }
  if (plain === 'LAST_N_DAYS') return { from: today - times, until: today + 1 }
  const match =
    /^(?:(?<side>LAST|THIS|NEXT)_)?(?:(?<many>N)_)?(?<unit>DAY|WEEK|MONTH|QUARTER|YEAR)S?(?<ago>_AGO)?$/.exec(
      plain,
    )
  const { side, many, unit = '', ago } = match?.groups ?? {}
  if (ago !== undefined) return period(unit, today, -times)
  if (many === undefined) return period(unit, today, side === 'LAST' ? -1 : side === 'NEXT' ? 1 : 0)
  return side === 'LAST' ? period(unit, today, -times, times) : period(unit, today, 1, times)
}

/** The value of a date function. `clock` is the wall clock as if it were UTC, in ms. */
function partOf(name: string, clock: number): number | string {
  const day = Math.floor(clock / msPerDay)
  const { year, month, weekday } = parts(day)
  const dayInMonth = day - firstOfMonth(year, month) + 1
  const dayInYear = day - firstOfMonth(year, 0) + 1
  switch (name) {
    case 'CALENDAR_MONTH':
    case 'FISCAL_MONTH':
      return month + 1
    case 'CALENDAR_QUARTER':
    case 'FISCAL_QUARTER':
      return Math.floor(month / 3) + 1
    case 'CALENDAR_YEAR':
    case 'FISCAL_YEAR':
      return year
    case 'DAY_IN_MONTH':
      return dayInMonth
    case 'DAY_IN_WEEK':
      return weekday + 1
    case 'DAY_IN_YEAR':
      return dayInYear
    case 'DAY_ONLY':
      return textOf(day)
    case 'HOUR_IN_DAY':
      return Math.floor((clock - day * msPerDay) / 3_600_000)
    // Week 1 is the first to the seventh day.
    case 'WEEK_IN_MONTH':
      return Math.ceil(dayInMonth / 7)
    case 'WEEK_IN_YEAR':
      return Math.ceil(dayInYear / 7)
    default:
      throw new Error(`no date function ${name}`)
  }
}

/** A day as text stands for itself; an instant is seen in UTC, or in the zone where `convertTimezone` asks for it. */
export function dateFunction(name: string, value: unknown, timeZone: string): number | string | null {
  if (value instanceof Date) return partOf(name, wallClock(value.getTime(), timeZone))
  return typeof value === 'string' ? partOf(name, dayOf(value) * msPerDay) : null
}

export const dateFunctions = [
  ...['CALENDAR_MONTH', 'CALENDAR_QUARTER', 'CALENDAR_YEAR', 'DAY_IN_MONTH', 'DAY_IN_WEEK', 'DAY_IN_YEAR'],
  ...['DAY_ONLY', 'FISCAL_MONTH', 'FISCAL_QUARTER', 'FISCAL_YEAR', 'HOUR_IN_DAY', 'WEEK_IN_MONTH'],
  'WEEK_IN_YEAR',
]
