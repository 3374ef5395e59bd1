import type { RecordsEnv } from '../env.ts'
import type { AccessMode, Condition, Query } from '../query/query.ts'
import { runQuery } from '../run.ts'
import {
  isBlurred,
  isSameValue,
  rangesAfter,
  sameCondition,
  sortValue,
  type Position,
  type SortValue,
} from './keyset.ts'
import { orderOf, type RowsPlan } from './list-view-query.ts'
import { pageToken, readPageToken } from './page-token.ts'
import { valueAt, type PlannedSort } from './columns.ts'

export interface PageOptions {
  /** Token of the page before. */
  readonly after: string | undefined
  readonly size: number
  readonly mode: AccessMode
}

export interface RecordPage {
  readonly records: readonly object[]
  /** Token for the next page; null at the end. */
  readonly next: string | null
  /** The limit of the saved query cut off records that there are. */
  readonly truncated: boolean
}

/**
 * One page in the order of the sort and then of the ids, by keyset: however deep, it reads what it shows. Records that stay where
 * they are appear on exactly one page. Without a sort that is paging by primary key (semantics M-22).
 */
export async function recordPage(env: RecordsEnv, plan: RowsPlan, options: PageOptions): Promise<RecordPage> {
  const { sort, limit, object, query } = plan
  const before = options.after === undefined ? undefined : readPageToken(sort, options.after)
  const shown = before?.shown ?? 0
  const size = Math.max(0, Math.min(options.size, (limit ?? Infinity) - shown))
  const read = new PageReader(env, plan, options.mode)
  const { records, hasMore } = await read.page(
    sort,
    query.where === undefined ? [] : [query.where],
    before,
    size,
  )
  const last = records.at(-1)
  const isCut = hasMore && shown + size === limit
  if (!hasMore || isCut || last === undefined) return { records, next: null, truncated: isCut }
  const id = valueAt(last, [object.idField.name]) as string | number
  const end = { shown: shown + records.length, id, values: valuesOf(sort, last) }
  return { records, next: pageToken(sort, end), truncated: false }
}

class PageReader {
  readonly #env: RecordsEnv
  readonly #plan: RowsPlan
  readonly #mode: AccessMode

  constructor(env: RecordsEnv, plan: RowsPlan, mode: AccessMode) {
    this.#env = env
    this.#plan = plan
    this.#mode = mode
  }

  async page(
    sort: readonly PlannedSort[],
    conditions: readonly Condition[],
    before: Position | undefined,
    size: number,
  ): Promise<{ readonly records: readonly object[]; readonly hasMore: boolean }> {
    const { idField } = this.#plan.object
    const ranges = before === undefined ? [[]] : rangesAfter(sort, idField, before).map((range) => [range])
    const found: object[] = []
    for (const range of ranges) {
      found.push(...(await this.#query(sort, [...conditions, ...range], size + 1 - found.length)))
      if (found.length > size) break
    }
    if (found.length <= size) return { records: found, hasMore: false }
    return { records: await this.#settled(sort, conditions, before, found.slice(0, size)), hasMore: true }
  }

  /**
   * Where a page ends among records that a position cannot tell apart (`isBlurred`), it could be before or after its own record. So
   * these are read again in the order of what follows in the sort alone, and the next page goes on in that order.
   */
  async #settled(
    sort: readonly PlannedSort[],
    conditions: readonly Condition[],
    before: Position | undefined,
    records: readonly object[],
  ): Promise<readonly object[]> {
    const last = records.at(-1)
    if (last === undefined) return records
    const ends = valuesOf(sort, last)
    const at = sort.findIndex((part, place) => isBlurred(part, ends[place] ?? null))
    if (at < 0) return records
    const [upTo, rest] = [sort.slice(0, at + 1), sort.slice(at + 1)]
    const values = ends.slice(0, at + 1)
    const start = records.findIndex((record) => isSame(upTo, valuesOf(upTo, record), values))
    const goesOn = before !== undefined && isSame(upTo, before.values, values)
    const position = goesOn ? { id: before.id, values: before.values.slice(at + 1) } : undefined
    const same = await this.page(
      rest,
      [...conditions, ...sameCondition(upTo, values)],
      position,
      records.length - start,
    )
    return [...records.slice(0, start), ...same.records]
  }

  #query(
    sort: readonly PlannedSort[],
    conditions: readonly Condition[],
    limit: number,
  ): Promise<readonly object[]> {
    const { where: _, ...query } = this.#plan.query
    const [only, other] = conditions
    const where: Pick<Query, 'where'> =
      only === undefined ? {} : { where: other === undefined ? only : { kind: 'and', of: conditions } }
    return runQuery(this.#env, {
      ...{ ...query, ...where },
      orderBy: orderOf(sort, this.#plan.object),
      limit: { kind: 'number', value: limit },
      mode: this.#mode,
    })
  }
}

function valuesOf(sort: readonly PlannedSort[], record: object): readonly SortValue[] {
  return sort.map(({ path, field }) => sortValue(field, valueAt(record, path)))
}

function isSame(sort: readonly PlannedSort[], a: readonly SortValue[], b: readonly SortValue[]): boolean {
  return sort.every(({ field }, at) => isSameValue(field, a[at] ?? null, b[at] ?? null))
}
