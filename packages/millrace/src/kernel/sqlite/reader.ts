import { MillraceError } from '../rules/errors.ts'
import { renderSql } from '../rules/sql-template.ts'
import { checkPage, timedOut, tooManyRows } from '../storage/reader-rules.ts'
import type { Reader } from '../storage/reader.ts'
import type { Row } from '../storage/transaction.ts'
import type { Database } from './database.ts'
import { translated } from './errors.ts'

/**
 * Over connections that were opened read-only. A stream has one of its own, because all open statements of a connection see the instant of
 * the oldest: a query beside it would not see what was written since.
 */
export function fileReader(database: Database): Reader {
  return {
    async query(segments, params, { timeoutMs, maxRows }) {
      const { text, values } = renderSql(segments, params, 'sqlite', 'The statement')
      return database.readForUser((statements) => {
        const rows = statements.iterate(text, values, refuseWrite)
        return take(rows, { timeoutMs, most: maxRows })
      })
    },
    async *stream(segments, params, { size, timeoutMs }) {
      checkPage(size)
      const { text, values } = renderSql(segments, params, 'sqlite', 'The statement')
      const connection = await database.openReader()
      try {
        const start = async () =>
          database.retry(() => {
            const rows = connection.iterate(text, values, refuseWrite)
            return { rows, page: take(rows, { timeoutMs, size }) }
          })
        const { rows, page: first } = await translating(start)
        for (let page = first; ; page = await translating(async () => take(rows, { timeoutMs, size }))) {
          if (page.length > 0) yield page
          if (page.length < size) return
          // Everything above is synchronous: others get a turn between two pages.
          await new Promise<void>((resolve) => database.soon(() => resolve()))
          database.demandOpen()
        }
      } finally {
        database.closeReader(connection)
      }
    },
  }
}

/** In memory there is one connection, on which others write: a stream's rows are read at once, and so are of one instant. */
export function memoryReader(database: Database): Reader {
  const query: Reader['query'] = async (segments, params, { timeoutMs, maxRows }) => {
    const { text, values } = renderSql(segments, params, 'sqlite', 'The statement')
    const read = async () => {
      const statements = database.userStatements(database.writer())
      return take(statements.iterate(text, values, refuseWrite), { timeoutMs, most: maxRows })
    }
    return translating(read)
  }
  return {
    query,
    async *stream(segments, params, { size, timeoutMs }) {
      checkPage(size)
      const rows = await query(segments, params, { timeoutMs })
      for (let at = 0; at < rows.length; at += size) yield rows.slice(at, at + size)
    },
  }
}

interface Taking {
  readonly timeoutMs: number
  /** Stops after this many. */
  readonly size?: number
  /** Throws when there are more. */
  readonly most?: number | undefined
}

function take(rows: Iterator<Row>, { timeoutMs, size = Infinity, most = Infinity }: Taking): Row[] {
  const until = performance.now() + timeoutMs
  const taken: Row[] = []
  try {
    while (taken.length < size) {
      const { done, value } = rows.next() as IteratorResult<Row, undefined>
      if (done === true) return taken
      if (taken.length >= most) throw tooManyRows(most)
      if (performance.now() > until) throw timedOut(timeoutMs)
      taken.push(value)
    }
    return taken
  } catch (error) {
    rows.return?.()
    throw error
  }
}

function refuseWrite(): never {
  throw new MillraceError(
    'MILL_STORAGE_READ_ONLY',
    'this statement would write; outside of a transaction one can only read',
  )
}

async function translating<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw translated(error)
  }
}
