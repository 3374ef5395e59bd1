import { meant } from '../../kernel/rules/nearest-name.ts'
import type { ObjectInfo, Schema } from '../object/schema.ts'
import { invalidRole, type RoleDefinition } from './define-role.ts'
import type { Caller, ObjectPermissions } from './principal.ts'

export type Right = 'read' | 'create' | 'edit' | 'delete'

interface Named {
  readonly name: string
}
type FieldPermissions = NonNullable<ObjectPermissions['fields']>[string]

/** The rights of one role on one object, fields by lower-case name. */
interface Grant {
  readonly own: ObjectPermissions
  readonly fields: ReadonlyMap<string, FieldPermissions>
}

interface Role {
  readonly named: ReadonlyMap<string, Grant>
  readonly others: Grant
}

/**
 * Who may do what with which object and field, by the roles of the caller's principal; they add up. Pure, and the same for every
 * caller: whether rights count at all for a statement (WITH USER_MODE, `mode: 'user'`) is decided by who makes it. A system caller
 * (principal null) may everything; a role that is not defined grants nothing.
 */
export class Access {
  readonly #roles: ReadonlyMap<string, Role>
  readonly #ids: ReadonlyMap<string, string>

  /** Throws MILL_ROLE_INVALID for two roles of one name, and for an object or field that is not there, with the nearest name. */
  constructor(schema: Schema, roles: readonly RoleDefinition[] = []) {
    const found = new Map<string, Role>()
    for (const role of roles) {
      if (found.has(role.name)) throw invalidRole(`role ${role.name}`, 'is defined twice')
      found.set(role.name, resolved(schema, role))
    }
    this.#roles = found
    this.#ids = new Map(schema.objects.map((one) => [one.name.toLowerCase(), one.idField.name.toLowerCase()]))
  }

  /** Whether some role of the caller gives the right on the object. */
  mayObject(caller: Caller, object: Named, right: Right): boolean {
    return this.#may(caller, object, right, undefined)
  }

  /**
   * Whether one role of the caller gives the right on the object and on the field. For `create` and `edit` a field must be one that
   * may be edited. The id has no right of its own: it follows the object.
   */
  mayField(caller: Caller, object: Named, field: Named, right: Right): boolean {
    const name = lower(field)
    return this.#may(caller, object, right, name === this.#ids.get(lower(object)) ? undefined : name)
  }

  #may(caller: Caller, object: Named, right: Right, field: string | undefined): boolean {
    if (caller.principal === null) return true
    const name = lower(object)
    return caller.principal.roles.some((roleName) => {
      const role = this.#roles.get(roleName)
      return role !== undefined && allows(role.named.get(name) ?? role.others, right, field)
    })
  }
}

function allows({ own, fields }: Grant, right: Right, field: string | undefined): boolean {
  if (own[right] !== true) return false
  const special = field === undefined ? undefined : fields.get(field)
  if (special === undefined || right === 'delete') return true
  const { read = true } = special
  // Who may not see a field may not overwrite it unseen either, unless the role says so.
  return right === 'read' ? read : (special.edit ?? read)
}

function lower({ name }: Named): string {
  return name.toLowerCase()
}

function resolved(schema: Schema, role: RoleDefinition): Role {
  const where = `role ${role.name}`
  const named = new Map<string, Grant>()
  for (const [name, own] of Object.entries(role.objects)) {
    const object = schema.find(name)
    if (object === undefined)
      throw invalidRole(
        where,
        `names the object ${name}, which is not there${meant(name, namesOf(schema.objects))}`,
      )
    const key = object.name.toLowerCase()
    if (named.has(key)) throw invalidRole(where, `names the object ${object.name} twice`)
    named.set(key, { own, fields: fieldsOf(where, object, own) })
  }
  if (role.allObjects.fields !== undefined)
    throw invalidRole(where, 'has fields in allObjects; fields are named by object')
  return { named, others: { own: role.allObjects, fields: new Map() } }
}

function fieldsOf(
  where: string,
  object: ObjectInfo,
  { fields = {} }: ObjectPermissions,
): ReadonlyMap<string, FieldPermissions> {
  const found = new Map<string, FieldPermissions>()
  for (const [name, own] of Object.entries(fields)) {
    const field = object.find(name)
    const place = `${where}, object ${object.name},`
    if (field === undefined)
      throw invalidRole(
        place,
        `names the field ${name}, which is not there${meant(name, namesOf(object.fields))}`,
      )
    if (field.type === 'id')
      throw invalidRole(place, `names the field ${field.name}; an id has no rights of its own`)
    const key = field.name.toLowerCase()
    if (found.has(key)) throw invalidRole(place, `names the field ${field.name} twice`)
    found.set(key, own)
  }
  return found
}

function namesOf(named: readonly Named[]): string[] {
  return named.map(({ name }) => name)
}
