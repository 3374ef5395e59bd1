import { meant } from '../../kernel/rules/nearest-name.ts'
import { describeValue } from '../../kernel/rules/describe-value.ts'
import type { FieldInfo } from '../object/schema.ts'
import type { Scalar } from '../query/query.ts'
import { isDay, isInstant } from '../query/instant.ts'
import { splitValues, type FilterOperator, type FilterValue } from './filter.ts'
import { parseRelativeDate } from './relative-date.ts'

/** What a filter compares with, read by the type of its field. A `day` of a datetime field is a range in the caller's zone. */
export type ReadValue = Scalar | { readonly kind: 'day'; readonly value: string }

type Plain = string | number | boolean | null
type Problem = { readonly problem: string }

const most = 1_000

/** The values of a filter, each as its field's type has it; or the first that is none. */
export function readValues(
  field: FieldInfo,
  operator: FilterOperator,
  value: FilterValue,
): readonly ReadValue[] | Problem {
  const items: readonly Plain[] =
    typeof value === 'string'
      ? splitValues(value)
      : Array.isArray(value)
        ? (value as readonly Plain[])
        : [value as Plain]
  if (items.length === 0 || items.length > most)
    return { problem: `has ${items.length} values; 1 to ${most} are allowed` }
  const read: ReadValue[] = []
  for (const item of items) {
    const one = item === null || item === '' ? ({ kind: 'null' } as const) : readOne(field, operator, item)
    if ('problem' in one) return one
    read.push(one)
  }
  return read
}

function readOne(
  field: FieldInfo,
  operator: FilterOperator,
  item: Exclude<Plain, null>,
): ReadValue | Problem {
  switch (field.type) {
    case 'id':
    case 'reference':
      return field.numeric ? readNumber(item) : textOf(item)
    case 'number':
    case 'integer':
    case 'currency':
      return readNumber(item)
    case 'boolean':
      return readBoolean(item)
    case 'date':
    case 'datetime':
      return readDate(field, item)
    case 'picklist':
      return isSearch(operator) ? textOf(item) : readChoice(field, item)
    case 'multipicklist':
      return readChoices(field, item)
    default:
      return textOf(item)
  }
}

export const isSearch = (operator: FilterOperator): boolean =>
  operator === 'contains' || operator === 'notContain' || operator === 'startsWith'

function textOf(item: string | number | boolean): Scalar | Problem {
  if (typeof item === 'boolean') return { problem: `must be a text; got ${String(item)}` }
  return { kind: 'text', value: String(item) }
}

function readNumber(item: string | number | boolean): Scalar | Problem {
  const value =
    typeof item === 'number'
      ? item
      : /^[+-]?(\d+\.?\d*|\.\d+)$/.test(String(item).trim())
        ? Number(item)
        : NaN
  if (Number.isFinite(value)) return { kind: 'number', value }
  return { problem: `must be a number; got ${describeValue(item)}` }
}

function readBoolean(item: string | number | boolean): Scalar | Problem {
  const text = String(item).trim().toLowerCase()
  if (text === 'true' || text === '1') return { kind: 'boolean', value: true }
  if (text === 'false' || text === '0') return { kind: 'boolean', value: false }
  return { problem: `must be true or false; got ${describeValue(item)}` }
}

function readDate(field: FieldInfo, item: string | number | boolean): ReadValue | Problem {
  const text = String(item).trim()
  if (typeof item === 'string') {
    if (isDay(text))
      return field.type === 'date' ? { kind: 'date', value: text } : { kind: 'day', value: text }
    if (field.type === 'datetime' && isInstant(text)) return { kind: 'datetime', value: text }
    const relative = parseRelativeDate(text)
    if (relative !== undefined) return relative
  }
  const forms = field.type === 'date' ? '' : ', an instant with zone (2026-11-24T08:00:00Z)'
  return {
    problem: `must be a day (2026-11-24)${forms} or a relative date (LAST_N_DAYS:7); got ${describeValue(item)}`,
  }
}

/** A value, or its label: people see labels. */
function readChoice(field: FieldInfo, item: string | number | boolean): Scalar | Problem {
  const text = String(item)
  const equal = (other: string): boolean => other.toLowerCase() === text.toLowerCase()
  const choice =
    field.values.find(({ value }) => equal(value)) ?? field.values.find(({ label }) => equal(label))
  if (choice !== undefined) return { kind: 'text', value: choice.value }
  if (!field.restricted || field.values.length === 0) return { kind: 'text', value: text }
  const names = field.values.map(({ value }) => value)
  return { problem: `${describeValue(item)} is no value of ${field.name}${meant(text, names)}` }
}

/** `a;b`: both of them. */
function readChoices(field: FieldInfo, item: string | number | boolean): Scalar | Problem {
  const values: string[] = []
  for (const part of String(item).split(';')) {
    const one = readChoice(field, part.trim())
    if ('problem' in one) return one
    values.push((one as { readonly value: string }).value)
  }
  return { kind: 'text', value: values.join(';') }
}
