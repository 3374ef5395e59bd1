import type { RecordsDatabase } from '../database.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { encode } from '../sql/values.ts'
import { identifier } from '../object/identifier.ts'
import type { Sql } from './sql.ts'

/** Where a writer works: on `t`, the object's table. */
export interface Place {
  readonly database: RecordsDatabase
  readonly object: ObjectInfo
  readonly tenant: string
}

/** `and t."tenant" = …`; nothing where the object has none. `type`: of the column on PostgreSQL. */
export function tenantIs({ database, object, tenant }: Place, sql: Sql, type?: string): Sql {
  const name = object.definition.tenant
  if (name === undefined) return sql
  const field = object.field(name)
  sql.text(` and t.${identifier(field.column)} = `)
  return typed(sql, encode(field, tenant, database.kind), type)
}

/** A parameter, cast where the database would else have to guess its type. */
export function typed(sql: Sql, value: unknown, type: string | undefined): Sql {
  return type === undefined ? sql.value(value) : sql.text('cast(').value(value).text(` as ${type})`)
}

/** ` and t is live`, by its soft-delete field; nothing where the object has none. */
export function isLive(object: ObjectInfo): string {
  const condition = liveness(object)
  return condition === null ? '' : ` and ${condition}`
}

export function isDeleted(object: ObjectInfo): string {
  const condition = liveness(object)
  return condition === null ? ' and false' : ` and not (${condition})`
}

function liveness(object: ObjectInfo): string | null {
  const name = object.definition.softDelete
  if (name === undefined) return null
  const field = object.field(name)
  const column = `t.${identifier(field.column)}`
  return field.type === 'boolean' ? `${column} is not true` : `${column} is null`
}
