import { describe, expect, test } from 'vitest'
import { caller } from '../test-support/records.ts'
import { and, by, call, f, from, is, js, like, not } from '../test-support/query.ts'
import { asker, type Subject } from './subject.ts'

export function groups(subject: () => Subject): void {
  const { rows } = asker(subject)
  const count = call('COUNT', f('Id'))

  describe('all rows', () => {
    test('are counted', async () => {
      expect(await rows(from('Account', [{ kind: 'count' }]))).toEqual([{ count: 5 }])
      expect(await rows(from('Account', [{ kind: 'count' }], { limit: js(3) }))).toEqual([{ count: 3 }])
      expect(
        await rows(from('Account', [{ kind: 'count' }], { where: is('Owner.Name', '=', 'ann') })),
      ).toEqual([{ count: 2 }])
    })
    test('become one row of aggregates', async () => {
      const select = [
        ...[
          count,
          call('COUNT', f('Employees')),
          call('COUNT_DISTINCT', f('Name')),
          call('SUM', f('Revenue')),
        ],
        ...[
          { ...call('AVG', f('Employees')), alias: 'mean' },
          call('MIN', f('Founded')),
          call('MAX', f('SeenAt')),
        ],
        ...[call('MAX', f('Name')), call('MIN', f('Code')), call('MAX', f('Id')), call('MAX', f('SyncedAt'))],
      ]
      expect(await rows(from('Account', select))).toEqual([
        {
          ...{ expr0: 5, expr1: 3, expr2: 3, expr3: 157.5, mean: 20, expr4: '2024-02-29' },
          ...{ expr5: new Date('2026-11-25T05:30:00Z'), expr6: 'élan', expr7: 'X1', expr8: 'a6' },
          expr9: new Date('2026-11-25T05:30:00Z'),
        },
      ])
    })
    test('go by the order of a picklist', async () => {
      const [least, most] = [call('MIN', f('Rating')), call('MAX', f('Rating'))]
      expect(await rows(from('Account', [least, most]))).toEqual([{ expr0: 'Hot', expr1: 'Cold' }])
      const query = from('Account', ['OwnerId', least], {
        groupBy: { kind: 'plain', by: [f('OwnerId')] },
        having: is(least, '!=', 'COLD'),
        orderBy: [by(least, true, 'last')],
      })
      expect(await rows(query)).toEqual([
        { OwnerId: 2, expr0: 'Warm' },
        { OwnerId: 1, expr0: 'Hot' },
      ])
    })
    test('have sums that no whole number of either database holds', async () => {
      const vast = { caller: { ...caller, tenant: 'vast' } }
      for (const [at, age] of [2n ** 62n + 1n, 2n ** 62n + 3n, 2n ** 62n, null].entries())
        await subject().records.insert('contact', { id: `v${at}`, tenant: 'vast', age })
      const sum = call('SUM', f('Age'))
      const asked = from('Contact', [sum], {
        having: is(sum, '>', 1),
        groupBy: { kind: 'plain', by: [f('Tenant')] },
      })
      expect(await rows(asked, vast)).toEqual([{ expr0: 3 * 2 ** 62 }])
      const some = from('Contact', [sum], { where: is('Id', '<', 'v1') })
      expect(await rows(some, vast)).toEqual([{ expr0: 2 ** 62 }])
      expect(await rows(from('Contact', [sum], { where: is('Id', '=', 'v3') }), vast)).toEqual([
        { expr0: null },
      ])
    })
    test('of nothing are none', async () => {
      const none = { where: is('Id', '=', 'zz') }
      expect(
        await rows(from('Account', [count, call('SUM', f('Revenue')), call('MIN', f('Name'))], none)),
      ).toEqual([{ expr0: 0, expr1: null, expr2: null }])
    })
  })

  describe('groups', () => {
    test('of text are made without regard to case and show one spelling', async () => {
      const query = from('Contact', ['LastName', count], {
        groupBy: { kind: 'plain', by: [f('LastName')] },
        orderBy: [by('LastName')],
      })
      expect(await rows(query)).toEqual([
        { LastName: null, expr0: 1 },
        { LastName: 'ABEL', expr0: 2 },
        { LastName: 'Young', expr0: 1 },
      ])
    })
    test('of parents, filtered and sorted by aggregates', async () => {
      const query = from('Contact', ['Account.Name', { ...count, alias: 'n' }, call('MIN', f('LastName'))], {
        groupBy: { kind: 'plain', by: [f('account.name')] },
        having: and(
          is(count, '>=', 1),
          not(is('Account.Name', '=', null)),
          is(call('MIN', f('LastName')), '=', 'Abel'),
        ),
        orderBy: [by(count, true), by('n')],
        limit: js(5),
      })
      expect(await rows(query)).toEqual([{ Name: 'Élan', n: 3, expr0: 'ABEL' }])
      const byName = {
        groupBy: { kind: 'plain', by: [f('LastName')] },
        having: like('LastName', 'AB%'),
      } as const
      expect(await rows(from('Contact', ['LastName'], byName))).toEqual([{ LastName: 'ABEL' }])
    })
    test('of dates in a time zone', async () => {
      const inZone = call('DAY_ONLY', call('CONVERTTIMEZONE', f('SeenAt')))
      const query = from('Account', [inZone, count], {
        groupBy: { kind: 'plain', by: [inZone] },
        where: is('SeenAt', '!=', null),
        orderBy: [by(inZone)],
      })
      expect(await rows(query, { caller: { ...caller, timeZone: 'Europe/Berlin' } })).toEqual([
        { expr0: '2026-11-25', expr1: 2 },
      ])
      expect(await rows(query)).toEqual([
        { expr0: '2026-11-24', expr1: 1 },
        { expr0: '2026-11-25', expr1: 1 },
      ])
    })
    test('of booleans, picklists and numbers', async () => {
      const query = from('Account', ['Active', 'Rating', call('TOLABEL', f('Rating')), count], {
        groupBy: { kind: 'plain', by: [f('Active'), f('Rating'), call('TOLABEL', f('Rating'))] },
        orderBy: [by('Active', false, 'last'), by('Rating')],
      })
      expect(await rows(query)).toEqual([
        { Active: false, Rating: 'Warm', expr0: 'Warm', expr1: 1 },
        { Active: true, Rating: 'Hot', expr0: 'Hot', expr1: 1 },
        { Active: null, Rating: null, expr0: null, expr1: 2 },
        { Active: null, Rating: 'Cold', expr0: 'Ice', expr1: 1 },
      ])
    })
  })

  describe('subtotals', () => {
    const select = [
      'LastName',
      'Account.Name',
      { ...count, alias: 'n' },
      { ...call('GROUPING', f('LastName')), alias: 'g' },
    ]
    const where = is('AccountId', '!=', null)
    const orderBy = [
      by(call('GROUPING', f('LastName'))),
      by('LastName'),
      by(call('GROUPING', f('Account.Name'))),
      by(count),
    ]
    const keys = [f('LastName'), f('Account.Name')]
    test('by ROLLUP go from right to left', async () => {
      const query = from('Contact', select, { where, orderBy, groupBy: { kind: 'rollup', by: keys } })
      expect(await rows(query)).toEqual([
        { LastName: 'ABEL', Name: 'Élan', n: 2, g: 0 },
        { LastName: 'ABEL', Name: null, n: 2, g: 0 },
        { LastName: 'Young', Name: 'Élan', n: 1, g: 0 },
        { LastName: 'Young', Name: null, n: 1, g: 0 },
        { LastName: null, Name: null, n: 3, g: 1 },
      ])
    })
    test('by CUBE are of each combination', async () => {
      const query = from('Contact', select, {
        where,
        orderBy,
        groupBy: { kind: 'cube', by: keys },
        having: is(count, '>', 1),
      })
      expect(await rows(query)).toEqual([
        { LastName: 'ABEL', Name: 'Élan', n: 2, g: 0 },
        { LastName: 'ABEL', Name: null, n: 2, g: 0 },
        { LastName: null, Name: 'Élan', n: 3, g: 1 },
        { LastName: null, Name: null, n: 3, g: 1 },
      ])
    })
    test('of nothing are one row', async () => {
      const none = from('Contact', select, {
        where: is('Id', '=', 'zz'),
        groupBy: { kind: 'rollup', by: keys },
      })
      expect(await rows(none)).toEqual([{ LastName: null, Name: null, n: 0, g: 1 }])
      const keysAlone = {
        groupBy: { kind: 'rollup', by: [f('LastName')] },
        orderBy: [by('LastName')],
      } as const
      const names = [{ LastName: null }, { LastName: null }, { LastName: 'ABEL' }, { LastName: 'Young' }]
      expect(await rows(from('Contact', ['LastName'], keysAlone))).toEqual(names)
    })
  })
}
