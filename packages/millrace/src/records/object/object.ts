import type { Field } from './field.ts'

export type Fields = Readonly<Record<string, Field>>

/** Text of a subselect that stands for the table, where the records are the engine's own: nothing of a user's is in it. */
export interface ObjectSource {
  readonly sqlite: (known: KnownConditions) => string
  readonly postgres: (known: KnownConditions) => string
  /** Fields in whose place ORDER BY takes another that sorts alike and has an index. */
  readonly orderedAs: Readonly<Record<string, string>>
}

/** What the query's conditions say of every record that fits: the subselect may leave out all others, and the fields it does not need. */
export interface KnownConditions {
  /** The id, what children are found by, and the tenant are needed in any case. */
  uses(field: string): boolean
  /** The values of which a field has one; undefined: unknown. */
  oneOf(field: string): readonly unknown[] | undefined
  /** Epoch ms between which the field `createdAt` of the object lies, both included. */
  readonly from: number | undefined
  readonly to: number | undefined
}

/** A table seen as an object: a frozen value that knows no database. Field names are given by name, columns are behind them. */
export interface ObjectDefinition<F extends Fields = Fields> {
  readonly kind: 'object'
  readonly name: string
  readonly label: string
  readonly pluralLabel: string
  /** `table` or `schema.table`. */
  readonly table: string
  /** Instead of the table; then the object is read-only. */
  readonly source: ObjectSource | undefined
  readonly fields: F
  /** The field that is the primary key: the one of type `id`. */
  readonly idField: string
  /** The field that names a record to people; default `Name` where there is one. */
  readonly nameField: string | undefined
  /** The field whose value is the tenant: every statement keeps to the execution's own. */
  readonly tenant: string | undefined
  /** A boolean field, true when deleted, or a datetime, null until deleted. Queries leave those out unless ALL ROWS. */
  readonly softDelete: string | undefined
  /** An integer field raised by each update; an update with another value than stored is refused. */
  readonly version: string | undefined
  /** Datetime fields that are set at insert, and at insert and update. */
  readonly createdAt: string | undefined
  readonly modifiedAt: string | undefined
  /** The field that holds whose it is, for the scope `mine` (list views, USING SCOPE). */
  readonly owner: string | undefined
  readonly readOnly: boolean
}

/** The value of one field. */
export type ValueOf<F> =
  F extends Field<infer Value, infer Required> ? (Required extends true ? Value : Value | null) : never

/** A whole record of an object: `RecordOf<typeof Account>`. */
export type RecordOf<O> =
  O extends ObjectDefinition<infer F> ? { -readonly [K in keyof F]: ValueOf<F[K]> } : never

export function isObjectDefinition(value: unknown): value is ObjectDefinition {
  return typeof value === 'object' && value !== null && (value as Partial<ObjectDefinition>).kind === 'object'
}
