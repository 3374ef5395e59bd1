import type { WaitReason } from '../rules/decision.ts'
import type { JobId, JobOptions, LaneId } from '../rules/execution.ts'
import type { SearchArgument } from '../rules/search-argument.ts'
import type { EnqueueOutcome, UniqueClaim } from '../rules/unique.ts'

/** A job as it is first written. Everything was validated before; storage only refuses what it cannot hold. */
export interface NewJob {
  /** Made by the caller, so that a repeat after a lost answer is recognised. */
  readonly id: JobId
  readonly lane: LaneId
  readonly prio: number
  readonly parent: JobId | null
  readonly options: JobOptions | null
  /** JSON text. */
  readonly payload: string
  /** null: may run now. Relative ms (> 0), or an absolute epoch ms, both by the database's clock; default reason: scheduled. */
  readonly due: { readonly inMs: number } | { readonly at: number; readonly reason?: WaitReason } | null
  readonly unique: UniqueClaim | null
  /** Searchable arguments and tags (path '#tag'): at most 200 bytes of path and 2,000 of value, else MILL_OPTIONS_INVALID. */
  readonly args: readonly SearchArgument[]
}

export interface Jobs {
  /**
   * A job in a flex queue (options.flex) starts where a slot is free and nobody is Holding, else it is Holding; one with a due time is so when
   * that has come. Throws MILL_FLEX_QUEUE_FULL, and writes nothing, where it may not be Holding either; every enqueue does, also of a
   * transaction. Those of fires and of due times are Holding beyond the bound.
   * Plain jobs (unique = null) of many callers in one statement. Repeating an id that is stored already
   * changes nothing (also not `ready`). Wakes workers through the statement itself.
   */
  enqueue(jobs: readonly NewJob[]): Promise<void>
  /**
   * One job with a unique key or in a flex queue, in a transaction of its own; waits at most `lockTimeoutMs` for a rival
   * transaction, then throws MILL_UNIQUE_BUSY or MILL_FLEX_QUEUE_BUSY (retryable). `on: 'throw'` also answers 'duplicate': the caller throws.
   * A key taken for a time is free when that has passed, whatever became of its holder; any other when its holder ended or was
   * pruned, and for until = 'started' also when (holder, 0, attempt 1) stands in neither `ready` nor `waiting`. A claim or
   * move of it under way is waited for; those that found it there share it, and it is claimed only after their transactions.
   * How long a key is taken is said by the enqueue that took it, never by a later one.
   * replace: deletes the unstarted holder's row and appends its `done` (outcome replaced; finalizer row if it has one); a holder
   * that has started is left alone and the answer is 'duplicate' for until done, 'queued' for until started.
   */
  enqueueAlone(job: NewJob, lockTimeoutMs: number): Promise<EnqueueOutcome>
}

/** Why a job whose time has not come waits. */
export function dueReason(due: NewJob['due']): WaitReason {
  return due !== null && 'at' in due ? (due.reason ?? 'scheduled') : 'scheduled'
}
