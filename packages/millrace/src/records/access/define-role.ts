import { MillraceError } from '../../kernel/rules/errors.ts'
import { optionFields } from '../../kernel/rules/option-fields.ts'
import type { ObjectPermissions } from './principal.ts'

/** What its bearers may do with records: a frozen value. Several roles of one bearer add up. */
export interface RoleDefinition {
  readonly kind: 'role'
  readonly name: string
  readonly label: string
  /** By object name, in any case. */
  readonly objects: Readonly<Record<string, ObjectPermissions>>
  /** Of every object that `objects` does not name. */
  readonly allObjects: ObjectPermissions
}

export interface RoleOptions {
  /** 1 to 100 letters, digits and any of `. _ - : @ /`: what `runAs` and principals call it. */
  readonly name: string
  readonly label?: string
  readonly objects?: Readonly<Record<string, ObjectPermissions>>
  readonly allObjects?: ObjectPermissions
}

const namePattern = /^[A-Za-z0-9._:@/-]{1,100}$/
const rights = ['read', 'create', 'edit', 'delete'] as const

/**
 * A role. Names of objects and fields are looked up when the definitions are loaded, not here. Throws MILL_ROLE_INVALID for
 * everything else.
 */
export function defineRole(given: RoleOptions): RoleDefinition {
  optionFields(given, ['name', 'label', 'objects', 'allObjects'], 'defineRole', 'MILL_ROLE_INVALID')
  const { name, label = name, objects = {}, allObjects = {} } = given
  if (typeof name !== 'string' || !namePattern.test(name))
    throw invalidRole(
      'defineRole',
      `needs a name of 1 to 100 letters, digits and any of . _ - : @ /; got ${JSON.stringify(name)}`,
    )
  const where = `role ${name}`
  plainObject(objects, `${where}, objects`)
  return Object.freeze({
    kind: 'role',
    name,
    label,
    objects: Object.freeze(
      Object.fromEntries(
        Object.entries(objects).map(([object, given]) => [object, permissions(`${where}, ${object}`, given)]),
      ),
    ),
    allObjects: permissions(`${where}, allObjects`, allObjects),
  })
}

export function isRoleDefinition(value: unknown): value is RoleDefinition {
  return typeof value === 'object' && value !== null && (value as Partial<RoleDefinition>).kind === 'role'
}

/** MILL_ROLE_INVALID, saying where and what. */
export function invalidRole(where: string, what: string): MillraceError {
  return new MillraceError('MILL_ROLE_INVALID', `${where} ${what}.`, { data: { where } })
}

/** A frozen copy, so that nobody widens a role after it was checked. */
function permissions(where: string, given: ObjectPermissions): ObjectPermissions {
  optionFields(given, [...rights, 'fields'], where, 'MILL_ROLE_INVALID')
  for (const right of rights) flag(where, right, given[right])
  const { fields, ...own } = given
  if (fields === undefined) return Object.freeze(own)
  plainObject(fields, `${where}, fields`)
  const copies = Object.entries(fields).map(([field, one]) => {
    const place = `${where}.${field}`
    optionFields(one, ['read', 'edit'], place, 'MILL_ROLE_INVALID')
    flag(place, 'read', one.read)
    flag(place, 'edit', one.edit)
    return [field, Object.freeze({ ...one })] as const
  })
  return Object.freeze({ ...own, fields: Object.freeze(Object.fromEntries(copies)) })
}

function plainObject(value: unknown, where: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidRole(where, 'must be an object by names')
}

function flag(where: string, right: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean')
    throw invalidRole(where, `has ${right}: ${JSON.stringify(value)}; it must be true or false`)
}
