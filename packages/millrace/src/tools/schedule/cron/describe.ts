import type { Cron, DayOfMonthRule, DayOfWeekRule } from './cron.ts'
import { type Cycle, endsOf, joined, listed, stepOf } from './words.ts'

const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const monthNames = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
]
const ordinals = ['', 'first', 'second', 'third', 'fourth', 'fifth']
/** Up to so many times of day are named one by one. */
const mostTimes = 6

/**
 * When an expression fires, in plain English: `At 09:00, on the last Friday of the month, in March`. It is made of what was read, not
 * of the text, so that expressions that mean the same read the same. At most about 1,000 characters.
 */
export function describeCron(cron: Cron): string {
  const time = timeOfDay(cron)
  const day = days(cron) ?? (time.startsWith('every') ? undefined : 'every day')
  const words = [time, day, monthsOf(cron), yearsOf(cron)].filter((part) => part !== undefined).join(', ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function timeOfDay({ seconds, minutes, hours }: Cron): string {
  const [minute = 0, second = 0] = [minutes[0], seconds[0]]
  const clock = (h: number, m: number, s: number): string =>
    [h, m, ...(seconds.length > 1 || second > 0 ? [s] : [])].map(two).join(':')
  if (hours.length * minutes.length * seconds.length <= mostTimes) {
    const times = hours.flatMap((h) => minutes.flatMap((m) => seconds.map((s) => clock(h, m, s))))
    return `at ${joined(times)}`
  }
  if (minutes.length * seconds.length > 1) return severalAnHour(seconds, minutes, hours)
  const hourly = hours.length === 24
  if (hourly && minute + second > 0)
    return `every hour at minute ${minute}${second > 0 ? ` and second ${second}` : ''}`
  return hourly ? 'every hour' : hourWords(hours, (hour) => clock(hour, minute, second))
}

/** More than {@link mostTimes} hours that are not all. */
function hourWords(hours: readonly number[], clock: (hour: number) => string): string {
  const [ends, step] = [endsOf(hours, dayOfHours), stepOf(hours)]
  if (ends !== undefined) return `every hour from ${clock(ends.first)} to ${clock(ends.last)}`
  if (step === undefined) return `at ${listed(hours, clock)}`
  return `every ${step} hours from ${clock(hours[0] ?? 0)} to ${clock(hours.at(-1) ?? 0)}`
}

function severalAnHour(
  seconds: readonly number[],
  minutes: readonly number[],
  hours: readonly number[],
): string {
  const onTheMinute = seconds.length === 1 && seconds[0] === 0
  const everyMinute = minutes.length === 60
  const words: string[] = []
  if (!everyMinute || onTheMinute) words.push(unitWords(minutes, 'minute', ' of every hour'))
  if (!onTheMinute) words.push(unitWords(seconds, 'second', everyMinute ? ' of every minute' : ''))
  if (hours.length < 24) words.push(duringWords(hours))
  return words.join(', ')
}

/** `every second`, `every 15 minutes`, `every 10 minutes from minute 7 on`, `at minutes 0, 25 and 50 of every hour`. */
function unitWords(values: readonly number[], name: 'second' | 'minute', whole: string): string {
  const [first = 0] = values
  const step = stepOf(values)
  if (values.length === 60) return `every ${name}`
  // Only when the distance from one hour to the next is the same.
  if (step !== undefined && step * values.length === 60)
    return `every ${step} ${name}s${first === 0 ? '' : ` from ${name} ${first} on`}`
  return `at ${name}${values.length === 1 ? '' : 's'} ${listed(values)}${whole}`
}

function duringWords(hours: readonly number[]): string {
  const ends = endsOf(hours, dayOfHours)
  if (ends !== undefined) return `between ${two(ends.first)}:00 and ${two(ends.last)}:59`
  return `in the hours ${listed(hours)}`
}

const dayOfHours: Cycle = { first: 0, size: 24 }

const two = (value: number): string => String(value).padStart(2, '0')

function days({ dayOfMonth, dayOfWeek, eitherDay }: Cron): string | undefined {
  const byMonth = dayOfMonth === null ? undefined : `on ${dayOfMonthWords(dayOfMonth)}`
  const byWeek = dayOfWeek === null ? undefined : `on ${dayOfWeekWords(dayOfWeek)}`
  if (byMonth === undefined || byWeek === undefined) return byMonth ?? byWeek
  return eitherDay ? `${byMonth} or ${byWeek}` : `${byMonth}, but only ${byWeek}`
}

function dayOfMonthWords(rule: DayOfMonthRule): string {
  const one = rule.days.length === 1
  return joined([
    ...(rule.days.length > 0 ? [`${one ? 'day' : 'days'} ${listed(rule.days)} of the month`] : []),
    ...rule.nearestWeekdays.map((day) => `the weekday nearest to day ${day} of the month`),
    ...(rule.last ? ['the last day of the month'] : []),
    ...(rule.lastWeekday ? ['the last weekday of the month'] : []),
  ])
}

function dayOfWeekWords(rule: DayOfWeekRule): string {
  const name = (day: number): string => dayNames[day] ?? ''
  return joined([
    ...(rule.days.length > 0 ? [listed(rule.days, name, { first: 0, size: 7 })] : []),
    ...rule.nth.map(({ day, n }) => `the ${ordinals[n] ?? ''} ${name(day)} of the month`),
    ...rule.last.map((day) => `the last ${name(day)} of the month`),
  ])
}

const monthsOf = ({ months }: Cron): string | undefined =>
  months.length === 12
    ? undefined
    : `in ${listed(months, (month) => monthNames[month - 1] ?? '', { first: 1, size: 12 })}`

const yearsOf = ({ years }: Cron): string | undefined => (years === null ? undefined : `in ${listed(years)}`)
