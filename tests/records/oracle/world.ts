import type { Caller } from '../../../packages/millrace/src/records/access/principal.ts'
import type { ObjectInfo, Schema } from '../../../packages/millrace/src/records/object/schema.ts'
import type { Query } from '../../../packages/millrace/src/records/query/query.ts'

/** A record by field names as declared. What a reference to several objects points to stands under `<field>:type`. */
export type Rec = Readonly<Record<string, unknown>>

/** All rows of all objects, of every tenant, deleted ones too; by the object's name. */
export interface World {
  readonly schema: Schema
  readonly rows: Readonly<Record<string, readonly Rec[]>>
}

export interface OracleEnv {
  readonly world: World
  readonly caller: Caller
  readonly binds?: Readonly<Record<string, unknown>>
}

/** Where an expression is evaluated: one record of the query's object. */
export interface Scope {
  readonly env: OracleEnv
  readonly object: ObjectInfo
  readonly alias: string | undefined
  readonly allRows: boolean
}

export interface Found {
  readonly object: ObjectInfo
  readonly rec: Rec
}

export const scopeOf = (query: Query, env: OracleEnv, allRows: boolean): Scope => ({
  env,
  object: env.world.schema.object(query.from),
  alias: query.alias,
  allRows,
})

/** Who may be seen at all: rows of the caller's tenant, deleted ones only with ALL ROWS. */
export function visibleRows({ object, env, allRows }: Scope): readonly Rec[] {
  const rows = env.world.rows[object.name] ?? []
  return rows.filter((rec) => ofTenant(object, rec, env) && (allRows || !isDeleted(object, rec)))
}

export function ofTenant({ definition: { tenant } }: ObjectInfo, rec: Rec, { caller }: OracleEnv): boolean {
  return tenant === undefined || rec[tenant] === caller.tenant
}

function isDeleted({ definition: { softDelete } }: ObjectInfo, rec: Rec): boolean {
  return softDelete !== undefined && rec[softDelete] !== null && rec[softDelete] !== false
}

/** The record behind a reference, within the tenant. A deleted parent is still what its children point to. */
export function parentOf(from: Found, field: string, env: OracleEnv): Found | undefined {
  const info = from.object.field(field)
  const id = from.rec[info.name]
  if (id === null || id === undefined) return undefined
  const target = info.references.length > 1 ? from.rec[`${info.name}:type`] : info.references[0]
  const object = typeof target === 'string' ? env.world.schema.find(target) : undefined
  if (object === undefined) return undefined
  const rec = env.world.rows[object.name]?.find(
    (one) => one[object.idField.name] === id && ofTenant(object, one, env),
  )
  return rec === undefined ? undefined : { object, rec }
}
