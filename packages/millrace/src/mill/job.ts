import { parseDuration, type Duration } from '../kernel/rules/duration.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import { isJobId } from '../kernel/rules/ids.ts'
import { optionFields } from '../kernel/rules/option-fields.ts'
import { statusOfOutcome } from '../kernel/rules/job-status.ts'
import { outcomes } from '../kernel/rules/outcome.ts'
import { reviveError } from '../kernel/rules/stored-error.ts'
import type { Awaiter } from '../kernel/runtime/awaiter.ts'
import type { JobEnd } from '../kernel/storage/history.ts'
import { decodeResult } from '../tools/store-result.ts'
import type { EnqueuedJob } from '../tools/handler-context.ts'
import type { Progress } from './progress.ts'

/** A job that was enqueued, or found by its id. */
export class Job<Output = unknown> implements EnqueuedJob {
  readonly id: string
  readonly duplicate: boolean
  readonly #awaiter: Awaiter
  readonly #exists: (() => Promise<boolean>) | null
  readonly #progress: () => Promise<Progress | null>

  /** `exists` is asked before a wait, where the id came from outside. */
  constructor(
    { id, duplicate }: EnqueuedJob,
    awaiter: Awaiter,
    exists: (() => Promise<boolean>) | null,
    progress: () => Promise<Progress | null>,
  ) {
    this.id = id
    this.duplicate = duplicate
    this.#awaiter = awaiter
    this.#exists = exists
    this.#progress = progress
  }

  /** How far a batch is; null before its start is through, and of other jobs. Throws MILL_JOB_UNKNOWN. */
  progress(): Promise<Progress | null> {
    return this.#progress()
  }

  /**
   * Resolves with what the handler returned, once the job is Completed (also when skipped, then with undefined). Throws MILL_JOB_FAILED when it ended
   * otherwise, with the handler's error as cause, MILL_WAIT_TIMEOUT after `timeout` (default: never), MILL_JOB_UNKNOWN, and MILL_STORAGE_CLOSED when the
   * mill is stopped meanwhile.
   */
  async completed(options: { readonly timeout?: Duration } = {}): Promise<Output> {
    optionFields(options, ['timeout'], 'completed')
    const timeoutMs = options.timeout === undefined ? Infinity : parseDuration(options.timeout, 'completed')
    if (!isJobId(this.id))
      throw new MillraceError('MILL_JOB_UNKNOWN', `${String(this.id)} is not the id of a job`)
    if (this.#exists !== null && !(await this.#exists()))
      throw new MillraceError('MILL_JOB_UNKNOWN', `there is no job ${this.id}`, { data: { jobId: this.id } })
    const end = await this.#awaiter.wait(this.id, timeoutMs)
    if (end === null)
      throw new MillraceError(
        'MILL_WAIT_TIMEOUT',
        `job ${this.id} did not end within ${String(options.timeout)}`,
        { data: { jobId: this.id } },
      )
    return resultOf(end) as Output
  }
}

const good: readonly number[] = [outcomes.completed, outcomes.completedWithErrors, outcomes.skipped]

function resultOf(end: JobEnd): unknown {
  if (good.includes(end.outcome)) return decodeResult(end.result)
  const { status, substatus } = statusOfOutcome(end.outcome)
  throw new MillraceError(
    'MILL_JOB_FAILED',
    `job ${end.job} ended ${status} (${substatus})${end.error === null ? '' : `: ${end.error.message}`}`,
    {
      ...(end.error === null ? {} : { cause: reviveError(end.error) }),
      data: { jobId: end.job, status, substatus },
    },
  )
}
