import { describeValue } from '../../kernel/rules/describe-value.ts'
import { invalidOption } from '../../kernel/rules/option-fields.ts'
import type { RowId } from '../../kernel/storage/snapshots.ts'
import type { Query } from '../query/query.ts'

/** How a query becomes pages; plain data that can be stored as JSON between executions. */
export type PagePlan = KeyPlan | SnapshotPlan

/** By primary key: ids above `after`, up to the bound that was fixed at the start. */
export interface KeyPlan {
  readonly kind: 'keys'
  /** `encodeQuery`. */
  readonly query: string
  readonly size: number
  readonly after: RowId | null
  /** null: there was nothing. */
  readonly upTo: RowId | null
}

/** Over a fixed set of ids: positions `from` up to, but without, `to`. */
export interface SnapshotPlan {
  readonly kind: 'snapshot'
  readonly query: string
  readonly size: number
  readonly snapshot: string
  readonly from: number
  readonly to: number
}

/** How far the pages have come; plain data. Behind the last id of a page, or at the next position of the set. */
export type PagePosition = { readonly after: RowId } | { readonly next: number }

export interface Stretch {
  readonly at: number
  readonly count: number
  readonly position: PagePosition
  readonly done: boolean
}

const mostPerPage = 10_000

/** Throws MILL_OPTIONS_INVALID. */
export function checkPageSize(size: unknown, where: string): number {
  if (typeof size === 'number' && Number.isInteger(size) && size >= 1 && size <= mostPerPage) return size
  throw invalidOption(where, `must be a whole number from 1 to ${mostPerPage}; got ${describeValue(size)}`)
}

/** The order and the bounds of a query are lost when it is read by primary key. */
export function needsSnapshot({ orderBy = [], limit, offset }: Query): boolean {
  return orderBy.length > 0 || limit !== undefined || offset !== undefined
}

/** The next stretch of a set. */
export function stretch(
  { from, to }: Pick<SnapshotPlan, 'from' | 'to'>,
  position: PagePosition | null,
  size: number,
): Stretch {
  const at = position === null ? from : 'next' in position ? position.next : from
  const count = Math.max(0, Math.min(size, to - at))
  return { at, count, position: { next: at + count }, done: at + count >= to }
}

/** K disjoint parts whose sizes differ by one at most; fewer where there are fewer ids. */
export function splitPositions(
  { from, to }: Pick<SnapshotPlan, 'from' | 'to'>,
  parts: number,
): { readonly from: number; readonly to: number }[] {
  const count = Math.max(1, Math.min(parts, to - from))
  const border = (part: number): number => from + Math.floor(((to - from) * part) / count)
  return Array.from({ length: count }, (_, part) => ({ from: border(part), to: border(part + 1) }))
}

/** The ranges between cuts. */
export function splitKeys(plan: KeyPlan, cuts: readonly RowId[]): KeyPlan[] {
  return [...cuts, plan.upTo].map((upTo, part) => ({
    ...plan,
    after: part === 0 ? plan.after : (cuts[part - 1] ?? null),
    upTo,
  }))
}
