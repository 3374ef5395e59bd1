import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ReportGroup } from '../group-tree.ts'
import { defineReport, type ReportOptions } from '../report.ts'
import { runReport, type ReportPage, type RunReportOptions } from '../run-report.ts'
import { Customer, Order } from '../test-support/shop.ts'
import { envOf, fillShop, insert, type Open, type Subject } from '../test-support/subject.ts'
import { expectCode } from './list-views.ts'

type Change = Partial<ReportOptions>

/** `label count sum | average`, one line a group, indented by level; `/` before groups across. */
function outline(group: ReportGroup, depth = 0, mark = ''): readonly string[] {
  const totals = [group.count, ...group.aggregates.map(({ label }) => label || '-')].join(' ')
  const label = group.key === null ? 'all' : group.key.label || '-'
  return [
    `${'  '.repeat(depth)}${mark}${label}: ${totals}`,
    ...group.across.flatMap((one) => outline(one, depth + 1, '/')),
    ...group.groups.flatMap((one) => outline(one, depth + 1)),
  ]
}

export function reports(open: Open): void {
  let subject: Subject
  beforeAll(async () => {
    subject = await open()
    await fillShop(subject)
  })
  afterAll(async () => await subject.dispose())

  const run = (change: Change, options: RunReportOptions = {}, caller = {}): Promise<ReportPage> =>
    runReport(
      envOf(subject, caller),
      defineReport({ name: 'orders', object: Order, columns: ['Code'], ...change }),
      options,
    )
  const idsOf = async (change: Change, caller = {}): Promise<string> =>
    (await run(change, {}, caller)).rows.map(({ id }) => id).join(' ')
  const totalsOf = async (change: Change, caller = {}): Promise<readonly string[]> =>
    outline((await run({ format: 'summary', ...change }, { rows: false }, caller)).totals!)

  const sum = { field: 'Amount', function: 'sum' } as const

  describe('rows of a report', () => {
    test.for<readonly [string, Change, string]>([
      ['are those of the object, by id', {}, 'o1 o2 o3 o4 o5 o6'],
      ['go by the sort', { sort: [{ field: 'Amount', direction: 'desc' }, 'Code'] }, 'o5 o2 o1 o6 o3 o4'],
      ['are within a time', { timeFrame: { field: 'PlacedAt', range: 'THIS_MONTH' } }, 'o1 o2'],
      [
        'are between two days, both included',
        { timeFrame: { field: 'PlacedAt', range: { from: '2026-10-31', to: '2026-11-01' } } },
        'o2 o3',
      ],
      ['are from a day on', { timeFrame: { field: 'Due', range: { from: '2026-11-15' } } }, 'o1 o2'],
      ['are up to a day', { timeFrame: { field: 'Due', range: { to: '2026-08-15' } } }, 'o4 o5'],
      ['are of any time', { timeFrame: { field: 'Due', range: {} } }, 'o1 o2 o3 o4 o5 o6'],
      [
        'fit filters of parents as well',
        {
          filters: [
            { field: 'Customer.Rating', operator: 'equals', value: 'hot' },
            { field: 'Status', operator: 'notEqual', value: 'paid' },
          ],
          timeFrame: { field: 'PlacedAt', range: 'LAST_N_DAYS:30' },
        },
        'o1',
      ],
    ])('%s', async ([, change, ids]) => {
      expect(await idsOf(change)).toBe(ids)
    })

    test('of a time are in the zone of the caller', async () => {
      const change: Change = {
        timeFrame: { field: 'PlacedAt', range: { from: '2026-11-01', to: '2026-11-01' } },
      }
      expect(await idsOf(change)).toBe('o2')
      expect(await idsOf(change, { timeZone: 'Europe/Berlin' })).toBe('o2 o3')
      expect(
        await idsOf({ timeFrame: { field: 'PlacedAt', range: 'THIS_MONTH' } }, { timeZone: 'Europe/Berlin' }),
      ).toBe('o1 o2 o3')
    })

    test('are limited to the first, and it says so', async () => {
      const change: Change = { sort: [{ field: 'Amount', direction: 'desc' }], rowLimit: 2 }
      const page = await run(change)
      expect(page.rows.map(({ id }) => id)).toEqual(['o5', 'o2'])
      expect(page).toMatchObject({ truncated: true, next: null, totals: null, rowCount: 2 })
      expect(await run({ ...change, rowLimit: 6 })).toMatchObject({ truncated: false, rowCount: 6 })
    })

    test('page by primary key', async () => {
      const seen: string[] = []
      for (let after: string | undefined; ;) {
        const page: ReportPage = await run({}, { pageSize: 4, ...(after === undefined ? {} : { after }) })
        seen.push(...page.rows.map(({ id }) => String(id)))
        expect(page.totals === null).toBe(after !== undefined)
        if (page.next === null) break
        after = page.next
      }
      expect(seen).toEqual(['o1', 'o2', 'o3', 'o4', 'o5', 'o6'])
    })

    test.for<readonly [string, NonNullable<Change['crossFilters']>, string]>([
      ['with a child', [{ operator: 'with', relationship: 'orders' }], 'c1 c2 c4'],
      ['without one', [{ operator: 'without', relationship: 'Orders' }], 'c3 c5'],
      [
        'with one that fits',
        [
          {
            operator: 'with',
            relationship: 'Orders',
            filters: [
              { field: 'Status', operator: 'equals', value: 'open' },
              { field: 'Amount', operator: 'lessThan', value: 50 },
            ],
            filterLogic: '1 OR 2',
          },
        ],
        'c1 c2 c4',
      ],
      [
        'without one that fits',
        [
          {
            operator: 'without',
            relationship: 'Orders',
            filters: [{ field: 'Status', operator: 'equals', value: 'paid' }],
          },
        ],
        'c3 c4 c5',
      ],
    ])('are records %s, of the own tenant alone', async ([, crossFilters, ids]) => {
      expect(await idsOf({ object: Customer, columns: ['Name'], crossFilters })).toBe(ids)
    })
  })

  describe('totals of a report', () => {
    test('are of all rows where there are no groups', async () => {
      const aggregates: Change['aggregates'] = [
        ...(['sum', 'average', 'min', 'max'] as const).map((name) => ({ field: 'Amount', function: name })),
        { field: 'Quantity', function: 'unique' },
        { field: 'Weight', function: 'average' },
        { field: 'Due', function: 'max' },
        { field: 'PlacedAt', function: 'min' },
        { field: 'CustomerId', function: 'unique' },
      ]
      const { totals, aggregates: columns } = await run({ aggregates })
      expect(columns.slice(0, 2)).toEqual([
        { name: 'Amount', label: 'Sum of Amount', type: 'currency' },
        { name: 'Amount', label: 'Average Amount', type: 'currency' },
      ])
      expect(totals).toMatchObject({ key: null, count: 6, groups: [], across: [] })
      expect(totals?.aggregates.map(({ value }) => value)).toEqual([
        ...[1_500, 300, 49.5, 1_000, 4, 1.75, '2026-12-01', new Date('2025-12-31T23:00:00Z'), 3],
      ])
      expect(totals?.aggregates.slice(0, 2)).toEqual([
        { value: 1_500, label: '1,500.00' },
        { value: 300, label: '300.00' },
      ])
    })

    test('of nothing are none', async () => {
      const change: Change = {
        filters: [{ field: 'Code', operator: 'equals', value: 'none' }],
        aggregates: [sum, { field: 'Quantity', function: 'unique' }],
      }
      expect(await totalsOf({ ...change, format: 'tabular' })).toEqual(['all: 0 - 0'])
      expect(await totalsOf({ ...change, groupings: { rows: ['Status'] } })).toEqual(['all: 0 - 0'])
    })

    test('stand at each level, in order', async () => {
      expect(await totalsOf({ groupings: { rows: ['Status', 'CustomerId'] }, aggregates: [sum] })).toEqual([
        'all: 6 1,500.00',
        '  -: 1 100.00',
        '    -: 1 100.00',
        '  open: 2 1,100.00',
        '    Acme: 1 100.00',
        '    acme 50%_x: 1 1,000.00',
        '  paid: 2 300.00',
        '    Acme: 1 250.50',
        '    beta: 1 49.50',
        '  void: 1 -',
        '    beta: 1 -',
      ])
      const rows = [{ field: 'Customer.Rating', direction: 'desc' }, 'Customer.Name'] as const
      expect(await totalsOf({ groupings: { rows } })).toEqual([
        'all: 6',
        ...[
          '  Warm: 2',
          '    beta: 2',
          '  Hot!: 3',
          '    Acme: 2',
          '    acme 50%_x: 1',
          '  -: 1',
          '    -: 1',
        ],
      ])
    })

    test('put averages, extremes and different values together anew at each level', async () => {
      const aggregates = (['average', 'min', 'max', 'unique'] as const).map((name) => ({
        field: 'Quantity',
        function: name,
      }))
      expect(await totalsOf({ groupings: { rows: ['Customer.Rating', 'Status'] }, aggregates })).toEqual([
        'all: 6 2.4 1 4 4',
        ...['  -: 1 - - - 0', '    -: 1 - - - 0'],
        ...['  Hot!: 3 1.67 1 2 2', '    open: 2 1.5 1 2 2', '    paid: 1 2 2 2 1'],
        ...['  Warm: 2 3.5 3 4 2', '    paid: 1 3 3 3 1', '    void: 1 4 4 4 1'],
      ])
    })

    test.for<readonly [string, Change['groupings'], string, readonly string[]]>([
      [
        'months',
        { rows: [{ field: 'PlacedAt', by: 'month' }] },
        'UTC',
        ['-: 1', 'December 2025: 1', 'August 2026: 1', 'October 2026: 1', 'November 2026: 2'],
      ],
      [
        'months of a zone',
        { rows: [{ field: 'PlacedAt', by: 'month', direction: 'desc' }] },
        'Europe/Berlin',
        ['November 2026: 3', 'August 2026: 1', 'January 2026: 1', '-: 1'],
      ],
      [
        'quarters',
        { rows: [{ field: 'PlacedAt', by: 'quarter' }] },
        'UTC',
        ['-: 1', 'Q4 2025: 1', 'Q3 2026: 1', 'Q4 2026: 3'],
      ],
      ['years', { rows: [{ field: 'Due', by: 'year' }] }, 'UTC', ['-: 2', '2026: 4']],
      [
        'days',
        { rows: ['PlacedAt'] },
        'Europe/Berlin',
        ['-: 1', 'Jan 1, 2026: 1', 'Aug 15, 2026: 1', 'Nov 1, 2026: 2', 'Nov 24, 2026: 1'],
      ],
      [
        'days of dates',
        { rows: ['Due'] },
        'UTC',
        ['-: 2', 'Jan 1, 2026: 1', 'Aug 15, 2026: 1', 'Nov 15, 2026: 1', 'Dec 1, 2026: 1'],
      ],
    ])('are by %s', async ([, groupings, timeZone, lines]) => {
      expect(await totalsOf({ groupings: groupings! }, { timeZone })).toEqual([
        'all: 6',
        ...lines.map((line) => `  ${line}`),
      ])
    })

    test('are by levels of dates', async () => {
      const rows = [
        { field: 'PlacedAt', by: 'year' },
        { field: 'PlacedAt', by: 'quarter' },
        'Status',
      ] as const
      expect(await totalsOf({ groupings: { rows } })).toEqual([
        'all: 6',
        ...['  -: 1', '    -: 1', '      -: 1'],
        ...['  2025: 1', '    Q4 2025: 1', '      open: 1'],
        ...[
          '  2026: 4',
          '    Q3 2026: 1',
          '      void: 1',
          '    Q4 2026: 3',
          '      open: 1',
          '      paid: 2',
        ],
      ])
    })

    test('are by weeks from Sunday on, put together of their days', async () => {
      const days = ['2025-12-27', '2025-12-28', '2025-12-31', '2026-01-03', '2026-01-04']
      for (const [at, day] of days.entries())
        await insert(subject, 'orders', {
          ...{ id: `w${at}`, tenant: 'weeks', placed_at: `${day}T12:00:00.000Z`, due: day },
          ...{ amount: at === 2 ? null : (at + 1) * 10, quantity: at, status: 'open' },
        })
      const aggregates = (['sum', 'average', 'min', 'max'] as const).map((name) => ({
        field: 'Amount',
        function: name,
      }))
      for (const field of ['Due', 'PlacedAt'])
        expect(
          await totalsOf(
            { groupings: { rows: ['Status', { field, by: 'week' }] }, aggregates },
            { tenant: 'weeks' },
          ),
        ).toEqual([
          'all: 5 120.00 30.00 10.00 50.00',
          '  open: 5 120.00 30.00 10.00 50.00',
          '    Dec 21\u2009–\u200927, 2025: 1 10.00 10.00 10.00 10.00',
          '    Dec 28, 2025\u2009–\u2009Jan 3, 2026: 3 60.00 30.00 20.00 40.00',
          '    Jan 4\u2009–\u200910, 2026: 1 50.00 50.00 50.00 50.00',
        ])
      await subject.query({ segments: ["delete from orders where tenant = 'weeks'"], params: [] })
    })

    test('of a matrix go down and across', async () => {
      expect(
        await totalsOf({
          format: 'matrix',
          groupings: { rows: ['Customer.Rating'], columns: [{ field: 'PlacedAt', by: 'month' }] },
          filters: [{ field: 'Customer.Rating', operator: 'notEqual', value: '' }],
          aggregates: [sum],
        }),
      ).toEqual([
        'all: 5 1,400.00',
        ...[
          '  /December 2025: 1 1,000.00',
          '  /August 2026: 1 -',
          '  /October 2026: 1 49.50',
          '  /November 2026: 2 350.50',
        ],
        ...['  Hot!: 3 1,350.50', '    /December 2025: 1 1,000.00', '    /November 2026: 2 350.50'],
        ...['  Warm: 2 49.50', '    /August 2026: 1 -', '    /October 2026: 1 49.50'],
      ])
      const two = await totalsOf({
        format: 'matrix',
        groupings: {
          rows: ['CustomerId', 'Status'],
          columns: [{ field: 'PlacedAt', by: 'year' }, 'Quantity'],
        },
        filters: [{ field: 'CustomerId', operator: 'equals', value: 'c1,c4' }],
      })
      expect(two).toEqual([
        'all: 3',
        ...['  /2025: 1', '    /2: 1', '  /2026: 2', '    /1: 1', '    /2: 1'],
        ...['  Acme: 2', '    /2026: 2', '      /1: 1', '      /2: 1'],
        ...[
          '    open: 1',
          '      /2026: 1',
          '        /1: 1',
          '    paid: 1',
          '      /2026: 1',
          '        /2: 1',
        ],
        ...[
          '  acme 50%_x: 1',
          '    /2025: 1',
          '      /2: 1',
          '    open: 1',
          '      /2025: 1',
          '        /2: 1',
        ],
      ])
    })

    test('have keys with raw values', async () => {
      const { totals } = await run({
        format: 'summary',
        groupings: { rows: ['CustomerId', { field: 'PlacedAt', by: 'quarter' }] },
      })
      expect(totals?.groups.map(({ key }) => key)).toEqual([
        { value: null, label: '' },
        { value: 'c1', label: 'Acme' },
        { value: 'c4', label: 'acme 50%_x' },
        { value: 'c2', label: 'beta' },
      ])
      expect(totals?.groups[1]?.groups.map(({ key }) => key)).toEqual([
        { value: '2026-10-01', label: 'Q4 2026' },
      ])
    })

    test('group text in any case as one, at each level', async () => {
      const rows = [
        ['RED', 'open'],
        ['Red', 'open'],
        ['red', 'paid'],
        ['Blue', 'void'],
      ]
      for (const [at, [code, status]] of rows.entries())
        await insert(subject, 'orders', { id: `t${at}`, tenant: 'text', code, status })
      const lines = await totalsOf({ groupings: { rows: ['Code', 'Status'] } }, { tenant: 'text' })
      expect(lines.map((line) => line.toLowerCase())).toEqual([
        ...['all: 4', '  blue: 1', '    void: 1', '  red: 3', '    open: 2', '    paid: 1'],
      ])
      await subject.query({ segments: ["delete from orders where tenant = 'text'"], params: [] })
    })

    test('keep to the rights of the caller', async () => {
      const clerk = { principal: { id: 'p2', roles: ['clerk'] } }
      await expectCode(
        totalsOf({ groupings: { rows: ['Status'] }, aggregates: [sum] }, clerk),
        'MILL_ACCESS_DENIED',
      )
      await expectCode(totalsOf({ groupings: { rows: ['Amount'] } }, clerk), 'MILL_ACCESS_DENIED')
      await expectCode(totalsOf({ groupings: { rows: ['Customer.Name'] } }, clerk), 'MILL_ACCESS_DENIED')
      // Who may not read customers sees their ids.
      expect(await totalsOf({ groupings: { rows: ['CustomerId'] } }, clerk)).toEqual([
        ...['all: 6', '  -: 1', '  c1: 2', '  c2: 2', '  c4: 1'],
      ])
    })
  })
}
