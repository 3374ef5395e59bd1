import { MillraceError } from '../../kernel/rules/errors.ts'
import { describeValue } from '../../kernel/rules/describe-value.ts'
import type { JobId } from '../../kernel/rules/execution.ts'
import type { ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import type { StateAccess, StatesInside } from '../../kernel/storage/states.ts'
import type { RowId } from '../../kernel/storage/snapshots.ts'
import type { CursorEnv } from '../../records/cursor/cursor.ts'
import { idsWithin, nextBounds, openPages, recordsOfIds, recordsWithin } from '../../records/page/pager.ts'
import type { KeyBounds, PagePlan } from '../../records/page/plan.ts'
import { RecordQuery } from '../../records/record-query.ts'
import { countQuery } from '../../records/run.ts'
import type { Source, Work } from './rules.ts'
import { nextSqlKeys, sqlKeysInRange, SqlRows, sqlRowsInRange, sqlRowsOfKeys } from './sql-source.ts'
import {
  setAsideOf,
  storeRecords,
  storedRecords,
  type Contents,
  type IdRange,
  type SetAside,
} from './asides.ts'

/** What a source gives chunk by chunk, and where that is kept. */
export interface SourceEnv {
  readonly records: CursorEnv
  readonly states: StatesInside
  /** The batch, also in its tracks. */
  readonly job: string
}

/** What execute is given: records, or none but the range that they are in. */
export interface Chunk {
  readonly records: readonly object[]
  readonly range: IdRange | null
  readonly count: number
}

/** A piece of work, and where it comes from. */
export interface Piece {
  readonly source: Source
  readonly work: Work
  readonly asidesOf: string
  /** Of a range the bounds are wanted, not what is in it. */
  readonly byRange: boolean
}

type Bounds = Extract<Work, { readonly kind: 'keys' | 'positions' }>

export interface Opened {
  readonly source: Source
  readonly total: number | null
}

/** Whatever a start may give, told apart without waiting for it: a query that is waited for runs. */
export async function queryOrRows(
  given: unknown,
  where: string,
): Promise<
  | { readonly query: RecordQuery }
  | { readonly sql: SqlRows }
  | { readonly rows: Iterable<object> | AsyncIterable<object> }
> {
  if (given instanceof RecordQuery) return { query: given as RecordQuery }
  const source: unknown = await given
  if (source instanceof SqlRows) return { sql: source as SqlRows }
  const query = (source as { readonly query?: unknown } | null | undefined)?.query
  if (query instanceof RecordQuery) return { query: query as RecordQuery }
  if (isIterable(source)) return { rows: source }
  throw new MillraceError(
    'MILL_BATCH_START_INVALID',
    `the start of ${where} gave ${describeValue(source)}, which is neither a query nor iterable`,
  )
}

function isIterable(value: unknown): value is Iterable<object> | AsyncIterable<object> {
  if (typeof value !== 'object' || value === null) return false
  return Symbol.iterator in value || Symbol.asyncIterator in value
}

/** Fixes the bounds of a query. */
export async function openQuery(
  env: CursorEnv,
  query: RecordQuery,
  { snapshot }: { readonly snapshot: boolean | undefined },
): Promise<Opened> {
  const tree = await query.tree()
  const binds = query.binds
  const plan = await openPages(env, tree, {
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(binds === undefined ? {} : { binds }),
  })
  if (plan.kind === 'snapshot') return { source: plan, total: plan.to }
  const total = plan.upTo === null ? 0 : await countQuery(env, tree, binds === undefined ? {} : { binds })
  return { source: plan, total }
}

/**
 * Writes the records of an iterable as pages, one at a time, so that neither memory nor one statement grows with it. Beside the attempt's
 * transaction unless that is open; what a run of it that failed has left does not count.
 */
export async function storeRows(
  rows: Iterable<object> | AsyncIterable<object>,
  scope: ExecutionScope,
  beside: StateAccess,
  { size, where }: { readonly size: number; readonly where: string },
): Promise<Opened> {
  // Not the attempt: after a rescue of a start that had not been seen to begin, two processes may be at the same one.
  const { job, lease } = scope.run
  let pages = 0
  let total = 0
  let page: object[] = []
  const flush = async (): Promise<void> => {
    scope.signal.throwIfAborted()
    const text = storeRecords(page, where)
    const states = scope.opening === null ? beside : (await scope.transaction()).states
    await states.putPage(job, lease, pages, text)
    pages += 1
    total += page.length
    page = []
  }
  for await (const row of rows) {
    if (typeof row !== 'object' || (row as object | null) === null)
      throw new MillraceError(
        'MILL_BATCH_START_INVALID',
        `record ${total + page.length} that the start of ${where} gave is ${describeValue(row)}; it must be an object`,
      )
    page.push(row)
    if (page.length === size) await flush()
  }
  if (page.length > 0) await flush()
  return { source: { kind: 'rows', lease, pages }, total }
}

/** The first piece of work of a source, or what follows one; null: there is no more of it. */
export async function nextOf(
  env: SourceEnv,
  source: Source,
  size: number,
  done: Work | null,
): Promise<Work | null> {
  switch (source.kind) {
    case 'sql':
      return nextSqlKeys(env.records.database, source, size, done?.kind === 'keys' ? done.upTo : null)
    case 'keys':
    case 'snapshot': {
      const before = done?.kind === 'keys' || done?.kind === 'positions' ? done : null
      return nextBounds(env.records, source, before, size)
    }
    case 'rows': {
      const number = done?.kind === 'page' ? done.number + 1 : 0
      return number >= source.pages ? null : { kind: 'page', number }
    }
    case 'none':
      return null
  }
}

/** What follows the source: the next half that bisecting left to this job, then the finish. */
export async function nextAside({ states }: SourceEnv, asidesOf: JobId, by: JobId): Promise<Work> {
  const [aside] = await states.asides(asidesOf, { from: 0, limit: 1, by })
  if (aside === undefined) return { kind: 'finish' }
  return { kind: 'aside', number: aside.number, count: aside.count }
}

/** A piece of work as it is now. */
export async function read(env: SourceEnv, piece: Piece): Promise<Chunk> {
  const { source, work, byRange } = piece
  switch (work.kind) {
    case 'keys':
    case 'positions':
      if (byRange && work.kind === 'keys') return ofBounds(work)
      return chunkOf(await recordsOf(env, source, work))
    case 'page':
      return chunkOf(await pageOf(env, source, work.number))
    case 'aside': {
      const aside = await asideOf(env, piece)
      if (aside === null) return chunkOf([])
      if (aside.kind === 'records') return chunkOf(aside.records)
      if (aside.kind === 'ids') return chunkOf(await recordsWithIds(env, source, aside.ids))
      if (byRange) return ofBounds({ ...aside.range, count: work.count })
      return chunkOf(await recordsOf(env, source, keysOf(aside.range, work)))
    }
    case 'finish':
      return chunkOf([])
  }
}

/** What of a piece of work is to be set aside; null: there is nothing any more. */
export async function contents(env: SourceEnv, piece: Piece): Promise<Contents | null> {
  const { source, work, byRange } = piece
  switch (work.kind) {
    case 'keys': {
      const { after, upTo } = work
      const ids = await idsOf(env, source, work)
      return byRange ? { kind: 'range', range: { after, upTo }, ids } : { kind: 'ids', ids }
    }
    case 'positions':
      return { kind: 'ids', ids: await idsOf(env, source, work) }
    case 'page':
      return { kind: 'records', records: await pageOf(env, source, work.number) }
    case 'aside': {
      const aside = await asideOf(env, piece)
      if (aside?.kind !== 'range') return aside
      return { ...aside, ids: await idsOf(env, source, keysOf(aside.range, work)) }
    }
    case 'finish':
      return null
  }
}

async function asideOf({ states }: SourceEnv, { work, asidesOf }: Piece): Promise<SetAside | null> {
  if (work.kind !== 'aside') return null
  const [aside] = await states.asides(asidesOf, { from: work.number, limit: 1 })
  return aside?.number === work.number ? setAsideOf(aside.records) : null
}

function chunkOf(records: readonly object[]): Chunk {
  return { records, range: null, count: records.length }
}

function ofBounds({ after, upTo, count }: IdRange & Pick<Chunk, 'count'>): Chunk {
  return { records: [], range: { after, upTo }, count }
}

async function recordsOf(env: SourceEnv, source: Source, bounds: Bounds): Promise<readonly object[]> {
  if (source.kind !== 'sql') return recordsWithin(env.records, planOf(source), bounds)
  return sqlRowsInRange(env.records.database, source, rangeOf(bounds))
}

async function idsOf(env: SourceEnv, source: Source, bounds: Bounds): Promise<readonly RowId[]> {
  if (source.kind !== 'sql') return idsWithin(env.records, planOf(source), bounds)
  return sqlKeysInRange(env.records.database, source, rangeOf(bounds))
}

async function recordsWithIds(
  env: SourceEnv,
  source: Source,
  ids: readonly RowId[],
): Promise<readonly object[]> {
  if (source.kind !== 'sql') return recordsOfIds(env.records, planOf(source), ids)
  return sqlRowsOfKeys(env.records.database, source, ids)
}

function rangeOf(bounds: Bounds): IdRange {
  if (bounds.kind === 'keys') return bounds
  throw new MillraceError('MILL_INTERNAL', 'positions of no snapshot')
}

/** The pages of a query. */
function planOf(source: Source): PagePlan {
  if (source.kind === 'keys' || source.kind === 'snapshot') return source
  throw new MillraceError('MILL_INTERNAL', `a batch over ${source.kind} has no query`)
}

function keysOf(range: IdRange, { count }: Pick<Chunk, 'count'>): KeyBounds {
  return { kind: 'keys', ...range, count }
}

async function pageOf(env: SourceEnv, source: Source, number: number): Promise<object[]> {
  if (source.kind !== 'rows') throw new MillraceError('MILL_INTERNAL', 'a page of no rows')
  const text = await env.states.page(env.job, source.lease, number)
  if (text === null) throw new MillraceError('MILL_INTERNAL', `page ${number} of batch ${env.job} is missing`)
  return storedRecords(text)
}
