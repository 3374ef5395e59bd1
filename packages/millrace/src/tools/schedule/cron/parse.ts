import type { Cron, CronMode } from './cron.ts'
import { dayOfMonthRule, dayOfWeekRule, refuseSpecials } from './day-field.ts'
import {
  breach,
  daysOfMonth,
  daysOfWeek,
  type Field,
  hours,
  minutes,
  months,
  seconds,
  unixDaysOfWeek,
  valueOf,
  valuesOf,
  years,
} from './field.ts'
import { BreachError, refused } from './refuse.ts'

/** As long as a cron expression may be; Salesforce has the same bound. */
const maxLength = 255

/**
 * Reads a cron expression: seconds, minutes, hours, day of month, month, day of week, and perhaps a year (semantics SC-07 to
 * SC-13). Names are read in any case; Sunday is day 1; ranges may run over the end (FRI-MON).
 *
 * `salesforce` takes what Salesforce documents: seconds and minutes are one whole number each, so it fires once an hour at most,
 * and exactly one of day of month and day of week is `?`.
 *
 * `extended` takes that and more: lists, ranges and steps in seconds and minutes; `*` for `?`; five-field cron (minutes first, days of
 * the week 0 to 7 with Sunday as 0 and 7, no L, W and #). Where both day fields name days, one that fits is enough, unless
 * one of them begins with `*`, as in `*\/2`: then both must fit, as with cron.
 *
 * Throws MILL_CRON_INVALID, whose `data` has field, value, rule and what to write instead.
 */
export function parseCron(text: string, mode: CronMode): Cron {
  const fields = fieldsOf(text)
  try {
    const cron = fields.length === 5 && mode === 'extended' ? unixCron(fields) : sixFields(fields, mode)
    return { text: fields.join(' '), mode, ...cron }
  } catch (error) {
    if (error instanceof BreachError) throw refused(text, error.breach)
    throw error
  }
}

type Rules = Omit<Cron, 'text' | 'mode'>

function fieldsOf(text: unknown): readonly string[] {
  const whole = { field: 'expression', value: text }
  if (typeof text !== 'string')
    throw refused(text, { ...whole, rule: 'it is a text', instead: "Write it as '0 0 2 * * ?'" })
  if (text.length > maxLength)
    throw refused(text, {
      ...whole,
      rule: `it has at most ${maxLength} characters, here are ${text.length}`,
      instead: 'Use ranges and steps, or two schedules',
    })
  return text.trim().split(/[ \t]+/)
}

function sixFields(fields: readonly string[], mode: CronMode): Rules {
  const [second, minute, hour, dayOfMonth, month, dayOfWeek, year] = fields.map((field) =>
    field.toUpperCase(),
  )
  if (
    second === undefined ||
    minute === undefined ||
    hour === undefined ||
    dayOfMonth === undefined ||
    month === undefined ||
    dayOfWeek === undefined ||
    fields.length > 7
  )
    throw wrongCount(fields, mode)
  const clock = mode === 'salesforce' ? one : valuesOf
  const rules = {
    seconds: clock(seconds, second),
    minutes: clock(minutes, minute),
    hours: valuesOf(hours, hour),
    dayOfMonth: dayOfMonthRule(dayOfMonth),
    months: valuesOf(months, month),
    dayOfWeek: dayOfWeekRule(daysOfWeek, dayOfWeek),
  }
  if (mode === 'salesforce') checkOneOpen(fields, dayOfMonth, dayOfWeek)
  return {
    ...rules,
    eitherDay: eitherDay(dayOfMonth, dayOfWeek),
    years: year === undefined || year === '*' ? null : valuesOf(years, year),
  }
}

function unixCron(fields: readonly string[]): Rules {
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields.map((field) =>
    field.toUpperCase(),
  )
  const rules = { seconds: [0], minutes: valuesOf(minutes, minute), hours: valuesOf(hours, hour) }
  refuseSpecials(daysOfMonth, dayOfMonth)
  const byMonth = { dayOfMonth: dayOfMonthRule(dayOfMonth), months: valuesOf(months, month) }
  refuseSpecials(unixDaysOfWeek, dayOfWeek)
  const byWeek = { dayOfWeek: dayOfWeekRule(unixDaysOfWeek, dayOfWeek) }
  return { ...rules, ...byMonth, ...byWeek, eitherDay: eitherDay(dayOfMonth, dayOfWeek), years: null }
}

/** Cron's own rule: a field that begins with `*` only narrows the other. */
const eitherDay = (dayOfMonth: string, dayOfWeek: string): boolean =>
  [dayOfMonth, dayOfWeek].every((field) => !/^[*?]/.test(field))

function one(field: Field, text: string): readonly number[] {
  if (/^\d+$/.test(text)) return [valueOf(field, text)]
  throw breach(
    field,
    text,
    `the Salesforce dialect takes one whole number from ${field.min} to ${field.max} here`,
    "Write one number and a schedule for each further one, or use the 'extended' dialect, which takes lists, ranges and steps",
  )
}

/** Semantics SC-08. */
function checkOneOpen(fields: readonly string[], dayOfMonth: string, dayOfWeek: string): void {
  if ((dayOfMonth === '?') !== (dayOfWeek === '?')) return
  throw new BreachError({
    field: 'day of month and day of week',
    value: `${dayOfMonth} ${dayOfWeek}`,
    rule: 'exactly one of day of month and day of week is ?',
    instead: openOne(fields, dayOfMonth, dayOfWeek),
  })
}

function openOne(fields: readonly string[], dayOfMonth: string, dayOfWeek: string): string {
  const withDays = (month: string, week: string): string =>
    `"${fields.with(3, month).with(5, week).join(' ')}"`
  if (dayOfMonth === '?') return `Write ${withDays('*', '?')} for every day`
  if (dayOfWeek === '*') return `Write ${withDays(dayOfMonth, '?')}`
  if (dayOfMonth === '*') return `Write ${withDays('?', dayOfWeek)}`
  return `Write two schedules, ${withDays(dayOfMonth, '?')} and ${withDays('?', dayOfWeek)}`
}

function wrongCount(fields: readonly string[], mode: CronMode): BreachError {
  const six = '6 or 7 fields: seconds, minutes, hours, day of month, month, day of week and perhaps a year'
  return new BreachError({
    field: 'expression',
    value: fields.join(' '),
    rule: `there are ${mode === 'extended' ? `${six}; or 5, from minutes on` : six}, here ${fields.length}`,
    instead:
      fields.length === 5
        ? `Write the seconds first, or use the 'extended' dialect, which takes five-field cron`
        : `Write it as '0 0 2 * * ?', which is every day at 02:00`,
  })
}
