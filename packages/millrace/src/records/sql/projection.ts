import type { FieldInfo } from '../object/schema.ts'
import type { Dialect } from './dialect.ts'
import type { Expr, ValueField } from './expr.ts'
import { invalid } from './refuse.ts'
import type { Sql } from './statement.ts'
import { decode, type DatabaseKind } from './values.ts'

/** A record of an answer: fields by name, parents as records in it (null where there is none), children as lists. */
export type ResultRecord = Readonly<Record<string, unknown>>

/** What an answer has in one place of its records. */
export interface Column {
  /** `['Account', 'Name']`: where it stands in the record. */
  readonly path: readonly string[]
  /** The path in one, or the alias. */
  readonly name: string
  readonly kind: 'field' | 'aggregate' | 'children' | 'typeof'
  /** Of its values; of children and TYPEOF undefined. */
  readonly type: FieldInfo['type'] | undefined
  /** The field itself, where it is one. */
  readonly field: FieldInfo | undefined
  readonly children?: readonly Column[]
}

/** Value number n of a row. */
export type Values = (at: number) => unknown

interface Cell {
  readonly path: readonly string[]
  /** Numbers of the values that tell whether the parents on the way are there. */
  readonly present: readonly number[]
  readonly read: (values: Values) => unknown
}

/** What one SELECT gives: its expressions, and how a row of them becomes a record. */
export class Projection {
  readonly expressions: Sql[] = []
  readonly columns: Column[] = []
  readonly #cells: Cell[] = []
  readonly #numbers = new Map<string, number>()
  readonly #names = new Set<string>()
  readonly #dialect: Dialect
  readonly #kind: DatabaseKind

  constructor(dialect: Dialect, kind: DatabaseKind) {
    this.#dialect = dialect
    this.#kind = kind
  }

  /** The number of an expression; of the same `key` once. */
  number(expression: () => Sql, key?: string): number {
    const known = key === undefined ? undefined : this.#numbers.get(key)
    if (known !== undefined) return known
    const at = this.expressions.push(expression()) - 1
    if (key !== undefined) this.#numbers.set(key, at)
    return at
  }

  /** How to read the value of an expression out of a row. */
  reader(expr: Expr, key?: string): (values: Values) => unknown {
    const at = this.number(() => this.#dialect.select(expr), key)
    const { unwrap } = expr
    const field: ValueField = expr.field
    if (unwrap === undefined) return (values) => decode(field, values(at), this.#kind)
    return (values) => decode(field, unwrap(values(at)), this.#kind)
  }

  has(path: readonly string[]): boolean {
    return this.#names.has(keyOf(path))
  }

  /** Throws MILL_QUERY_INVALID for a place that is taken. */
  add(column: Column, present: readonly number[], read: (values: Values) => unknown): void {
    const key = keyOf(column.path)
    if (this.#names.has(key)) throw invalid(column.name, 'is selected twice; give one of them an alias')
    this.#names.add(key)
    this.columns.push(column)
    this.#cells.push({ path: column.path, present, read })
  }

  shape(values: Values): ResultRecord {
    const record: Record<string, unknown> = {}
    for (const cell of this.#cells) place(record, cell, values)
    return record
  }
}

const keyOf = (path: readonly string[]): string => path.join('.').toLowerCase()

function place(record: Record<string, unknown>, { path, present, read }: Cell, values: Values): void {
  let at = record
  for (const [depth, number] of present.entries()) {
    const name = path[depth] ?? ''
    if (!values(number)) {
      at[name] = null
      return
    }
    at = (at[name] ??= {}) as Record<string, unknown>
  }
  at[path.at(-1) ?? ''] = read(values)
}
