import type { Decision } from '../rules/decision.ts'
import type { MillraceError } from '../rules/errors.ts'
import type { Lane, LaneSpec } from '../rules/execution.ts'
import type { LimitSpec } from '../rules/limits.ts'
import type { EnqueueOutcome } from '../rules/unique.ts'
import type { NewJob } from './jobs.ts'
import type { SnapshotAccess } from './snapshots.ts'
import type { StatesInside } from './states.ts'
import type { Steering } from './steering.ts'

export interface BeginOptions {
  /** For a handler: the attempt's token, which `settle` requires (trap 3). null for an application's transaction. */
  readonly token: string | null
  /** PostgreSQL: idle_in_transaction_session_timeout, at most the lease (trap 5). */
  readonly idleTimeoutMs: number
  /** SQLite: rolled back with MILL_WRITE_TIMEOUT when open for longer. */
  readonly writeTimeoutMs: number
}

export type Row = Record<string, unknown>

/** Rows that one run of a statement changed, or why it did nothing. */
export type EachOutcome = number | MillraceError

/** Ids made inside a transaction: they stand only if it commits, so nobody may keep them. */
export interface OwnIds {
  lanes(specs: readonly LaneSpec[]): Promise<readonly Lane[]>
  limitKeys(specs: readonly LimitSpec[]): Promise<readonly number[]>
}

/**
 * One transaction. Once the database lost it (full disk, timeout, connection gone, COMMIT answered ROLLBACK), every
 * call rejects with MILL_TRANSACTION_LOST, its cause being what happened first (traps 1, 2).
 */
export interface StorageTransaction {
  /**
   * The user's statement: `segments` with a parameter between each two. Transaction statements are refused
   * (MILL_TRANSACTION_STATEMENT). A failed statement makes the transaction unable to commit on PostgreSQL.
   */
  query(segments: readonly string[], params: readonly unknown[]): Promise<Row[]>
  /**
   * The rows of a query in pages of at most `size`, read as they are asked for: memory holds one page. They are those of the first page's
   * instant, own writes included, whatever is written while they are read. What it holds is freed with the last page, or when the consumer
   * stops (`break`).
   */
  stream(segments: readonly string[], params: readonly unknown[], size: number): AsyncIterable<Row[]>
  /**
   * SQLite: the user's statement once for each list of values, in one turn; prepared once. Answers for each list how many rows it changed,
   * or the error that undid it alone. Values are as SQLite binds them: no lists, dates or booleans. Rejects when it is no list's fault
   * (a full disk, a lost transaction); then what ran before stays in the transaction. PostgreSQL: null, for one statement takes arrays.
   */
  readonly each:
    ((segments: readonly string[], lists: readonly (readonly unknown[])[]) => Promise<EachOutcome[]>) | null
  /**
   * Whether it has uncommitted writes or row locks (PostgreSQL: a transaction id is assigned; SQLite: rows changed or a statement that
   * is not read-only ran). Reads alone: false. Used to guard callouts (semantics Q-11).
   */
  hasWrites(): Promise<boolean>
  /** Made here they see own writes and stand only if it commits. SQLite: made in one go, and within the write timeout. */
  readonly snapshots: SnapshotAccess
  readonly states: StatesInside
  readonly steering: Steering
  enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]>
  /** SQLite: what an enqueue in here needs and nobody has made yet; in a transaction of its own it would wait for this one. PostgreSQL: null. */
  readonly ownIds: OwnIds | null
  /** The short settle: exactly one row, or 'fenced' (then roll back). */
  settle(decision: Decision): Promise<'settled' | 'fenced'>
  /** Throws MILL_TRANSACTION_LOST when the database answered anything but COMMIT, MILL_COMMIT_UNKNOWN when the answer was lost. */
  commit(): Promise<void>
  /** Never throws; idempotent. */
  rollback(): Promise<void>
  /** PostgreSQL: the checked-out `pg` client, for an ORM inside the handler. */
  readonly client: unknown
}
