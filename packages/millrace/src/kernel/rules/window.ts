import { describeValue } from './describe-value.ts'
import { offsetAt } from './local-time.ts'
import { invalidOption, optionFields } from './option-fields.ts'
import { demandTimeZone } from './time-zone.ts'

export const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const
export type Weekday = (typeof weekdays)[number]

/**
 * Hours in which work may start: while a clock on the wall of the zone shows a time within them. So hours that are skipped when clocks are
 * changed do not open, and those that occur twice are open twice.
 */
export interface WindowOptions {
  /** `'22:00'`, inclusive. */
  readonly from: string
  /** `'06:00'`, exclusive; over midnight when it is the earlier one. `'24:00'`: until the day ends. */
  readonly to: string
  /** Days on which it opens; default every day. One over midnight belongs to the day on which it opens. */
  readonly days?: readonly Weekday[]
  /** IANA name. Default UTC; of a schedule, that of the schedule. */
  readonly timeZone?: string
}

/** Checked, as it is stored. */
export interface Window {
  readonly from: string
  readonly to: string
  readonly zone: string
  readonly days?: readonly Weekday[]
}

const clockTime = /^(?:[01]\d|2[0-3]):[0-5]\d$/
const minuteMs = 60_000
const quarterMs = 15 * minuteMs
const dayMs = 86_400_000

/** Throws MILL_OPTIONS_INVALID, MILL_TIME_ZONE_UNKNOWN. */
export function windowOf(options: unknown, zone: string, where: string): Window {
  const { from, to, days, timeZone = zone } = optionFields(options, ['from', 'to', 'days', 'timeZone'], where)
  checkClockTime(from, 'from', where)
  if (to !== '24:00') checkClockTime(to, 'to', where)
  if (from === to || (from === '00:00' && to === '24:00' && days === undefined))
    throw invalidOption(where, 'is open all day, every day; leave it out')
  demandTimeZone(timeZone, where)
  return { from, to, zone: timeZone, ...(days === undefined ? {} : { days: daysOf(days, where) }) }
}

function checkClockTime(value: unknown, field: string, where: string): asserts value is string {
  if (typeof value !== 'string' || !clockTime.test(value))
    throw invalidOption(where, `${field} must be a time of day such as '22:00'; got ${describeValue(value)}`)
}

function daysOf(days: unknown, where: string): readonly Weekday[] {
  const known: readonly unknown[] = weekdays
  if (Array.isArray(days) && days.length > 0 && days.every((day) => known.includes(day)))
    return days as readonly Weekday[]
  throw invalidOption(where, `days must be a list of ${weekdays.join(', ')}; got ${describeValue(days)}`)
}

/** `at` when the window is open then, else when it opens next; epoch ms. */
export function openAt(window: Window, at: number): number {
  const { zone } = window
  let instant = at
  for (;;) {
    const offset = offsetAt(instant, zone)
    const closedMs = untilOpen(window, instant + offset)
    // Clocks are not changed before it opens.
    if (offsetAt(instant + closedMs, zone) === offset) return instant + closedMs
    // Clocks change at whole quarters of an hour, and with them what is open.
    instant = (Math.floor(instant / quarterMs) + 1) * quarterMs
  }
}

/** 0: it is open at this civil time; else how far away its next opening is, in ms. */
function untilOpen({ from, to, days }: Window, civil: number): number {
  const opens = minuteOf(from) * minuteMs
  const closes = minuteOf(to) * minuteMs
  const lasts = closes > opens ? closes - opens : closes + dayMs - opens
  const today = Math.floor(civil / dayMs)
  // It may be open since yesterday; and if today has passed, the same day of the next week is the latest.
  for (let day = today - 1; ; day += 1) {
    const start = day * dayMs + opens
    if (civil < start + lasts && (days === undefined || days.includes(weekdayOf(day))))
      return Math.max(0, start - civil)
  }
}

/** 1 January 1970 was a Thursday. */
function weekdayOf(day: number): Weekday {
  return weekdays[(((day + 4) % 7) + 7) % 7] as Weekday
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
}
