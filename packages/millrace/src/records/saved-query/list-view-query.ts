import { meant } from '../../kernel/rules/nearest-name.ts'
import type { ObjectInfo, Schema } from '../object/schema.ts'
import type { Ordering, Query } from '../query/query.ts'
import { filtersCondition } from './filter-condition.ts'
import { Issues } from './issues.ts'
import type { ListViewDefinition } from './list-view.ts'
import { planColumns, planSort, selectedOf, type PlannedColumn, type PlannedSort } from './columns.ts'

export interface QueryOptions {
  /** IANA name: where the days of instants begin. Default UTC. */
  readonly timeZone?: string
}

/** A saved query that was looked up: its rows, and what is known of its columns. */
export interface RowsPlan {
  readonly object: ObjectInfo
  readonly columns: readonly PlannedColumn[]
  readonly sort: readonly PlannedSort[]
  /** Without order and limit. */
  readonly query: Query
  readonly limit: number | undefined
}

/**
 * A list view as the query that SOQL would make too (semantics M-23). Throws MILL_SAVED_QUERY_INVALID with every problem and its path.
 */
export function planListView(
  definition: ListViewDefinition,
  schema: Schema,
  { timeZone = 'UTC' }: QueryOptions = {},
): RowsPlan {
  const issues = new Issues()
  const where = `list view ${definition.name}`
  const object = findObject(schema, definition.object, issues, where)
  const columns = planColumns(schema, object, definition.columns, issues)
  const sort = planSort(schema, object, definition.sort, issues)
  const condition = filtersCondition({ schema, timeZone, issues }, object, definition, '')
  checkScope(object, definition.scope, issues)
  issues.throwIfAny(where)
  return {
    object,
    columns,
    sort,
    limit: definition.limit,
    query: {
      from: object.name,
      select: selectedOf(object, columns, sort),
      ...(condition === undefined ? {} : { where: condition }),
      scope: definition.scope,
    },
  }
}

/** Nothing else can be checked without the object: throws at once. */
export function findObject(schema: Schema, name: string, issues: Issues, where: string): ObjectInfo {
  const object = schema.find(name)
  if (object !== undefined) return object
  const names = schema.objects.map((one) => one.name)
  issues.add('object', `${name} is no object${meant(name, names)}`)
  issues.throwIfAny(where)
  throw new Error('there was an issue')
}

export function checkScope(object: ObjectInfo, scope: Query['scope'], issues: Issues): void {
  if (scope === 'mine' && object.definition.owner === undefined)
    issues.add('scope', `mine needs an owner, and the object ${object.name} names no owner field`)
}

/** Ends with the id, so that no two rows are equal. */
export function orderOf(sort: readonly PlannedSort[], object: ObjectInfo): readonly Ordering[] {
  const byId: Ordering = {
    by: { kind: 'field', path: [object.idField.name] },
    descending: false,
    nulls: 'first',
  }
  return [
    ...sort.map(({ path, descending }): Ordering => ({
      by: { kind: 'field', path },
      descending,
      nulls: descending ? 'last' : 'first',
    })),
    byId,
  ]
}
