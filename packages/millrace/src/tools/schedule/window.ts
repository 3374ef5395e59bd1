import { describeValue } from '../../kernel/rules/describe-value.ts'
import { localTime } from '../../kernel/rules/local-time.ts'
import { invalidOption, optionFields } from '../../kernel/rules/option-fields.ts'
import { nextFires } from './cron/next.ts'
import { parseCron } from './cron/parse.ts'
import { checkTimeZone } from './cron/zone.ts'

/** Hours in which work may start, each day; over midnight when `from` is the later one. */
export interface WindowOptions {
  /** `'22:00'`, inclusive. */
  readonly from: string
  /** `'06:00'`, exclusive. */
  readonly to: string
  /** IANA name; default that of the schedule. */
  readonly timeZone?: string
}

export interface Window {
  readonly from: string
  readonly to: string
  readonly zone: string
}

const clockTime = /^(?:[01]\d|2[0-3]):[0-5]\d$/

/** Throws MILL_OPTIONS_INVALID, MILL_TIME_ZONE_UNKNOWN. */
export function windowOf(options: unknown, zone: string, where: string): Window {
  const { from, to, timeZone } = optionFields(options, ['from', 'to', 'timeZone'], where)
  for (const [field, value] of Object.entries({ from, to }))
    if (typeof value !== 'string' || !clockTime.test(value))
      throw invalidOption(
        where,
        `${field} must be a time of day such as '22:00'; got ${describeValue(value)}`,
      )
  if (from === to)
    throw invalidOption(where, `from and to are both ${describeValue(from)}; leave the window out`)
  return {
    from: from as string,
    to: to as string,
    zone: timeZone === undefined ? zone : checkTimeZone(timeZone as string),
  }
}

/** `at` when the window is open then, else when it opens next; epoch ms. */
export function openAt({ from, to, zone }: Window, at: number): number {
  const time = localTime(at, zone)?.slice(11, 16) ?? from
  const isOpen = from < to ? from <= time && time < to : from <= time || time < to
  if (isOpen) return at
  const [hour = '0', minute = '0'] = from.split(':')
  const opens = parseCron(`0 ${Number(minute)} ${Number(hour)} * * ?`, 'salesforce')
  return nextFires(opens, zone, at, { count: 1 })[0] ?? at
}
