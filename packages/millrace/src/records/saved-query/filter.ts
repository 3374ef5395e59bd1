import type { FieldType } from '../object/field.ts'

export type FilterOperator =
  | 'equals'
  | 'notEqual'
  | 'lessThan'
  | 'lessOrEqual'
  | 'greaterThan'
  | 'greaterOrEqual'
  | 'contains'
  | 'notContain'
  | 'startsWith'
  | 'includes'
  | 'excludes'

type Plain = string | number | boolean | null

/**
 * What a field is compared with. A text is a list with commas between values, any of which fits (`"a, b",c`: quotes keep a comma);
 * a list in JavaScript is taken as it is. An empty text and null mean: no value. Dates may be relative: `LAST_N_DAYS:7`.
 */
export type FilterValue = Plain | readonly Plain[]

export interface Filter {
  /** Of the object, or through its parents: `Account.Owner.Name`. */
  readonly field: string
  readonly operator: FilterOperator
  readonly value: FilterValue
}

const equality = ['equals', 'notEqual'] as const
const order = ['lessThan', 'lessOrEqual', 'greaterThan', 'greaterOrEqual'] as const
const search = ['contains', 'notContain', 'startsWith'] as const
const members = ['includes', 'excludes'] as const

export const filterOperators: readonly [FilterOperator, ...FilterOperator[]] = [
  ...equality,
  ...order,
  ...search,
  ...members,
]

const ofText: readonly FilterOperator[] = [...equality, ...order, ...search]
const ofOrdered: readonly FilterOperator[] = [...equality, ...order]

/** Which operators a field of a type can have. */
export const operatorsOf: Readonly<Record<FieldType, readonly FilterOperator[]>> = {
  id: equality,
  reference: equality,
  text: ofText,
  picklist: ofText,
  number: ofOrdered,
  integer: ofOrdered,
  currency: ofOrdered,
  date: ofOrdered,
  datetime: ofOrdered,
  boolean: equality,
  multipicklist: [...equality, ...members],
  json: [],
}

/** The values of a text: split at commas outside of quotes, trimmed; `""` in quotes is one quote. */
export function splitValues(text: string): readonly string[] {
  const found: string[] = []
  const item = /\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))(,|$)/gy
  for (const [, quoted, plain = '', end] of text.matchAll(item)) {
    found.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'))
    if (end === '') break
  }
  return found
}
