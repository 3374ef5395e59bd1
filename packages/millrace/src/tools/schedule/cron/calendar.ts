import { type Cron, type DayOfMonthRule, type DayOfWeekRule, FIRST_YEAR, LAST_YEAR } from './cron.ts'

/*
 * The arithmetic of civil time, which knows no zones: a civil second is counted as if the clocks of 1970 had run on in UTC.
 */

const daySeconds = 86_400
const firstSecond = Date.UTC(FIRST_YEAR, 0) / 1000
const endSecond = Date.UTC(LAST_YEAR + 1, 0) / 1000

/** The first civil second from `from` on at which the expression fires; undefined if there is none until the end of 2099. */
export function firstCivil(cron: Cron, from: number): number | undefined {
  const start = Math.max(from, firstSecond)
  if (!(start < endSecond)) return undefined
  const day = Math.floor(start / daySeconds)
  const time = firstTime(cron, start - day * daySeconds)
  // The rest of that day, or else the whole days after it.
  const found = firstDay(cron, time === undefined ? day + 1 : day)
  if (found === undefined) return undefined
  return found * daySeconds + ((found === day ? time : undefined) ?? firstTime(cron, 0) ?? 0)
}

/** The last civil second up to and with `to` at which the expression fires; undefined if there is none since 1970. */
export function lastCivil(cron: Cron, to: number): number | undefined {
  const end = Math.min(to, endSecond - 1)
  if (!(end >= firstSecond)) return undefined
  const day = Math.floor(end / daySeconds)
  const time = lastTime(cron, end - day * daySeconds)
  const found = lastDay(cron, time === undefined ? day - 1 : day)
  if (found === undefined) return undefined
  return found * daySeconds + ((found === day ? time : undefined) ?? lastTime(cron, daySeconds) ?? 0)
}

function firstTime(cron: Cron, from: number): number | undefined {
  for (const hour of cron.hours) {
    if ((hour + 1) * 3600 <= from) continue
    for (const minute of cron.minutes) {
      const start = hour * 3600 + minute * 60
      const second = start + 60 <= from ? undefined : cron.seconds.find((s) => start + s >= from)
      if (second !== undefined) return start + second
    }
  }
  return undefined
}

function lastTime(cron: Cron, to: number): number | undefined {
  for (let h = cron.hours.length - 1; h >= 0; h--) {
    const hour = cron.hours[h] ?? 0
    if (hour * 3600 > to) continue
    for (let m = cron.minutes.length - 1; m >= 0; m--) {
      const start = hour * 3600 + (cron.minutes[m] ?? 0) * 60
      const second = start > to ? undefined : cron.seconds.findLast((s) => start + s <= to)
      if (second !== undefined) return start + second
    }
  }
  return undefined
}

/** A month, 0 to 11, or past either end of the year. */
interface Month {
  readonly year: number
  readonly month: number
  /** Its first day, in days since 1970. */
  readonly first: number
  readonly length: number
}

function monthAt(year: number, month: number): Month {
  const first = Date.UTC(year, month) / 1000 / daySeconds
  const length = Date.UTC(year, month + 1) / 1000 / daySeconds - first
  const start = new Date(first * daySeconds * 1000)
  return { year: start.getUTCFullYear(), month: start.getUTCMonth(), first, length }
}

function monthOf(day: number): Month {
  const date = new Date(day * daySeconds * 1000)
  return monthAt(date.getUTCFullYear(), date.getUTCMonth())
}

/** The first day that fits from this one on, in days since 1970. */
function firstDay(cron: Cron, from: number): number | undefined {
  for (let month = monthOf(from); month.year <= LAST_YEAR; month = monthAt(month.year, month.month + 1)) {
    const skipped = Math.max(0, from - month.first)
    const days = skipped > 30 ? 0 : (fireDays(cron, month) >>> skipped) << skipped
    // The lowest bit.
    if (days !== 0) return month.first + 31 - Math.clz32(days & -days)
  }
  return undefined
}

/** The last day that fits up to and with this one, in days since 1970. */
function lastDay(cron: Cron, to: number): number | undefined {
  if (to < 0) return undefined
  for (let month = monthOf(to); month.year >= FIRST_YEAR; month = monthAt(month.year, month.month - 1)) {
    const kept = Math.min(31, to - month.first + 1)
    const days = fireDays(cron, month) & (2 ** kept - 1)
    // The highest bit.
    if (days !== 0) return month.first + 31 - Math.clz32(days)
  }
  return undefined
}

/** The days of a month that fit: bit d - 1 stands for day d. */
function fireDays(cron: Cron, month: Month): number {
  if (cron.years !== null && !cron.years.includes(month.year)) return 0
  if (!cron.months.includes(month.month + 1)) return 0
  const all = 2 ** month.length - 1
  const { dayOfMonth, dayOfWeek } = cron
  const byMonth = dayOfMonth === null ? all : daysByMonth(dayOfMonth, month)
  const byWeek = dayOfWeek === null ? all : daysByWeek(dayOfWeek, month)
  return (cron.eitherDay ? byMonth | byWeek : byMonth & byWeek) & all
}

const bit = (day: number): number => 1 << (day - 1)

/** 0 is Sunday. Day 0 of 1970, its first, was a Thursday. */
const weekdayOf = (month: Month, day: number): number => (month.first + day - 1 + 4) % 7

function daysByMonth(rule: DayOfMonthRule, month: Month): number {
  let days = 0
  for (const day of rule.days) days |= bit(day)
  for (const day of rule.nearestWeekdays) if (day <= month.length) days |= bit(nearestWeekday(month, day))
  if (rule.last) days |= bit(month.length)
  if (rule.lastWeekday) days |= bit(nearestWeekday(month, month.length))
  return days
}

/** Never leaves the month (semantics SC-10). */
function nearestWeekday(month: Month, day: number): number {
  const weekday = weekdayOf(month, day)
  if (weekday === 6) return day === 1 ? 3 : day - 1
  if (weekday === 0) return day === month.length ? day - 2 : day + 1
  return day
}

function daysByWeek(rule: DayOfWeekRule, month: Month): number {
  // The first day of the month that is this day of the week.
  const firstOf = (weekday: number): number => 1 + ((weekday - weekdayOf(month, 1) + 7) % 7)
  let days = 0
  for (const weekday of rule.days)
    for (let day = firstOf(weekday); day <= month.length; day += 7) days |= bit(day)
  for (const { day, n } of rule.nth) {
    const nth = firstOf(day) + 7 * (n - 1)
    if (nth <= month.length) days |= bit(nth)
  }
  for (const weekday of rule.last) {
    const first = firstOf(weekday)
    days |= bit(first + 7 * Math.floor((month.length - first) / 7))
  }
  return days
}
