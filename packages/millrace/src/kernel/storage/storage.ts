import type { Controls } from './controls.ts'
import type { Documents } from './documents.ts'
import type { Executions } from './executions.ts'
import type { FlexQueues } from './flex-queues.ts'
import type { History } from './history.ts'
import type { Jobs } from './jobs.ts'
import type { Lanes } from './lanes.ts'
import type { Limits } from './limits.ts'
import type { Reader } from './reader.ts'
import type { Schedules } from './schedules.ts'
import type { Schema } from './schema.ts'
import type { Snapshots } from './snapshots.ts'
import type { StateAccess } from './states.ts'
import type { BeginOptions, StorageTransaction } from './transaction.ts'
import type { Waiting } from './waiting.ts'
import type { Wakeups } from './wakeups.ts'
import type { Workers } from './workers.ts'

/**
 * The seam: what the engine asks of a database, as small stores. Callers never see SQL or a connection.
 * Every method is one transaction unless it says otherwise, and either did all or nothing. Errors are
 * MillraceErrors: MILL_STORAGE_UNAVAILABLE (retryable; the outcome may be unknown when `error.data.unknown`
 * is true), MILL_STORAGE_FULL, MILL_STORAGE_READ_ONLY, …
 */
export interface Storage {
  readonly kind: 'sqlite' | 'postgres'
  readonly schema: Schema
  readonly lanes: Lanes
  readonly jobs: Jobs
  readonly executions: Executions
  readonly waiting: Waiting
  readonly limits: Limits
  readonly flexQueues: FlexQueues
  readonly workers: Workers
  readonly controls: Controls
  readonly history: History
  readonly documents: Documents
  readonly schedules: Schedules
  readonly snapshots: Snapshots
  readonly states: StateAccess
  readonly wakeups: Wakeups
  readonly reader: Reader
  /** Opens a transaction for a handler or an application. */
  begin(options: BeginOptions): Promise<StorageTransaction>
  /** The database's clock, epoch ms. */
  now(): Promise<number>
  /** Ends all connections; calls under way fail. Idempotent. */
  close(): Promise<void>
}
