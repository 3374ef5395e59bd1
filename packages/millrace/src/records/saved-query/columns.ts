import type { FieldType } from '../object/field.ts'
import type { FieldInfo, ObjectInfo, Schema } from '../object/schema.ts'
import type { Path, Selected } from '../query/query.ts'
import { findField, type FieldPath } from './field-path.ts'
import type { Issues } from './issues.ts'
import type { ColumnChoice, SortChoice } from './saved-query.ts'

/** A column of a list view or report, looked up. */
export interface PlannedColumn {
  /** Path as the schema spells it: `Account.Name`. */
  readonly name: string
  readonly label: string
  readonly type: FieldType
  readonly field: FieldInfo
  readonly path: Path
  /** Of a reference: where the name of the record that it points to stands. */
  readonly named: Named | undefined
}

export interface Named {
  /** More than one where the reference points to several; their names stand in fields of one name. */
  readonly objects: readonly ObjectInfo[]
  readonly field: FieldInfo
  readonly path: Path
}

export interface PlannedSort {
  readonly path: Path
  readonly field: FieldInfo
  readonly descending: boolean
}

export function planColumns(
  schema: Schema,
  object: ObjectInfo,
  columns: readonly ColumnChoice[],
  issues: Issues,
): readonly PlannedColumn[] {
  return columns.flatMap(({ field, label }, at) => {
    const found = findField(schema, object, field)
    if (!('problem' in found)) return [planColumn(schema, found, label)]
    issues.add(`columns[${at}]`, found.problem)
    return []
  })
}

export function planColumn(schema: Schema, found: FieldPath, label: string | undefined): PlannedColumn {
  const { field, path } = found
  return {
    name: path.join('.'),
    label: label ?? found.label,
    type: field.type,
    field,
    path,
    named: nameOf(schema, found),
  }
}

function nameOf(schema: Schema, { field, path }: FieldPath): Named | undefined {
  const objects = field.references.map((target) => schema.object(target))
  const names = new Set(objects.map(({ definition }) => definition.nameField))
  const [name] = names
  const [first] = objects
  if (field.relationship === undefined || name === undefined || first === undefined || names.size > 1)
    return undefined
  return { objects, field: first.field(name), path: [...path.slice(0, -1), field.relationship, name] }
}

export function planSort(
  schema: Schema,
  object: ObjectInfo,
  sort: readonly SortChoice[],
  issues: Issues,
): readonly PlannedSort[] {
  return sort.flatMap(({ field: text, direction }, at) => {
    const found = findField(schema, object, text)
    const problem =
      'problem' in found
        ? found.problem
        : found.field.type === 'json' || found.field.type === 'multipicklist'
          ? `${found.field.name} is of type ${found.field.type}, which has no order`
          : undefined
    if (!('problem' in found) && problem === undefined)
      return [{ path: found.path, field: found.field, descending: direction === 'desc' }]
    issues.add(`sort[${at}].field`, problem ?? '')
    return []
  })
}

/** Id, columns, names of references and what is sorted by, each once. */
export function selectedOf(
  object: ObjectInfo,
  columns: readonly PlannedColumn[],
  sort: readonly PlannedSort[],
): readonly Selected[] {
  const paths = [
    [object.idField.name],
    ...columns.flatMap(({ path, named }) => (named === undefined ? [path] : [path, named.path])),
    ...sort.map(({ path }) => path),
  ]
  const once = new Map(paths.map((path) => [path.join('.').toLowerCase(), path]))
  return [...once.values()].map((path): Selected => ({ kind: 'field', path }))
}

/** What a record has at a path; null where a parent is not there. */
export function valueAt(record: object, path: Path): unknown {
  let value: unknown = record
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return null
    value = (value as Readonly<Record<string, unknown>>)[part]
  }
  return value ?? null
}
