import { isMillraceError } from '../rules/errors.ts'
import { renderSql, type RenderedSql } from '../rules/sql-template.ts'
import { checkPage, timedOut, tooManyRows } from '../storage/reader-rules.ts'
import type { Reader, ReadOptions, StreamOptions } from '../storage/reader.ts'
import type { Row } from '../storage/transaction.ts'
import { fetchPages, type Run } from './cursor.ts'
import type { Database } from './database.ts'
import { refuseTransactionStatement } from './guarded-client.ts'
import type { Connection } from './pool.ts'

/** A stream's consumer may take its time over a page: what is held meanwhile is a connection and a snapshot, no locks. */
const idleMs = 600_000
/** The server gives up first: then the connection can go on. */
const graceMs = 2_000

export function reader(db: Database): Reader {
  return {
    async query(segments, params, options) {
      const rendered = render(segments, params)
      const connection = await begin(db, options)
      try {
        return await rowsOf(runOn(connection, options), rendered, options)
      } finally {
        await connection.leave()
      }
    },
    async *stream(segments, params, options) {
      checkPage(options.size)
      const rendered = render(segments, params)
      const connection = await begin(db, options)
      try {
        yield* fetchPages(runOn(connection, options), 'millrace_stream', rendered, options.size)
      } finally {
        await connection.leave()
      }
    },
  }
}

function render(segments: readonly string[], params: readonly unknown[]): RenderedSql {
  const rendered = renderSql(segments, params, 'postgres', 'sql')
  refuseTransactionStatement(rendered.text)
  return rendered
}

/** Rows are mostly asked for to the last one, so the planner must not favour the first. */
async function begin(db: Database, { timeoutMs }: ReadOptions | StreamOptions): Promise<Connection> {
  const connection = await db.readers.checkout()
  try {
    await connection.begin(idleMs, [
      'transaction_read_only = on',
      `statement_timeout = ${Math.max(1, Math.ceil(timeoutMs))}`,
      'cursor_tuple_fraction = 1',
    ])
    return connection
  } catch (error) {
    await connection.leave()
    throw error
  }
}

function runOn(connection: Connection, { timeoutMs }: ReadOptions | StreamOptions): Run {
  return async (text, values) => {
    try {
      return await connection.user(text, values, timeoutMs + graceMs)
    } catch (error) {
      const isCanceled = isMillraceError(error) && error.data['sqlstate'] === '57014'
      throw isCanceled ? timedOut(timeoutMs, error) : error
    }
  }
}

/** Under a cap through a cursor, so that no more rows are read than it takes to know. */
async function rowsOf(run: Run, rendered: RenderedSql, { maxRows }: ReadOptions): Promise<Row[]> {
  if (maxRows === undefined) return run(rendered.text, rendered.values)
  for await (const rows of fetchPages(run, 'millrace_query', rendered, maxRows + 1)) {
    if (rows.length > maxRows) throw tooManyRows(maxRows)
    return rows
  }
  return []
}
