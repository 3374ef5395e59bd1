import type { Duration } from '../kernel/rules/duration.ts'
import type { Clock, Chance } from '../kernel/rules/clock.ts'
import type { Faults } from '../kernel/rules/fault-point.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { FlagSource } from '../govern/flags/flags.ts'
import type { LogSink } from '../observe/log/entry.ts'
import type { LogLevel } from '../observe/log/level.ts'
import type { PrincipalSource } from '../records/caller.ts'
import type { CursorLimits } from '../records/cursor/limits.ts'
import type { RateLimitOptions } from '../tools/definition.ts'
import type { AnyDefinition } from './definitions.ts'

/** Limits of a queue or a tenant over all workers; they hold for jobs enqueued from then on. */
export interface LimitOptions {
  readonly concurrency?: number
  readonly rateLimit?: RateLimitOptions
}

export interface QueueOptions extends LimitOptions {
  /** Executions of this queue at once in each process. */
  readonly perProcess?: number
}

/** Of the batches of a tenant. `false`: there is none, every batch starts as soon as a worker has room. */
export type FlexQueueOptions =
  | false
  | {
      /** Batches under way at once, 1 to 1,000,000. `'unlimited'` is as `false`. Default 5. */
      readonly active?: number | 'unlimited'
      /** Batches that may be Holding behind them, from 0; the next one is refused with MILL_FLEX_QUEUE_FULL. Default 100. */
      readonly holding?: number | 'unlimited'
    }

export interface TenantOptions extends LimitOptions {
  /** In place of the `flexQueue` of all tenants. */
  readonly flexQueue?: FlexQueueOptions
}

export interface MillConfig {
  /** `sqlite:path/to/file.db` (default `sqlite:data/millrace.db`), `sqlite::memory:`, or `postgres://…`. */
  readonly storage?: string
  /**
   * Definitions of work, objects, roles, triggers and saved queries, or glob patterns of modules that export them (relative to the config
   * file, or to the working directory).
   */
  readonly definitions?: readonly (AnyDefinition | string)[]
  /** Create or upgrade the tables at start. Default true; false: fail with MILL_SCHEMA_MISSING when they are missing. */
  readonly migrate?: boolean
  /** Executions at once in this process. Default 10. */
  readonly concurrency?: number
  readonly queues?: Readonly<Record<string, QueueOptions>>
  /** Serve only these queues in this process. Default: all. */
  readonly only?: readonly string[]
  /** By tenant; `'*'` stands for every tenant not named. */
  readonly tenants?: Readonly<Record<string, TenantOptions>>
  /** How many batches of one tenant may be under way and Holding (semantics B-08); it holds for batches enqueued from then on. See docs/flex-queue.md. */
  readonly flexQueue?: FlexQueueOptions
  /** How long a worker's lease lasts without renewal. Default `'15 seconds'`; a third of it is the heartbeat. */
  readonly lease?: Duration
  /** How long a handler may block the event loop before the lease is given up. Default `'30 seconds'`. */
  readonly blockedLimit?: Duration
  /** Default attempt timeout. Default `'10 minutes'`. */
  readonly timeout?: Duration
  /** SQLite: how long a handler's transaction may stay open. Default `'5 seconds'`, always below the lease. */
  readonly writeTimeout?: Duration
  /** How long stop() lets handlers finish before their signal fires. Default `'30 seconds'`. */
  readonly shutdown?: Duration
  /** How long an aborted handler may go on before its attempt is ended without it. Default `'10 seconds'`. */
  readonly abortGrace?: Duration
  /** Deaths of one job's process after which it is parked. Default 3. */
  readonly maxDeaths?: number
  /** Ages at which history is deleted. Default 30 days completed, 90 days failed and aborted. */
  readonly retention?: { readonly completed?: Duration; readonly failed?: Duration }
  /** Largest payload and result as JSON, in bytes. Default 1 MiB each. */
  readonly maxPayloadBytes?: number
  readonly maxResultBytes?: number
  /** How long an enqueue goes on trying while the database is away. Default `'10 seconds'`. */
  readonly patience?: Duration
  /** What `onlyIn` is compared with. Default `'development'`. */
  readonly environment?: string
  readonly flags?: FlagSource
  readonly records?: {
    /** Who acts under a `runAs`, with roles and time zone. Default: `runAs` is the name of the one role. */
    readonly principal?: PrincipalSource
    /** IANA name: where days begin for those whose principal says nothing. Default UTC. */
    readonly timeZone?: string
    /** Month, 1 to 12, with which fiscal years and their quarters begin. Default 1. */
    readonly fiscalYearStart?: number
    /** Rows of a query that somebody typed, at most. Default 50,000. */
    readonly maxRows?: number
    /** Of a query outside of transactions, and of each page of a stream. Default `'30 seconds'`. */
    readonly queryTimeout?: Duration
    /** How large cursors may be, and how many a tenant may open within 24 hours. See docs/cursors.md. */
    readonly cursors?: Partial<Omit<CursorLimits, 'ttlMs'>> & {
      /** Life after the last use. Default `'2 days'`. */
      readonly expireAfter?: Duration
    }
  }
  readonly log?: { readonly level?: LogLevel; readonly sink?: LogSink }
  readonly sqlite?: {
    /** NORMAL may lose the last acknowledged jobs in a power cut. Default FULL. */ readonly synchronous?:
      'FULL' | 'NORMAL'
  }
  readonly postgres?: {
    /** Default `millrace`. */
    readonly schema?: string
    /** `'transaction'` behind pgbouncer or the like. */
    readonly pooler?: 'transaction'
    /** A direct connection for LISTEN when `storage` goes through a pooler. */
    readonly listenUrl?: string
    /** Connections at most. Default: `concurrency` + 4, at most 40. */
    readonly poolSize?: number
    readonly queryTimeout?: Duration
  }
}

export const configFields = Object.keys({
  storage: true,
  definitions: true,
  migrate: true,
  concurrency: true,
  queues: true,
  only: true,
  tenants: true,
  flexQueue: true,
  lease: true,
  blockedLimit: true,
  timeout: true,
  writeTimeout: true,
  shutdown: true,
  abortGrace: true,
  maxDeaths: true,
  retention: true,
  maxPayloadBytes: true,
  maxResultBytes: true,
  patience: true,
  environment: true,
  flags: true,
  records: true,
  log: true,
  sqlite: true,
  postgres: true,
} satisfies Record<keyof MillConfig, true>)

/** Names the type of a configuration; returns it unchanged. */
export function defineConfig(config: MillConfig): MillConfig {
  return config
}

/** What tests and simulation replace. Not part of the public face. */
export interface MillInternals {
  readonly clock?: Clock
  readonly chance?: Chance
  readonly faults?: Faults
  /** How long a job may go on under its lease; 0: each execution is claimed. */
  readonly keepMs?: number
  /** The database's clock, SQLite only. */
  readonly databaseNow?: () => number
  /** Stands between engine and storage: tests plant defects with it. */
  readonly wrapStorage?: (storage: Storage) => Storage
}
