import { describeValue } from '../../kernel/rules/describe-value.ts'
import { isMillraceError, MillraceError } from '../../kernel/rules/errors.ts'
import type { RowId } from '../../kernel/storage/snapshots.ts'
import type { RecordsDatabase, Row, Statement } from '../../records/database.ts'
import { lastOf } from '../../records/page/last-of.ts'
import { decode, encode, type Encoded } from '../codec.ts'
import type { IdRange } from './asides.ts'
import type { Work } from './rules.ts'

/** Rows of tables that are no objects: a select, and the key by which it is gone through. Made by `ctx.sqlBy`. */
export class SqlRows<Rec extends object = Record<string, unknown>> {
  readonly key: string
  readonly statement: Statement
  /** Type only. */
  readonly record?: Rec

  /** Throws MILL_BATCH_START_INVALID. */
  constructor(key: string, statement: Statement) {
    if (typeof key !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(key))
      throw invalid(
        `the key of ctx.sqlBy is ${describeValue(key)}; it must be the name of a column that the select gives`,
      )
    this.key = key
    this.statement = statement
  }
}

/** As the state keeps it. */
export interface SqlSource {
  readonly kind: 'sql'
  readonly key: string
  readonly segments: readonly string[]
  readonly params: Encoded
  readonly upTo: RowId | null
}

/** Counting more would hold SQLite's write lock for too long. */
const mostCounted = 5_000_000
const maxParams = { maxBytes: 1_048_576, tooLarge: 'MILL_PAYLOAD_TOO_LARGE' } as const

/**
 * Fixes the largest key; rows that come later with larger ones are not of the batch. Throws MILL_BATCH_START_INVALID for a select that the database
 * refuses, that gives no such key, or null or something else than numbers and texts as one.
 */
export async function openSql(
  database: RecordsDatabase,
  { key, statement }: SqlRows,
  where: string,
): Promise<{ readonly source: SqlSource; readonly total: number | null }> {
  const { segments, params } = statement
  const column = quoted(key)
  const ask = async (before: string, behind: string): Promise<Row | undefined> => {
    try {
      const [row] = await database.query(around(before, statement, behind))
      return row
    } catch (error) {
      if (!isMillraceError(error, 'MILL_STORAGE_QUERY')) throw error
      throw invalid(
        `the select that the start of ${where} gave cannot be gone through by ${key}: ${error.message}`,
        error,
      )
    }
  }
  if ((await ask(`select 1 as n from (`, `) as q where q.${column} is null limit 1`)) !== undefined)
    throw invalid(`the select that the start of ${where} gave has rows without a ${key}`)
  const last = await ask(`select q.${column} as k from (`, `) as q order by q.${column} desc limit 1`)
  const upTo = last === undefined ? null : keyOf(last['k'], key, where)
  const bound = database.kind === 'sqlite' ? ` limit ${mostCounted + 1}` : ''
  const counted = await ask('select count(*) as n from (select 1 as one from (', `) as q${bound}) as c`)
  const n = Number(counted?.['n'] ?? 0)
  return {
    source: {
      kind: 'sql',
      key,
      segments,
      params: encode(params, `parameters of the start of ${where}`, maxParams),
      upTo,
    },
    total: bound !== '' && n > mostCounted ? null : n,
  }
}

/** The next `size` keys, as bounds; null: there are none. Rows of one key are never parted. */
export async function nextSqlKeys(
  database: RecordsDatabase,
  source: SqlSource,
  size: number,
  after: RowId | null,
): Promise<Extract<Work, { kind: 'keys' }> | null> {
  const { upTo, key } = source
  if (upTo === null || after === upTo) return null
  const column = quoted(key)
  const { segments, params } = between(source, { after, upTo }, `q.${column} as k`)
  const ordered = { segments: [...segments.slice(0, -1), `${segments.at(-1) ?? ''} limit ${size}`], params }
  const last = await lastOf(database, 'k', ordered)
  if (last === null) return null
  return { kind: 'keys', after, upTo: keyOf(last.row['k'], key, 'the batch'), count: last.count }
}

/** The rows between two keys as they are now, in order of the key. */
export function sqlRowsInRange(database: RecordsDatabase, source: SqlSource, range: IdRange): Promise<Row[]> {
  return database.query(between(source, range, 'q.*'))
}

export async function sqlKeysInRange(
  database: RecordsDatabase,
  source: SqlSource,
  range: IdRange,
): Promise<RowId[]> {
  const rows = await database.query(between(source, range, `q.${quoted(source.key)} as k`))
  return rows.map((row) => keyOf(row['k'], source.key, 'the batch'))
}

/** What the select still gives of these. */
export function sqlRowsOfKeys(
  database: RecordsDatabase,
  source: SqlSource,
  keys: readonly RowId[],
): Promise<Row[]> {
  const column = quoted(source.key)
  const { segments, params } = around(
    'select q.* from (',
    statementOf(source),
    `) as q where q.${column} in `,
  )
  return database.query({ segments: [...segments, ` order by q.${column}`], params: [...params, keys] })
}

function between(source: SqlSource, { after, upTo }: IdRange, columns: string): Statement {
  const column = quoted(source.key)
  const from = around(`select ${columns} from (`, statementOf(source), `) as q where q.${column} <= `)
  const order = ` order by q.${column}`
  return after === null
    ? { segments: [...from.segments, order], params: [...from.params, upTo] }
    : { segments: [...from.segments, ` and q.${column} > `, order], params: [...from.params, upTo, after] }
}

function statementOf({ segments, params }: SqlSource): Statement {
  return { segments, params: decode(params.json, params.types) as unknown[] }
}

/** The select may end with a comment. */
function around(before: string, { segments, params }: Statement, behind: string): Statement {
  const text = [...segments]
  text[0] = `${before}${text[0] ?? ''}`
  text[text.length - 1] = `${text.at(-1) ?? ''}\n${behind}`
  return { segments: text, params }
}

function quoted(key: string): string {
  return `"${key}"`
}

/** A date would lose what it has below a millisecond, and with it rows. */
function keyOf(value: unknown, key: string, where: string): RowId {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value
  throw invalid(
    `the key ${key} of ${where} is ${describeValue(value)}; it must be a number up to 2^53 or a text, cast it in the select`,
  )
}

function invalid(message: string, cause?: unknown): MillraceError {
  return new MillraceError('MILL_BATCH_START_INVALID', message, { cause })
}
