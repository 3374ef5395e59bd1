import { meant } from '../../kernel/rules/nearest-name.ts'
import { describeValue } from '../../kernel/rules/describe-value.ts'
import { Issues } from './issues.ts'
import { readListView, type ListViewDefinition } from './list-view.ts'
import { planListView } from './list-view-query.ts'
import { readReport, type ReportDefinition } from './report.ts'
import { planReport } from './report-query.ts'
import type { ColumnChoice, SavedQuery } from './saved-query.ts'
import { Shape } from './shape.ts'
import type { Schema } from '../object/schema.ts'

/** A saved query as plain JSON: what the define functions take, with its type. */
export type SavedQueryJson = Readonly<Record<string, unknown>>

const types = ['listView', 'report'] as const

/**
 * Reads what an administrator wrote, or what was stored: `{ type: 'listView' | 'report', …}` with the options of the define functions.
 * Throws MILL_SAVED_QUERY_INVALID with every problem and its path; with a schema also for what is not in it.
 */
export function readSavedQuery(json: unknown, schema?: Schema): SavedQuery {
  const issues = new Issues()
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
  const { type, ...options }: SavedQueryJson = isObject ? (json as SavedQueryJson) : {}
  if (!isObject) issues.add('', `must be an object; got ${describeValue(json)}`)
  else if (!types.some((one) => one === type))
    issues.add(
      'type',
      `must be ${types.join(' or ')}; got ${describeValue(type)}${typeof type === 'string' ? meant(type, types) : ''}`,
    )
  issues.throwIfAny('saved query')
  const shape = new Shape(issues)
  const query = type === 'report' ? readReport(shape, options) : readListView(shape, options)
  issues.throwIfAny(`${type === 'report' ? 'report' : 'list view'} ${query.name}`)
  if (schema !== undefined) checkSavedQuery(query, schema)
  return query
}

/** Throws MILL_SAVED_QUERY_INVALID with every problem and its path (`filters[2].operator`), and nearest names. */
export function checkSavedQuery(query: SavedQuery, schema: Schema): void {
  if (query.type === 'report') planReport(query, schema)
  else planListView(query, schema)
}

/** The other way round: fields in a fixed order, none that says only the default, one entry per line, so that versions compare. */
export function savedQueryText(query: SavedQuery): string {
  return `${JSON.stringify(savedQueryJson(query), null, 2)}\n`
}

export function savedQueryJson(query: SavedQuery): SavedQueryJson {
  return sparse(query.type === 'report' ? reportJson(query) : listViewJson(query))
}

function listViewJson(view: ListViewDefinition): SavedQueryJson {
  const { type, name, label, object, columns, filters, filterLogic, sort, scope, limit } = view
  return {
    ...{ type, name, label, object, scope: scope === 'everything' ? undefined : scope },
    ...{ filters, filterLogic, columns: columns.map(columnJson), sort: sort.map(sparse), limit },
  }
}

function reportJson(report: ReportDefinition): SavedQueryJson {
  const { type, name, label, object, format, columns, filters, filterLogic, crossFilters } = report
  const { timeFrame, groupings, aggregates, scope, sort, rowLimit, chart } = report
  return {
    ...{ type, name, label, object, format, scope: scope === 'everything' ? undefined : scope },
    timeFrame: timeFrame && {
      field: timeFrame.field,
      range: typeof timeFrame.range === 'string' ? timeFrame.range : sparse({ ...timeFrame.range }),
    },
    ...{ filters, filterLogic, crossFilters: crossFilters.map((one) => sparse({ ...one })) },
    groupings: sparse({
      rows: groupings.rows.map((one) => sparse({ ...one })),
      columns: groupings.columns.map((one) => sparse({ ...one })),
    }),
    aggregates: aggregates.map((one) => sparse({ ...one })),
    ...{ columns: columns.map(columnJson), sort: sort.map((one) => sparse({ ...one })), rowLimit },
    chart:
      chart &&
      sparse({ ...chart, stacked: chart.stacked || undefined, cumulative: chart.cumulative || undefined }),
  }
}

function columnJson({ field, label }: ColumnChoice): unknown {
  return label === undefined ? field : { field, label }
}

/** Without what is absent, empty lists and empty objects. */
function sparse(json: object): SavedQueryJson {
  return Object.fromEntries(Object.entries(json).filter(([, value]) => !isEmpty(value)))
}

function isEmpty(value: unknown): boolean {
  if (value === undefined) return true
  if (Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
