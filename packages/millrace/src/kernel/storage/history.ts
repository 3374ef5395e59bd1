import type { EndedAttempt } from '../rules/decision.ts'
import type { JobId, JobOptions, Lane } from '../rules/execution.ts'
import type { SearchArgument } from '../rules/search-argument.ts'
import type { JobFacts, JobStatus } from '../rules/status.ts'
import type { LaneFilter } from './lanes.ts'
import type { StateView } from './states.ts'
import type { StoredError } from '../rules/outcome.ts'

export interface JobRecord {
  readonly id: JobId
  readonly lane: Lane
  readonly prio: number
  readonly parent: JobId | null
  readonly options: JobOptions | null
  readonly payload: string
  /** When its id was made, by the clock of that process: what lists are ordered and filtered by. */
  readonly createdAt: number
  readonly facts: JobFacts
  /** Newest attempt of seq >= 0: the one that stands in ready, waiting or a lease, else the last ended. */
  readonly attempt: number
  readonly finishedAt: number | null
  /** Of a job of several executions the first error; else that of the ending attempt, else of the newest failed one. */
  readonly error: StoredError | null
  /** JSON text. */
  readonly result: string | null
  /** Of a job of several executions once its first has ended. */
  readonly state: StateView | null
}

export interface AttemptRecord extends EndedAttempt {
  readonly seq: number
  readonly attempt: number
  readonly lease: number
  readonly finishedAt: number
}

export interface JobFilter extends LaneFilter {
  readonly status?: JobStatus
  readonly arg?: SearchArgument
  /** Created at or after / before, epoch ms. */
  readonly from?: number
  readonly to?: number
}

export interface JobPage {
  readonly jobs: readonly JobRecord[]
  /** Pass as `before` for the next page; null at the end. A scan ends after 20,000 candidates with its cursor. */
  readonly next: JobId | null
}

export interface PruneParams {
  /** Ages in ms, by the database's clock. */
  readonly completedMs: number
  readonly failedMs: number
  /** Rows of `job` looked at in this call. */
  readonly page: number
}

export interface JobEnd {
  readonly job: JobId
  readonly outcome: number
  readonly error: StoredError | null
  readonly result: string | null
}

export interface History {
  /** By key, in one statement, so that a move is never seen as absence. Unknown ids are left out. */
  jobs(ids: readonly JobId[]): Promise<readonly JobRecord[]>
  attempts(job: JobId): Promise<readonly AttemptRecord[]>
  /** Those of the jobs that have ended. */
  ends(ids: readonly JobId[]): Promise<readonly JobEnd[]>
  /** Newest first. */
  list(filter: JobFilter, page: { readonly before: JobId | null; readonly limit: number }): Promise<JobPage>
  /** Counts by status, each exact up to 10,000 (then capped at 10,000). */
  counts(filter: LaneFilter): Promise<Readonly<Record<JobStatus, number>>>
  /**
   * One step of the pruner: ended jobs past their age with all that hangs on them, from a stored position, wrapping at the end.
   * Never a job with anything in ready, waiting or a lease. `wrapped` when the walk reached its end.
   */
  prune(params: PruneParams): Promise<{ readonly pruned: number; readonly wrapped: boolean }>
}
