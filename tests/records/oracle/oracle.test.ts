import { describe, expect, it } from 'vitest'
import type { Caller } from '../../../packages/millrace/src/records/access/principal.ts'
import type { Condition, Operand, Query, Scalar } from '../../../packages/millrace/src/records/query/query.ts'
import { schema } from '../fixture.ts'
import { evaluate, type Answer } from './oracle.ts'
import { fold, like } from './text.ts'
import { dateFunction, dayOf, daysOf, startOfDay, textOf } from './time.ts'
import type { Rec, World } from './world.ts'

/** Answers worked out by hand from Salesforce's pages: what the suite measures with is measured here. */

const field = (path: string) => ({ kind: 'field', path: path.split('.') }) as const
const call = (name: string, path: string): Operand => ({ kind: 'call', call: { name, args: [field(path)] } })
const text = (value: string): Scalar => ({ kind: 'text', value })
const caller: Caller = {
  ...{ tenant: 'acme', principal: null, timeZone: 'Europe/Berlin' },
  now: Date.parse('2026-03-31T22:30:00Z'),
}

const account = (Id: string, more: Rec = {}): Rec => ({
  Id,
  Name: null,
  Industry: null,
  Active__c: null,
  ...more,
})
const world = (rows: Readonly<Record<string, readonly Rec[]>>): World => ({ schema, rows })

function ids(where: Condition, accounts: readonly Rec[], more: Partial<Query> = {}): unknown {
  const query: Query = { from: 'Account', select: [field('Id')], where, ...more }
  return rowsOf(evaluate(query, { world: world({ Account: accounts }), caller })).map(({ id }) => id)
}

function rowsOf(answer: Answer) {
  if (answer.kind !== 'rows') throw new Error('a count')
  return answer.ties.flat().slice(answer.offset, answer.offset + answer.limit)
}

describe('conditions', () => {
  const some = [
    account('1', { Name: 'Acme', Active__c: true, Tags__c: ['Red', 'Green'] }),
    account('2', { Name: 'zeta', Active__c: false, Tags__c: ['Red'] }),
    account('3'),
  ]
  const name = field('Name')

  it('compares without case, and != is true for what is not there', () => {
    expect(ids({ kind: 'compare', left: name, op: '=', right: text('ACME') }, some)).toEqual(['1'])
    expect(ids({ kind: 'compare', left: name, op: '!=', right: text('ACME') }, some)).toEqual(['2', '3'])
    expect(ids({ kind: 'compare', left: name, op: '<', right: text('B') }, some)).toEqual(['1'])
  })

  it('finds nulls, and treats a null in a boolean field as false', () => {
    const none: Scalar = { kind: 'null' }
    expect(ids({ kind: 'compare', left: name, op: '=', right: none }, some)).toEqual(['3'])
    expect(ids({ kind: 'compare', left: name, op: '!=', right: none }, some)).toEqual(['1', '2'])
    const active = field('Active__c')
    expect(ids({ kind: 'compare', left: active, op: '=', right: none }, some)).toEqual(['2', '3'])
    expect(
      ids({ kind: 'compare', left: active, op: '!=', right: { kind: 'boolean', value: true } }, some),
    ).toEqual(['2', '3'])
  })

  it('NOT IN and NOT are true for what is not there', () => {
    const values = [text('acme')]
    expect(ids({ kind: 'in', left: name, negated: true, values }, some)).toEqual(['2', '3'])
    const like: Condition = { kind: 'like', left: name, pattern: text('z%') }
    expect(ids({ kind: 'not', of: like }, some)).toEqual(['1', '3'])
  })

  it('a;b asks for both, and EXCLUDES is the rest', () => {
    const left = field('Tags__c')
    const values = [text('Red;Green')]
    expect(ids({ kind: 'includes', left, negated: false, values }, some)).toEqual(['1'])
    expect(ids({ kind: 'includes', left, negated: true, values }, some)).toEqual(['2', '3'])
  })

  it('a semi-join is not disturbed by nulls in its values', () => {
    const query: Query = { from: 'Contact', select: [field('AccountId')] }
    const rows = {
      Account: some,
      Contact: [
        { Id: 'c1', AccountId: '1' },
        { Id: 'c2', AccountId: null },
      ],
    }
    const where: Condition = { kind: 'inQuery', left: field('Id'), negated: true, query }
    const answer = evaluate({ from: 'Account', select: [field('Id')], where }, { world: world(rows), caller })
    expect(rowsOf(answer).map(({ id }) => id)).toEqual(['2', '3'])
  })
})

describe('LIKE', () => {
  it.each([
    ['appleton', 'appl%', true],
    ['bappl', 'appl%', false],
    ['100%', '100\\%', true],
    ['1000', '100\\%', false],
    ['a_b', 'a\\_b', true],
    ['axb', 'a\\_b', false],
    ['🚀', '_', true],
    ['', '%', true],
    ['', '_', false],
    ['a\\b', 'a\\\\b', true],
    ['aXbYc', 'a%b%c', true],
    ['ab', '%a%a%', false],
  ])('%s LIKE %s is %s', (value, pattern, matches) => {
    expect(like(value, pattern)).toBe(matches)
  })

  it('folds sign by sign', () => {
    expect(fold('STRASSE')).not.toBe(fold('Straße'))
    expect(fold('ÄRGER')).toBe('ärger')
  })
})

describe('order', () => {
  const some = [
    account('1', { Name: 'b' }),
    account('2'),
    account('3', { Name: 'A' }),
    account('4', { Name: 'a' }),
  ]
  const order = (descending: boolean, nulls: 'first' | 'last') =>
    evaluate(
      { from: 'Account', select: [field('Id')], orderBy: [{ by: field('Name'), descending, nulls }] },
      { world: world({ Account: some }), caller },
    )

  it('puts nulls where they are asked for, and what is alike together', () => {
    const up = order(false, 'first')
    expect(up.kind === 'rows' && up.ties.map((tie) => tie.map(({ id }) => id))).toEqual([
      ['2'],
      ['3', '4'],
      ['1'],
    ])
    const down = order(true, 'last')
    expect(down.kind === 'rows' && down.ties.map((tie) => tie.map(({ id }) => id))).toEqual([
      ['1'],
      ['3', '4'],
      ['2'],
    ])
  })

  it('sorts a picklist by the order of its values', () => {
    const rated = [
      account('1', { Rating: 'Cold' }),
      account('2', { Rating: 'Hot' }),
      account('3', { Rating: 'Warm' }),
    ]
    const orderBy = [{ by: field('Rating'), descending: false, nulls: 'first' as const }]
    const answer = evaluate(
      { from: 'Account', select: [field('Id')], orderBy },
      { world: world({ Account: rated }), caller },
    )
    expect(rowsOf(answer).map(({ id }) => id)).toEqual(['2', '3', '1'])
  })
})

describe('groups', () => {
  const some = [
    account('1', { Industry: 'Energy', Rating: 'Hot', AnnualRevenue: 10 }),
    account('2', { Industry: 'Energy', Rating: 'Cold', AnnualRevenue: null }),
    account('3', { Industry: null, Rating: 'Hot', AnnualRevenue: 5 }),
  ]
  const env = { world: world({ Account: some }), caller }
  const count = { kind: 'call', call: { name: 'COUNT', args: [] }, alias: 'n' } as const

  it('leave nulls out of functions, but not out of groups', () => {
    const answer = evaluate(
      {
        from: 'Account',
        select: [field('Industry'), { ...call('SUM', 'AnnualRevenue') }, { ...call('AVG', 'AnnualRevenue') }],
        groupBy: { kind: 'plain', by: [field('Industry')] },
      },
      env,
    )
    expect(rowsOf(answer)).toEqual([
      { industry: 'Energy', expr0: 10, expr1: 10 },
      { industry: null, expr0: 5, expr1: 5 },
    ])
  })

  it('ROLLUP adds totals from the right, CUBE all of them', () => {
    const by = [field('Industry'), field('Rating')]
    const grouped = (kind: 'rollup' | 'cube') =>
      rowsOf(evaluate({ from: 'Account', select: [...by, count], groupBy: { kind, by } }, env)).map(
        ({ industry, rating, n }) => [industry, rating, n],
      )
    const detail = [
      ['Energy', 'Hot', 1],
      ['Energy', 'Cold', 1],
      [null, 'Hot', 1],
    ]
    const rolled = [...detail, ['Energy', null, 2], [null, null, 1], [null, null, 3]]
    expect(grouped('rollup')).toHaveLength(rolled.length)
    expect(grouped('rollup')).toEqual(expect.arrayContaining(rolled))
    const cubed = [...rolled, [null, 'Hot', 2], [null, 'Cold', 1]]
    expect(grouped('cube')).toHaveLength(cubed.length)
    expect(grouped('cube')).toEqual(expect.arrayContaining(cubed))
  })

  it('a sum of nothing is null, a count of nothing 0', () => {
    const answer = evaluate(
      {
        from: 'Account',
        select: [call('SUM', 'AnnualRevenue'), call('COUNT', 'Id')],
        where: { kind: 'compare', left: field('Id'), op: '=', right: text('none') },
      },
      env,
    )
    expect(rowsOf(answer)).toEqual([{ expr0: null, expr1: 0 }])
  })
})

describe('days', () => {
  // A Wednesday.
  const today = dayOf('2026-04-01')
  it.each([
    ['TODAY', undefined, '2026-04-01', '2026-04-02'],
    ['YESTERDAY', undefined, '2026-03-31', '2026-04-01'],
    ['THIS_WEEK', undefined, '2026-03-29', '2026-04-05'],
    ['LAST_WEEK', undefined, '2026-03-22', '2026-03-29'],
    ['NEXT_MONTH', undefined, '2026-05-01', '2026-06-01'],
    ['LAST_QUARTER', undefined, '2026-01-01', '2026-04-01'],
    ['NEXT_FISCAL_YEAR', undefined, '2027-01-01', '2028-01-01'],
    ['LAST_90_DAYS', undefined, '2026-01-01', '2026-04-02'],
    ['NEXT_90_DAYS', undefined, '2026-04-02', '2026-07-01'],
    // LAST_N_DAYS:1 includes yesterday and today; NEXT_N_DAYS:1 is TOMORROW.
    ['LAST_N_DAYS', 1, '2026-03-31', '2026-04-02'],
    ['NEXT_N_DAYS', 1, '2026-04-02', '2026-04-03'],
    ['N_DAYS_AGO', 2, '2026-03-30', '2026-03-31'],
    ['LAST_N_WEEKS', 2, '2026-03-15', '2026-03-29'],
    ['N_WEEKS_AGO', 2, '2026-03-15', '2026-03-22'],
    ['NEXT_N_MONTHS', 2, '2026-05-01', '2026-07-01'],
    ['N_MONTHS_AGO', 4, '2025-12-01', '2026-01-01'],
    ['LAST_N_QUARTERS', 2, '2025-10-01', '2026-04-01'],
    ['NEXT_N_FISCAL_QUARTERS', 1, '2026-07-01', '2026-10-01'],
    ['LAST_N_YEARS', 2, '2024-01-01', '2026-01-01'],
    ['N_FISCAL_YEARS_AGO', 1, '2025-01-01', '2026-01-01'],
  ] as const)('%s:%s is %s until before %s', (name, n, from, until) => {
    const days = daysOf({ kind: 'dateLiteral', name, ...(n === undefined ? {} : { n }) }, today)
    expect([textOf(days.from), textOf(days.until)]).toEqual([from, until])
  })

  it('begin at midnight of the zone, on days of 23 and 25 hours and where midnight is skipped', () => {
    const at = (day: string, zone: string) => new Date(startOfDay(dayOf(day), zone)).toISOString()
    expect(at('2026-03-29', 'Europe/Berlin')).toBe('2026-03-28T23:00:00.000Z')
    expect(at('2026-03-30', 'Europe/Berlin')).toBe('2026-03-29T22:00:00.000Z')
    expect(at('2026-11-02', 'America/New_York')).toBe('2026-11-02T05:00:00.000Z')
    expect(at('2026-03-08', 'America/Havana')).toBe('2026-03-08T05:00:00.000Z')
  })

  it('date functions see UTC unless the zone is asked for; weeks are sevens', () => {
    const late = new Date('2026-03-31T22:30:00Z')
    expect(dateFunction('CALENDAR_MONTH', late, 'UTC')).toBe(3)
    expect(dateFunction('CALENDAR_QUARTER', late, 'Europe/Berlin')).toBe(2)
    expect(dateFunction('HOUR_IN_DAY', late, 'Europe/Berlin')).toBe(0)
    expect(dateFunction('DAY_ONLY', late, 'Europe/Berlin')).toBe('2026-04-01')
    expect(dateFunction('DAY_IN_YEAR', '2026-02-01', 'UTC')).toBe(32)
    expect(dateFunction('DAY_IN_WEEK', '2026-02-01', 'UTC')).toBe(1)
    expect(dateFunction('WEEK_IN_MONTH', '2026-02-08', 'UTC')).toBe(2)
    expect(dateFunction('WEEK_IN_YEAR', '2026-01-07', 'UTC')).toBe(1)
    expect(dateFunction('WEEK_IN_YEAR', null, 'UTC')).toBeNull()
  })
})
