import { isMillraceError } from '../../kernel/rules/errors.ts'
import type { FieldInfo, ObjectInfo, Schema } from '../object/schema.ts'
import { identifier, tableIdentifier } from '../object/identifier.ts'
import type { Place } from './conditions.ts'
import { idsAre } from './diagnose.ts'
import { fail, type Item, type RecordId } from './item.ts'
import { dmlError } from './result.ts'
import { savepoint } from './savepoint.ts'
import { Sql } from './sql.ts'

/**
 * A foreign key knows no tenants: rows that point to a record of another one fail as if it were not there. One statement for each
 * reference to an object that declares a tenant; rows may point to each other.
 */
export async function checkReferences(place: Place, schema: Schema, items: readonly Item[]): Promise<void> {
  for (const [field, target] of guarded(place.object, schema)) {
    const own = target === place.object ? new Set(items.map(({ id }) => String(id))) : null
    const pointing = items.flatMap((item) => {
      const id = item.values[item.shape.written.findIndex((one) => one.field === field)] as
        RecordId | null | undefined
      return id === null || id === undefined ? [] : [{ item, id }]
    })
    const ids = [...new Set(pointing.map(({ id }) => id))]
    const there = await existing({ ...place, object: target }, ids)
    for (const { item, id } of pointing)
      if (!(there.get(String(id).toLowerCase()) ?? own?.has(String(id)) ?? false))
        fail(
          item,
          dmlError('INVALID_CROSS_REFERENCE_KEY', `${field.label}: there is no ${target.name} ${id}`, [
            field.name,
          ]),
        )
  }
}

function guarded(object: ObjectInfo, schema: Schema): (readonly [FieldInfo, ObjectInfo])[] {
  return object.fields.flatMap((field) => {
    const [name, ...others] = field.references
    const target = name === undefined || others.length > 0 ? undefined : schema.find(name)
    return target?.definition.tenant === undefined ? [] : [[field, target] as const]
  })
}

/** Of the ids that are there: whether they are the caller's tenant's. */
async function existing(place: Place, ids: readonly RecordId[]): Promise<Map<string, boolean>> {
  if (ids.length === 0) return new Map()
  const { object, database, tenant } = place
  const { column } = object.field(object.definition.tenant ?? '')
  const sql = new Sql().text(
    `select t.${identifier(object.idField.column)} as id, t.${identifier(column)} as tenant`,
  )
  sql.text(` from ${tableIdentifier(object.definition.table)} as t where `)
  const { statement } = await idsAre(place, sql, ids, 'any')
  try {
    const rows = await savepoint(database, () => database.query(statement))
    return new Map(rows.map((row) => [String(row['id']).toLowerCase(), String(row['tenant']) === tenant]))
  } catch (error) {
    // An id that the column's type cannot be spoils the statement for the others.
    if (!isMillraceError(error, 'MILL_STORAGE_QUERY')) throw error
    if (ids.length === 1) return new Map()
    const middle = ids.length >> 1
    const first = await existing(place, ids.slice(0, middle))
    return new Map([...first, ...(await existing(place, ids.slice(middle)))])
  }
}
