import type { Access, RecordsEnv } from '../env.ts'
import type { Caller } from '../access/principal.ts'
import type { Schema } from '../object/schema.ts'

/** What a query is compiled under. */
export interface CompileEnv {
  readonly kind: 'sqlite' | 'postgres'
  readonly schema: Schema
  readonly caller: Caller
  /** Asked only where rights count: the query's mode, else the caller's. */
  readonly access: Pick<Access, 'mayObject' | 'mayField'>
  /** Values of `:name`. */
  readonly binds?: Readonly<Record<string, unknown>>
  /** One page by primary key instead of the query's own order and limit. */
  readonly range?: KeyRange
  /** Month, 1 to 12, in which the fiscal year begins. Default 1. */
  readonly fiscalYearStart?: number
}

/** Ids above `after` and up to `upTo`, in ascending order, at most `limit` of them. */
export interface KeyRange {
  readonly after?: unknown
  readonly upTo?: unknown
  readonly limit: number
}

export function compileEnv(env: RecordsEnv): CompileEnv {
  const { database, schema, access, caller, fiscalYearStart = 1 } = env
  return { kind: database.kind, schema, access, caller, fiscalYearStart }
}
