import { createHash, timingSafeEqual } from 'node:crypto'
import { isJobId } from '../kernel/rules/ids.ts'
import { optionFields } from '../kernel/rules/option-fields.ts'
import { phases } from '../kernel/rules/state.ts'
import type { JobRecord } from '../kernel/storage/history.ts'
import type { NewJob } from '../kernel/storage/jobs.ts'
import type { StandingJob, Steering } from '../kernel/storage/steering.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import { isMillraceError, MillraceError } from '../kernel/rules/errors.ts'
import { encode } from '../tools/codec.ts'
import { validate, type Definition } from '../tools/definition.ts'
import { answer } from '../tools/pipeline/answering.ts'
import { stateLimits, type PipelineDefinition } from '../tools/pipeline/define.ts'
import {
  changeOf,
  childOf,
  pipelineOf,
  planned,
  type Answer,
  type KeptState,
  type Pipeline,
} from '../tools/pipeline/rules.ts'
import {
  moveInvalid,
  steer,
  stepUnknown,
  type Found,
  type Move,
  type Verb,
} from '../tools/pipeline/steering.ts'
import type { StepBody } from '../tools/pipeline/step.ts'
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
      const { state, queued, hold, now } = standing
      await steering.release(jobId)
      const due = hold === null ? (queued?.due ?? null) : hold.due
      const awaits = state !== null && pipelineOf(state).work.kind === 'await'
      if (queued !== null)
        await steering.put(
          queued,
          due === null
            ? awaits
              ? { held: true, reason: 'awaiting' }
              : { ready: true }
            : due <= now
              ? { ready: true }
              : { dueInMs: due - now, reason: awaits ? 'awaiting' : 'scheduled' },
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

  /**
   * Gives a signal step what it waits for; the pipeline goes on with that. The definition must be one of this mill. Throws
   * MILL_PIPELINE_STEP_UNKNOWN, MILL_PIPELINE_NOT_WAITING (retryable: the step is not there yet), MILL_PIPELINE_MOVE_INVALID (it is over, has
   * its signal, or waits for something else), MILL_INPUT_INVALID.
   */
  async signal(jobId: string, step: string, data?: unknown): Promise<void> {
    const record = await recordOf(this.#services.storage, jobId)
    this.#planOf(record)
    const schema = this.#bodyOf(jobId, record.lane, step, 'signal').schema
    const checked = await validate(schema, data, `signal for step ${step} of pipeline ${jobId}`)
    await this.#answer(
      jobId,
      'signal',
      { kind: 'signal', data: keep(checked, jobId), by: null },
      ({ plan }) => {
        const index = plan.indexOf(step)
        if (index < 0) throw stepUnknown(jobId, step, plan)
        return index
      },
    )
  }

  /**
   * Answers an approval step, whose token this is; the pipeline goes on with that. The definition must be one of this mill. Throws
   * MILL_PIPELINE_TOKEN_UNKNOWN, MILL_PIPELINE_TOKEN_USED, MILL_PIPELINE_TOKEN_EXPIRED, MILL_PIPELINE_NOT_WAITING (retryable: its notify runs),
   * MILL_INPUT_INVALID.
   */
  approve(token: string, form?: unknown, by?: string): Promise<void> {
    return this.#decide('approved', token, form, by)
  }

  /** The same, for no. The form is not checked by the step's schema. */
  reject(token: string, form?: unknown, by?: string): Promise<void> {
    return this.#decide('rejected', token, form, by)
  }

  async #decide(kind: 'approved' | 'rejected', token: string, form: unknown, by?: string): Promise<void> {
    const { storage } = this.#services
    const jobId = typeof token === 'string' ? (token.split('.')[0] ?? '') : ''
    const [record] = isJobId(jobId) ? await storage.history.jobs([jobId]) : []
    const standing = record === undefined ? null : await storage.states.get(jobId)
    if (record === undefined || standing?.phase !== phases.steps) throw tokenUnknown()
    const at = (pipeline: Pipeline): number => {
      const index = pipeline.steps.findIndex(({ asked }) => isSame(asked?.token, token))
      if (index < 0) throw tokenUnknown()
      return index
    }
    const pipeline = pipelineOf(standing)
    const step = pipeline.plan[at(pipeline)] ?? ''
    const where = `form for step ${step} of pipeline ${jobId}`
    const checked =
      kind === 'approved' && pipeline.steps[at(pipeline)]?.asked?.answered === false
        ? await validate(this.#bodyOf(jobId, record.lane, step, 'approval').schema, form, where)
        : form
    await this.#answer(jobId, 'approval', { kind, data: keep(checked, jobId), by: by ?? null }, at)
  }

  async #answer(
    jobId: string,
    what: string,
    given: Answer,
    at: (pipeline: Pipeline) => number,
  ): Promise<void> {
    await this.#steer(jobId, what, async (steering, standing, { plan }) => {
      const found = foundOf(jobId, standing, plan)
      const { pipeline, seq } = answer(found, at(found.pipeline), given, standing.now)
      await putInPlace(steering, standing, pipeline, seq)
    })
  }

  /** Of a step of the definition as it is known here. */
  #bodyOf<Kind extends 'signal' | 'approval'>(
    jobId: string,
    { name, version }: { readonly name: string; readonly version: number },
    step: string,
    kind: Kind,
  ): Extract<StepBody<never, never>, { readonly kind: Kind }> {
    const definition = this.#services.definitions.find(
      (one) => one.name === name && one.version === version,
    ) as Partial<PipelineDefinition> | undefined
    if (definition === undefined) throw definitionUnknown(jobId, name, version)
    const steps = definition.steps ?? []
    const body = steps.find((one) => one.name === step)?.body
    if (body === undefined)
      throw stepUnknown(
        jobId,
        step,
        steps.map((one) => one.name),
      )
    if (body.kind === kind) return body as Extract<StepBody<never, never>, { readonly kind: Kind }>
    throw moveInvalid(jobId, `takes no ${kind} for ${step}: its kind is ${body.kind}`)
  }

  /** As `mill.jobs.abort`. */
  async abort(jobId: string): Promise<'aborted' | 'requested' | 'ended'> {
    this.#planOf(await recordOf(this.#services.storage, jobId))
    return this.#services.jobs.abort(jobId)
  }

  async #move(jobId: string, verb: Verb): Promise<{ readonly id: string }> {
    const { newId, jobs } = this.#services
    const newJob = newId()
    let left: string | null = null
    const moved = await this.#steer(
      jobId,
      verb.kind,
      async (steering, standing, { record, plan, enqueue }) => {
        const { state, queued, now } = standing
        const found = foundOf(jobId, standing, plan)
        const { pipeline } = found
        const move: Move = steer(found, verb, { newJob, now })
        if (verb.kind !== 'retry') left = childOf(pipeline)
        if (move.kind === 'continue') {
          await steering.putState(jobId, changeOf({ ...pipeline, continuedBy: newJob }, state?.seq ?? 0))
          await enqueue(continuing(record, newJob))
          await steering.putState(newJob, changeOf(move.pipeline, 0))
          return { id: newJob }
        }
        if (queued === null) throw new MillraceError('MILL_INTERNAL', `pipeline ${jobId} is not queued`)
        if (move.kind === 'now') await steering.put(queued, { ready: true })
        else await putInPlace(steering, standing, move.pipeline, move.seq)
        return { id: jobId }
      },
    )
    // Nobody waits for it any more.
    if (left !== null) await jobs.abort(left).catch(unlessUnknown)
    return moved
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
    if (definition === undefined) throw definitionUnknown(id, lane.name, lane.version)
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

function foundOf(jobId: string, { state, queued, ended, hold, now }: StandingJob, plan: Plan): Found {
  const initial = (): Pipeline => planned(plan.names, plan.state, { job: jobId, seq: 0, now })
  const pipeline = state === null ? initial() : pipelineOf(state)
  return { job: jobId, pipeline, queued, ended, held: hold !== null }
}

/** Another execution instead of the one that was taken. A paused pipeline stays so, and has nothing to wait for once it is resumed. */
async function putInPlace(
  steering: Steering,
  { queued, hold }: StandingJob,
  pipeline: Pipeline,
  seq: number,
): Promise<void> {
  if (queued === null) throw new MillraceError('MILL_INTERNAL', 'a pipeline that is not queued was moved')
  const { job } = queued
  if (hold !== null && hold.due !== null) {
    await steering.release(job)
    await steering.hold(job, { by: null, due: null })
  }
  await steering.putState(job, changeOf(pipeline, seq))
  await steering.put(
    { ...queued, seq, attempt: 1, care: 0 },
    hold === null ? { ready: true } : { held: true },
  )
}

function keep(value: unknown, jobId: string): KeptState {
  return value === undefined ? null : encode(value, `answer to pipeline ${jobId}`, stateLimits)
}

/** In the same time, however much of it is right. */
function isSame(kept: string | null | undefined, given: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return typeof kept === 'string' && timingSafeEqual(digest(kept), digest(given))
}

/** It may have been pruned. */
function unlessUnknown(error: unknown): void {
  if (!isMillraceError(error, 'MILL_JOB_UNKNOWN')) throw error
}

function tokenUnknown(): MillraceError {
  return new MillraceError('MILL_PIPELINE_TOKEN_UNKNOWN', 'no step of a pipeline has asked with this token')
}

function definitionUnknown(id: string, name: string, version: number): MillraceError {
  return new MillraceError(
    'MILL_DEFINITION_UNKNOWN',
    `${name}, version ${version}, of job ${id} is not among the definitions of this mill`,
  )
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
