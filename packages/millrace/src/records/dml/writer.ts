import type { FieldInfo } from '../object/schema.ts'
import type { Item, RecordId } from './item.ts'

/** A field that is set to the same in every row. */
export interface Constant {
  readonly field: FieldInfo
  readonly value: unknown
}

/**
 * Writes rows of one object in bulk: the good ones are in the table afterwards, the others have `errors`; the same on both databases.
 * Throws what is no row's fault. With allOrNone, updates and deletes end with the first chunk that has a bad row.
 */
export interface Writer {
  /** Sets the ids that the database makes. */
  insert(items: readonly Item[], constants: readonly Constant[]): Promise<void>
  update(items: readonly Item[], constants: readonly Constant[]): Promise<void>
  delete(items: readonly Item[]): Promise<void>
  /** Sets the soft-delete field of those that are live, or of those that are deleted. */
  mark(items: readonly Item[], mark: 'deleted' | 'live', constants: readonly Constant[]): Promise<void>
}

/** Rows of one statement. */
const chunkRows = 2000

export function chunks<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= chunkRows) return items.length === 0 ? [] : [items]
  return Array.from({ length: Math.ceil(items.length / chunkRows) }, (_, at) =>
    items.slice(at * chunkRows, (at + 1) * chunkRows),
  )
}

/** Whoever changes the same records locks them in the same order, so that they wait for each other and never in a circle. */
export function byId(items: readonly Item[]): readonly Item[] {
  const sorted = (): boolean =>
    items.every((item, at) => at === 0 || compare((items[at - 1] as Item).id, item.id) <= 0)
  return sorted() ? items : items.toSorted((a, b) => compare(a.id, b.id))
}

function compare(a: RecordId | null, b: RecordId | null): number {
  if (a === null || b === null || a === b) return 0
  return a < b ? -1 : 1
}
