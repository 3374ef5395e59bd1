import { MillraceError } from '../../kernel/rules/errors.ts'
import { optionFields } from '../../kernel/rules/option-fields.ts'
import { meant } from '../../kernel/rules/nearest-name.ts'
import type { FieldType } from './field.ts'
import type { Fields, ObjectDefinition } from './object.ts'

export interface ObjectOptions<F extends Fields> {
  /** A letter, then letters, digits and `_`, at most 80: what SOQL calls it. */
  readonly name: string
  readonly label?: string
  readonly pluralLabel?: string
  /** Default: the name. `schema.table` on PostgreSQL. */
  readonly table?: string
  readonly fields: F
  readonly nameField?: keyof F & string
  readonly tenant?: keyof F & string
  readonly softDelete?: keyof F & string
  readonly version?: keyof F & string
  readonly createdAt?: keyof F & string
  readonly modifiedAt?: keyof F & string
  readonly owner?: keyof F & string
  readonly readOnly?: boolean
}

const options = [
  ...['name', 'label', 'pluralLabel', 'table', 'fields', 'nameField', 'tenant', 'softDelete', 'version'],
  ...['createdAt', 'modifiedAt', 'owner', 'readOnly'],
]
const namePattern = /^[A-Za-z][A-Za-z0-9_]{0,79}$/
const tablePattern = /^[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62})?$/
const roles = {
  nameField: ['text', 'id', 'picklist', 'integer', 'number'],
  tenant: ['text', 'reference', 'id'],
  softDelete: ['boolean', 'datetime'],
  version: ['integer'],
  createdAt: ['datetime'],
  modifiedAt: ['datetime'],
  owner: ['reference', 'text'],
} as const satisfies Record<string, readonly FieldType[]>

/**
 * Sees a table as an object, for SOQL, DML, triggers, list views and reports. The table stays the application's own. Throws
 * MILL_OBJECT_INVALID naming the field.
 */
export function defineObject<const F extends Fields>(given: ObjectOptions<F>): ObjectDefinition<F> {
  optionFields(given, options, 'defineObject', 'MILL_OBJECT_INVALID')
  const { name, table = name, fields } = given
  if (typeof name !== 'string' || !namePattern.test(name))
    throw invalid(
      'defineObject',
      `needs a name: a letter, then letters, digits and "_", at most 80 characters; got ${JSON.stringify(name)}`,
    )
  const where = `object ${name}`
  if (!tablePattern.test(table)) throw invalid(where, `has no valid table name: ${JSON.stringify(table)}`)
  const idField = checkFields(where, fields)
  for (const [role, types] of Object.entries(roles))
    checkRole(where, fields, role, given[role as keyof typeof roles], types)
  return Object.freeze({
    kind: 'object',
    name,
    label: given.label ?? name,
    pluralLabel: given.pluralLabel ?? given.label ?? name,
    table,
    source: undefined,
    fields: Object.freeze({ ...fields }),
    idField,
    nameField: given.nameField ?? ('Name' in fields ? 'Name' : undefined),
    tenant: given.tenant,
    softDelete: given.softDelete,
    version: given.version,
    createdAt: given.createdAt,
    modifiedAt: given.modifiedAt,
    owner: given.owner,
    readOnly: given.readOnly ?? false,
  })
}

function checkFields(where: string, fields: Fields): string {
  const seen = new Map<string, string>()
  for (const [name, field] of Object.entries(fields)) {
    if (!namePattern.test(name)) throw invalid(where, `has a field with a bad name: ${JSON.stringify(name)}`)
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) throw invalid(where, `has the field ${name} twice (${other})`)
    seen.set(name.toLowerCase(), name)
    if (typeof field?.type !== 'string')
      throw invalid(where, `field ${name} is none: make it with text(), number(), reference() and the like`)
    for (const option of ['column', 'typeColumn'] as const)
      if (!isColumn(field[option])) throw invalid(where, `field ${name} has no valid ${option}`)
    if (field.type === 'reference' && field.references.length > 1 && field.typeColumn === undefined)
      throw invalid(where, `field ${name} points to several objects and needs a typeColumn that tells which`)
  }
  const ids = Object.keys(fields).filter((name) => fields[name]?.type === 'id')
  if (ids.length !== 1)
    throw invalid(where, `needs exactly one field made by id() or integerId(); it has ${ids.length}`)
  return ids[0] ?? ''
}

function isColumn(given: unknown): boolean {
  return given === undefined || (typeof given === 'string' && given !== '' && !given.includes('\0'))
}

function checkRole(
  where: string,
  fields: Fields,
  role: string,
  name: string | undefined,
  types: readonly FieldType[],
): void {
  if (name === undefined) return
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (field === undefined) {
    throw invalid(where, `has ${role}: '${name}', but no such field${meant(name, Object.keys(fields))}`)
  }
  if (!types.includes(field.type))
    throw invalid(
      where,
      `has ${role}: '${name}', which must be of type ${types.join(' or ')}; it is ${field.type}`,
    )
}

function invalid(where: string, what: string): MillraceError {
  return new MillraceError('MILL_OBJECT_INVALID', `${where} ${what}.`, { data: { where } })
}
