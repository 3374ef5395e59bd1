import { optionFields } from '../kernel/rules/option-fields.ts'
import { phases } from '../kernel/rules/state.ts'
import type { JobRecord } from '../kernel/storage/history.ts'
import type { NewJob } from '../kernel/storage/jobs.ts'
import type { StandingJob, Steering } from '../kernel/storage/steering.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import { encode } from '../tools/codec.ts'
import type { Definition } from '../tools/definition.ts'
import { stateLimits, type PipelineDefinition } from '../tools/pipeline/define.ts'
import { changeOf, pipelineOf, planned, type KeptState, type Pipeline } from '../tools/pipeline/rules.ts'
import { moveInvalid, steer, type Move, type Verb } from '../tools/pipeline/steering.ts'
import { demandRoomBeside } from './beside.ts'
import { recordOf, type Jobs } from './jobs.ts'
import { pipelineStatus, type PipelineStatus } from './pipeline-status.ts'

export interface RestartOptions {
  /** The step to begin with. */
  readonly from: string
  /** `ctx.state` from now on; default: as it is. It is not checked against what the steps expect. */
  readonly state?: unknown
}

export interface PipelinesServices {
  readonly storage: Storage
  readonly jobs: Jobs
  readonly definitions: readonly Definition[]
  readonly newId: () => string
  readonly begin: () => Promise<StorageTransaction>
}

/**
 * Looking at pipelines and operating them. Each verb is one transaction: it happens between two executions of the pipeline, or not at all, and
 * of two operators one finds what the other has done. All throw MILL_JOB_UNKNOWN, and MILL_PIPELINE_MOVE_INVALID for a job that is no pipeline.
 */
export class Pipelines {
  readonly #services: PipelinesServices

  constructor(services: PipelinesServices) {
    this.#services = services
  }

  /** Its steps as they stand: what ran, what failed, where it is. */
  async status(jobId: string): Promise<PipelineStatus> {
    const { storage, jobs } = this.#services
    const job = await jobs.get(jobId)
    const standing = await storage.states.get(jobId)
    const plan = this.#planOf(await recordOf(storage, jobId))
    const attempts = await storage.history.attempts(jobId)
    return pipelineStatus(job, { standing, plan, attempts })
  }

  /**
   * Holds it. `paused`: nothing of it begins any more. `requested`: a step runs, and completes; nothing follows. Time that it waits for goes on.
   */
  async pause(jobId: string, by?: string): Promise<'paused' | 'requested'> {
    return this.#steer(jobId, 'pause', async (steering, standing) => {
      demandLive(jobId, standing)
      const { queued, hold } = standing
      if (hold === null) await steering.hold(jobId, { by: by ?? null, due: queued?.due ?? null })
      if (queued === null) return 'requested'
      await steering.put(queued, { held: true })
      return 'paused'
    })
  }

  /** Lets it go on where it was held. false: it was not paused. */
  async resume(jobId: string): Promise<boolean> {
    return this.#steer(jobId, 'resume', async (steering, standing) => {
      demandLive(jobId, standing)
      const { queued, hold, now } = standing
      await steering.release(jobId)
      const due = hold === null ? (queued?.due ?? null) : hold.due
      if (queued !== null)
        await steering.put(
          queued,
          due === null || due <= now ? { ready: true } : { dueInMs: due - now, reason: 'scheduled' },
        )
      return hold !== null
    })
  }

  /**
   * Tries its current step again, from where it was: at once where it waits; one that has ended goes on as a new job, whose id this is, with the
   * state it ended with. Throws MILL_PIPELINE_STEP_RUNNING, MILL_PIPELINE_CONTINUED.
   */
  retry(jobId: string): Promise<{ readonly id: string }> {
    return this.#move(jobId, { kind: 'retry' })
  }

  /** The same with the step after the current one, which counts as skipped. A page that was committed stays so. */
  skip(jobId: string): Promise<{ readonly id: string }> {
    return this.#move(jobId, { kind: 'skip' })
  }

  /**
   * The same from a step on, whatever has run: also of one that has completed. What steps have written stays. Throws
   * MILL_PIPELINE_STEP_UNKNOWN, MILL_PIPELINE_STEP_RUNNING, MILL_STATE_TOO_LARGE.
   */
  async restart(jobId: string, options: RestartOptions): Promise<{ readonly id: string }> {
    optionFields(options, ['from', 'state'], 'pipelines.restart')
    const { from, state } = options
    const kept: { state?: KeptState } =
      state === undefined ? {} : { state: encode(state, `state of pipeline ${jobId}`, stateLimits) }
    return this.#move(jobId, { kind: 'restart', from, ...kept })
  }

  /** As `mill.jobs.abort`. */
  async abort(jobId: string): Promise<'aborted' | 'requested' | 'ended'> {
    this.#planOf(await recordOf(this.#services.storage, jobId))
    return this.#services.jobs.abort(jobId)
  }

  async #move(jobId: string, verb: Verb): Promise<{ readonly id: string }> {
    const { newId } = this.#services
    const newJob = newId()
    return this.#steer(jobId, verb.kind, async (steering, standing, { record, plan, enqueue }) => {
      const { state, queued, ended, hold, now } = standing
      const initial = (): Pipeline => planned(plan.names, plan.state, { job: jobId, seq: 0, now })
      const pipeline = state === null ? initial() : pipelineOf(state)
      const found = { job: jobId, pipeline, queued, ended, held: hold !== null }
      const move: Move = steer(found, verb, { newJob, now })
      if (move.kind === 'continue') {
        await steering.putState(jobId, changeOf({ ...pipeline, continuedBy: newJob }, state?.seq ?? 0))
        await enqueue(continuing(record, newJob))
        await steering.putState(newJob, changeOf(move.pipeline, 0))
        return { id: newJob }
      }
      if (queued === null) throw new MillraceError('MILL_INTERNAL', `pipeline ${jobId} is not queued`)
      if (move.kind === 'now') await steering.put(queued, { ready: true })
      else {
        const { seq } = move
        await steering.putState(jobId, changeOf(move.pipeline, seq))
        await steering.put(
          { ...queued, seq, attempt: 1, care: 0 },
          hold === null ? { ready: true } : { held: true },
        )
      }
      return { id: jobId }
    })
  }

  async #steer<T>(
    jobId: string,
    what: string,
    work: (
      steering: Steering,
      standing: StandingJob,
      more: {
        readonly record: JobRecord
        readonly plan: Plan
        readonly enqueue: (job: NewJob) => Promise<unknown>
      },
    ) => Promise<T>,
  ): Promise<T> {
    const { storage, begin } = this.#services
    const record = await recordOf(storage, jobId)
    const plan = this.#planOf(record)
    demandRoomBeside(storage.kind, `the ${what} of ${jobId}`)
    const transaction = await begin()
    try {
      const standing = await transaction.steering.take(jobId)
      if (standing === null)
        throw new MillraceError('MILL_JOB_UNKNOWN', `there is no job ${jobId}`, { data: { jobId } })
      const enqueue = (job: NewJob) => transaction.enqueue([job])
      const answer = await work(transaction.steering, standing, { record, plan, enqueue })
      await transaction.commit()
      return answer
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  /** What it begins with; of a definition that is not known here, a pipeline that has begun can do without. */
  #planOf({ id, lane, state }: JobRecord): Plan {
    const definition = this.#services.definitions.find(
      ({ name, version }) => name === lane.name && version === lane.version,
    ) as PipelineDefinition | undefined
    if (definition === undefined ? state?.phase === phases.steps : definition.tool === 'pipeline') {
      const { steps = [], state: initial } = definition ?? {}
      const kept = initial === undefined ? null : encode(initial, `state of ${lane.name}`, stateLimits)
      return { names: steps.map(({ name }) => name), state: kept }
    }
    if (definition === undefined)
      throw new MillraceError(
        'MILL_DEFINITION_UNKNOWN',
        `${lane.name}, version ${lane.version}, of job ${id} is not among the definitions of this mill`,
      )
    throw new MillraceError(
      'MILL_PIPELINE_MOVE_INVALID',
      `job ${id} is no pipeline: ${lane.name} is a ${definition.tool}`,
      { data: { jobId: id } },
    )
  }
}

export interface Plan {
  readonly names: readonly string[]
  readonly state: KeptState
}

function demandLive(jobId: string, { ended }: StandingJob): void {
  if (ended !== null) throw moveInvalid(jobId, 'has ended')
}

/** Of the same input, options and lane. */
function continuing({ id, lane, prio, parent, options, payload }: JobRecord, newId: string): NewJob {
  // A total deadline counted from the first enqueue would end it at once.
  const { deadline: _deadline, delayMs: _delay, ...rest } = options ?? {}
  return {
    id: newId,
    lane: lane.id,
    prio,
    parent,
    options: { ...rest, several: true, retryOf: id, continues: true },
    payload,
    due: null,
    unique: null,
    args: (rest.tags ?? []).map((value) => ({ path: '#tag', value })),
  }
}
