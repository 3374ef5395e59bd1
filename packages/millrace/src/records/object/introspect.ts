import { columnDraft, isWholeNumber, type FieldDraft } from './introspect-column.ts'
import { fieldNameOf, freeName, objectNameOf, pluralOf } from './names.ts'
import { tableName, type ForeignKey, type TableDescription } from './table.ts'

/** What `defineObject` would be given for a table. */
export interface ObjectDraft {
  readonly name: string
  readonly table: string
  readonly fields: readonly FieldDraft[]
  /** tenant, softDelete, createdAt, modifiedAt: guessed of the usual names. */
  readonly roles: Readonly<Record<string, string>>
  /** What could not be told as a field, and why. */
  readonly notes: readonly string[]
}

export interface Introspection {
  readonly objects: readonly ObjectDraft[]
  /** Tables that cannot be objects, and why. */
  readonly notes: readonly string[]
}

interface Named {
  readonly table: TableDescription
  readonly name: string
  readonly key: string
}

/** What `defineObject` accepts as a table. */
const tablePattern = /^[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62})?$/

/**
 * Objects for tables. Foreign keys of one column that lead to a primary key become relationships both ways: `owner_id` is the field
 * OwnerId, the parent Owner, and the children of User are Contacts; where two keys of one table lead to the same one, the children are
 * told apart by the way (OriginFlights, DestinationFlights).
 */
export function introspect(tables: readonly TableDescription[]): Introspection {
  const notes: string[] = []
  const taken = new Set<string>()
  const named = tables.flatMap((table): Named[] => {
    const why = whyNot(table)
    const [key] = table.primaryKey
    if (why === undefined && key !== undefined)
      return [{ table, key, name: freeName(objectNameOf(table.name), taken) }]
    notes.push(`table ${JSON.stringify(tableName(table))} is left out: ${why}`)
    return []
  })
  const children = new Map<string, Set<string>>()
  return { objects: named.map((one) => draft(one, named, children)), notes }
}

function whyNot(table: TableDescription): string | undefined {
  if (!tablePattern.test(tableName(table))) return 'its name is no plain identifier'
  const [key, ...more] = table.primaryKey
  if (key === undefined) return 'it has no primary key'
  if (more.length > 0) return 'its primary key has several columns'
  const column = table.columns.find((one) => one.name === key)
  if (column === undefined || columnDraft(column, 'id').draft === undefined)
    return 'its primary key is neither text nor uuid nor a whole number'
  return undefined
}

function draft(own: Named, all: readonly Named[], children: Map<string, Set<string>>): ObjectDraft {
  const { table, key, name } = own
  const notes: string[] = []
  const taken = new Set<string>()
  // A field with the very name of a relationship would hide it in no way, but two ways of one name clash.
  const ways = new Set<string>()
  const fields = table.columns.flatMap((column): FieldDraft[] => {
    const { draft: made, note } = columnDraft(column, column.name === key ? 'id' : 'field')
    if (note !== undefined) notes.push(`column ${JSON.stringify(column.name)}: ${note}`)
    if (made === undefined) return []
    const field = freeName(fieldNameOf(column.name), taken)
    const placed: FieldDraft = {
      ...made,
      name: field,
      options: {
        ...(field === column.name ? {} : { column: column.name }),
        ...made.options,
        ...(isUnique(table, column.name) && column.name !== key ? { unique: true } : {}),
      },
    }
    const link = column.name === key ? undefined : linkOf(own, column.name, all)
    if (link === undefined) return [placed]
    if (typeof link === 'string') {
      notes.push(`column ${JSON.stringify(column.name)}: ${link}`)
      return [placed]
    }
    return [referenceDraft(own, placed, link, isWholeNumber(column), ways, children)]
  })
  for (const { columns } of table.foreignKeys.filter((one) => one.columns.length > 1))
    notes.push(
      `the foreign key of ${columns.map((one) => JSON.stringify(one)).join(', ')} is left out: it has several columns`,
    )
  return { name, table: tableName(table), fields, roles: rolesOf(fields), notes }
}

function isUnique(table: TableDescription, column: string): boolean {
  return table.uniques.some((one) => one.length === 1 && one[0] === column)
}

/** Where the column's foreign key leads; a text says why it is none of ours. */
function linkOf(own: Named, column: string, all: readonly Named[]): Named | string | undefined {
  const key = own.table.foreignKeys.find((one) => one.columns.length === 1 && one.columns[0] === column)
  if (key === undefined) return undefined
  const target = all.find(({ table }) => isTarget(key, table))
  if (target === undefined)
    return `it refers to ${JSON.stringify(tableName({ schema: key.schema, name: key.table }))}, which is not here`
  const [to = target.key] = key.targets
  return to === target.key
    ? target
    : `it refers to ${JSON.stringify(to)} of ${target.name}, which is not its primary key`
}

function isTarget(key: ForeignKey, table: TableDescription): boolean {
  return table.name.toLowerCase() === key.table.toLowerCase() && table.schema === key.schema
}

function referenceDraft(
  own: Named,
  field: FieldDraft,
  target: Named,
  numeric: boolean,
  ways: Set<string>,
  children: Map<string, Set<string>>,
): FieldDraft {
  const usual = usualWay(field.name)
  const way = freeName(usual, ways)
  const several = own.table.foreignKeys.filter(
    (one) => one.columns.length === 1 && isTarget(one, target.table),
  )
  const many = pluralOf(own.name)
  const taken = children.get(target.name) ?? new Set()
  children.set(target.name, taken)
  const { length: _length, ...options } = field.options
  return {
    ...field,
    make: numeric ? 'integerReference' : 'reference',
    argument: target.name,
    options: {
      ...options,
      ...(way === usual ? {} : { relationship: way }),
      children: freeName(several.length > 1 ? `${usual}${many}` : many, taken),
    },
  }
}

/** As the schema names the way to the parent where the definition does not. */
function usualWay(field: string): string {
  if (/.__c$/i.test(field)) return `${field.slice(0, -1)}r`
  return /.Id$/.test(field) ? field.slice(0, -2) : field
}

const roleNames: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['tenant', ['text', 'reference'], /^tenant(_?id)?$/i],
  ['softDelete', ['boolean', 'datetime'], /^(is_?deleted|deleted_?(at|on|date))$/i],
  ['createdAt', ['datetime'], /^created_?(at|on|date)$/i],
  ['modifiedAt', ['datetime'], /^((last_?)?modified_?(at|on|date)|updated_?(at|on))$/i],
]

function rolesOf(fields: readonly FieldDraft[]): Record<string, string> {
  return Object.fromEntries(
    roleNames.flatMap(([role, makers, pattern]) => {
      const field = fields.find((one) => pattern.test(one.name) && makers.includes(one.make))
      return field === undefined ? [] : [[role, field.name]]
    }),
  )
}
