import type { ObjectDefinition } from '../object/object.ts'
import type { QueryScope } from '../query/query.ts'
import { isDay } from '../query/instant.ts'
import type { Filter } from './filter.ts'
import { Issues } from './issues.ts'
import type { ColumnOption, SortOption } from './list-view.ts'
import type { ColumnChoice, SortChoice } from './saved-query.ts'
import { parseRelativeDate } from './relative-date.ts'
import { join, Shape } from './shape.ts'

export type ReportFormat = 'tabular' | 'summary' | 'matrix'
/** Of the caller's calendar: weeks begin on Sunday, as SOQL's do. */
export type DateGranularity = 'day' | 'week' | 'month' | 'quarter' | 'year'
/** `unique`: how many different values; `sum` and `average` of numbers. */
export type AggregateFunction = 'sum' | 'average' | 'min' | 'max' | 'unique'
export type ChartKind = 'column' | 'bar' | 'line' | 'donut' | 'funnel' | 'metric'

export interface Grouping {
  readonly field: string
  readonly label: string | undefined
  /** How dates are put together; undefined for other fields: each value is a group. */
  readonly by: DateGranularity | undefined
  readonly direction: 'asc' | 'desc'
}

export interface Aggregate {
  readonly field: string
  readonly function: AggregateFunction
  readonly label: string | undefined
}

/** Days from and to, both included; or a relative date: THIS_MONTH, LAST_N_DAYS:30. */
export type TimeRange = string | { readonly from: string | undefined; readonly to: string | undefined }

export interface TimeFrame {
  readonly field: string
  readonly range: TimeRange
}

/** Records that have (`with`) or have not (`without`) a child that fits the filters. */
export interface CrossFilter {
  readonly operator: 'with' | 'without'
  /** Name of the child relationship: `Contacts`. */
  readonly relationship: string
  readonly filters: readonly Filter[]
  readonly filterLogic: string | undefined
}

export interface Chart {
  readonly kind: ChartKind
  readonly title: string | undefined
  /** What is measured: the number of records, or one of the report's aggregates. */
  readonly value: 'count' | { readonly field: string; readonly function: AggregateFunction }
  /** Field of a grouping; default the first row. */
  readonly groupBy: string | undefined
  /** Field of another grouping: one part or line for each. */
  readonly splitBy: string | undefined
  readonly stacked: boolean
  readonly cumulative: boolean
}

type GroupingOption =
  | string
  | {
      readonly field: string
      readonly label?: string | undefined
      readonly by?: DateGranularity | undefined
      readonly direction?: 'asc' | 'desc' | undefined
    }

export interface ReportOptions {
  readonly name: string
  readonly label?: string
  /** Each row is a record of it; columns, filters and groupings may go through its parents. */
  readonly object: string | ObjectDefinition
  /** tabular: rows. summary: rows in groups, with totals at each level. matrix: groups down and across. Default tabular. */
  readonly format?: ReportFormat
  readonly columns: readonly ColumnOption[]
  readonly filters?: readonly Filter[]
  readonly filterLogic?: string
  readonly crossFilters?: readonly {
    readonly operator: 'with' | 'without'
    readonly relationship: string
    readonly filters?: readonly Filter[]
    readonly filterLogic?: string
  }[]
  readonly timeFrame?: {
    readonly field: string
    readonly range: string | { readonly from?: string | undefined; readonly to?: string | undefined }
  }
  readonly groupings?: {
    /** Down: 1 to 3 of a summary, 1 or 2 of a matrix. */
    readonly rows?: readonly GroupingOption[]
    /** Across: 1 or 2, of a matrix alone. */
    readonly columns?: readonly GroupingOption[]
  }
  /** Beside the number of records, which is always there. */
  readonly aggregates?: readonly {
    readonly field: string
    readonly function: AggregateFunction
    readonly label?: string | undefined
  }[]
  readonly scope?: QueryScope
  readonly sort?: readonly SortOption[]
  /** The first so many by `sort`, which it needs; tabular only; at most 2,000. */
  readonly rowLimit?: number
  readonly chart?: {
    readonly kind: ChartKind
    readonly title?: string
    readonly value?: 'count' | { readonly field: string; readonly function: AggregateFunction }
    readonly groupBy?: string
    readonly splitBy?: string
    readonly stacked?: boolean
    readonly cumulative?: boolean
  }
}

export interface ReportDefinition {
  readonly kind: 'savedQuery'
  readonly type: 'report'
  readonly name: string
  readonly label: string
  readonly object: string
  readonly format: ReportFormat
  readonly columns: readonly ColumnChoice[]
  readonly filters: readonly Filter[]
  readonly filterLogic: string | undefined
  readonly crossFilters: readonly CrossFilter[]
  readonly timeFrame: TimeFrame | undefined
  readonly groupings: { readonly rows: readonly Grouping[]; readonly columns: readonly Grouping[] }
  readonly aggregates: readonly Aggregate[]
  readonly scope: QueryScope
  readonly sort: readonly SortChoice[]
  readonly rowLimit: number | undefined
  readonly chart: Chart | undefined
}

const known = [
  ...['name', 'label', 'object', 'format', 'columns', 'filters', 'filterLogic', 'crossFilters', 'timeFrame'],
  ...['groupings', 'aggregates', 'scope', 'sort', 'rowLimit', 'chart'],
]
const granularities: readonly [DateGranularity, ...DateGranularity[]] = [
  'day',
  'week',
  'month',
  'quarter',
  'year',
]
const functions: readonly [AggregateFunction, ...AggregateFunction[]] = [
  'sum',
  'average',
  'min',
  'max',
  'unique',
]
const charts: readonly [ChartKind, ...ChartKind[]] = ['column', 'bar', 'line', 'donut', 'funnel', 'metric']
const mostRowsLimited = 2_000

/**
 * A report over records of one object and their parents. Whether object and fields are there is checked when the schema is known.
 * Throws MILL_SAVED_QUERY_INVALID with every problem and its path.
 */
export function defineReport(options: ReportOptions): ReportDefinition {
  const issues = new Issues()
  const report = readReport(new Shape(issues), options)
  issues.throwIfAny(`report ${report.name}`)
  return report
}

export function readReport(shape: Shape, options: unknown): ReportDefinition {
  const given = shape.fields(options, known, '')
  const name = shape.name(given['name'], 'name')
  const report: ReportDefinition = Object.freeze({
    kind: 'savedQuery',
    type: 'report',
    name,
    label: shape.optionalText(given['label'], 'label') ?? name,
    object: shape.object(given['object'], 'object'),
    format: shape.oneOf(given['format'], ['tabular', 'summary', 'matrix'], 'tabular', 'format'),
    columns: Object.freeze(shape.columns(given['columns'], 'columns')),
    filters: Object.freeze(shape.filters(given['filters'], 'filters')),
    filterLogic: shape.optionalLogic(given['filterLogic'], 'filterLogic'),
    crossFilters: Object.freeze(
      shape.list(given['crossFilters'], 5, 'crossFilters', (item, path) =>
        readCrossFilter(shape, item, path),
      ),
    ),
    timeFrame: given['timeFrame'] === undefined ? undefined : readTimeFrame(shape, given['timeFrame']),
    groupings: readGroupings(shape, given['groupings']),
    aggregates: Object.freeze(
      shape.list(given['aggregates'], 20, 'aggregates', (item, path) => readAggregate(shape, item, path)),
    ),
    scope: shape.oneOf(given['scope'], ['everything', 'mine'], 'everything', 'scope'),
    sort: Object.freeze(shape.sorts(given['sort'], 'sort')),
    rowLimit: shape.count(given['rowLimit'], mostRowsLimited, 'rowLimit'),
    chart: given['chart'] === undefined ? undefined : readChart(shape, given['chart']),
  })
  checkFormat(shape.issues, report)
  if (report.chart !== undefined) checkChart(shape.issues, report, report.chart)
  return report
}

function readCrossFilter(shape: Shape, item: unknown, path: string): CrossFilter {
  const given = shape.fields(item, ['operator', 'relationship', 'filters', 'filterLogic'], path)
  return Object.freeze({
    operator: shape.oneOf(given['operator'], ['with', 'without'], undefined, join(path, 'operator')),
    relationship: shape.text(given['relationship'], join(path, 'relationship')),
    filters: Object.freeze(shape.filters(given['filters'], join(path, 'filters'))),
    filterLogic: shape.optionalLogic(given['filterLogic'], join(path, 'filterLogic')),
  })
}

function readTimeFrame(shape: Shape, item: unknown): TimeFrame {
  const given = shape.fields(item, ['field', 'range'], 'timeFrame')
  return Object.freeze({
    field: shape.path(given['field'], 'timeFrame.field'),
    range: readRange(shape, given['range'], 'timeFrame.range'),
  })
}

function readRange(shape: Shape, value: unknown, path: string): TimeRange {
  if (typeof value === 'string') {
    const relative = parseRelativeDate(value) ?? {
      problem: 'must be a relative date or an object with from and to',
    }
    if ('problem' in relative) shape.issues.add(path, relative.problem)
    return value
  }
  const given = shape.fields(value, ['from', 'to'], path)
  const day = (name: 'from' | 'to'): string | undefined => {
    const text = shape.optionalText(given[name], join(path, name))
    if (text !== undefined && text !== '' && !isDay(text))
      shape.issues.add(join(path, name), `must be a day, '2026-11-24'; got ${JSON.stringify(text)}`)
    return text
  }
  const range = Object.freeze({ from: day('from'), to: day('to') })
  if (range.from !== undefined && range.to !== undefined && range.from > range.to)
    shape.issues.add(path, 'ends before it begins')
  return range
}

function readGroupings(shape: Shape, value: unknown): ReportDefinition['groupings'] {
  const given = value === undefined ? {} : shape.fields(value, ['rows', 'columns'], 'groupings')
  const read = (name: 'rows' | 'columns'): readonly Grouping[] =>
    Object.freeze(
      shape.list(given[name], 3, `groupings.${name}`, (item, path) => readGrouping(shape, item, path)),
    )
  return Object.freeze({ rows: read('rows'), columns: read('columns') })
}

function readGrouping(shape: Shape, item: unknown, path: string): Grouping {
  const given = shape.fields(
    typeof item === 'string' ? { field: item } : item,
    ['field', 'label', 'by', 'direction'],
    path,
  )
  return Object.freeze({
    field: shape.path(given['field'], join(path, 'field')),
    label: shape.optionalText(given['label'], join(path, 'label')),
    by:
      given['by'] === undefined
        ? undefined
        : shape.oneOf(given['by'], granularities, undefined, join(path, 'by')),
    direction: shape.oneOf(given['direction'], ['asc', 'desc'], 'asc', join(path, 'direction')),
  })
}

function readAggregate(shape: Shape, item: unknown, path: string): Aggregate {
  const given = shape.fields(item, ['field', 'function', 'label'], path)
  return Object.freeze({
    field: shape.path(given['field'], join(path, 'field')),
    function: shape.oneOf(given['function'], functions, undefined, join(path, 'function')),
    label: shape.optionalText(given['label'], join(path, 'label')),
  })
}

function readChart(shape: Shape, item: unknown): Chart {
  const names = ['kind', 'title', 'value', 'groupBy', 'splitBy', 'stacked', 'cumulative']
  const given = shape.fields(item, names, 'chart')
  const value = given['value'] ?? 'count'
  const measured = value === 'count' ? {} : shape.fields(value, ['field', 'function'], 'chart.value')
  return Object.freeze({
    kind: shape.oneOf(given['kind'], charts, undefined, 'chart.kind'),
    title: shape.optionalText(given['title'], 'chart.title'),
    value:
      value === 'count'
        ? 'count'
        : Object.freeze({
            field: shape.path(measured['field'], 'chart.value.field'),
            function: shape.oneOf(measured['function'], functions, undefined, 'chart.value.function'),
          }),
    groupBy: shape.optionalText(given['groupBy'], 'chart.groupBy'),
    splitBy: shape.optionalText(given['splitBy'], 'chart.splitBy'),
    stacked: shape.flag(given['stacked'], 'chart.stacked'),
    cumulative: shape.flag(given['cumulative'], 'chart.cumulative'),
  })
}

/** How many groupings each format has, at least and at most. */
const groupingsOf: Readonly<
  Record<ReportFormat, { readonly rows: [number, number]; readonly columns: [number, number] }>
> = {
  tabular: { rows: [0, 0], columns: [0, 0] },
  summary: { rows: [1, 3], columns: [0, 0] },
  matrix: { rows: [1, 2], columns: [1, 2] },
}

function checkFormat(issues: Issues, report: ReportDefinition): void {
  const { format, groupings, columns, rowLimit, sort } = report
  for (const way of ['rows', 'columns'] as const) {
    const [least, most] = groupingsOf[format][way]
    const n = groupings[way].length
    if (n >= least && n <= most) continue
    const wanted = most === 0 ? 'none' : least === most ? String(least) : `${least} to ${most}`
    issues.add(`groupings.${way}`, `has ${n}; a ${format} report has ${wanted}`)
  }
  if (format === 'tabular' && columns.length === 0) issues.add('columns', 'must name at least one field')
  if (rowLimit === undefined) return
  if (format !== 'tabular') issues.add('rowLimit', `is for tabular reports; this one is ${format}`)
  if (sort.length === 0) issues.add('rowLimit', 'needs a sort, which says what comes first')
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

function checkChart(issues: Issues, report: ReportDefinition, chart: Chart): void {
  const groups = [...report.groupings.rows, ...report.groupings.columns].map(({ field }) => field)
  if (groups.length === 0 && chart.kind !== 'metric')
    issues.add('chart', 'needs a summary or matrix report: it shows groups')
  for (const way of ['groupBy', 'splitBy'] as const) {
    const field = chart[way]
    if (field !== undefined && !groups.some((group) => same(group, field)))
      issues.add(
        `chart.${way}`,
        `${field} is no grouping of the report; there are ${groups.join(', ') || 'none'}`,
      )
  }
  const { value } = chart
  if (value === 'count') return
  const isThere = report.aggregates.some(
    (one) => same(one.field, value.field) && one.function === value.function,
  )
  if (!isThere) issues.add('chart.value', `${value.function} of ${value.field} is no aggregate of the report`)
}
