import { arrayLiteral } from '../../kernel/rules/array-literal.ts'
import { decode } from '../sql/values.ts'
import { identifier, tableIdentifier } from '../object/identifier.ts'
import { tenantIs, type Place } from './conditions.ts'
import { fail, isAlive, type Item, type RecordId } from './item.ts'
import { postgresTable } from './postgres-table.ts'
import { dmlError, type DmlError } from './result.ts'
import { Sql } from './sql.ts'

/** What a record must be for the change: not deleted (softly), or deleted. */
export type Expected = 'live' | 'deleted'

/**
 * Why records could not be changed: not there (or another tenant's, which looks the same), deleted, changed meanwhile; with `locked`
 * those that others hold. Notes it on the items it finds at fault.
 */
export async function diagnose(
  place: Place,
  items: readonly Item[],
  expected: Expected,
  locked = false,
): Promise<void> {
  const found = await look(place, items, false)
  const free = locked ? await look(place, items, true) : found
  for (const item of items) {
    if (!isAlive(item)) continue
    const wrong = judge(place, item, found.get(String(item.id)), expected)
    if (wrong !== null) fail(item, wrong)
    else if (!free.has(String(item.id)))
      fail(item, dmlError('UNABLE_TO_LOCK_ROW', `another transaction holds ${place.object.name} ${item.id}`))
  }
}

interface Found {
  readonly deleted: unknown
  readonly guard: unknown
}

function judge(
  { object, database }: Place,
  item: Item,
  found: Found | undefined,
  expected: Expected,
): DmlError | null {
  const { name, idField, definition } = object
  if (found === undefined)
    return dmlError('INVALID_CROSS_REFERENCE_KEY', `there is no ${name} ${item.id}`, [idField.name])
  if (definition.softDelete !== undefined) {
    const deleted = isSet(decode(object.field(definition.softDelete), found.deleted, database.kind))
    if (deleted && expected === 'live')
      return dmlError('ENTITY_IS_DELETED', `${name} ${item.id} is deleted`, [idField.name])
    if (!deleted && expected === 'deleted')
      return dmlError('UNDELETE_FAILED', `${name} ${item.id} is not deleted`, [idField.name])
  }
  const guard = item.shape.guard?.field
  if (guard === undefined || item.guard === undefined) return null
  const stored = decode(guard, found.guard, database.kind)
  return Number(stored) === Number(item.guard)
    ? null
    : dmlError('STALE_RECORD', `${name} ${item.id} has changed since it was read (${guard.label})`, [
        guard.name,
      ])
}

const isSet = (value: unknown): boolean => value !== null && value !== false

async function look(place: Place, items: readonly Item[], skipLocked: boolean): Promise<Map<string, Found>> {
  const { object, database } = place
  const { softDelete } = object.definition
  const guard = items.find(({ shape }) => shape.guard !== undefined)?.shape.guard?.field
  const sql = new Sql().text(`select t.${identifier(object.idField.column)} as id, `)
  sql.text(
    softDelete === undefined
      ? 'null as deleted, '
      : `t.${identifier(object.field(softDelete).column)} as deleted, `,
  )
  sql.text(guard === undefined ? 'null as guard' : `t.${identifier(guard.column)} as guard`)
  sql.text(` from ${tableIdentifier(object.definition.table)} as t where `)
  await idsAre(
    place,
    sql,
    items.map(({ id }) => id),
  )
  if (skipLocked) sql.text(' for no key update of t skip locked')
  const rows = await database.query(sql.statement)
  return new Map(rows.map((row) => [String(row['id']), { deleted: row['deleted'], guard: row['guard'] }]))
}

/** The condition that `t` is one of these records, of the caller's tenant unless `whose` is any: one parameter however many they are. */
export async function idsAre(
  place: Place,
  sql: Sql,
  ids: readonly (RecordId | null)[],
  whose: 'own' | 'any' = 'own',
): Promise<Sql> {
  const { database, object } = place
  const column = `t.${identifier(object.idField.column)}`
  if (database.kind === 'sqlite') {
    sql.text(`${column} in (select value from json_each(`).value(jsonList(ids)).text('))')
    return whose === 'any' ? sql : tenantIs(place, sql)
  }
  const facts = await postgresTable(database, object)
  const type = facts.typeOf(object.idField.column)
  sql.text(`${column} = any (cast(`).value(arrayLiteral(ids)).text(` as ${type}[]))`)
  const { tenant } = object.definition
  if (whose === 'any') return sql
  return tenantIs(place, sql, tenant === undefined ? undefined : facts.typeOf(object.field(tenant).column))
}

/** A JSON list; bigints as they are. */
export function jsonList(values: readonly unknown[]): string {
  return `[${values.map((value) => (typeof value === 'bigint' ? String(value) : JSON.stringify(value))).join(',')}]`
}
