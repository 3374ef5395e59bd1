import { describe, expect, test } from 'vitest'
import { isMillraceError, type MillraceError } from '../../kernel/rules/errors.ts'
import { defineObject } from '../object/define-object.ts'
import { id, text } from '../object/field.ts'
import { Schema } from '../object/schema.ts'
import type { Condition, Query } from '../query/query.ts'
import { compile, type CompileEnv } from './compile.ts'
import { caller, envFor } from './test-support/records.ts'
import {
  bind,
  by,
  call,
  dateLiteral,
  day,
  f,
  from,
  includes,
  inQuery,
  is,
  isIn,
  js,
  like,
  time,
} from './test-support/query.ts'

function refusal(query: Query, env: CompileEnv = envFor('postgres')): MillraceError {
  try {
    compile(query, env)
  } catch (error) {
    if (isMillraceError(error)) return error
    throw error
  }
  throw new Error('was compiled')
}

const accounts = (where: Query['where'], more: Partial<Query> = {}): Query =>
  from('Account', ['Id'], { ...(where && { where }), ...more })
const count = call('COUNT', f('Id'))
const grouped = (more: Partial<Query>, ...select: Parameters<typeof from>[1]): Query =>
  from('Account', select, { groupBy: { kind: 'plain', by: [f('Name')] }, ...more })

describe('wrong use is refused, naming the place', () => {
  test.each<[string, Query]>([
    ['Name', accounts(is('Name', '=', 5))],
    ['Employees', accounts(is('Employees', '=', '5'))],
    ['Employees', accounts(is('Employees', '=', js(Number.NaN)))],
    ['Founded', accounts(is('Founded', '=', '2026-01-01'))],
    ['Founded', accounts(is('Founded', '=', time('2026-01-01T00:00:00Z')))],
    ['Founded', accounts(is('Founded', '=', day('2026-02-30')))],
    ['SeenAt', accounts(is('SeenAt', '=', day('2026-01-01')))],
    ['SeenAt', accounts(is('SeenAt', '=', time('2026-02-30T00:00:00Z')))],
    ['SeenAt', accounts(is('SeenAt', '=', js(new Date(Number.NaN))))],
    ['Name', accounts(is('Name', '=', dateLiteral('TODAY')))],
    ['SOMEDAY', accounts(is('Founded', '=', dateLiteral('SOMEDAY')))],
    ['LAST_N_DAYS', accounts(is('Founded', '=', dateLiteral('LAST_N_DAYS')))],
    ['N_YEARS_AGO:9000', accounts(is('Founded', '=', dateLiteral('N_YEARS_AGO', 9000)))],
    ['Active', accounts(is('Active', '<', true))],
    ['Active', accounts(is('Active', '=', 'true'))],
    ['Extra', accounts(is('Extra', '=', null))],
    ['Employees', accounts(like('Employees', '1%'))],
    ['Id', accounts(like('Id', 'a%'))],
    ['Name', accounts(includes('Name', ['a']))],
    ['Name', accounts(is('Name', '=', js(['a'])))],
    ['Name', accounts(isIn('Name', js([['a']])))],
    ['OwnerId', accounts(is('OwnerId', '=', 'x'))],
    ['COUNT(Id)', accounts(is(count, '>', 1))],
    ['HOUR_IN_DAY(Founded)', accounts(is(call('HOUR_IN_DAY', f('Founded')), '=', 1))],
    ['CALENDAR_YEAR(Name)', accounts(is(call('CALENDAR_YEAR', f('Name')), '=', 1))],
    [
      'CONVERTTIMEZONE(SeenAt)',
      accounts(is(call('CONVERTTIMEZONE', f('SeenAt')), '=', time('2026-01-01T00:00:00Z'))),
    ],
    ['LIMIT', accounts(undefined, { limit: js(-1) })],
    ['LIMIT', accounts(undefined, { limit: js(1.5) })],
    ['LIMIT', accounts(undefined, { limit: js('1; drop table account') })],
    ['OFFSET', accounts(undefined, { offset: js(Number.POSITIVE_INFINITY) })],
    ['Topics', accounts(undefined, { orderBy: [by('Topics')] })],
    ['Extra', accounts(undefined, { orderBy: [by('Extra')] })],
    ['HAVING', accounts(undefined, { having: is('Id', '=', 'a') })],
    ['COUNT()', from('Account', ['Id', { kind: 'count' }])],
    ['Id', from('Account', ['Id', count])],
    ['Code', grouped({}, 'Name', 'Code')],
    ['Code', grouped({ orderBy: [by('Code')] }, 'Name')],
    ['Code', grouped({ having: is('Code', '=', 'x') }, 'Name')],
    ['FOR UPDATE', grouped({ forUpdate: true }, 'Name')],
    ['EXPR0', grouped({}, { ...count, alias: 'expr0' }, { ...count, alias: 'EXPR0' })],
    ['LIMIT', from('Account', [count], { limit: js(1) })],
    ['ORDER BY', from('Account', [count], { orderBy: [by(count)] })],
    ['SUM(Name)', from('Account', [call('SUM', f('Name'))])],
    ['MAX(Active)', from('Account', [call('MAX', f('Active'))])],
    ['Topics', from('Account', [count], { groupBy: { kind: 'plain', by: [f('Topics')] } })],
    [
      'GROUP BY CUBE',
      from('Account', [count], { groupBy: { kind: 'cube', by: ['Name', 'Code', 'Rating', 'Score'].map(f) } }),
    ],
    ['GROUPING(Name)', grouped({}, call('GROUPING', f('Name')))],
    ['USING SCOPE mine', accounts(undefined, { scope: 'mine' })],
    ['USING SCOPE mine', from('Contact', ['Id'], { scope: 'mine' })],
    [
      'TYPEOF Owner',
      from('Account', [{ kind: 'typeof', relationship: ['Owner'], when: [], otherwise: [['Name']] }]),
    ],
    ['Id IN (SELECT … FROM Contact)', accounts(inQuery('Id', from('Contact', ['LastName'])))],
    ['Id IN (SELECT … FROM Contact)', accounts(inQuery('Id', from('Contact', ['AccountId', 'Id'])))],
  ])('%s', (place, query) => {
    const error = refusal(query)
    expect(error.code).toBe('MILL_QUERY_INVALID')
    expect(error.message).toContain(place)
    expect(JSON.stringify(error.data)).toContain(JSON.stringify(place).slice(1, -1))
  })

  test('of conditions and queries nested without end', () => {
    const nested = (depth: number): Condition =>
      depth === 0 ? is('Name', '=', 'a') : { kind: 'not', of: nested(depth - 1) }
    expect(refusal(accounts(nested(300))).code).toBe('MILL_SOQL_UNSUPPORTED')
    expect(compile(accounts(nested(200)), envFor('sqlite')).count).toBe(false)
    const within = (depth: number): Query =>
      from('Account', ['Id'], depth === 0 ? {} : { where: inQuery('Id', within(depth - 1)) })
    expect(refusal(within(30)).code).toBe('MILL_SOQL_UNSUPPORTED')
    expect(compile(within(20), envFor('sqlite')).count).toBe(false)
  })
  test('of an alias that is no name', () => {
    const query = from('Account', [{ kind: 'field', path: ['Id'], alias: '"; drop' }])
    expect(refusal(query).code).toBe('MILL_QUERY_INVALID')
  })
  test('of text that no database can hold', () => {
    expect(refusal(accounts(is('Name', '=', 'a\0b'))).code).toBe('MILL_TEXT_UNSTORABLE')
    expect(refusal(accounts(isIn('Id', 'a', '\ud800'))).code).toBe('MILL_TEXT_UNSTORABLE')
  })
})

describe('what is not supported is refused with the reason', () => {
  test.each<[string, Query]>([
    ['one currency', accounts(is('Revenue', '>', { kind: 'currency', code: 'USD', value: 5 }))],
    ['one currency', from('Account', [call('CONVERTCURRENCY', f('Revenue'))])],
    ['locations', accounts(is(call('DISTANCE', f('Name')), '<', 5))],
    ['does not know', accounts(is(call('SLEEP', f('Name')), '<', 5))],
    ['several objects', from('Task', ['What.Owner.Name'])],
    ['no order', accounts(inQuery('Id', from('Contact', ['AccountId'], { limit: js(1) })))],
    [
      'are records',
      from('Account', [{ kind: 'children', relationship: 'Contacts', query: grouped({}, 'Name') }]),
    ],
  ])('%s', (reason, query) => {
    const error = refusal(query)
    expect(error.code).toBe('MILL_SOQL_UNSUPPORTED')
    expect(error.message).toContain(reason)
  })
})

describe('names that are not there', () => {
  test('of objects, fields and relationships get the nearest', () => {
    expect(refusal(from('Acount', ['Id']))).toMatchObject({
      code: 'MILL_OBJECT_UNKNOWN',
      data: { near: 'Account' },
    })
    expect(refusal(from('Account', ['Nam']))).toMatchObject({
      code: 'MILL_FIELD_UNKNOWN',
      data: { near: 'Name' },
    })
    expect(refusal(from('Account', ['Ownr.Name']))).toMatchObject({
      code: 'MILL_FIELD_UNKNOWN',
      data: { near: 'Owner' },
    })
    expect(
      refusal(from('Account', [{ kind: 'children', relationship: 'Contact', query: from('', ['Id']) }])),
    ).toMatchObject({
      code: 'MILL_FIELD_UNKNOWN',
      data: { near: 'Contacts' },
    })
    expect(refusal(from('Task', ['What.Nothing'])).code).toBe('MILL_FIELD_UNKNOWN')
  })
  test('of binds too, and of what every object inherits', () => {
    const binds = { names: ['a'] }
    const error = refusal(accounts(isIn('Name', bind('name'))), envFor('postgres', { binds }))
    expect(error).toMatchObject({ code: 'MILL_BIND_MISSING', data: { bind: 'name' } })
    expect(error.message).toContain(':names')
    for (const name of ['toString', '__proto__', 'names.length2', 'constructor.name'])
      expect(refusal(accounts(isIn('Name', bind(name))), envFor('postgres', { binds })).code).toBe(
        'MILL_BIND_MISSING',
      )
  })
})

describe('rights', () => {
  const nameOf = (named: string | { readonly name: string }): string =>
    typeof named === 'string' ? named : named.name
  const readable = new Set([
    'Account',
    'Account.Id',
    'Account.Name',
    'Account.OwnerId',
    'User',
    'User.Id',
    'User.Name',
  ])
  const env = envFor('sqlite', {
    caller: { ...caller, principal: { id: '1', roles: ['x'] } },
    access: {
      mayObject: (_, object) => readable.has(nameOf(object)),
      mayField: (_, object, field) => readable.has(`${nameOf(object)}.${nameOf(field)}`),
    },
  })
  test.each<[string, Query]>([
    ['Account.Secret__c', from('Account', ['Secret__c'])],
    ['Account.Secret__c', accounts(is('Secret__c', '=', 'x'))],
    ['Account.Secret__c', accounts(undefined, { orderBy: [by('Secret__c')] })],
    ['Account.Secret__c', from('Account', [count], { groupBy: { kind: 'plain', by: [f('Secret__c')] } })],
    ['Account.Secret__c', from('Account', [call('MAX', f('Secret__c'))])],
    ['User.IsActive', from('Account', ['Owner.IsActive'])],
    ['Account.ParentId', from('Account', ['Parent.Name'])],
    ['Contact', from('Contact', ['Id'])],
    ['Contact', accounts(inQuery('Id', from('Contact', ['AccountId'])))],
    ['Contact', from('Account', [{ kind: 'children', relationship: 'Contacts', query: from('', ['Id']) }])],
  ])('on %s are missing', (what, query) => {
    const asUser = refusal({ ...query, mode: 'user' }, env)
    expect(asUser).toMatchObject({ code: 'MILL_ACCESS_DENIED' })
    expect(asUser.message).toContain(`${what} may not be read`)
    expect(compile(query, env).object.name).toBe(query.from)
    expect(compile({ ...query, mode: 'system' }, env).object.name).toBe(query.from)
  })
  test('count for what is selected alone WITH SECURITY_ENFORCED', () => {
    const query = accounts(is('Secret__c', '=', 'x'), { mode: 'securityEnforced' })
    expect(compile(query, env).count).toBe(false)
    expect(refusal({ ...query, select: [f('Secret__c')] }, env).code).toBe('MILL_ACCESS_DENIED')
    const groups = from('Account', [count], {
      groupBy: { kind: 'plain', by: [f('Secret__c')] },
      mode: 'securityEnforced',
    })
    expect(compile(groups, env).count).toBe(false)
    expect(refusal({ ...groups, select: [f('Secret__c'), count] }, env).code).toBe('MILL_ACCESS_DENIED')
  })
  test('leave out of FIELDS(ALL) what may not be read', () => {
    const query = from('Account', [{ kind: 'fields', which: 'all' }])
    expect(compile({ ...query, mode: 'user' }, env).columns.map(({ name }) => name)).toEqual([
      'Id',
      'Name',
      'OwnerId',
    ])
  })
})

describe('a statement', () => {
  const hostile = `x" or 1=1; drop table "account" -- '`
  const odd = defineObject({
    name: 'Odd',
    table: 'odd',
    fields: { Id: id(), Bad: text({ column: hostile }) },
  })
  test.each(['sqlite', 'postgres'] as const)('quotes names and binds every value on %s', (kind) => {
    const query = from('Odd', ['Bad'], {
      where: {
        kind: 'and',
        of: [is('Bad', '=', hostile), like('Bad', `${hostile}%`), isIn('Bad', hostile, 'other')],
      },
      orderBy: [by('Bad')],
    })
    const { statement } = compile(query, envFor(kind, { schema: new Schema([odd]) }))
    const text = statement.segments.join('?')
    expect(statement.segments).toHaveLength(statement.params.length + 1)
    expect(text.replaceAll(`"${hostile.replaceAll('"', '""')}"`, 'quoted')).not.toContain('drop')
    expect(text).toContain('"x"" or 1=1')
  })
  test.each(['sqlite', 'postgres'] as const)('has the same text for other values on %s', (kind) => {
    const texts = ['a', "b'"].map((value) => {
      const query = accounts(is('Name', '=', value), { limit: js(value.length) })
      return compile(query, envFor(kind)).statement.segments.join('?')
    })
    expect(texts[0]).toBe(texts[1])
  })
})
