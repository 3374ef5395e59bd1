import { describe, expect, test } from 'vitest'
import { defineObject } from '../object/define-object.ts'
import { currency, id, text } from '../object/field.ts'
import { Schema } from '../object/schema.ts'
import { Access, type Right } from './access.ts'
import { defineRole, type RoleOptions } from './define-role.ts'
import type { Caller } from './principal.ts'

const Account = defineObject({
  name: 'Account',
  fields: { Id: id(), Name: text(), Salary: currency() },
})
const Contact = defineObject({ name: 'Contact', fields: { Id: id(), Name: text() } })
const schema = new Schema([Account, Contact])

function as(...roles: string[]): Caller {
  return { tenant: 'a', principal: { id: 'u1', roles }, timeZone: 'UTC', now: 0 }
}
const system: Caller = { ...as(), principal: null }

/** What the roles give, asked by names. */
function accessOf(...roles: RoleOptions[]) {
  const access = new Access(schema, roles.map(defineRole))
  return (caller: Caller, object: string, right: Right, field?: string): boolean =>
    field === undefined
      ? access.mayObject(caller, { name: object }, right)
      : access.mayField(caller, { name: object }, { name: field }, right)
}

describe('Access', () => {
  test('a system caller may everything, whatever the roles', () => {
    const may = accessOf()
    expect(may(system, 'Account', 'delete')).toBe(true)
    expect(may(system, 'Account', 'read', 'Salary')).toBe(true)
  })

  test('what no role gives is not allowed: no roles, an unknown role, a right that is absent', () => {
    const may = accessOf({ name: 'clerk', objects: { Account: { read: true } } })
    expect(may(as(), 'Account', 'read')).toBe(false)
    expect(may(as('ghost'), 'Account', 'read')).toBe(false)
    expect(may(as('clerk'), 'Account', 'read')).toBe(true)
    expect(may(as('clerk'), 'Account', 'edit')).toBe(false)
    expect(may(as('clerk'), 'Contact', 'read')).toBe(false)
  })

  test('names count in any case, as in SOQL', () => {
    const may = accessOf({
      name: 'clerk',
      objects: { account: { read: true, fields: { SALARY: { read: false } } } },
    })
    expect(may(as('clerk'), 'ACCOUNT', 'read')).toBe(true)
    expect(may(as('clerk'), 'Account', 'read', 'salary')).toBe(false)
  })

  test('names of the language itself are names like others', () => {
    const may = accessOf({ name: 'clerk', allObjects: { read: true } })
    expect(may(as('constructor'), 'Account', 'read')).toBe(false)
    expect(may(as('__proto__'), 'Account', 'read')).toBe(false)
  })

  test('fields follow the object unless the role names them', () => {
    const may = accessOf({
      name: 'clerk',
      objects: {
        Account: { read: true, create: true, edit: true, fields: { Salary: { edit: false } } },
      },
    })
    expect(may(as('clerk'), 'Account', 'edit', 'Name')).toBe(true)
    expect(may(as('clerk'), 'Account', 'read', 'Salary')).toBe(true)
    expect(may(as('clerk'), 'Account', 'edit', 'Salary')).toBe(false)
    expect(may(as('clerk'), 'Account', 'create', 'Salary')).toBe(false)
    expect(may(as('clerk'), 'Account', 'edit', 'Id')).toBe(true)
  })

  test('a field that may not be read may not be edited unless the role says so', () => {
    const hidden = { read: true, edit: true, fields: { Salary: { read: false } } }
    const blind = { read: true, edit: true, fields: { Salary: { read: false, edit: true } } }
    const may = accessOf(
      { name: 'hidden', objects: { Account: hidden } },
      { name: 'blind', objects: { Account: blind } },
    )
    expect(may(as('hidden'), 'Account', 'edit', 'Salary')).toBe(false)
    expect(may(as('blind'), 'Account', 'edit', 'Salary')).toBe(true)
    expect(may(as('blind'), 'Account', 'read', 'Salary')).toBe(false)
  })

  test('a field is of no use without the object', () => {
    const may = accessOf({ name: 'clerk', objects: { Account: { fields: { Salary: { read: true } } } } })
    expect(may(as('clerk'), 'Account', 'read', 'Salary')).toBe(false)
  })

  test('roles add up, object and field from one and the same role', () => {
    const may = accessOf(
      { name: 'reader', objects: { Account: { read: true, fields: { Salary: { read: false } } } } },
      { name: 'payroll', objects: { Account: { read: true } } },
    )
    expect(may(as('reader'), 'Account', 'read', 'Salary')).toBe(false)
    expect(may(as('reader', 'payroll'), 'Account', 'read', 'Salary')).toBe(true)
  })

  test('allObjects is for every object that the role does not name', () => {
    const may = accessOf({
      name: 'auditor',
      allObjects: { read: true },
      objects: { Contact: {} },
    })
    expect(may(as('auditor'), 'Account', 'read', 'Salary')).toBe(true)
    expect(may(as('auditor'), 'Account', 'edit')).toBe(false)
    expect(may(as('auditor'), 'Contact', 'read')).toBe(false)
  })
})

describe('roles that do not fit', () => {
  const cases: [string, RoleOptions[], RegExp][] = [
    [
      'an unknown object',
      [{ name: 'r', objects: { Acount: {} } }],
      /object Acount, which is not there \(did you mean Account\?\)/,
    ],
    [
      'an unknown field',
      [{ name: 'r', objects: { Account: { fields: { Salry: { read: true } } } } }],
      /object Account, names the field Salry, .*\(did you mean Salary\?\)/,
    ],
    [
      'the id',
      [{ name: 'r', objects: { Account: { fields: { Id: { read: false } } } } }],
      /no rights of its own/,
    ],
    ['an object twice', [{ name: 'r', objects: { Account: {}, ACCOUNT: {} } }], /object Account twice/],
    [
      'a field twice',
      [{ name: 'r', objects: { Account: { fields: { Name: {}, name: {} } } } }],
      /field Name twice/,
    ],
    ['a role twice', [{ name: 'r' }, { name: 'r' }], /role r is defined twice/],
    ['fields of all objects', [{ name: 'r', allObjects: { fields: {} } }], /fields are named by object/],
    ['no name', [{ name: '' }], /needs a name/],
    [
      'a misspelled right',
      [{ name: 'r', objects: { Account: { rread: true } as object } }],
      /did you mean read\?/,
    ],
    [
      'a right that is no boolean',
      [{ name: 'r', objects: { Account: { read: 'yes' } as object } }],
      /read: "yes"; it must be true or false/,
    ],
    [
      'a field right that is no boolean',
      [{ name: 'r', objects: { Account: { fields: { Name: { edit: 1 } } } as object } }],
      /Account.Name has edit: 1/,
    ],
    [
      'an object without rights',
      [{ name: 'r', objects: { Account: null as unknown as object } }],
      /must be an object/,
    ],
  ]
  test.each(cases)('%s', (_, roles, message) => {
    expect(() => accessOf(...roles)).toThrow(
      expect.objectContaining({
        code: 'MILL_ROLE_INVALID',
        message: expect.stringMatching(message) as string,
      }),
    )
  })

  test('a role cannot be widened once it is made', () => {
    const given = { Account: { read: true, edit: false } }
    const role = defineRole({ name: 'r', objects: given })
    given.Account.edit = true
    expect(role.objects).toEqual({ Account: { read: true, edit: false } })
    expect(Object.isFrozen(role.objects['Account'])).toBe(true)
  })
})
