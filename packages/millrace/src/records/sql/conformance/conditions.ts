import { describe, expect, test } from 'vitest'
import { caller } from '../test-support/records.ts'
import {
  and,
  bind,
  call,
  dateLiteral,
  day,
  includes,
  is,
  isIn,
  js,
  like,
  not,
  notIn,
  or,
  time,
} from '../test-support/query.ts'
import { asker, type Subject } from './subject.ts'

export function conditions(subject: () => Subject): void {
  const { ids } = asker(subject)

  describe('null', () => {
    test('is different from a value, and neither above nor below it', async () => {
      expect(await ids(is('Employees', '=', 10))).toBe('a1')
      expect(await ids(is('Employees', '!=', 10))).toBe('a2 a3 a4 a6')
      expect(await ids(not(is('Employees', '!=', 10)))).toBe('a1')
      expect(await ids(is('Employees', '<', 30))).toBe('a1 a2')
      expect(await ids(not(is('Employees', '<', 30)))).toBe('a3 a4 a6')
      expect(await ids(is('Employees', '=', null))).toBe('a4 a6')
      expect(await ids(not(is('Employees', '=', null)))).toBe('a1 a2 a3')
      expect(await ids(is('Employees', '>', null))).toBe('')
      expect(await ids(not(is('Employees', '>', null)))).toBe('a1 a2 a3 a4 a6')
    })
    test('is in no list that does not name it', async () => {
      expect(await ids(isIn('Employees', 10, 20))).toBe('a1 a2')
      expect(await ids(notIn('Employees', 10, 20))).toBe('a3 a4 a6')
      expect(await ids(isIn('Employees', 10, null))).toBe('a1 a4 a6')
      expect(await ids(notIn('Employees', 10, null))).toBe('a2 a3')
      expect(await ids(isIn('Employees', js([])))).toBe('')
      expect(await ids(notIn('Employees', js([])))).toBe('a1 a2 a3 a4 a6')
      expect(await ids(not(isIn('Employees', 10, 20)))).toBe('a3 a4 a6')
    })
    test('and empty text are the same', async () => {
      expect(await ids(is('Name', '=', ''))).toBe('a4 a6')
      expect(await ids(is('Name', '=', null))).toBe('a4 a6')
      expect(await ids(is('Name', '!=', ''))).toBe('a1 a2 a3')
      expect(await ids(is('Name', '<', 'zzz'))).toBe('a3')
      expect(await ids(not(is('Name', '>=', 'zzz')))).toBe('a3 a4 a6')
      expect(await ids(like('Name', '%'))).toBe('a1 a2 a3')
      expect(await ids(not(like('Name', '%')))).toBe('a4 a6')
      expect(await ids(isIn('Name', 'élan', ''))).toBe('a1 a2 a4 a6')
      expect(await ids(notIn('Name', 'élan', ''))).toBe('a3')
    })
    test('counts as false in a boolean', async () => {
      expect(await ids(is('Active', '=', true))).toBe('a1')
      expect(await ids(is('Active', '=', false))).toBe('a2 a3 a4 a6')
      expect(await ids(is('Active', '=', null))).toBe('a2 a3 a4 a6')
      expect(await ids(is('Active', '!=', null))).toBe('a1')
      expect(await ids(not(is('Active', '!=', true)))).toBe('a1')
      expect(await ids(isIn('Active', true, false))).toBe('a1 a2 a3 a4 a6')
      expect(await ids(isIn('Parent.Active', true))).toBe('a2')
      expect(await ids(is('Owner.IsActive', '=', false))).toBe('a2 a3 a6')
    })
    test('goes through NOT of AND and OR', async () => {
      expect(await ids(not(and(is('Employees', '>', 5), is('Revenue', '>', 60))))).toBe('a2 a3 a4 a6')
      expect(await ids(not(or(is('Employees', '<', 30), is('Revenue', '<', 60))))).toBe('a3 a6')
    })
  })

  describe('text', () => {
    test('is compared without regard to case, also beyond ASCII', async () => {
      expect(await ids(is('Name', '=', 'ÉLAN'))).toBe('a1 a2')
      expect(await ids(is('Name', '!=', 'ÉLAN'))).toBe('a3 a4 a6')
      expect(await ids(is('Rating', '=', 'hot'))).toBe('a1')
      expect(await ids(isIn('Rating', 'hot', 'COLD'))).toBe('a1 a3')
      expect(await ids(notIn('Rating', 'hot', 'COLD'))).toBe('a2 a4 a6')
      expect(await ids(isIn('Name', 'ÉLAN', 'nothing'))).toBe('a1 a2')
    })
    test('keeps case where the field does', async () => {
      expect(await ids(is('Code', '=', 'x1'))).toBe('a2')
      expect(await ids(like('Code', 'x%'))).toBe('a2')
      expect(await ids(is('Id', '=', 'A1'))).toBe('')
      expect(await ids(is('Code', '<', 'Z'))).toBe('a1 a3')
    })
    test('fits a pattern as a whole', async () => {
      expect(await ids(like('Name', 'É%'))).toBe('a1 a2')
      expect(await ids(like('Name', '_LA_'))).toBe('a1 a2')
      expect(await ids(like('Name', 'lan'))).toBe('')
      expect(await ids(like('Rating', 'w%'))).toBe('a2')
      expect(await ids(not(like('Name', '%an')))).toBe('a3 a4 a6')
    })
    test('fits % and _ and \\ as they are where they are escaped', async () => {
      expect(await ids(like('Name', '50\\%%'))).toBe('a3')
      expect(await ids(like('Name', '%\\_off%'))).toBe('a3')
      expect(await ids(like('Name', '%\\\\x'))).toBe('a3')
      expect(await ids(like('Name', '5\\%%'))).toBe('')
      expect(await ids(like('Code', '[XY]%'))).toBe('')
      expect(await ids(like('Code', 'X?'))).toBe('')
    })
    test('that looks like SQL is text', async () => {
      const hostile = `'; drop table account; -- " $1 ? \\`
      expect(await ids(is('Name', '=', hostile))).toBe('')
      expect(await ids(isIn('Name', hostile, '{"a"}', 'x,y'))).toBe('')
      expect(await ids(isIn('Id', hostile, 'a1'))).toBe('a1')
      expect(await ids(like('Name', hostile))).toBe('')
      expect(await ids(is('Name', '=', bind('it')), { binds: { it: hostile } })).toBe('')
      expect(await ids(includes('Topics', [hostile]))).toBe('')
      expect(await ids(undefined)).toBe('a1 a2 a3 a4 a6')
    })
  })

  describe('lists', () => {
    test('of conditions may be long as well', async () => {
      const many = Array.from({ length: 5_000 }, (_, at) => is('Employees', '=', at))
      expect(await ids(or(...many))).toBe('a1 a2 a3')
      expect(await ids(not(or(...many)))).toBe('a4 a6')
    })
    test('of patterns: one must fit', async () => {
      expect(await ids(like('Name', js(['50%', '_lan'])))).toBe('a1 a2 a3')
      expect(await ids(not(like('Name', js(['50%', '_lan']))))).toBe('a4 a6')
      expect(await ids(like('Name', js([])))).toBe('')
    })
    test('may be long, and come as binds', async () => {
      const many = Array.from({ length: 40_000 }, (_, at) => `a${at}`)
      expect(await ids(isIn('Id', bind('ids')), { binds: { ids: many } })).toBe('a1 a2 a3 a4 a6')
      expect(await ids(notIn('Id', bind('ids')), { binds: { ids: many.slice(3) } })).toBe('a1 a2')
      expect(await ids(isIn('Name', bind('names')), { binds: { names: [...many, 'ÉLAN'] } })).toBe('a1 a2')
      expect(await ids(isIn('Owner.Id', js([1, 3])))).toBe('a1 a4')
      expect(await ids(isIn('Score', js([0.1, 3])))).toBe('a1')
    })
    test('of choices: all of one value must be there', async () => {
      expect(await ids(includes('Topics', ['A']))).toBe('a1')
      expect(await ids(includes('Topics', ['a;b', 'ab']))).toBe('a1 a3')
      expect(await ids(includes('Topics', ['b']))).toBe('a1 a2')
      expect(await ids(includes('Topics', ['b'], true))).toBe('a3 a4 a6')
      expect(await ids(includes('Topics', [';']))).toBe('')
      expect(await ids(includes('Topics', [';'], true))).toBe('a1 a2 a3 a4 a6')
      expect(await ids(not(includes('Topics', ['b'])))).toBe('a3 a4 a6')
    })
  })

  describe('numbers', () => {
    test('compare with fractions, whatever the column', async () => {
      expect(await ids(is('Employees', '>', 10.5))).toBe('a2 a3')
      expect(await ids(is('Employees', '<', 3e9))).toBe('a1 a2 a3')
      expect(await ids(is('Revenue', '=', 100.5))).toBe('a1')
      expect(await ids(is('Score', '>=', 0.2))).toBe('a2')
      expect(await ids(is('Employees', '>', -1e30))).toBe('a1 a2 a3')
    })
  })

  describe('dates', () => {
    const berlin = { caller: { ...caller, timeZone: 'Europe/Berlin' } }
    test('are days', async () => {
      expect(await ids(is('Founded', '=', day('2026-11-24')))).toBe('a1')
      expect(await ids(is('Founded', '<', day('2026-11-24')))).toBe('a2 a6')
      expect(await ids(is('Founded', '=', dateLiteral('TODAY')))).toBe('a1')
      expect(await ids(is('Founded', '!=', dateLiteral('THIS_YEAR')))).toBe('a3 a4 a6')
      expect(await ids(is('Founded', '=', dateLiteral('LAST_N_DAYS', 0)))).toBe('a1')
      expect(await ids(isIn('Founded', dateLiteral('TODAY'), day('2024-02-29')))).toBe('a1 a6')
      expect(await ids(notIn('Founded', dateLiteral('TODAY'), day('2024-02-29')))).toBe('a2 a3 a4')
    })
    test.each(['SeenAt', 'PingedAt', 'SyncedAt'])('%s is an instant, in the caller’s day', async (field) => {
      expect(await ids(is(field, '=', dateLiteral('TODAY')))).toBe('a1')
      expect(await ids(is(field, '=', dateLiteral('TOMORROW')), berlin)).toBe('a1 a2')
      expect(await ids(is(field, '>', dateLiteral('TODAY')))).toBe('a2')
      expect(await ids(is(field, '>=', dateLiteral('TODAY')))).toBe('a1 a2')
      expect(await ids(is(field, '<=', dateLiteral('TODAY')))).toBe('a1')
      expect(await ids(not(is(field, '<=', dateLiteral('TODAY'))))).toBe('a2 a3 a4 a6')
      expect(await ids(is(field, '<', time('2026-11-25T00:30:01+01:00')))).toBe('a1')
      expect(await ids(is(field, '>', js(new Date('2026-11-24T23:30:00.500Z'))))).toBe('a2')
      expect(await ids(is(field, '=', time('2026-11-25T05:30:00Z')))).toBe('a2')
    })
    test('between whole seconds are rounded to nothing', async () => {
      expect(await ids(is('SyncedAt', '=', time('2026-11-25T05:30:00.500Z')))).toBe('')
      expect(await ids(is('SyncedAt', '>=', time('2026-11-25T05:30:00.500Z')))).toBe('')
      expect(await ids(is('SyncedAt', '<=', time('2026-11-25T05:30:00.500Z')))).toBe('a1 a2')
      expect(
        await ids(isIn('SyncedAt', time('2026-11-25T05:30:00.500Z'), time('2026-11-25T05:30:00Z'))),
      ).toBe('a2')
    })
    test.each([
      ['CALENDAR_YEAR', 2024, 'a6'],
      ['CALENDAR_QUARTER', 4, 'a1'],
      ['CALENDAR_MONTH', 1, 'a2'],
      ['DAY_IN_MONTH', 29, 'a6'],
      ['DAY_IN_WEEK', 3, 'a1'],
      ['DAY_IN_YEAR', 60, 'a6'],
      ['WEEK_IN_MONTH', 5, 'a2 a6'],
      ['WEEK_IN_YEAR', 9, 'a6'],
    ])('%s of a date', async (name, value, expected) => {
      expect(await ids(is(call(name, { kind: 'field', path: ['Founded'] }), '=', value))).toBe(expected)
    })
    test('have fiscal parts where the year begins in another month', async () => {
      const founded = { kind: 'field', path: ['Founded'] } as const
      const fiscal = { fiscalYearStart: 2 }
      expect(await ids(is(call('FISCAL_MONTH', founded), '=', 12), fiscal)).toBe('a2')
      expect(await ids(is(call('FISCAL_QUARTER', founded), '=', 1), fiscal)).toBe('a6')
      expect(await ids(is(call('FISCAL_YEAR', founded), '=', 2026), fiscal)).toBe('a2')
      expect(await ids(is('Founded', '=', dateLiteral('THIS_FISCAL_YEAR')), fiscal)).toBe('a1')
    })
    test.each(['SeenAt', 'PingedAt', 'SyncedAt'])(
      'parts of %s are in UTC unless converted',
      async (field) => {
        const at = { kind: 'field', path: [field] } as const
        const converted = call('CONVERTTIMEZONE', at)
        expect(await ids(is(call('HOUR_IN_DAY', at), '=', 23), berlin)).toBe('a1')
        expect(await ids(is(call('HOUR_IN_DAY', converted), '=', 0), berlin)).toBe('a1')
        expect(await ids(is(call('DAY_ONLY', at), '=', day('2026-11-24')), berlin)).toBe('a1')
        expect(await ids(is(call('DAY_ONLY', at), '!=', day('2026-11-24')), berlin)).toBe('a2 a3 a4 a6')
        expect(await ids(not(is(call('DAY_ONLY', at), '<', day('2026-11-25'))), berlin)).toBe('a2 a3 a4 a6')
        expect(await ids(is(call('DAY_ONLY', at), '<=', day('2026-11-24')), berlin)).toBe('a1')
        expect(await ids(is(call('DAY_ONLY', at), '=', dateLiteral('TODAY')), berlin)).toBe('a1')
        expect(await ids(is(call('DAY_ONLY', at), '<', day('9999-12-31')), berlin)).toBe('a1 a2')
        expect(await ids(isIn(call('DAY_ONLY', at), day('2026-11-24'), day('2026-11-25')), berlin)).toBe(
          'a1 a2',
        )
        expect(await ids(is(call('CALENDAR_YEAR', converted), '=', 2026), berlin)).toBe('a1 a2')
        expect(await ids(is(call('CALENDAR_YEAR', at), '>', 2026), berlin)).toBe('')
        expect(await ids(is(call('CALENDAR_YEAR', at), '<', 20260), berlin)).toBe('a1 a2')
        expect(await ids(is(call('DAY_ONLY', converted), '=', day('2026-11-25')), berlin)).toBe('a1 a2')
      },
    )
  })
}
