import type { MillraceError } from '../kernel/rules/errors.ts'

/** Text around parameters: `segments` has one more entry than `params`. The only way values reach a statement. */
export interface Statement {
  readonly segments: readonly string[]
  readonly params: readonly unknown[]
}

export type Row = Record<string, unknown>

/** For queries that people type. */
export interface ReadBounds {
  /** One row more throws MILL_QUERY_TOO_MANY_ROWS. */
  readonly maxRows?: number | undefined
  /** Throws MILL_QUERY_TIMEOUT. Inside of a transaction the transaction's own bound holds instead. */
  readonly timeoutMs?: number | undefined
}

/**
 * Where statements over records run: an attempt's transaction, an application's transaction, or a read-only connection beside them.
 * Values come as the database gives them (PostgreSQL: numeric and int8 as text or number, timestamptz as Date; SQLite: numbers, texts).
 */
export interface RecordsDatabase {
  readonly kind: 'sqlite' | 'postgres'
  query(statement: Statement, bounds?: ReadBounds): Promise<Row[]>
  /** Pages of at most `size` rows, read as they are asked for; memory stays bounded. */
  stream(statement: Statement, size: number): AsyncIterable<Row[]>
  /** `each` of a SQLite transaction (`kernel/storage/transaction.ts`); elsewhere undefined. */
  readonly each?: (
    segments: readonly string[],
    lists: readonly (readonly unknown[])[],
  ) => Promise<(number | MillraceError)[]>
}
