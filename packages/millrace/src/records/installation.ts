import { MillraceError } from '../kernel/rules/errors.ts'
import { checkTenant } from '../kernel/rules/names.ts'
import type { ContextPart } from '../kernel/runtime/context-part.ts'
import type { ExecutionScope } from '../kernel/runtime/execution-scope.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import { Access } from './access/access.ts'
import type { RoleDefinition } from './access/define-role.ts'
import { callerOf, type Actor, type CallerOptions } from './caller.ts'
import type { RecordsDatabase } from './database.ts'
import type { CursorEnv } from './cursor/cursor.ts'
import type { CursorLimits } from './cursor/limits.ts'
import type { TriggerContext } from './env.ts'
import type { SnapshotAccess } from '../kernel/storage/snapshots.ts'
import type { ObjectDefinition } from './object/object.ts'
import { Schema } from './object/schema.ts'
import { Records, type RecordsPlace, type RecordsSession, type Who } from './records.ts'
import type { SavedQuery } from './saved-query/saved-query.ts'
import type { SavedQueries } from './saved-query/stored.ts'
import { readingDatabase, transactionDatabase, transactionSnapshots } from './storage-database.ts'
import type { TriggerDefinition } from './trigger/trigger.ts'
import { TriggerSet } from './trigger/trigger-set.ts'

export interface RecordsDefinitions {
  readonly objects: readonly ObjectDefinition[]
  readonly roles: readonly RoleDefinition[]
  readonly triggers: readonly TriggerDefinition[]
  readonly savedQueries: readonly SavedQuery[]
}

export interface InstallationOptions {
  readonly definitions: RecordsDefinitions
  readonly storage: Storage
  readonly caller: CallerOptions
  readonly bounds: RecordsSession['bounds']
  readonly cursorLimits: CursorLimits
  readonly fiscalYearStart: number
  /** The database's clock, epoch ms. */
  readonly now: () => Promise<number>
  readonly newId: () => string
  /** What an execution offers its triggers: its own context. */
  readonly contextOf: (scope: ExecutionScope) => TriggerContext
}

/** `ctx.records`, and its place for whoever joins the execution. */
export interface ScopeRecords {
  readonly place: RecordsPlace
  readonly records: Records
}

/** What an installation knows of records, and the places where they are used. */
export class RecordsInstallation {
  readonly schema: Schema
  readonly access: Access
  readonly triggers: TriggerSet
  /** Throws MILL_SAVED_QUERY_INVALID when one in code does not fit the schema. */
  readonly savedQueries: () => Promise<SavedQueries>
  /** In the attempt's transaction, which begins with the first statement. */
  readonly part: ContextPart<ScopeRecords>
  readonly #options: InstallationOptions
  readonly #reading: RecordsDatabase

  /** Throws MILL_OBJECT_INVALID, MILL_ROLE_INVALID and MILL_TRIGGER_INVALID for what does not fit together. */
  constructor(options: InstallationOptions) {
    const { definitions, storage, bounds } = options
    this.#options = options
    this.schema = new Schema(definitions.objects)
    this.access = new Access(this.schema, definitions.roles)
    this.triggers = new TriggerSet(this.schema, definitions.triggers)
    this.#reading = readingDatabase(storage.kind, storage.reader, bounds.timeoutMs)
    // Loaded when it is first asked for.
    this.savedQueries = once(async () => {
      const { SavedQueries } = await import('./saved-query/stored.ts')
      return new SavedQueries(storage.documents, this.schema, definitions.savedQueries)
    })
    this.part = {
      name: 'records',
      open: (scope) => {
        const place = this.#placeOf(scope)
        return { value: { place, records: new Records(place) } }
      },
    }
  }

  /** What sessions have in common, wherever they are. */
  get shared(): Pick<RecordsSession, 'bounds' | 'savedQueries'> {
    return { bounds: this.#options.bounds, savedQueries: this.savedQueries }
  }

  /**
   * In a transaction: all that is done there on one's behalf sees one `now`. `transaction` is asked with each statement, and throws when
   * it is over.
   */
  inTransaction(
    transaction: () => Promise<StorageTransaction>,
    actorOf: (who: Who) => Actor,
    contextOf: (actor: Actor) => TriggerContext,
  ): RecordsPlace {
    // One for all of it: calls of one transaction take turns by it.
    const database = transactionDatabase(this.#options.storage.kind, transaction)
    const snapshots = transactionSnapshots(transaction)
    return {
      session: (who) => {
        const actor = actorOf(who)
        const env = once(() => this.#env(database, snapshots, actor, contextOf(actor)))
        return { ...this.shared, reading: env, writing: async (work) => work(await env()) }
      },
    }
  }

  /** For reads beside all transactions. */
  beside(actor: Actor, context: TriggerContext): Promise<CursorEnv> {
    return this.#env(this.#reading, this.#options.storage.snapshots, actor, context)
  }

  #placeOf(scope: ExecutionScope): RecordsPlace {
    const { tenant } = scope.lane
    const own = scope.run.options?.runAs
    const actorOf = ({ tenant: other = tenant, runAs = own, timeZone }: Who): Actor => {
      if (other === tenant) return { tenant, runAs, timeZone }
      throw new MillraceError(
        'MILL_OPTIONS_INVALID',
        `records.as names the tenant ${other}; an execution of ${tenant} keeps to its own`,
      )
    }
    return this.inTransaction(
      () => scope.transaction(),
      actorOf,
      () => this.#options.contextOf(scope),
    )
  }

  async #env(
    database: RecordsDatabase,
    snapshots: SnapshotAccess,
    actor: Actor,
    context: TriggerContext,
  ): Promise<CursorEnv> {
    const { caller, cursorLimits, fiscalYearStart, now, newId } = this.#options
    return {
      database,
      schema: this.schema,
      access: this.access,
      caller: await callerOf(actor, caller, await now()),
      triggers: this.triggers,
      context,
      newId,
      snapshots,
      cursorLimits,
      fiscalYearStart,
    }
  }
}

/** Outside of executions. Throws MILL_NAME_INVALID. */
export function actorOutside({ tenant, runAs, timeZone }: Who): Actor {
  return { tenant: checkTenant(tenant, 'records.as'), runAs, timeZone }
}

/** Made when it is first asked for, and again after it failed. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null
      throw error
    })
    return made
  }
}
