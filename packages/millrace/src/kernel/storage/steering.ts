import type { QueuedWhen } from '../rules/decision.ts'
import type { ExecutionRow, JobId } from '../rules/execution.ts'
import type { Outcome } from '../rules/outcome.ts'
import type { StateChange } from '../rules/state.ts'

/** A job as an operator finds it; nobody else changes it until the transaction ends. */
export interface StandingJob {
  readonly state: StateChange | null
  /** Its next execution, taken out of its queue: put it back. null: it runs, is about to, or there is none. `due` in epoch ms. */
  readonly queued: (ExecutionRow & { readonly due: number | null }) | null
  /** How it ended. */
  readonly ended: Outcome | null
  /** `due`: until when what was put aside had to wait anyway. */
  readonly hold: { readonly due: number | null } | null
  /** The database's clock, epoch ms. */
  readonly now: number
}

/** What an operator does to one job, in a transaction. */
export interface Steering {
  /** Of two operators one waits for the other, and both for an execution that is about to put itself aside. null: there is no such job. */
  take(job: JobId): Promise<StandingJob | null>
  /** Puts an execution back into its queue, or another one of the same job. */
  put(row: ExecutionRow, when: QueuedWhen): Promise<void>
  /** The whole state, as a settle writes it. */
  putState(job: JobId, change: StateChange): Promise<void>
  /** false: it was held before. */
  hold(job: JobId, hold: { readonly by: string | null; readonly due: number | null }): Promise<boolean>
  /** false: it was not held. */
  release(job: JobId): Promise<boolean>
  /** For an execution that is to begin: stays true until its transaction ends. */
  isHeld(job: JobId): Promise<boolean>
}
