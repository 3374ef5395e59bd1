import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Access } from './access/access.ts'
import type { Caller } from './access/principal.ts'
import type { RecordsDatabase } from './database.ts'
import type { Schema } from './object/schema.ts'
import type { Records, Soql } from './records.ts'
import type { TriggerSet } from './trigger/trigger-set.ts'

export type { Access, TriggerSet }

/** A definition of work, as `defineQueueable` and the like make it. */
export interface Enqueueable<In = unknown> {
  readonly kind: 'definition'
  readonly tool: string
  readonly name: string
  readonly version: number
  readonly options: object
  readonly schema: StandardSchemaV1<In> | undefined
  readonly hasFinalizer: boolean
}

/** What a trigger's handler gets as `ctx`: everything through it belongs to the transaction of the change. In a handler it is the handler's own. */
export interface TriggerContext {
  readonly tenant: string
  readonly runAs: string | undefined
  readonly records: Records
  readonly soql: Soql
  sql<Row extends object = Record<string, unknown>>(
    segments: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<Row[]>
  /** Queued when, and only when, the transaction commits; for the same tenant and `runAs` unless the options name others. */
  enqueue<D extends Enqueueable>(
    definition: D,
    input: D extends Enqueueable<infer In> ? In : never,
    options?: object,
  ): Promise<{ readonly id: string; readonly duplicate: boolean }>
}

/** What every verb over records needs: where statements run, what they are about, and on whose behalf. */
export interface RecordsEnv {
  /** The transaction of the caller; for reads outside of one, read-only connections. */
  readonly database: RecordsDatabase
  readonly schema: Schema
  readonly access: Access
  readonly caller: Caller
  /** Month, 1 to 12, in which fiscal years begin. Default 1. */
  readonly fiscalYearStart?: number
  readonly triggers: TriggerSet
  /** Given to triggers as their `ctx`. */
  readonly context: TriggerContext
  /** A new UUIDv7, for ids that the application does not give. */
  newId(): string
}
