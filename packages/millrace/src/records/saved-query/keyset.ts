import type { FieldInfo } from '../object/schema.ts'
import type { Comparison, Condition, Operand, Path, Scalar } from '../query/query.ts'
import { ignoresCase } from '../sql/expr.ts'
import { joined } from './filter-condition.ts'
import type { PlannedSort } from './columns.ts'

/** What stands before a page: the sorted values of its last record, as JSON has them, and its id. */
export interface Position {
  readonly values: readonly SortValue[]
  readonly id: string | number
}

export type SortValue = string | number | boolean | null

/** A value of a record as a position keeps it, and as conditions tell values apart: no text is null, no boolean is false. */
export function sortValue({ type }: FieldInfo, value: unknown): SortValue {
  if (type === 'boolean') return value === true
  if (value instanceof Date) return value.toISOString()
  if (value === '') return null
  return typeof value === 'number' || typeof value === 'string' ? value : null
}

/**
 * Whether records with this value may differ to the database, which then sorts them among themselves: instants within a millisecond
 * (PostgreSQL keeps microseconds), empty text and null, false and null. `required` speaks of the field alone: its parent may be missing.
 */
export function isBlurred({ path, field: { type, required } }: PlannedSort, value: SortValue): boolean {
  if (type === 'datetime') return value !== null
  if (type === 'boolean') return value === false && !(required && path.length === 1)
  return value === null && (type === 'text' || type === 'picklist')
}

/**
 * Records after a position in the order of `sort` and, where that leaves them equal, of their ids: as ranges that follow one another,
 * each of which an index can begin with (one condition with OR would be a filter over all that was passed).
 */
export function rangesAfter(
  sort: readonly PlannedSort[],
  idField: FieldInfo,
  { values, id }: Position,
): readonly Condition[] {
  const equal = allOf([...sameCondition(sort, values), compare([idField.name], '>', scalarOf(idField, id))])
  const later = sort.map((part, at) =>
    beyond(part, values[at] ?? null).map((one) => allOf([...sameCondition(sort.slice(0, at), values), one])),
  )
  return [equal, ...later.reverse().flat()]
}

/** Records that a position cannot be told from. */
export function sameCondition(
  sort: readonly PlannedSort[],
  values: readonly SortValue[],
): readonly Condition[] {
  return sort.flatMap(({ path, field }, at): Condition[] => {
    const value = values[at] ?? null
    if (field.type !== 'datetime' || value === null) return [compare(path, '=', scalarOf(field, value))]
    return [compare(path, '>=', scalarOf(field, value)), compare(path, '<', scalarOf(field, nextMs(value)))]
  })
}

/** Strictly later by this part alone, in order. Without a value: first ascending, last descending. */
function beyond(part: PlannedSort, value: SortValue): readonly Condition[] {
  const { path, field, descending } = part
  if (field.type === 'boolean')
    return value === descending ? [compare(path, '=', { kind: 'boolean', value: !descending })] : []
  if (value === null) return descending ? [] : [compare(path, '!=', { kind: 'null' })]
  if (field.type === 'picklist' && field.values.length > 0) return beyondChoice(part, String(value))
  if (descending) return [compare(path, '<', scalarOf(field, value)), compare(path, '=', { kind: 'null' })]
  return field.type === 'datetime'
    ? [compare(path, '>=', scalarOf(field, nextMs(value)))]
    : [compare(path, '>', scalarOf(field, value))]
}

/** Picklists are sorted in the order of their values; others that are in the table come after these, by text. */
function beyondChoice({ path, field, descending }: PlannedSort, value: string): readonly Condition[] {
  const left: Operand = { kind: 'field', path }
  const among = (values: readonly string[], negated = false): readonly Condition[] => {
    const scalars = values.map((one): Scalar => ({ kind: 'text', value: one }))
    return values.length === 0 ? [] : [{ kind: 'in', left, negated, values: scalars }]
  }
  const all = field.values.map((one) => one.value)
  const others = [...among(all, true), compare(path, '!=', { kind: 'null' })]
  const at = all.findIndex((one) => isSameValue(field, one, value))
  const isNull = compare(path, '=', { kind: 'null' })
  if (at >= 0)
    return descending ? [...among(all.slice(0, at)), isNull] : [...among(all.slice(at + 1)), allOf(others)]
  const rest = allOf([...others, compare(path, descending ? '<' : '>', { kind: 'text', value })])
  return descending ? [rest, ...among(all), isNull] : [rest]
}

/** Whether the database takes the values for one: text by its lower case, unless the field is exact. */
export function isSameValue(field: FieldInfo, a: SortValue, b: SortValue): boolean {
  return typeof a === 'string' && typeof b === 'string' && ignoresCase(field)
    ? a.toLowerCase() === b.toLowerCase()
    : a === b
}

function nextMs(value: SortValue): string {
  return new Date(Date.parse(String(value)) + 1).toISOString()
}

function scalarOf({ type }: FieldInfo, value: SortValue): Scalar {
  if (value === null) return { kind: 'null' }
  if (typeof value === 'number') return { kind: 'number', value }
  if (typeof value === 'boolean') return { kind: 'boolean', value }
  return { kind: type === 'date' || type === 'datetime' ? type : 'text', value }
}

function compare(path: Path, op: Comparison, right: Scalar): Condition {
  return { kind: 'compare', left: { kind: 'field', path }, op, right }
}

const allOf = (of: readonly Condition[]): Condition => joined('and', of)
