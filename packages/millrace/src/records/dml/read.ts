import { decode } from '../sql/values.ts'
import { identifier, tableIdentifier } from '../object/identifier.ts'
import type { Place } from './conditions.ts'
import { idsAre } from './diagnose.ts'
import type { RecordId } from './item.ts'
import { postgresTable } from './postgres-table.ts'
import { Sql } from './sql.ts'

const texts = new Set(['pg_catalog.text', 'pg_catalog.varchar', 'pg_catalog.bpchar'])

export type RecordValues = Record<string, unknown>

/**
 * Whole records by id, as text, in one statement; soft-deleted ones too. `lock`: by ascending id on PostgreSQL, until the transaction
 * ends.
 */
export async function readRecords(
  place: Place,
  ids: readonly (RecordId | null)[],
  lock: boolean,
): Promise<Map<string, RecordValues>> {
  const { object, database } = place
  const { fields, idField } = object
  const sql = new Sql()
    .text(`select ${fields.map(({ column }, at) => `t.${identifier(column)} as f${at}`).join(', ')}`)
    .text(` from ${tableIdentifier(object.definition.table)} as t where `)
  await idsAre(place, sql, ids)
  if (lock && database.kind === 'postgres') {
    const { typeOf } = await postgresTable(database, object)
    // As `byId` sorts.
    const bytes = texts.has(typeOf(idField.column)) ? ' collate "C"' : ''
    sql.text(` order by t.${identifier(idField.column)}${bytes} for no key update of t`)
  }
  const rows = await database.query(sql.statement)
  const idAt = `f${fields.indexOf(idField)}`
  return new Map(
    rows.map((row) => [
      String(row[idAt]),
      Object.fromEntries(
        fields.map((field, at) => [field.name, decode(field, row[`f${at}`], database.kind)]),
      ),
    ]),
  )
}
