import type { Query } from '../query/query.ts'
import type { ResultRecord } from '../sql/compile.ts'
import { fatal, opening, reading } from '../page/errors.ts'
import { findIds, fixIds, idsAt, type SnapshotEnv } from '../page/id-set.ts'
import { rowsOfIds } from '../page/page-rows.ts'
import { decodeQuery, type BoundQuery } from '../page/stored-query.ts'
import { compileEnv } from '../sql/env.ts'
import { compile } from '../sql/compile.ts'
import { defaultCursorLimits, type CursorLimits } from './limits.ts'
import { checkDay } from './usage.ts'

export interface CursorEnv extends SnapshotEnv {
  /** @default defaultCursorLimits */
  readonly cursorLimits?: CursorLimits
}

export interface CursorOptions {
  /** Values of `:name` in the query. */
  readonly binds?: Readonly<Record<string, unknown>>
}

/** What a cursor is as data. */
export interface CursorHandle {
  readonly id: string
  readonly numberOfRecords: number
}

export type CursorKind = 'cursor' | 'pagination'

const names: Readonly<Record<CursorKind, string>> = {
  cursor: 'the cursor',
  pagination: 'the pagination cursor',
}

/** What both kinds of cursor are made of: a fixed set of ids, and the query whose fields are read. */
export interface CursorParts {
  readonly env: CursorEnv
  readonly id: string
  readonly total: number
  readonly stored: BoundQuery
}

/**
 * Records of a query whose set was fixed when it was opened (semantics C-02): later changes change no membership, values are those
 * of the moment of each fetch, deleted records are missing. It keeps no position, and is read by anybody of its tenant who has its id.
 */
export interface Cursor extends CursorHandle {
  /**
   * Records `position` to `position + count - 1`, the first is 0, in the order of the query; fewer where some were deleted, and at the end.
   * Forward, back, and again (C-03). Each use lets it live for two more days. Throws MILL_CURSOR_FATAL for a position
   * outside of 0 to `numberOfRecords`, a count outside of 0 to 2,000, and when it has expired; MILL_CURSOR_TRANSIENT.
   */
  fetch(position: number, count: number): Promise<ResultRecord[]>
  /** Frees it now; it would expire by itself. */
  close(): Promise<void>
}

const cursorOf = (parts: CursorParts): Cursor =>
  handle(parts, {
    async fetch(position: number, count: number) {
      checkStretch(parts, position, count)
      const { found } = await readCursor(parts, 'cursor', position, count)
      return found.map(({ record }) => record)
    },
    close: () => closeCursor(parts),
  })

/** Plain data, which may be a job's input as it is (semantics C-03); what it can do does not count as part of it. */
export function handle<Methods extends object>(
  { id, total }: CursorParts,
  methods: Methods,
): CursorHandle & Methods {
  const data: CursorHandle = { id, numberOfRecords: total }
  const hidden = Object.entries(methods).map(([name, value]) => [name, { value: value as unknown }] as const)
  return Object.freeze(Object.defineProperties(data, Object.fromEntries(hidden))) as CursorHandle & Methods
}

/**
 * Fixes the records of a query, in its order. Their ids stay in the database: ten million open as well as ten. Throws what is wrong with
 * the query, MILL_CURSOR_FATAL when there are more than 50,000,000, MILL_CURSOR_TRANSIENT. On SQLite see docs/cursors.md for what
 * opening a large one costs others.
 */
export async function openCursor(env: CursorEnv, query: Query, options: CursorOptions = {}): Promise<Cursor> {
  return cursorOf(await openParts(env, query, options, 'cursor'))
}

/** One that was opened before, by this or another process. Throws MILL_CURSOR_FATAL when it is unknown or has expired. */
export async function findCursor(env: CursorEnv, cursor: string | Pick<CursorHandle, 'id'>): Promise<Cursor> {
  return cursorOf(await findParts(env, cursor, 'cursor'))
}

export async function openParts(
  env: CursorEnv,
  query: Query,
  { binds = {} }: CursorOptions,
  kind: CursorKind,
): Promise<CursorParts> {
  const limits = limitsOf(env)
  const what = names[kind]
  if (query.forUpdate === true)
    throw fatal(
      `${what} cannot lock its records, which may be read in other transactions: leave FOR UPDATE out`,
    )
  const stored = { query, binds }
  // What is wrong with the fields shows now, not with the first fetch.
  compile(query, { ...compileEnv(env), binds })
  await opening(what, () => checkDay(env.snapshots, env.caller.tenant, limits, kind))
  const { id, total } = await fixIds(env, stored, {
    what,
    purpose: kind,
    ttlMs: limits.ttlMs,
    maxRows: kind === 'cursor' ? limits.maxRows : limits.paginationRows,
  })
  return { env, id, total, stored }
}

export async function findParts(
  env: CursorEnv,
  cursor: string | Pick<CursorHandle, 'id'>,
  kind: CursorKind,
): Promise<CursorParts> {
  const id = typeof cursor === 'string' ? cursor : cursor.id
  const { total, detail, purpose } = await findIds(env, names[kind], id)
  if (purpose !== kind)
    throw fatal(`${names[kind]} ${id} is none: it was opened as one of kind ${purpose}`, { id })
  return { env, id, total, stored: decodeQuery(detail) }
}

export async function closeCursor({ env, id }: CursorParts): Promise<void> {
  const found = await env.snapshots.find(id)
  if (found?.tenant === env.caller.tenant) await env.snapshots.drop(id)
}

/** What stands at these positions: the ids, and what is there of them. */
export async function readCursor(
  { env, id, stored }: CursorParts,
  kind: CursorKind,
  position: number,
  count: number,
) {
  const what = names[kind]
  const ids = await idsAt(env, { what, id, ttlMs: limitsOf(env).ttlMs }, position, Math.max(1, count))
  const asked = ids.slice(0, count)
  return { ids: asked, found: await reading(what, () => rowsOfIds(env, stored, asked)) }
}

export function checkStretch({ env, id, total }: CursorParts, position: number, count: number): void {
  const { fetchRows } = limitsOf(env)
  if (!Number.isInteger(position) || position < 0 || position > total)
    throw fatal(`position ${position} is not within cursor ${id}, which has 0 to ${total}`, {
      id,
      position,
      total,
    })
  if (!Number.isInteger(count) || count < 0 || count > fetchRows)
    throw fatal(`a fetch of ${count} records was asked for; it must be a whole number up to ${fetchRows}`, {
      id,
      count,
      fetchRows,
    })
}

function limitsOf({ cursorLimits = defaultCursorLimits }: CursorEnv): CursorLimits {
  return cursorLimits
}
