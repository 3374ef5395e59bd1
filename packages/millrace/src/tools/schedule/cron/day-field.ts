import type { DayOfMonthRule, DayOfWeekRule } from './cron.ts'
import { ascending, breach, daysOfMonth, type Field, itemValues, itemsOf, valueOf } from './field.ts'

/** `*` and `?`: any day. */
const isAny = (text: string): boolean => text === '*' || text === '?'

/** The field day of month, in capitals; null = any day. Throws BreachError (semantics SC-07, SC-09, SC-10). */
export function dayOfMonthRule(text: string): DayOfMonthRule | null {
  if (isAny(text)) return null
  if (text === 'L' || text === 'LW')
    return { days: [], nearestWeekdays: [], last: text === 'L', lastWeekday: text === 'LW' }
  const days: number[] = []
  const nearestWeekdays: number[] = []
  for (const item of itemsOf(daysOfMonth, text)) {
    if (item.includes('L')) throw loneL(daysOfMonth, text, 'Write L, or LW for the last weekday')
    if (item.includes('W')) nearestWeekdays.push(nearestWeekdayOf(item))
    else days.push(...itemValues(daysOfMonth, item))
  }
  return {
    days: ascending(days),
    nearestWeekdays: ascending(nearestWeekdays),
    last: false,
    lastWeekday: false,
  }
}

function nearestWeekdayOf(item: string): number {
  const [, day] = /^(\d+)W$/.exec(item) ?? []
  if (day !== undefined) return valueOf(daysOfMonth, day)
  throw breach(daysOfMonth, item, 'W follows one day, or L', 'Write it as 15W or LW')
}

/** The field day of week, in capitals; null = any day. Throws BreachError (semantics SC-07, SC-09, SC-11). */
export function dayOfWeekRule(field: Field, text: string): DayOfWeekRule | null {
  if (isAny(text)) return null
  const dayOf = (value: number): number => (value - field.min) % 7
  // By itself it is the last day of the week.
  if (text === 'L') return { days: [6], nth: [], last: [] }
  const [, only] = /^([A-Z0-9]+)L$/.exec(text) ?? []
  if (only !== undefined) return { days: [], nth: [], last: [dayOf(valueOf(field, only))] }
  const days: number[] = []
  const nth: { day: number; n: number }[] = []
  for (const item of itemsOf(field, text)) {
    if (item.includes('L'))
      throw loneL(field, text, 'Write L for Saturday, or 6L for the last Friday of the month')
    if (item.includes('#')) nth.push(nthOf(field, item, dayOf))
    else days.push(...itemValues(field, item).map(dayOf))
  }
  return { days: ascending(days), nth, last: [] }
}

function nthOf(field: Field, item: string, dayOf: (value: number) => number): { day: number; n: number } {
  const [day = '', n = ''] = item.split('#')
  if (!/^[1-5]$/.test(n))
    throw breach(
      field,
      item,
      '# is followed by 1 to 5, which of these days of the month it is',
      `Write ${/^[A-Z0-9]+$/.test(day) ? day : 'MON'}#5, or ${/^[A-Z0-9]+$/.test(day) ? day : 'MON'}L for the last one`,
    )
  return { day: dayOf(valueOf(field, day)), n: Number(n) }
}

const loneL = (field: Field, text: string, instead: string): Error =>
  breach(field, text, 'L stands alone, without list, range, step or offset', instead)

/** Five-field cron has none of what this dialect adds. Throws BreachError. */
export function refuseSpecials(field: Field, text: string): void {
  const special = field.name === 'day of month' ? /[LW]/ : /L|#/
  if (special.test(text))
    throw breach(field, text, 'five-field cron has no L, W and #', 'Write six fields, seconds first')
}
