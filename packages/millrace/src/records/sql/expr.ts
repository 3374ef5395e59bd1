import type { Field } from '../object/field.ts'
import type { FieldInfo } from '../object/schema.ts'
import type { Sql } from './statement.ts'

/** What of a field decides how it is compared, sorted, encoded and decoded; of a computed value too. */
export type ValueField = Pick<Field, 'type' | 'storedAs' | 'numeric' | 'caseSensitive' | 'values' | 'scale'> &
  Partial<Pick<FieldInfo, 'name'>>

/** A value that a statement can compute for each row or group. */
export interface Expr {
  /** As the table has it; text of a group in lower case. */
  readonly sql: Sql
  readonly field: ValueField
  /** As people write it, for messages. */
  readonly name: string
  /** It cannot be null: the primary key of the object itself, a count. */
  readonly notNull: boolean
  /** It is never null if its definition is true to its table: enough to leave out NULLS FIRST, not to leave out rows. */
  readonly required: boolean
  /** Its text is lower case already. */
  readonly folded?: boolean
  /** What is selected to show it, where that is not `sql`. */
  readonly shown?: Sql
  /** Of a part of a time: the time, and the zone in which the part was taken; comparing the time itself lets an index serve. */
  readonly period?: { readonly of: Expr; readonly zone: string; readonly unit: 'day' | 'year' }
  /** Last step from what the database gave for `shown` to what is decoded. */
  readonly unwrap?: (value: unknown) => unknown
}

const plain: ValueField = {
  type: 'integer',
  storedAs: 'native',
  numeric: false,
  caseSensitive: false,
  values: [],
  scale: undefined,
}

export const integerValue: ValueField = plain
export const numberValue: ValueField = { ...plain, type: 'number' }
export const dateValue: ValueField = { ...plain, type: 'date' }
export const textValue: ValueField = { ...plain, type: 'text' }
export const exactTextValue: ValueField = { ...plain, type: 'text', caseSensitive: true }

const texts = new Set(['text', 'picklist', 'multipicklist'])
const numbers = new Set(['number', 'integer', 'currency'])

/** Kinds of values that can be compared with one another. */
export type Kind = 'text' | 'key' | 'number' | 'boolean' | 'date' | 'datetime' | 'json'

export function kindOf({ type }: ValueField): Kind {
  if (texts.has(type)) return 'text'
  if (numbers.has(type)) return 'number'
  return type === 'id' || type === 'reference' ? 'key' : (type as Kind)
}

/** Whether its text is compared without regard to case. */
export const ignoresCase = (field: ValueField): boolean => kindOf(field) === 'text' && !field.caseSensitive
