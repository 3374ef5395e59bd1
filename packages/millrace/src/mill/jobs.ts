import { MillraceError } from '../kernel/rules/errors.ts'
import { isJobId } from '../kernel/rules/ids.ts'
import { checkDate, optionFields } from '../kernel/rules/option-fields.ts'
import { jobStatuses, type JobStatus } from '../kernel/rules/status.ts'
import type { JobId, JobOptions } from '../kernel/rules/execution.ts'
import { currentScope } from '../kernel/runtime/execution-scope.ts'
import type { Enqueuer } from '../kernel/runtime/enqueuer.ts'
import type { JobRecord } from '../kernel/storage/history.ts'
import type { NewJob } from '../kernel/storage/jobs.ts'
import type { LaneFilter } from '../kernel/storage/lanes.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import { childOf, pipelineOf } from '../tools/pipeline/rules.ts'
import { phases, type StateChange } from '../kernel/rules/state.ts'
import { tracksOf } from '../tools/batch/rules.ts'
import { demandRoomBeside } from './beside.ts'
import { attemptView, jobView, type AttemptView, type JobView, type LaneConditions } from './job-view.ts'

export interface JobListOptions extends LaneFilter {
  readonly status?: JobStatus
  readonly tag?: string
  readonly from?: Date
  readonly to?: Date
  /** At most 1,000; default 50. */
  readonly limit?: number
  /** The `next` of the page before. */
  readonly after?: string
}

export interface JobList {
  readonly jobs: readonly JobView[]
  readonly next: string | null
}

const laneFields = ['tenant', 'queue', 'name', 'version'] as const
const longestPage = 1_000

/** Looking at jobs, and the few things an operator does to one. */
export class Jobs {
  readonly #storage: Storage
  readonly #enqueuer: Enqueuer
  readonly #newId: () => JobId
  /** Tells the worker of this process; answers whether one of them runs there. */
  readonly #abortHere: (jobs: readonly JobId[]) => boolean

  constructor(
    storage: Storage,
    enqueuer: Enqueuer,
    newId: () => JobId,
    abortHere: (jobs: readonly JobId[]) => boolean,
  ) {
    this.#storage = storage
    this.#enqueuer = enqueuer
    this.#newId = newId
    this.#abortHere = abortHere
  }

  /** Throws MILL_JOB_UNKNOWN. */
  async get(id: string): Promise<JobView> {
    return jobView(await recordOf(this.#storage, id), await this.#conditions())
  }

  /** By id; unknown ones are left out. */
  async views(ids: readonly string[]): Promise<ReadonlyMap<string, JobView>> {
    if (ids.length === 0) return new Map()
    const [records, conditions] = [await this.#storage.history.jobs(ids), await this.#conditions()]
    return new Map(records.map((record) => [record.id, jobView(record, conditions)]))
  }

  /** Every ended attempt of the job and of its finalizers, oldest first. */
  async attempts(id: string): Promise<readonly AttemptView[]> {
    return (await this.#storage.history.attempts(checkId(id))).map(attemptView)
  }

  /** Newest first. */
  async list(options: JobListOptions = {}): Promise<JobList> {
    optionFields(options, [...laneFields, 'status', 'tag', 'from', 'to', 'limit', 'after'], 'jobs.list')
    const { limit = 50, after, status, tag, from, to, ...lanes } = options
    if (!Number.isInteger(limit) || limit < 1 || limit > longestPage)
      throw new MillraceError(
        'MILL_OPTIONS_INVALID',
        `limit is ${String(limit)}; it must be a whole number from 1 to ${longestPage}`,
      )
    if (status !== undefined && !jobStatuses.includes(status))
      throw new MillraceError(
        'MILL_OPTIONS_INVALID',
        `status is ${status as string}; it must be one of ${jobStatuses.join(', ')}`,
      )
    if (from !== undefined) checkDate(from, 'from of jobs.list')
    if (to !== undefined) checkDate(to, 'to of jobs.list')
    const page = await this.#storage.history.list(
      {
        ...lanes,
        ...(status === undefined ? {} : { status }),
        ...(tag === undefined ? {} : { arg: { path: '#tag', value: tag } }),
        ...(from === undefined ? {} : { from: from.getTime() }),
        ...(to === undefined ? {} : { to: to.getTime() }),
      },
      { before: after === undefined ? null : checkId(after), limit },
    )
    const conditions = await this.#conditions()
    return { jobs: page.jobs.map((record) => jobView(record, conditions)), next: page.next }
  }

  /** By status, each exact up to 10,000, above which it says 10,000. */
  async counts(filter: LaneFilter = {}): Promise<Readonly<Record<JobStatus, number>>> {
    optionFields(filter, laneFields, 'jobs.counts')
    return this.#storage.history.counts(filter)
  }

  /**
   * A queued job is Aborted at once; a running one is asked by its signal and is Aborted when it ends with an error (`requested`). Throws
   * MILL_JOB_UNKNOWN. `ended`: nothing was left to abort.
   */
  async abort(id: string): Promise<'aborted' | 'requested' | 'ended'> {
    demandRoomBeside(this.#storage.kind, `the abort of ${checkId(id)}`)
    // First, because on SQLite the intent waits for the very transaction that the job has open.
    const runsHere = this.#abortHere([id])
    const answer = await this.#storage.executions.abort(id)
    if (answer === 'unknown') throw unknown(id)
    if (answer === 'requested' && !runsHere) this.#abortHere([id])
    if (answer !== 'ended') await this.#abortParts(id)
    return answer === 'ended' && runsHere ? 'requested' : answer
  }

  /** What a batch has shared out, or the step of a pipeline runs. They would find out themselves, but not those that wait, and not before their chunk is through. */
  async #abortParts(id: JobId): Promise<void> {
    const state = await this.#storage.states.get(id)
    for (const part of state === null ? [] : partsOf(state)) {
      this.#abortHere([part])
      await this.#storage.executions.abort(part)
    }
  }

  /**
   * Enqueues an ended job once more: same input, options and lane, under a new id (the end of the old one stays what it was). Inside a
   * handler it joins that attempt's transaction. Throws MILL_JOB_UNKNOWN, MILL_JOB_NOT_ENDED, MILL_OPTIONS_INVALID for a part of another job.
   */
  async retry(id: string): Promise<{ readonly id: string }> {
    const record = await recordOf(this.#storage, id)
    const batch = record.options?.partOf
    if (batch !== undefined)
      throw new MillraceError(
        'MILL_OPTIONS_INVALID',
        `job ${id} is a part of job ${batch} and cannot be retried alone: retry that one`,
        { data: { jobId: id } },
      )
    if (record.facts.ended === null)
      throw new MillraceError(
        'MILL_JOB_NOT_ENDED',
        `job ${id} has not ended; only an ended job can be retried`,
        { data: { jobId: id } },
      )
    return this.#repeat(record, {})
  }

  /** As `retry`, with the records alone that the batch has set aside; not only once it has ended. */
  async retryAsides(record: JobRecord): Promise<{ readonly id: string }> {
    return this.#repeat(record, { asidesOf: asidesOf(record) })
  }

  /** The job of `retryAsides`, not enqueued; it tries what it is given in the same transaction, and nothing else. */
  repeatOfAsides(record: JobRecord): NewJob {
    return this.#repeatOf(record, { asidesOf: asidesOf(record), ownAsides: true })
  }

  #repeatOf(record: JobRecord, more: Partial<JobOptions>): NewJob {
    // A total deadline counted from the first enqueue would end the repeat at once.
    const { deadline: _deadline, delayMs: _delay, ownAsides: _own, ...options } = record.options ?? {}
    return {
      id: this.#newId(),
      lane: record.lane.id,
      prio: record.prio,
      parent: record.parent,
      options: { ...options, ...more, retryOf: record.id },
      payload: record.payload,
      due: null,
      unique: null,
      args: (options.tags ?? []).map((value) => ({ path: '#tag', value })),
    }
  }

  async #repeat(record: JobRecord, more: Partial<JobOptions>): Promise<{ readonly id: string }> {
    const job = this.#repeatOf(record, more)
    const scope = currentScope()
    if (scope === undefined) demandRoomBeside(this.#storage.kind, `the retry of ${record.id}`)
    if (scope === undefined) await this.#enqueuer.enqueue(job)
    else scope.enqueue([job])
    return { id: job.id }
  }

  async #conditions(): Promise<LaneConditions> {
    const [pauses, workers] = await Promise.all([
      this.#storage.controls.pauses(),
      this.#storage.workers.list(),
    ])
    return { pauses, workers }
  }
}

/** A job as storage has it. Throws MILL_JOB_UNKNOWN. */
export async function recordOf({ history }: Storage, id: string): Promise<JobRecord> {
  const [record] = await history.jobs([checkId(id)])
  if (record === undefined) throw unknown(id)
  return record
}

function partsOf(state: StateChange): readonly JobId[] {
  if (state.phase !== phases.steps) return tracksOf(state)
  const child = childOf(pipelineOf(state))
  return child === null ? [] : [child]
}

/** Whose records that were set aside are its own: itself, or the batch that it tries again or is a part of. */
export function asidesOf({ id, options }: JobRecord): JobId {
  return options?.asidesOf ?? options?.partOf ?? id
}

function checkId(id: unknown): JobId {
  if (!isJobId(id))
    throw new MillraceError('MILL_JOB_UNKNOWN', `${JSON.stringify(id)} is not the id of a job`)
  return id
}

function unknown(id: string): MillraceError {
  return new MillraceError('MILL_JOB_UNKNOWN', `there is no job ${id}`, { data: { jobId: id } })
}
