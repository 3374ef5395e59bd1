import { describe, expect, test } from 'vitest'
import { isMillraceError } from '../../kernel/rules/errors.ts'
import { checkSavedQuery, readSavedQuery, savedQueryJson, savedQueryText } from './json.ts'
import { defineListView, type ListViewOptions } from './list-view.ts'
import { defineReport, type ReportOptions } from './report.ts'
import type { SavedQueryIssue } from './issues.ts'
import { isSavedQuery, type SavedQuery } from './saved-query.ts'
import { Customer, Order, schema } from './test-support/shop.ts'

const view: ListViewOptions = {
  name: 'hot-customers',
  label: 'Hot customers',
  object: Customer,
  columns: ['Name', { field: 'Owner.Name', label: 'Seller' }],
  filters: [
    { field: 'Rating', operator: 'equals', value: 'hot' },
    { field: 'SeenAt', operator: 'greaterThan', value: 'LAST_N_DAYS:7' },
  ],
  filterLogic: '1 OR 2',
  sort: [{ field: 'SeenAt', direction: 'desc' }, 'Name'],
  scope: 'mine',
  limit: 50,
}

const report: ReportOptions = {
  name: 'orders-by-status',
  object: 'Order__c',
  format: 'matrix',
  columns: ['Code', 'Amount'],
  filters: [{ field: 'Amount', operator: 'greaterThan', value: 10 }],
  timeFrame: { field: 'PlacedAt', range: { from: '2026-01-01' } },
  groupings: { rows: ['Status'], columns: [{ field: 'PlacedAt', by: 'month' }] },
  aggregates: [{ field: 'Amount', function: 'sum' }],
  chart: {
    kind: 'column',
    value: { field: 'amount', function: 'sum' },
    groupBy: 'Status',
    splitBy: 'PlacedAt',
    stacked: true,
  },
}

function issuesOf(work: () => unknown): readonly string[] {
  try {
    work()
  } catch (error) {
    if (!isMillraceError(error, 'MILL_SAVED_QUERY_INVALID')) throw error
    const issues = error.data['issues'] as readonly SavedQueryIssue[]
    for (const { message } of issues.slice(0, 5)) expect(error.message).toContain(message)
    return issues.map(({ path, message }) => `${path}: ${message}`)
  }
  return []
}

const frozen = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (Object.isFrozen(value) && Object.values(value).every(frozen))

describe('a saved query', () => {
  test('is a frozen value', () => {
    for (const query of [defineListView(view), defineReport(report)]) {
      expect(isSavedQuery(query)).toBe(true)
      expect(frozen(query)).toBe(true)
    }
    expect(defineListView({ name: 'v', object: Order, columns: ['Code'] })).toEqual({
      ...{
        kind: 'savedQuery',
        type: 'listView',
        name: 'v',
        label: 'v',
        object: 'Order__c',
        filterLogic: undefined,
      },
      ...{
        columns: [{ field: 'Code', label: undefined }],
        filters: [],
        sort: [],
        scope: 'everything',
        limit: undefined,
      },
    })
  })

  test.for<SavedQuery>([
    defineListView(view),
    defineReport(report),
    defineListView({ name: 'least', object: 'Customer', columns: ['Id'] }),
    defineReport({
      ...{ name: 'more', object: 'Customer', columns: ['Name'], sort: ['Name'], rowLimit: 5 },
      crossFilters: [
        {
          operator: 'without',
          relationship: 'Orders',
          filters: [{ field: 'Code', operator: 'equals', value: null }],
        },
      ],
      timeFrame: { field: 'Since', range: 'THIS_YEAR' },
    }),
  ])('is read back from its text: $name', (query) => {
    const text = savedQueryText(query)
    expect(readSavedQuery(JSON.parse(text), schema)).toEqual(query)
    expect(savedQueryText(readSavedQuery(JSON.parse(text)))).toBe(text)
    checkSavedQuery(query, schema)
  })

  test('has a text in a fixed order, without defaults', () => {
    expect(savedQueryJson(defineListView({ columns: ['Id'], object: 'Customer', name: 'least' }))).toEqual({
      ...{ type: 'listView', name: 'least', label: 'least', object: 'Customer', columns: ['Id'] },
    })
    const text = savedQueryText(defineReport(report))
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      ...[
        'type',
        'name',
        'label',
        'object',
        'format',
        'timeFrame',
        'filters',
        'groupings',
        'aggregates',
        'columns',
        'chart',
      ],
    ])
    // One more filter is some more lines, and changes no others.
    const more = savedQueryText(
      defineReport({
        ...report,
        filters: [...report.filters!, { field: 'Code', operator: 'equals', value: 'x' }],
      }),
    )
    const lines = new Set(more.split('\n'))
    expect(text.split('\n').filter((line) => !lines.has(line))).toEqual([])
  })
})

describe('what is wrong with a list view', () => {
  test.for<readonly [string, object, string]>([
    ['no object at all', [], ': must be an object with name, label'],
    ['a bad name', { name: 'no name' }, 'name: must be a letter'],
    ['an option that there is not', { colums: [] }, 'colums: is no option (did you mean columns?)'],
    ['no columns', { columns: [] }, 'columns: must name at least one field'],
    ['columns that are none', { columns: 'Name' }, 'columns: must be a list'],
    [
      'an operator that there is not',
      { filters: [{ field: 'Name', operator: 'equal', value: 1 }] },
      'filters[0].operator: must be one of equals, notEqual',
    ],
    [
      'a value that is none',
      { filters: [{ field: 'Name', operator: 'equals', value: [{}] }] },
      'filters[0].value[0]: must be a text',
    ],
    [
      'text that no database holds',
      { filters: [{ field: 'Name', operator: 'equals', value: '\0' }] },
      'filters[0].value: must be a text',
    ],
    [
      'a direction that there is not',
      { sort: [{ field: 'Name', direction: 'up' }] },
      'sort[0].direction: must be one of asc, desc',
    ],
    ['a scope that there is not', { scope: 'team' }, 'scope: must be one of everything, mine'],
    ['no limit', { limit: 0 }, 'limit: must be a whole number from 1'],
    [
      'too many filters',
      { filters: Array.from({ length: 51 }, () => view.filters![0]) },
      'filters: has 51 entries; at most 50',
    ],
    ['a label of no kind', { label: 7 }, 'label: must be a text'],
  ])('%s is told where it is defined', ([, change, issue]) => {
    const options = Array.isArray(change) ? change : { ...view, filterLogic: undefined, ...change }
    expect(issuesOf(() => defineListView(options as unknown as ListViewOptions))).toContainEqual(
      expect.stringContaining(issue),
    )
  })

  test('a mistake in each place is told at once', () => {
    const options = {
      ...view,
      columns: ['Nam', 'Owner.Nmae'],
      sort: ['Extra', 'Topics'],
      filterLogic: '1 AND 3',
    }
    expect(issuesOf(() => checkSavedQuery(defineListView(options), schema))).toEqual([
      'columns[0]: Customer has no field Nam (did you mean Name?)',
      expect.stringContaining('columns[1]: Person has no field Nmae'),
      'sort[0].field: Extra is of type json, which has no order',
      'sort[1].field: Topics is of type multipicklist, which has no order',
      'filterLogic: names filter 3; there are 1 to 2',
    ])
    expect(issuesOf(() => checkSavedQuery(defineListView({ ...view, object: 'Custommer' }), schema))).toEqual(
      ['object: Custommer is no object (did you mean Customer?)'],
    )
    const orders = { name: 'orders', object: Order, columns: ['Code'], scope: 'mine' } as const
    expect(issuesOf(() => checkSavedQuery(defineListView(orders), schema))).toEqual([
      'scope: mine needs an owner, and the object Order__c names no owner field',
    ])
  })
})

describe('what is wrong with a report', () => {
  const own: ReportOptions = { name: 'r', object: Order, columns: ['Code'] }
  const summary = { format: 'summary', groupings: { rows: ['Status'] } } as const
  test.for<readonly [string, object, string]>([
    [
      'groups of a tabular one',
      { groupings: { rows: ['Status'] } },
      'groupings.rows: has 1; a tabular report has none',
    ],
    ['a summary without groups', { format: 'summary' }, 'groupings.rows: has 0; a summary report has 1 to 3'],
    [
      'a summary across',
      { ...summary, groupings: { rows: ['Status'], columns: ['Code'] } },
      'groupings.columns: has 1; a summary report has none',
    ],
    [
      'a matrix of one way',
      { format: 'matrix', groupings: { rows: ['Status'] } },
      'groupings.columns: has 0; a matrix report has 1 to 2',
    ],
    ['no columns', { columns: [] }, 'columns: must name at least one field'],
    ['a limit without a sort', { rowLimit: 5 }, 'rowLimit: needs a sort'],
    ['a limit of a summary', { ...summary, rowLimit: 5, sort: ['Code'] }, 'rowLimit: is for tabular reports'],
    [
      'a time that is none',
      { timeFrame: { field: 'Due', range: 'THIS_MONHT' } },
      'timeFrame.range: THIS_MONHT is no relative date (did you mean THIS_MONTH?)',
    ],
    [
      'days that are none',
      { timeFrame: { field: 'Due', range: { from: '2026-02-30' } } },
      'timeFrame.range.from: must be a day',
    ],
    [
      'a time that ends first',
      { timeFrame: { field: 'Due', range: { from: '2026-02-02', to: '2026-02-01' } } },
      'timeFrame.range: ends before',
    ],
    ['a chart without groups', { chart: { kind: 'bar' } }, 'chart: needs a summary or matrix'],
    [
      'a chart of another grouping',
      { ...summary, chart: { kind: 'bar', groupBy: 'Code' } },
      'chart.groupBy: Code is no grouping of the report; there are Status',
    ],
    [
      'a chart of another total',
      { ...summary, chart: { kind: 'bar', value: { field: 'Amount', function: 'sum' } } },
      'chart.value: sum of Amount is no aggregate',
    ],
    [
      'a chart that there is not',
      { ...summary, chart: { kind: 'columns' } },
      'chart.kind: must be one of column, bar, line, donut, funnel, metric; got "columns" (did you mean column?)',
    ],
    [
      'a function that there is not',
      { aggregates: [{ field: 'Amount', function: 'avg' }] },
      'aggregates[0].function: must be one of sum, average',
    ],
  ])('%s is told where it is defined', ([, change, issue]) => {
    expect(issuesOf(() => defineReport({ ...own, ...change }))).toContainEqual(expect.stringContaining(issue))
  })

  test.for<readonly [string, Partial<ReportOptions>, string]>([
    [
      'a grouping of nothing',
      { ...summary, groupings: { rows: ['Statsu'] } },
      'groupings.rows[0].field: Order__c has no field Statsu (did you mean Status?)',
    ],
    [
      'months of a text',
      { ...summary, groupings: { rows: [{ field: 'Code', by: 'month' }] } },
      'groupings.rows[0].by: month is for dates; Code is of type text',
    ],
    [
      'groups of lists',
      { ...summary, object: Customer, columns: ['Name'], groupings: { rows: ['Topics'] } },
      'groupings.rows[0].field: Topics is of type multipicklist',
    ],
    [
      'the sum of a text',
      { aggregates: [{ field: 'Code', function: 'sum' }] },
      'aggregates[0].function: sum is not for Code, which is of type text',
    ],
    [
      'a total of nothing',
      { aggregates: [{ field: 'Amont', function: 'sum' }] },
      'aggregates[0].field: Order__c has no field Amont (did you mean Amount?)',
    ],
    [
      'different values by week',
      {
        ...summary,
        groupings: { rows: [{ field: 'Due', by: 'week' }] },
        aggregates: [{ field: 'Code', function: 'unique' }],
      },
      'aggregates[0].function: unique cannot be put together by week',
    ],
    [
      'a time of no date',
      { timeFrame: { field: 'Amount', range: 'TODAY' } },
      'timeFrame.field: Amount is of type currency',
    ],
    [
      'children that there are not',
      { crossFilters: [{ operator: 'with', relationship: 'Items' }] },
      'crossFilters[0].relationship: Order__c has no child relationship Items; it has none',
    ],
    [
      'filters of children',
      {
        object: Customer,
        columns: ['Name'],
        crossFilters: [
          {
            operator: 'with',
            relationship: 'Orders',
            filters: [{ field: 'Name', operator: 'equals', value: 'x' }],
          },
        ],
      },
      'crossFilters[0].filters[0].field: Order__c has no field Name',
    ],
  ])('%s is told where the schema is known', ([, change, issue]) => {
    const definition = defineReport({ ...own, ...change })
    expect(issuesOf(() => checkSavedQuery(definition, schema))).toContainEqual(expect.stringContaining(issue))
  })
})

describe('what was stored or sent', () => {
  test.for<readonly [unknown, string]>([
    [null, ': must be an object; got null'],
    ['text', ': must be an object'],
    [[], ': must be an object'],
    [{}, 'type: must be listView or report; got undefined'],
    [{ type: 'listview' }, 'type: must be listView or report; got "listview" (did you mean listView?)'],
    [
      { type: 'listView', kind: 'savedQuery', name: 'x', object: 'Customer', columns: ['Id'] },
      'kind: is no option',
    ],
    [
      JSON.parse(
        '{"type":"listView","__proto__":{"scope":"mine"},"name":"x","object":"Customer","columns":["Id"]}',
      ),
      '__proto__: is no option',
    ],
  ])('%j is refused', ([json, issue]) => {
    expect(issuesOf(() => readSavedQuery(json, schema))).toContainEqual(expect.stringContaining(issue))
  })
})
