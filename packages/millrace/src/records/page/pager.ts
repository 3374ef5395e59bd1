import type { RowId } from '../../kernel/storage/snapshots.ts'
import { invalidOption } from '../../kernel/rules/option-fields.ts'
import type { Query } from '../query/query.ts'
import { compile, compileIds, type KeyRange, type ResultRecord } from '../sql/compile.ts'
import { compileEnv } from '../sql/env.ts'
import { fatal, opening } from './errors.ts'
import { fixIds, idsAt, type SnapshotEnv } from './id-set.ts'
import { lastOf } from './last-of.ts'
import { idsInRange, idsOf, recordsInRange, rowId, rowsOfIds } from './page-rows.ts'
import {
  needsSnapshot,
  nextPositions,
  type KeyBounds,
  type KeyPlan,
  type PageBounds,
  type PagePlan,
} from './plan.ts'
import { decodeQuery, encodeQuery } from './stored-query.ts'

export interface PageOptions {
  /**
   * Fix the set of ids at the start (semantics C-02). Without it pages go by primary key: rows that no longer match when their page is read
   * are skipped, rows that came to match are taken. @default true for a query with ORDER BY, LIMIT or OFFSET, else false
   */
  readonly snapshot?: boolean
  readonly binds?: Readonly<Record<string, unknown>>
  /** More are refused. @default 50,000,000 (semantics B-02) */
  readonly maxRows?: number
}

/** How long a snapshot of pages lives after its last use. */
export const defaultTtlMs = 2 * 86_400_000
const defaultMaxRows = 50_000_000
const everything = Number.MAX_SAFE_INTEGER
const what = 'the set of pages'

/**
 * Fixes where the pages end. A record that is there and matches from the start until its page is read comes once, and none comes
 * twice. Records that are inserted later with larger ids do not come; where new ids may be smaller (random uuids) that holds with a
 * snapshot only. Throws what is wrong with the query, MILL_OPTIONS_INVALID, MILL_CURSOR_FATAL, MILL_CURSOR_TRANSIENT.
 */
export async function openPages(
  env: SnapshotEnv,
  query: Query,
  options: PageOptions = {},
): Promise<PagePlan> {
  const { binds = {}, maxRows = defaultMaxRows } = options
  const snapshot = options.snapshot ?? needsSnapshot(query)
  // Whatever is wrong with it shows now, not with the first page.
  compileIds(query, { ...compileEnv(env), binds })
  compile(query, { ...compileEnv(env), binds })
  if (snapshot) {
    const fixed = await fixIds(
      env,
      { query, binds },
      { what, purpose: 'pages', ttlMs: defaultTtlMs, maxRows },
    )
    return { kind: 'snapshot', query: encodeQuery(query, binds), snapshot: fixed.id, to: fixed.total }
  }
  if (needsSnapshot(query))
    throw invalidOption('snapshot', 'must not be false for a query with ORDER BY, LIMIT or OFFSET')
  const upTo = await opening(what, () => largestId(env, query))
  return { kind: 'keys', query: encodeQuery(query, binds), upTo }
}

/**
 * Where the page after `before` ends, of at most `size` records (1 to 10,000); null: there is nothing more. Only the last of its ids leaves
 * the database. Throws MILL_CURSOR_FATAL for bounds of other pages.
 */
export async function nextBounds(
  env: SnapshotEnv,
  plan: PagePlan,
  before: PageBounds | null,
  size: number,
): Promise<PageBounds | null> {
  if (plan.kind === 'snapshot') {
    if (before !== null && before.kind !== 'positions') throw misplaced(plan, before)
    return nextPositions(plan, before, size)
  }
  if (before !== null && before.kind !== 'keys') throw misplaced(plan, before)
  return nextKeys(env, plan, before, size)
}

/** Its records as they are now, in order; read again, whatever became of them. Throws MILL_CURSOR_FATAL, MILL_CURSOR_TRANSIENT. */
export async function recordsWithin(
  env: SnapshotEnv,
  plan: PagePlan,
  bounds: PageBounds,
): Promise<readonly ResultRecord[]> {
  if (bounds.kind === 'keys') return recordsInRange(env, decodeQuery(plan.query), rangeOf(plan, bounds))
  return recordsOfIds(env, plan, await idsWithin(env, plan, bounds))
}

/** What there is now of these, in their order. */
export async function recordsOfIds(
  env: SnapshotEnv,
  { query }: Pick<PagePlan, 'query'>,
  ids: readonly RowId[],
): Promise<readonly ResultRecord[]> {
  return (await rowsOfIds(env, decodeQuery(query), ids)).map(({ record }) => record)
}

/** Their ids; by primary key of those that match now, of a snapshot also of those whose row is gone. Throws as `recordsWithin`. */
export async function idsWithin(
  env: SnapshotEnv,
  plan: PagePlan,
  bounds: PageBounds,
): Promise<readonly RowId[]> {
  if (bounds.kind === 'keys') return idsInRange(env, decodeQuery(plan.query), rangeOf(plan, bounds))
  if (plan.kind !== 'snapshot') throw misplaced(plan, bounds)
  const { from, to } = bounds
  return idsAt(env, { what, id: plan.snapshot, ttlMs: defaultTtlMs }, from, to - from)
}

/** Frees what a snapshot holds; it would expire by itself. */
export async function closePages(env: SnapshotEnv, plan: PagePlan): Promise<void> {
  if (plan.kind !== 'snapshot') return
  const found = await env.snapshots.find(plan.snapshot)
  if (found?.tenant === env.caller.tenant) await env.snapshots.drop(plan.snapshot)
}

async function nextKeys(
  env: SnapshotEnv,
  { query: text, upTo }: KeyPlan,
  before: KeyBounds | null,
  size: number,
): Promise<KeyBounds | null> {
  const after = before === null ? null : before.upTo
  if (upTo === null || after === upTo) return null
  const { query, binds } = decodeQuery(text)
  const range = { ...(after === null ? {} : { after }), upTo, limit: size }
  const last = await lastOf(env.database, 'id', compileIds(query, { ...compileEnv(env), binds, range }))
  if (last === null) return null
  const id = rowId(env, env.schema.object(query.from), last.row)
  return { kind: 'keys', after, upTo: id, count: last.count }
}

/** All that is between the bounds: rows that came to match since may be more than were counted. */
function rangeOf({ kind }: PagePlan, bounds: KeyBounds): KeyRange {
  if (kind !== 'keys') throw misplaced({ kind }, bounds)
  const { after, upTo } = bounds
  return { ...(after === null ? {} : { after }), upTo, limit: everything }
}

/** The end of the primary key's index: nobody's condition is looked at, so that it costs nothing. */
async function largestId(env: SnapshotEnv, { from, mode }: Query): Promise<RowId | null> {
  const object = env.schema.object(from)
  const by = { kind: 'field', path: [object.idField.name] } as const
  const last: Query = {
    from,
    select: [by],
    orderBy: [{ by, descending: true, nulls: 'first' }],
    limit: { kind: 'number', value: 1 },
    allRows: true,
    ...(mode === undefined ? {} : { mode }),
  }
  return (await idsOf(env, object, compileIds(last, compileEnv(env))))[0] ?? null
}

function misplaced({ kind }: Pick<PagePlan, 'kind'>, bounds: PageBounds): Error {
  return fatal(
    `bounds of other pages were given: ${JSON.stringify(bounds)} do not belong to pages of ${kind}`,
  )
}
