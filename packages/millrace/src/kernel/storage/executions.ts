import type { Decision, EndedAttempt, WaitReason } from '../rules/decision.ts'
import type { Claimed, ExecutionKey, ExecutionRow, JobId, LeaseId, WorkerId } from '../rules/execution.ts'
import type { LaneQuota } from '../rules/fair-order.ts'
import type { Admit } from '../rules/limits.ts'

export type { LaneQuota }

export interface ClaimParams {
  readonly worker: WorkerId
  readonly quotas: readonly LaneQuota[]
  /** The first `free` positions with care <= 1 are recorded as started (Claimed.marked). */
  readonly free: number
}

/** One lease and what it holds, in claim order (prio, job, seq). */
export interface ClaimedBatch {
  readonly lease: LeaseId
  readonly members: readonly Claimed[]
}

export interface GatedClaim {
  /** null when every row was parked, or none was there. */
  readonly batch: ClaimedBatch | null
  readonly parked: number
}

/** What becomes of a lease besides the decisions: which positions run now, or that it is spent. */
export interface LeaseMark {
  readonly lease: LeaseId
  readonly running: readonly number[]
  /** All its members are settled or handed back: the row is deleted. */
  readonly finished: boolean
}

export interface HandBackRow extends ExecutionRow {
  readonly lease: LeaseId
  readonly position: number
  /** null: back to ready. Else to waiting (a snooze). */
  readonly wait: { readonly dueInMs: number; readonly reason: WaitReason } | null
}

export interface Executions {
  /**
   * Takes rows of the named lanes that nobody else is claiming; one statement (PostgreSQL), no wait for row locks.
   * Never claims for a worker whose `until` has passed or whose row is gone. null = nothing taken, no lease made.
   */
  claim(params: ClaimParams): Promise<ClaimedBatch | null>
  /**
   * The same for gated lanes: locks the rows' keys ascending, reads usage in a new statement, asks `admit`, parks the refused.
   * The members of the lease have the order of `admit`'s answer.
   */
  claimGated(params: ClaimParams, admit: Admit): Promise<GatedClaim>
  /**
   * Group settle. Decisions of standing leases append history, error, result and next rows; marks update or delete their lease.
   * Decisions and marks of fallen leases leave nothing, and their leases come back as `fenced`.
   * Fails as a whole if one member cannot be stored: the caller splits the group.
   */
  settle(
    decisions: readonly Decision[],
    marks: readonly LeaseMark[],
  ): Promise<{ readonly fenced: readonly LeaseId[] }>
  /**
   * After a lost answer: which of these were settled under their lease. Locks the lease rows first, so that a
   * commit still under way is waited for (trap 6). What rescue wrote under the same lease has another outcome, and is not it.
   */
  settled(decisions: readonly Pick<Decision, 'key' | 'lease' | 'outcome'>[]): Promise<readonly ExecutionKey[]>
  /**
   * Gives rows back, same attempt, and nulls their positions, so that a repeat changes nothing; deletes a lease all of whose
   * positions are null then. Rows of a fallen lease are left alone and their leases named.
   */
  handBack(rows: readonly HandBackRow[]): Promise<{ readonly fenced: readonly LeaseId[] }>
  /** Leases that stand for this worker: after a claim whose answer was lost, the unknown ones are handed back whole. */
  leases(worker: WorkerId): Promise<readonly LeaseId[]>
  handBackLease(worker: WorkerId, lease: LeaseId): Promise<void>
  /**
   * For finalizers: the attempts they finalize, in input order; null where there is none. An attempt of `-jobFinalizerSeq` stands for the
   * one that ended the job.
   */
  ended(attempts: readonly ExecutionKey[]): Promise<readonly (EndedAttempt | null)[]>
  /** Aborts a job that stands in ready or waiting with seq >= 0, else leaves an intent for its owner. */
  abort(job: JobId): Promise<'aborted' | 'requested' | 'ended' | 'unknown'>
  /** Open abort intents; each second the rest of the job's life is tried again: queued → aborted, ended → intent deleted. Returns those still open. */
  sweepAborts(): Promise<readonly JobId[]>
}
