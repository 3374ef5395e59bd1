import { MillraceError } from '../kernel/rules/errors.ts'
import type { Reader } from '../kernel/storage/reader.ts'
import type { SnapshotAccess } from '../kernel/storage/snapshots.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { EachOutcome, StorageTransaction } from '../kernel/storage/transaction.ts'
import type { ReadBounds, RecordsDatabase, Row, Statement } from './database.ts'

type Kind = Storage['kind']

/** Reads beside all transactions. Whatever is written throws MILL_STORAGE_READ_ONLY. */
export function readingDatabase(kind: Kind, reader: Reader, queryTimeoutMs: number): RecordsDatabase {
  return {
    kind,
    query: ({ segments, params }, { maxRows, timeoutMs = queryTimeoutMs }: ReadBounds = {}) =>
      reader.query(segments, params, { timeoutMs, ...(maxRows === undefined ? {} : { maxRows }) }),
    stream: ({ segments, params }, size) =>
      reader.stream(segments, params, { size, timeoutMs: queryTimeoutMs }),
  }
}

/** In a transaction, which may be begun with the first statement, and asked for anew with each. */
export function transactionDatabase(
  kind: Kind,
  transaction: () => Promise<StorageTransaction>,
): RecordsDatabase {
  async function* stream({ segments, params }: Statement, size: number): AsyncGenerator<Row[]> {
    yield* (await transaction()).stream(segments, params, size)
  }
  async function each(...call: Parameters<NonNullable<RecordsDatabase['each']>>): Promise<EachOutcome[]> {
    const outcomes = await (await transaction()).each?.(...call)
    if (outcomes === undefined) throw new MillraceError('MILL_INTERNAL', 'each is there on SQLite only')
    return outcomes
  }
  return {
    kind,
    async query(statement, { maxRows }: ReadBounds = {}) {
      if (maxRows !== undefined) return atMost(stream(statement, maxRows + 1), maxRows)
      return (await transaction()).query(statement.segments, statement.params)
    },
    stream,
    ...(kind === 'sqlite' ? { each } : {}),
  }
}

/** The same for sets of ids. */
export function transactionSnapshots(transaction: () => Promise<StorageTransaction>): SnapshotAccess {
  return {
    create: async (spec) => (await transaction()).snapshots.create(spec),
    find: async (id) => (await transaction()).snapshots.find(id),
    ids: async (...args) => (await transaction()).snapshots.ids(...args),
    extend: async (...args) => (await transaction()).snapshots.extend(...args),
    drop: async (id) => (await transaction()).snapshots.drop(id),
    usage: async (tenant) => (await transaction()).snapshots.usage(tenant),
  }
}

async function atMost(pages: AsyncIterable<Row[]>, maxRows: number): Promise<Row[]> {
  for await (const rows of pages) {
    if (rows.length <= maxRows) return rows
    throw new MillraceError('MILL_QUERY_TOO_MANY_ROWS', `the query has more than ${maxRows} rows`, {
      data: { maxRows },
    })
  }
  return []
}
