import type { Row } from './transaction.ts'

export interface ReadOptions {
  /**
   * Throws MILL_QUERY_TIMEOUT after this long. PostgreSQL ends the statement. SQLite looks between two rows: what it computes before the
   * first one (a sort, a group, a scan that finds nothing) runs to its end first, in the event loop.
   */
  readonly timeoutMs: number
  /** Throws MILL_QUERY_TOO_MANY_ROWS when there is one more; no more than that is read. */
  readonly maxRows?: number
}

export interface StreamOptions {
  /** Rows of a page, at most. */
  readonly size: number
  /** As of `query`, for each page; the time that the consumer takes does not count. */
  readonly timeoutMs: number
}

/**
 * Statements on connections that cannot write, outside of any transaction: they see what is committed, and writing is refused
 * (PostgreSQL: a read-only transaction; SQLite: a connection opened read-only). In-memory SQLite has one connection: what an open
 * transaction has written shows here as well.
 */
export interface Reader {
  query(segments: readonly string[], params: readonly unknown[], options: ReadOptions): Promise<Row[]>
  /**
   * Pages as they are asked for, all of one instant: memory holds one. The connection is taken with the first page and given back with the
   * last one, or when the consumer stops (`break`). In-memory SQLite reads all rows at the start.
   */
  stream(
    segments: readonly string[],
    params: readonly unknown[],
    options: StreamOptions,
  ): AsyncIterable<Row[]>
}
