import { describeValue } from '../../kernel/rules/describe-value.ts'
import { invalidOption } from '../../kernel/rules/option-fields.ts'
import type { RowId } from '../../kernel/storage/snapshots.ts'
import type { Query } from '../query/query.ts'

/** How a query becomes pages; plain data that can be stored as JSON between executions. */
export type PagePlan = KeyPlan | SnapshotPlan

/** By primary key, up to the bound that was fixed at the start. */
export interface KeyPlan {
  readonly kind: 'keys'
  /** `encodeQuery`. */
  readonly query: string
  /** null: there was nothing. */
  readonly upTo: RowId | null
}

/** Over a fixed set of ids: its positions up to, but without, `to`. */
export interface SnapshotPlan {
  readonly kind: 'snapshot'
  readonly query: string
  readonly snapshot: string
  readonly to: number
}

/**
 * Where one page begins and ends. Fixed before it is read, so that whoever reads it again after a crash reads what lies between the same
 * ends; plain data.
 */
export type PageBounds = KeyBounds | PositionBounds

export interface KeyBounds {
  readonly kind: 'keys'
  /** Excluded; null: from the first. */
  readonly after: RowId | null
  /** Included. */
  readonly upTo: RowId
  /** Records when the bounds were fixed. */
  readonly count: number
}

/** `to` excluded. */
export interface PositionBounds {
  readonly kind: 'positions'
  readonly from: number
  readonly to: number
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

/** The next stretch of a set; null: there is none. */
export function nextPositions(
  { to: end }: Pick<SnapshotPlan, 'to'>,
  before: PositionBounds | null,
  size: number,
): PositionBounds | null {
  const from = before === null ? 0 : before.to
  return from >= end ? null : { kind: 'positions', from, to: Math.min(end, from + size) }
}
