import { FIRST_YEAR, LAST_YEAR } from './cron.ts'
import { BreachError } from './refuse.ts'

/** What the values of a field are. */
export interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
  /** Up to where `*` and `a/n` reach, if that is less than `max` (7 is Sunday again). */
  readonly top?: number
  /** Names of the values from `min` on. */
  readonly names?: readonly string[]
  /** Whether a range may run over the end: FRI-MON, 22-6. */
  readonly wraps: boolean
  /** Steps are whole numbers from 1 to this. */
  readonly mostStep: number
  /** What to write for a value that is often written wrong. */
  readonly hint?: string
}

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

// The documented grammar does not bound steps: hours 0/120 are hour 0. In seconds and minutes, where steps are ours, such a step
// would only hide a mistake.
const anyStep = 9999

export const seconds: Field = { name: 'seconds', min: 0, max: 59, wraps: true, mostStep: 59 }
export const minutes: Field = { name: 'minutes', min: 0, max: 59, wraps: true, mostStep: 59 }
export const hours: Field = {
  name: 'hours',
  min: 0,
  max: 23,
  wraps: true,
  mostStep: anyStep,
  hint: 'Midnight is 0',
}
export const daysOfMonth: Field = { name: 'day of month', min: 1, max: 31, wraps: true, mostStep: anyStep }
export const months: Field = {
  name: 'month',
  min: 1,
  max: 12,
  names: monthNames,
  wraps: true,
  mostStep: anyStep,
}
export const daysOfWeek: Field = {
  name: 'day of week',
  min: 1,
  max: 7,
  names: dayNames,
  wraps: true,
  mostStep: anyStep,
  hint: 'Sunday is 1 or SUN',
}
/** Of five-field cron: Sunday is 0 and 7. */
export const unixDaysOfWeek: Field = { ...daysOfWeek, min: 0, max: 7, top: 6, hint: 'Sunday is 0' }
export const years: Field = {
  name: 'year',
  min: FIRST_YEAR,
  max: LAST_YEAR,
  wraps: false,
  mostStep: anyStep,
}

/** The values of a field as text in capitals: lists of `*`, values, ranges and steps. Ascending. Throws BreachError. */
export function valuesOf(field: Field, text: string): readonly number[] {
  return ascending(itemsOf(field, text).flatMap((item) => itemValues(field, item)))
}

export const ascending = (values: readonly number[]): readonly number[] =>
  [...new Set(values)].sort((a, b) => a - b)

/** The parts of a list. Throws BreachError for an empty one. */
export function itemsOf(field: Field, text: string): readonly string[] {
  const items = text.split(',')
  if (items.includes(''))
    throw breach(field, text, 'a list has a value on both sides of each comma', 'Remove the comma')
  return items
}

const form = /^(\*|[A-Z0-9]+)(?:-([A-Z0-9]+))?(?:\/([0-9]+))?$/

/** The values of one part of a list. Throws BreachError. */
export function itemValues(field: Field, item: string): readonly number[] {
  const [, first, last, step] = form.exec(item) ?? []
  if (first === undefined || (first === '*' && last !== undefined)) throw malformed(field, item)
  const by = step === undefined ? 1 : stepOf(field, item, step)
  const top = field.top ?? field.max
  if (first === '*') return series(field, field.min, top, by)
  const from = valueOf(field, first)
  if (last !== undefined) return series(field, from, endOf(field, item, from, valueOf(field, last)), by)
  return step === undefined ? [from] : series(field, from, Math.max(from, top), by)
}

function endOf(field: Field, item: string, from: number, to: number): number {
  if (to >= from) return to
  if (field.wraps) return to + sizeOf(field)
  throw breach(
    field,
    item,
    'a range of years goes from the earlier to the later one',
    `Write ${item.split('/')[0]?.split('-').reverse().join('-')}`,
  )
}

/** From, from + by, … up to `to`, which may be past the end of the field and then goes on at its beginning. */
function series(field: Field, from: number, to: number, by: number): readonly number[] {
  const values: number[] = []
  for (let value = from; value <= to; value += by)
    values.push(value > field.max ? value - sizeOf(field) : value)
  return values
}

const sizeOf = (field: Field): number => (field.top ?? field.max) - field.min + 1

/** One value, a number or a name. Throws BreachError. */
export function valueOf(field: Field, text: string): number {
  const named = field.names?.indexOf(text) ?? -1
  if (named >= 0) return named + field.min
  const digits = field.max > 999 ? /^\d{4}$/ : /^\d{1,2}$/
  const value = digits.test(text) ? Number(text) : NaN
  if (value >= field.min && value <= field.max) return value
  throw breach(field, text, `values are ${spanOf(field)}`, field.hint ?? 'Write one of these')
}

function stepOf(field: Field, item: string, text: string): number {
  const step = text.length <= 4 ? Number(text) : Infinity
  if (step >= 1 && step <= field.mostStep) return step
  throw breach(
    field,
    item,
    `a step is a whole number from 1 to ${field.mostStep}`,
    step === 0 ? 'Leave out /0' : 'Longer distances are steps of the next larger field, such as hours 0/2',
  )
}

function malformed(field: Field, item: string): BreachError {
  const step = item.split('/')
  if (step.length === 2 && step.includes(''))
    return breach(
      field,
      item,
      'a step has * or a value before the / and a number after it',
      'Write it as */2',
    )
  if (item === '?')
    return breach(field, item, '? stands only in day of month or day of week, by itself', 'Write *')
  return breach(
    field,
    item,
    `values are ${spanOf(field)}, *, ranges (${field.min}-${field.min + 2}), lists (${field.min},${field.min + 2}) and steps (*/2, ${field.min}/2)`,
    'Write one of these forms',
  )
}

function spanOf(field: Field): string {
  const numbers = `whole numbers from ${field.min} to ${field.max}`
  return field.names === undefined
    ? numbers
    : `${numbers}, or ${field.names[0] ?? ''} to ${field.names.at(-1) ?? ''}`
}

export const breach = (field: Field, value: string, rule: string, instead: string): BreachError =>
  new BreachError({ field: field.name, value, rule, instead })
