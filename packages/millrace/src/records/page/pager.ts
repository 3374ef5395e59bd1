import type { RowId } from '../../kernel/storage/snapshots.ts'
import { invalidOption } from '../../kernel/rules/option-fields.ts'
import type { Query } from '../query/query.ts'
import { compile, compileIds, type KeyRange, type ResultRecord } from '../sql/compile.ts'
import { compileEnv } from '../sql/env.ts'
import { fatal, opening, reading } from './errors.ts'
import { fixIds, idsAt, type SnapshotEnv } from './id-set.ts'
import { idsInRange, idsOf, rowsInRange, rowsOfIds } from './page-rows.ts'
import {
  checkPageSize,
  needsSnapshot,
  splitKeys,
  splitPositions,
  stretch,
  type KeyPlan,
  type PagePlan,
  type PagePosition,
  type SnapshotPlan,
} from './plan.ts'
import { decodeQuery, encodeQuery, type BoundQuery } from './stored-query.ts'

export interface PageOptions {
  /** Rows of a page, 1 to 10,000. @default 200 */
  readonly size?: number
  /**
   * Fix the set of ids at the start (semantics C-02). Without it pages go by primary key: rows that no longer match when their page is read
   * are skipped, rows that came to match are taken. @default true for a query with ORDER BY, LIMIT or OFFSET, else false
   */
  readonly snapshot?: boolean
  readonly binds?: Readonly<Record<string, unknown>>
  /** More are refused. @default 50,000,000 (semantics B-02) */
  readonly maxRows?: number
}

interface Reached {
  /** For the next page; null: this was the last one. */
  readonly position: PagePosition | null
  readonly done: boolean
}

export interface Page extends Reached {
  readonly records: readonly ResultRecord[]
  /** Of the records, in their order. */
  readonly ids: readonly RowId[]
}

export interface IdPage extends Reached {
  /** Over a snapshot also those whose row is gone. */
  readonly ids: readonly RowId[]
}

const defaultSize = 200
/** How long a snapshot of pages lives after its last use. */
export const defaultTtlMs = 2 * 86_400_000
const defaultMaxRows = 50_000_000
const what = 'the pages'

/**
 * Fixes where pages begin and end. A record that is there and matches from the start until its page is read comes once, and none comes
 * twice. Records that are inserted later with larger ids do not come; where new ids may be smaller (random uuids) that holds with a
 * snapshot only. Throws what is wrong with the query, MILL_OPTIONS_INVALID, MILL_CURSOR_FATAL, MILL_CURSOR_TRANSIENT.
 */
export async function openPages(
  env: SnapshotEnv,
  query: Query,
  options: PageOptions = {},
): Promise<PagePlan> {
  const { binds = {}, maxRows = defaultMaxRows } = options
  const size = checkPageSize(options.size ?? defaultSize, 'size')
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
    const ends = { from: 0, to: fixed.total }
    return { kind: 'snapshot', query: encodeQuery(query, binds), size, snapshot: fixed.id, ...ends }
  }
  if (needsSnapshot(query))
    throw invalidOption('snapshot', 'must not be false for a query with ORDER BY, LIMIT or OFFSET')
  const upTo = await opening(what, () => largestId(env, query))
  return { kind: 'keys', query: encodeQuery(query, binds), size, after: null, upTo }
}

/**
 * One page of records, from the start or from the position that the page before gave. A page that a failure interrupted is read again from
 * the same position. Throws MILL_CURSOR_FATAL, MILL_CURSOR_TRANSIENT.
 */
export async function nextPage(
  env: SnapshotEnv,
  plan: PagePlan,
  position: PagePosition | null = null,
  size = plan.size,
): Promise<Page> {
  checkPageSize(size, 'size')
  const stored = decodeQuery(plan.query)
  if (plan.kind === 'snapshot') {
    const { ids, ...reached } = await stretchOf(env, plan, position, size)
    const rows = await reading(what, () => rowsOfIds(env, stored, ids))
    return { records: rows.map(({ record }) => record), ids: rows.map(({ id }) => id), ...reached }
  }
  const range = rangeOf(plan, position, size)
  const rows = range === null ? [] : await reading(what, () => rowsInRange(env, stored, range))
  const { items, ...reached } = page(rows, size, ({ id }) => id)
  return { records: items.map(({ record }) => record), ids: items.map(({ id }) => id), ...reached }
}

/** The same without the records: for work that stays in the database. By primary key they are those that match now. */
export async function nextIds(
  env: SnapshotEnv,
  plan: PagePlan,
  position: PagePosition | null = null,
  size = plan.size,
): Promise<IdPage> {
  checkPageSize(size, 'size')
  if (plan.kind === 'snapshot') return stretchOf(env, plan, position, size)
  const range = rangeOf(plan, position, size)
  const ids = range === null ? [] : await reading(what, () => idsInRange(env, decodeQuery(plan.query), range))
  const { items, ...reached } = page(ids, size, (id) => id)
  return { ids: items, ...reached }
}

/** All pages, one after the other. */
export async function* pagesOf(env: SnapshotEnv, plan: PagePlan): AsyncGenerator<Page, void, undefined> {
  let position: PagePosition | null = null
  do {
    const page: Page = await nextPage(env, plan, position)
    if (page.ids.length > 0) yield page
    position = page.position
  } while (position !== null)
}

/**
 * At most `parts` plans that share no record and together have all, about equal in size, to be worked through side by side. Counts the rows by
 * primary key once.
 */
export async function partition(env: SnapshotEnv, plan: PagePlan, parts: number): Promise<PagePlan[]> {
  if (!Number.isInteger(parts) || parts < 1 || parts > 10_000)
    throw invalidOption('parts', `must be a whole number from 1 to 10000; got ${parts}`)
  if (plan.kind === 'snapshot') return splitPositions(plan, parts).map((ends) => ({ ...plan, ...ends }))
  if (plan.upTo === null || parts === 1) return [plan]
  return opening(what, async () => splitKeys(plan, await cutsOf(env, plan, parts)))
}

/** Frees what a snapshot holds; it would expire by itself. */
export async function closePages(env: SnapshotEnv, plan: PagePlan): Promise<void> {
  if (plan.kind !== 'snapshot') return
  const found = await env.snapshots.find(plan.snapshot)
  if (found?.tenant === env.caller.tenant) await env.snapshots.drop(plan.snapshot)
}

async function stretchOf(
  env: SnapshotEnv,
  plan: SnapshotPlan,
  position: PagePosition | null,
  size: number,
): Promise<IdPage> {
  if (position !== null && !('next' in position)) throw misplaced(plan, position)
  const { at, count, position: next, done } = stretch(plan, position, size)
  const set = { what, id: plan.snapshot, ttlMs: defaultTtlMs }
  const ids = count === 0 ? [] : await idsAt(env, set, at, count)
  return { ids, position: done ? null : next, done }
}

/** One row more than the page shows whether it is the last. */
function rangeOf(
  { after, upTo, ...plan }: KeyPlan,
  position: PagePosition | null,
  size: number,
): KeyRange | null {
  if (position !== null && !('after' in position)) throw misplaced(plan, position)
  if (upTo === null) return null
  const from = position === null ? after : position.after
  return { ...(from === null ? {} : { after: from }), upTo, limit: size + 1 }
}

function page<T>(
  found: readonly T[],
  size: number,
  idOf: (item: T) => RowId,
): Reached & { readonly items: readonly T[] } {
  const items = found.slice(0, size)
  const last = items.at(-1)
  const done = found.length <= size || last === undefined
  return { items, position: done ? null : { after: idOf(last) }, done }
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

/** Every so many-th id, all in one reading. */
async function cutsOf(env: SnapshotEnv, plan: KeyPlan, parts: number): Promise<RowId[]> {
  const { query, binds }: BoundQuery = decodeQuery(plan.query)
  const { after, upTo } = plan
  const range = { ...(after === null ? {} : { after }), upTo, limit: Number.MAX_SAFE_INTEGER }
  const how = { ...compileEnv(env), binds, range }
  const counting = compile({ ...query, select: [{ kind: 'count' }] }, how)
  const [counted] = await env.database.query(counting.statement)
  const total = Number(counted === undefined ? 0 : counting.shape(counted)['count'])
  const step = Math.ceil(total / parts)
  if (step === 0) return []
  const { segments, params } = compileIds(query, how)
  const text = [...segments]
  text[0] = `select id from (select id, row_number() over (order by id) as n from (${text[0] ?? ''}`
  text[text.length - 1] = `${text.at(-1) ?? ''}) as ids) as ids where n % `
  return idsOf(env, env.schema.object(query.from), {
    segments: [...text, ' = 0 and n < ', ' order by n'],
    params: [...params, step, total],
  })
}

function misplaced({ kind }: Pick<PagePlan, 'kind'>, position: PagePosition): Error {
  return fatal(
    `a position of other pages was given: ${JSON.stringify(position)} does not belong to pages of ${kind}`,
  )
}
