/** Text around parameters: `segments` has one more entry than `params`. The only way values reach a statement. */
export interface Statement {
  readonly segments: readonly string[]
  readonly params: readonly unknown[]
}

export type Row = Record<string, unknown>

/**
 * Where statements over records run: an attempt's transaction, an application's transaction, or a read-only connection beside them.
 * Values come as the database gives them (PostgreSQL: numeric and int8 as text or number, timestamptz as Date; SQLite: numbers, texts).
 */
export interface RecordsDatabase {
  readonly kind: 'sqlite' | 'postgres'
  query(statement: Statement): Promise<Row[]>
  /** Pages of at most `size` rows, read as they are asked for; memory stays bounded. */
  stream(statement: Statement, size: number): AsyncIterable<Row[]>
}
