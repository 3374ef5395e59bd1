import type { ObjectDefinition } from '../object/object.ts'
import type { QueryScope } from '../query/query.ts'
import type { Filter } from './filter.ts'
import { Issues } from './issues.ts'
import type { ColumnChoice, SortChoice } from './saved-query.ts'
import { Shape } from './shape.ts'

export type ColumnOption = string | { readonly field: string; readonly label?: string | undefined }
/** Records without a value come first ascending and last descending. */
export type SortOption = string | { readonly field: string; readonly direction?: 'asc' | 'desc' }

export interface ListViewOptions {
  /** Unique among saved queries: a letter, then letters, digits, `_`, `-`; at most 80. */
  readonly name: string
  /** Default: the name. */
  readonly label?: string
  readonly object: string | ObjectDefinition
  /** At least one; fields of the object, or through its parents: `Account.Owner.Name`. */
  readonly columns: readonly ColumnOption[]
  readonly filters?: readonly Filter[]
  /** `1 AND (2 OR 3)`; default: all of them. */
  readonly filterLogic?: string
  readonly sort?: readonly SortOption[]
  /** `mine`: only what the caller owns. Default everything. */
  readonly scope?: QueryScope
  /** The view ends after so many records; default none. */
  readonly limit?: number
}

export interface ListViewDefinition {
  readonly kind: 'savedQuery'
  readonly type: 'listView'
  readonly name: string
  readonly label: string
  readonly object: string
  readonly columns: readonly ColumnChoice[]
  readonly filters: readonly Filter[]
  readonly filterLogic: string | undefined
  readonly sort: readonly SortChoice[]
  readonly scope: QueryScope
  readonly limit: number | undefined
}

const known = [...['name', 'label', 'object', 'columns', 'filters', 'filterLogic', 'sort', 'scope', 'limit']]
const mostRows = 1_000_000

/**
 * A list of records of one object, as people see it and as other tools take it for a source (semantics M-23). Whether object and
 * fields are there is checked when the schema is known. Throws MILL_SAVED_QUERY_INVALID with every problem and its path.
 */
export function defineListView(options: ListViewOptions): ListViewDefinition {
  const issues = new Issues()
  const view = readListView(new Shape(issues), options)
  issues.throwIfAny(`list view ${view.name}`)
  return view
}

export function readListView(shape: Shape, options: unknown): ListViewDefinition {
  const given = shape.fields(options, known, '')
  const name = shape.name(given['name'], 'name')
  const columns = shape.columns(given['columns'], 'columns')
  if (columns.length === 0) shape.issues.add('columns', 'must name at least one field')
  return Object.freeze({
    kind: 'savedQuery',
    type: 'listView',
    name,
    label: shape.optionalText(given['label'], 'label') ?? name,
    object: shape.object(given['object'], 'object'),
    columns: Object.freeze(columns),
    filters: Object.freeze(shape.filters(given['filters'], 'filters')),
    filterLogic: shape.optionalLogic(given['filterLogic'], 'filterLogic'),
    sort: Object.freeze(shape.sorts(given['sort'], 'sort')),
    scope: shape.oneOf(given['scope'], ['everything', 'mine'], 'everything', 'scope'),
    limit: shape.count(given['limit'], mostRows, 'limit'),
  })
}
