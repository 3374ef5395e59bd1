import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isMillraceError, type ErrorCode } from '../../../kernel/rules/errors.ts'
import { defineListView, type ListViewOptions } from '../list-view.ts'
import type { RunSavedQueryOptions, RowPage } from '../result.ts'
import { runListView } from '../run-list-view.ts'
import { Customer, Order } from '../test-support/shop.ts'
import { envOf, fillShop, insert, type Open, type Subject } from '../test-support/subject.ts'

type Change = Partial<ListViewOptions>

export async function expectCode(work: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(isMillraceError(error) ? error.code : error).toBe(code)
  expect(String(error)).toMatch(message)
}

export function listViews(open: Open): void {
  let subject: Subject
  beforeAll(async () => {
    subject = await open()
    await fillShop(subject)
  })
  afterAll(async () => await subject.dispose())

  const viewOf = (change: Change): ReturnType<typeof defineListView> =>
    defineListView({ name: 'customers', object: Customer, columns: ['Name'], ...change })
  const run = (change: Change, options: RunSavedQueryOptions = {}, caller = {}): Promise<RowPage> =>
    runListView(envOf(subject, caller), viewOf(change), options)
  const idsOf = async (change: Change, caller = {}): Promise<string> =>
    (await run(change, {}, caller)).rows.map(({ id }) => id).join(' ')

  describe('filters of a list view find', () => {
    test.for<readonly [string, Change, string]>([
      ['everything of the tenant, by id', {}, 'c1 c2 c3 c4 c5'],
      ['text in any case', { filters: [{ field: 'Name', operator: 'equals', value: 'ACME' }] }, 'c1'],
      ['a list', { filters: [{ field: 'Name', operator: 'equals', value: 'acme, "Delta, Inc"' }] }, 'c1 c5'],
      [
        'others, and those without a value',
        { filters: [{ field: 'Rating', operator: 'notEqual', value: 'hot,warm' }] },
        'c3 c5',
      ],
      ['those without a value', { filters: [{ field: 'Rating', operator: 'equals', value: '' }] }, 'c5'],
      ['a value or none', { filters: [{ field: 'Rating', operator: 'equals', value: 'cold,' }] }, 'c3 c5'],
      ['a label', { filters: [{ field: 'Rating', operator: 'equals', value: 'Hot!' }] }, 'c1 c4'],
      ['a part', { filters: [{ field: 'Name', operator: 'contains', value: 'CME' }] }, 'c1 c4'],
      ['a part of signs', { filters: [{ field: 'Name', operator: 'contains', value: '50%_' }] }, 'c4'],
      ['no wildcard', { filters: [{ field: 'Name', operator: 'contains', value: '%' }] }, 'c4'],
      ['a beginning', { filters: [{ field: 'Name', operator: 'startsWith', value: 'ac,b' }] }, 'c1 c2 c4'],
      ['what has no part', { filters: [{ field: 'Name', operator: 'notContain', value: 'acme,a' }] }, ''],
      ['numbers', { filters: [{ field: 'Employees', operator: 'greaterOrEqual', value: 50 }] }, 'c1 c2 c4'],
      [
        'numbers as text',
        { filters: [{ field: 'Employees', operator: 'lessThan', value: '50.5' }] },
        'c2 c5',
      ],
      ['true', { filters: [{ field: 'Active', operator: 'equals', value: 'true' }] }, 'c1 c4 c5'],
      ['not true', { filters: [{ field: 'Active', operator: 'notEqual', value: '1' }] }, 'c2 c3'],
      [
        'one of several',
        { filters: [{ field: 'Topics', operator: 'includes', value: 'a;b,c' }] },
        'c1 c4 c5',
      ],
      ['none of several', { filters: [{ field: 'Topics', operator: 'excludes', value: 'b,c' }] }, 'c3'],
      ['a day', { filters: [{ field: 'Since', operator: 'equals', value: '2026-11-24' }] }, 'c4'],
      [
        'a relative day',
        { filters: [{ field: 'Since', operator: 'equals', value: 'TODAY,LAST_MONTH' }] },
        'c4 c5',
      ],
      [
        'a day of instants',
        { filters: [{ field: 'SeenAt', operator: 'equals', value: '2026-11-24' }] },
        'c1 c4',
      ],
      [
        'other days',
        { filters: [{ field: 'SeenAt', operator: 'notEqual', value: '2026-11-24' }] },
        'c2 c3 c5',
      ],
      [
        'later instants',
        { filters: [{ field: 'SeenAt', operator: 'greaterThan', value: '2026-11-24T10:00:00Z' }] },
        'c4',
      ],
      ['by a parent', { filters: [{ field: 'Owner.Name', operator: 'equals', value: 'bob' }] }, 'c2 c5'],
      [
        'by logic',
        {
          filters: [
            { field: 'Rating', operator: 'equals', value: 'hot' },
            { field: 'Employees', operator: 'lessThan', value: 60 },
            { field: 'Owner.Name', operator: 'equals', value: 'Bob' },
          ],
          filterLogic: '1 OR (2 AND NOT 3)',
        },
        'c1 c4',
      ],
    ])('%s', async ([, change, ids]) => {
      expect(await idsOf(change)).toBe(ids)
    })

    test('days of the zone of the caller', async () => {
      const seen = { filters: [{ field: 'SeenAt', operator: 'equals', value: '2026-11-24' }] } as const
      expect(await idsOf(seen, { timeZone: 'Europe/Berlin' })).toBe('c1 c2')
      const today = { filters: [{ field: 'SeenAt', operator: 'equals', value: 'TODAY' }] } as const
      expect(await idsOf(today, { timeZone: 'Europe/Berlin' })).toBe('c1 c2')
      expect(await idsOf(today, { timeZone: 'UTC' })).toBe('c1 c4')
    })

    test('what is mine, and nothing of another tenant', async () => {
      expect(await idsOf({ scope: 'mine' })).toBe('c1 c3')
      expect(await idsOf({ scope: 'mine' }, { principal: { id: 'p2', roles: ['all'] } })).toBe('c2 c5')
      expect(await idsOf({}, { tenant: 'globex' })).toBe('x1')
    })

    test.for(["' or '1'='1", '"; drop table customer; --', '\\', '%', '$1', ':name', '\u{1f525}', 'a\\%'])(
      'nothing by the hostile value %j',
      async (value) => {
        for (const operator of ['equals', 'startsWith'] as const)
          expect(await idsOf({ filters: [{ field: 'Name', operator, value: [value] }] })).toBe('')
        await insert(subject, 'customer', { id: 'h1', tenant: 'hostile', name: value })
        for (const operator of ['equals', 'contains', 'startsWith'] as const)
          expect(
            await idsOf({ filters: [{ field: 'Name', operator, value: [value] }] }, { tenant: 'hostile' }),
          ).toBe('h1')
        await subject.query({ segments: ["delete from customer where id = 'h1'"], params: [] })
      },
    )
  })

  describe('a page of a list view', () => {
    test('has columns, and cells with value and label', async () => {
      const columns = [
        'Name',
        { field: 'Rating', label: 'Heat' },
        'Topics',
        'Employees',
        'Active',
        'Since',
        'SeenAt',
        'OwnerId',
        'owner.name',
        'Extra',
      ]
      const page = await run({ columns, limit: 1 }, {}, { timeZone: 'America/New_York' })
      expect(page.columns).toEqual([
        { name: 'Name', label: 'Customer Name', type: 'text' },
        { name: 'Rating', label: 'Heat', type: 'picklist' },
        { name: 'Topics', label: 'Topics', type: 'multipicklist' },
        { name: 'Employees', label: 'Employees', type: 'integer' },
        { name: 'Active', label: 'Active', type: 'boolean' },
        { name: 'Since', label: 'Since', type: 'date' },
        { name: 'SeenAt', label: 'Last Seen', type: 'datetime' },
        { name: 'OwnerId', label: 'OwnerId', type: 'reference' },
        { name: 'Owner.Name', label: 'Owner: Name', type: 'text' },
        { name: 'Extra', label: 'Extra', type: 'json' },
      ])
      expect(page).toMatchObject({ rowCount: 1, truncated: true, next: null })
      expect(page.rows[0]?.id).toBe('c1')
      expect(page.rows[0]?.cells.map(({ label }) => label.replaceAll('\u202f', ' '))).toEqual([
        ...[
          'Acme',
          'Hot!',
          'Apples; b',
          '100',
          'true',
          'Jan 15, 2020',
          'Nov 24, 2026, 5:00 AM',
          'Ann',
          'Ann',
          '{"a":1}',
        ],
      ])
      expect(page.rows[0]?.cells.map(({ value }) => value)).toEqual([
        ...[
          'Acme',
          'hot',
          ['a', 'b'],
          100,
          true,
          '2020-01-15',
          new Date('2026-11-24T10:00:00Z'),
          'p1',
          'Ann',
          { a: 1 },
        ],
      ])
    })

    test('is empty text where there is no value', async () => {
      const columns = ['Rating', 'Topics', 'Employees', 'Since', 'SeenAt', 'OwnerId', 'Owner.Name']
      const { rows } = await run({ columns, filters: [{ field: 'Id', operator: 'equals', value: 'c3,c4' }] })
      expect(rows[0]?.cells.slice(1, 5)).toEqual(
        Array.from({ length: 4 }, () => ({ value: null, label: '' })),
      )
      expect(rows[1]?.cells.slice(5)).toEqual([
        { value: null, label: '' },
        { value: null, label: '' },
      ])
    })

    test('is written in the language asked for', async () => {
      const { rows } = await runListView(
        envOf(subject),
        defineListView({
          name: 'orders',
          object: Order,
          columns: ['Amount', 'Weight', 'Due'],
          limit: 2,
          sort: [{ field: 'Amount', direction: 'desc' }],
        }),
        { locale: 'de-DE' },
      )
      expect(rows.map(({ cells }) => cells.map(({ label }) => label))).toEqual([
        ['1.000,00', '2', '01.01.2026'],
        ['250,50', '0,25', '15.11.2026'],
      ])
    })

    test('names a reference to several objects by whichever it is', async () => {
      const { rows } = await runListView(
        envOf(subject),
        defineListView({ name: 'orders', object: Order, columns: ['AboutId', 'About.Name'] }),
      )
      expect(rows.slice(0, 3).map(({ cells }) => cells.map(({ label }) => label))).toEqual([
        ['Acme', 'Acme'],
        ['Bob', 'Bob'],
        ['', ''],
      ])
    })

    test('keeps to the rights of the caller, unless told otherwise', async () => {
      const clerk = { principal: { id: 'p2', roles: ['clerk'] } }
      const view = defineListView({
        name: 'orders',
        object: Order,
        columns: ['Code', 'CustomerId'],
        limit: 1,
      })
      // Who may not read customers sees the id in place of the name.
      const page = await runListView(envOf(subject, clerk), view)
      expect(page.rows[0]?.cells).toEqual([
        { value: 'A-1', label: 'A-1' },
        { value: 'c1', label: 'c1' },
      ])
      const system = await runListView(envOf(subject, clerk), view, { mode: 'system' })
      expect(system.rows[0]?.cells[1]).toEqual({ value: 'c1', label: 'Acme' })
      await expectCode(run({}, {}, clerk), 'MILL_ACCESS_DENIED')
      const amounts = defineListView({ name: 'orders', object: Order, columns: ['Amount'] })
      await expectCode(runListView(envOf(subject, clerk), amounts), 'MILL_ACCESS_DENIED', /Amount/)
      const byAmount = defineListView({ name: 'orders', object: Order, columns: ['Code'], sort: ['Amount'] })
      await expectCode(runListView(envOf(subject, clerk), byAmount), 'MILL_ACCESS_DENIED', /Amount/)
    })

    test.for<readonly [string, RunSavedQueryOptions, RegExp]>([
      ['a page of none', { pageSize: 0 }, /pageSize must be/],
      ['a page of too many', { pageSize: 2_001 }, /pageSize must be/],
      ['a token that is none', { after: 'nonsense' }, /after is no token/],
      [
        'a token of another order',
        { after: Buffer.from('["Amount asc",1,"c1",[1]]').toString('base64url') },
        /another order/,
      ],
      [
        'a token that was tampered with',
        { after: Buffer.from('["",1,{"a":1},[]]').toString('base64url') },
        /no token/,
      ],
      [
        'a token that has shown less than nothing',
        { after: Buffer.from('["",-1,"c1",[]]').toString('base64url') },
        /no token/,
      ],
      ['a mode that there is not', { mode: 'root' as 'user' }, /mode must be one of/],
      ['a language that is none', { locale: 'no such' }, /locale must be/],
      ['an option that there is not', { page: 2 } as object, /did you mean/],
    ])('refuses %s', async ([, options, message]) => {
      await expectCode(run({}, options), 'MILL_OPTIONS_INVALID', message)
    })

    test('refuses tampered values of a token', async () => {
      for (const value of ['"nonsense"', '1', '{}', '[]', '"2026-99-99T00:00:00Z"']) {
        const after = Buffer.from(`["SeenAt asc",1,"c1",[${value}]]`).toString('base64url')
        await expectCode(run({ sort: ['SeenAt'] }, { after }), 'MILL_OPTIONS_INVALID', /no token/)
      }
    })
  })

  describe('pages of a list view', () => {
    const count = 60
    /** µs where the database keeps them; the same millisecond again and again. */
    const instantOf = (at: number): string | null => {
      if (at % 7 === 0) return null
      const micros = subject.kind === 'postgres' ? String((at * 37) % 1_000).padStart(3, '0') : ''
      return `2026-11-24T10:00:00.00${at % 3}${micros}Z`
    }
    const some = <T>(at: number, ...values: readonly T[]): T => values[at % values.length]!

    beforeAll(async () => {
      const truth = (value: boolean): unknown => (subject.kind === 'postgres' ? value : Number(value))
      const yes = { active: truth(true), gold: truth(true) }
      const no = { active: truth(false), gold: truth(false) }
      await insert(subject, 'customer', { id: 'b1', tenant: 'bulk', name: 'x', ...yes })
      await insert(subject, 'customer', { id: 'b2', tenant: 'bulk', name: 'y', ...no })
      await insert(subject, 'customer', { id: 'B1', tenant: 'bulk', name: 'z', ...yes, active: null })
      for (let at = 0; at < count; at += 1)
        await insert(subject, 'orders', {
          ...{ id: `b${String((at * 17) % count).padStart(2, '0')}`, tenant: 'bulk' },
          code: some(at, 'b', 'A', 'a', '', null, 'B', 'ä'),
          amount: some(at, 0.1, 10, null, 2.5, 0.3),
          quantity: some(at, 1, null, 2),
          status: some(at, 'paid', 'open', null, 'odd', 'void', 'OPEN', 'strange'),
          placed_at: instantOf(at),
          due: some(at, '2026-01-01', null, '2025-01-01'),
          batch: some(at, 'a', 'A', 'b', null, 'B', 'a', ''),
          grade: some(at, 'X', 'x', 'Y', null, 'y'),
          customer_id: some(at, 'b1', 'b2', null, 'B1'),
        })
    })

    type Sort = NonNullable<ListViewOptions['sort']>
    const down = (field: string): Sort[number] => ({ field, direction: 'desc' })
    const sorts: readonly Sort[] = [
      [],
      ['Code'],
      [down('Code')],
      ['Amount', down('Code')],
      ['Status', 'PlacedAt'],
      [down('Status'), down('PlacedAt')],
      ['PlacedAt', 'Code', 'Quantity'],
      [down('PlacedAt'), down('Due'), 'Amount'],
      ['Customer.Active', 'PlacedAt'],
      [down('Customer.Active'), down('Code')],
      ['CustomerId', down('Due'), 'Status'],
      ['CustomerId', 'PlacedAt'],
      [down('CustomerId'), 'Code'],
      ['CustomerId', 'Customer.Active'],
      ['Customer.Gold', 'PlacedAt'],
      [down('Customer.Gold'), down('Code')],
      ['Batch', 'PlacedAt'],
      ['Grade', 'PlacedAt'],
      [down('Grade'), 'Code'],
      [down('Batch'), 'Code'],
      ['Batch', down('Customer.Active')],
      ['Id'],
      [down('Id')],
    ]
    test.for(sorts.flatMap((sort) => [7, 1, 59, 60].map((size) => [sort, size] as const)))(
      'by %j with %d rows have each row once, in order',
      async ([sort, pageSize]) => {
        const columns = [
          'Id',
          'Code',
          'Amount',
          'Quantity',
          'Status',
          'PlacedAt',
          'Due',
          'Batch',
          'Grade',
          'CustomerId',
          'Customer.Active',
          'Customer.Gold',
        ]
        const view = defineListView({ name: 'bulk', object: Order, columns, sort })
        const env = envOf(subject, { tenant: 'bulk' })
        const rows: RowPage['rows'][number][] = []
        for (let after: string | undefined; rows.length <= count;) {
          const page = await runListView(env, view, { pageSize, ...(after === undefined ? {} : { after }) })
          expect(page.rows.length).toBe(Math.min(pageSize, count - rows.length))
          rows.push(...page.rows)
          if (page.next === null) break
          after = page.next
        }
        expect(new Set(rows.map(({ id }) => id)).size).toBe(count)
        expect(rows).toHaveLength(count)
        const keys = rows.map(({ id, cells }) => [...sort.map((one) => rank(columns, one, cells)), id])
        for (let at = 1; at < keys.length; at += 1) expectOrder(sort, keys[at - 1]!, keys[at]!)
      },
    )

    /** As SOQL orders: without a value first, text by lower case, picklists by their place. */
    function rank(
      columns: readonly string[],
      sort: Sort[number],
      cells: RowPage['rows'][number]['cells'],
    ): string | number {
      const field = typeof sort === 'string' ? sort : sort.field
      const { value } = cells[columns.indexOf(field)]!
      if (field.startsWith('Customer.')) return Number(value === true)
      if (value instanceof Date) return value.toISOString()
      if (typeof value === 'number') return value
      if (typeof value !== 'string') return ['Amount', 'Quantity', 'Grade'].includes(field) ? -1 : ''
      if (field === 'Batch' || field === 'CustomerId') return value
      if (field === 'Grade') return ['x', 'y', 'X', 'Y'].indexOf(value)
      if (field !== 'Status') return value.toLowerCase()
      const place = ['open', 'paid', 'void'].indexOf(value.toLowerCase())
      return place < 0 ? `3${value.toLowerCase()}` : String(place)
    }

    function expectOrder(sort: Sort, before: readonly unknown[], after: readonly unknown[]): void {
      // Within a millisecond the database may go by microseconds, and what follows then starts anew.
      const blurred = sort.findIndex((one) =>
        ['PlacedAt', 'Customer.Active', 'Customer.Gold'].includes(typeof one === 'string' ? one : one.field),
      )
      const compared = blurred < 0 ? before.length : blurred + 1
      for (let at = 0; at < compared; at += 1) {
        const [a, b] = [before[at] as string, after[at] as string]
        // Nor does it take empty text and null for the same.
        if (a === '' && b === '') return
        if (a === b) continue
        const one = sort[at]
        const descending = typeof one === 'object' && one.direction === 'desc'
        expect([a, b, descending ? a > b : a < b]).toEqual([a, b, true])
        return
      }
    }

    test('end at the limit of the view, which says whether there is more', async () => {
      const view = (limit: number): ReturnType<typeof defineListView> =>
        defineListView({ name: 'bulk', object: Order, columns: ['Code'], sort: ['Amount'], limit })
      const env = envOf(subject, { tenant: 'bulk' })
      const first = await runListView(env, view(10), { pageSize: 8 })
      expect(first).toMatchObject({ rowCount: 8, truncated: false })
      const second = await runListView(env, view(10), { pageSize: 8, after: first.next! })
      expect(second).toMatchObject({ rowCount: 2, truncated: true, next: null })
      const whole = await runListView(env, view(count), { pageSize: 100 })
      expect(whole).toMatchObject({ rowCount: count, truncated: false, next: null })
      const ids = [...first.rows, ...second.rows].map(({ id }) => id)
      expect(ids).toEqual(whole.rows.slice(0, 10).map(({ id }) => id))
    })

    test('go on after a row that is gone', async () => {
      const view = defineListView({ name: 'bulk', object: Order, columns: ['Code'], sort: ['Quantity'] })
      const env = envOf(subject, { tenant: 'bulk' })
      const first = await runListView(env, view, { pageSize: 5 })
      const whole = await runListView(env, view)
      const last = first.rows.at(-1)!.id
      await subject.query({ segments: ["update orders set tenant = 'away' where id = ", ''], params: [last] })
      const second = await runListView(env, view, { pageSize: 5, after: first.next! })
      expect(second.rows.map(({ id }) => id)).toEqual(whole.rows.slice(5, 10).map(({ id }) => id))
      await subject.query({ segments: ["update orders set tenant = 'bulk' where id = ", ''], params: [last] })
    })
  })
}
