import { parseDuration } from '../../kernel/rules/duration.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { outcomes, type StoredError } from '../../kernel/rules/outcome.ts'
import { normalizeRetry, type RetryPolicy } from '../../kernel/rules/retry.ts'
import { reviveError } from '../../kernel/rules/stored-error.ts'
import { Skip, type ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import type { StandingState, StateAccess } from '../../kernel/storage/states.ts'
import { decode, encode, textOf } from '../codec.ts'
import { validate } from '../definition.ts'
import type { ContextServices } from '../handler-context.ts'
import { stateLimits, type PipelineDefinition, type PipelineEnd } from './define.ts'
import { ScopedPipelineContext } from './pipeline-context.ts'
import {
  advance,
  isThrough,
  pipelineOf,
  planned,
  type Came,
  type KeptState,
  type Left,
  type Pipeline,
} from './rules.ts'
import { runAnswer } from './run-answer.ts'
import { runCallout } from './run-callout.ts'
import { runChild, type ChildServices } from './run-child.ts'
import { runCursor } from './run-cursor.ts'
import { runPlain } from './run-plain.ts'
import { runWait } from './run-wait.ts'
import type { Step, StepBody } from './step.ts'
import type { Turn } from './turn.ts'

export interface PipelineServices extends ContextServices, ChildServices {
  readonly defaultTimeoutMs: number
  /** Beside the attempt's transaction. */
  readonly states: StateAccess
}

type AnyStep = Step<never, never>

/** One execution of a pipeline. What it leaves in `scope.left` is all that its decision knows. */
export class PipelineExecution {
  readonly #definition: PipelineDefinition
  readonly #services: PipelineServices
  readonly #scope: ExecutionScope
  readonly #retry: RetryPolicy

  constructor(
    definition: PipelineDefinition,
    services: PipelineServices,
    scope: ExecutionScope,
    retry: RetryPolicy,
  ) {
    this.#definition = definition
    this.#services = services
    this.#scope = scope
    this.#retry = retry
  }

  async run(): Promise<string | undefined> {
    const { seq, job, options } = this.#scope.run
    // Beside the attempt's transaction: nobody else writes it while this execution has its lease, and a step may do without a transaction.
    const standing = seq !== 0 || options?.continues ? await this.#services.states.get(job) : null
    if (seq < 0) return this.#hook(standing)
    const pipeline = standing === null ? await this.#planned() : pipelineOf(standing)
    this.#leave({ kind: 'trying', pipeline, retry: this.#retry })
    if (standing !== null) {
      if (standing.aborting) this.#stop()
      if (standing.seq > seq) throw new MillraceError('MILL_FENCED', `execution ${seq} of ${job} is over`)
      const isHeld = standing.held && (await this.#isHeld())
      if (standing.seq < seq) this.#leave(givenUp(pipeline, standing.failure))
      else if (isHeld) this.#leave({ kind: 'held', pipeline })
      if (standing.seq < seq || isHeld) return undefined
    } else if (seq !== 0) {
      throw new MillraceError('MILL_INTERNAL', `pipeline ${job} has no state for its execution ${seq}`)
    }
    if (isThrough(pipeline)) return this.#come(pipeline, { kind: 'done' }, pipeline.state, false)
    return this.#step(pipeline)
  }

  async #step(pipeline: Pipeline): Promise<string | undefined> {
    const step = this.#find(pipeline)
    const retry =
      step.retry === undefined
        ? this.#retry
        : normalizeRetry(step.retry, `retry of ${step.name}`, this.#retry)
    this.#leave({ kind: 'trying', pipeline, retry })
    if (step.timeout !== undefined)
      this.#scope.call?.bound(parseDuration(step.timeout, `timeout of ${step.name}`))
    const ctx = await this.#context(pipeline)
    let came: Came
    try {
      came = await this.#work(step, pipeline, ctx)
    } catch (thrown) {
      if (!(thrown instanceof Skip)) throw thrown
      // Of a finalize it is the end like any other.
      came = pipeline.work.kind === 'finalize' ? { kind: 'done' } : { kind: 'skipped' }
    }
    return this.#come(pipeline, came, this.#keep(ctx.state), step.finalize !== undefined)
  }

  async #work(step: AnyStep, pipeline: Pipeline, ctx: Turn<never>['ctx']): Promise<Came> {
    const { work } = pipeline
    const isBeginning = work.kind === 'step' && ctx.restart === 0
    if (isBeginning && !(await this.#isThere(step, ctx))) return { kind: 'off' }
    if (work.kind === 'finalize') {
      ctx.log.debug('Executing finalizer for step {0}', [step.name])
      await step.finalize?.(ctx.input, ctx)
      return { kind: 'done' }
    }
    ctx.log.debug('Executing step: {0}', [step.name])
    const turn = {
      ...{ work, ctx, pipeline, scope: this.#scope, services: this.#services, where: this.#where(step.name) },
      stateChanged: () => !isSame(this.#keep(ctx.state), pipeline.state),
    }
    const { body } = step
    switch (body.kind) {
      case 'plain':
        return runPlain({ ...turn, body })
      case 'cursor':
        return runCursor({ ...turn, body })
      case 'callout':
        return runCallout({ ...turn, body })
      case 'wait':
        return runWait({ ...turn, body }, this.#services.databaseNow)
      case 'child':
        return runChild({ ...turn, body }, this.#services)
      case 'signal':
      case 'approval':
        return runAnswer({ ...turn, body }, this.#services.databaseNow)
    }
  }

  /** Its result when these were all steps. */
  #come(pipeline: Pipeline, came: Came, state: KeptState, finalizes: boolean): string | undefined {
    this.#leave({ kind: 'came', pipeline, came, state, finalizes })
    const next = isThrough(pipeline)
      ? pipeline
      : advance(pipeline, came, { state, finalizes }, { job: '', seq: 0, now: 0 }).pipeline
    return isThrough(next) && state !== null ? textOf(state) : undefined
  }

  /** Of the definition as it is now; what it no longer has, or has as another kind, cannot be gone on with. */
  #find({ plan, index, work, steps }: Pipeline): AnyStep {
    const name = plan[index] ?? ''
    const step = this.#definition.steps.find((one) => one.name === name)
    const data = { jobId: this.#scope.run.job, step: name }
    if (step === undefined)
      throw new MillraceError(
        'MILL_PIPELINE_STEP_GONE',
        `pipeline ${this.#scope.run.job} began with a step ${name}, which ${this.#definition.name} no longer has`,
        { data },
      )
    const needed = asking.includes(work.kind) ? steps[index]?.asked?.what : kindOf[work.kind]
    if (needed !== undefined && step.body.kind !== needed)
      throw new MillraceError(
        'MILL_PIPELINE_STEP_CHANGED',
        `pipeline ${this.#scope.run.job} is in the middle of ${name}, whose kind was ${needed} and is ${step.body.kind} now`,
        { data },
      )
    return step
  }

  async #isThere({ when }: AnyStep, ctx: Turn<never>['ctx']): Promise<boolean> {
    if (when === undefined) return true
    return typeof when === 'string' ? ctx.flags.isEnabled(when) : when(ctx.input, ctx)
  }

  async #planned(): Promise<Pipeline> {
    const { steps, state } = this.#definition
    const plan = steps.map(({ name }) => name)
    const { job, seq } = this.#scope.run
    return planned(plan, this.#keep(state), { job, seq, now: await this.#services.databaseNow() })
  }

  async #isHeld(): Promise<boolean> {
    return (await this.#scope.transaction()).steering.isHeld(this.#scope.run.job)
  }

  async #hook(standing: StandingState | null): Promise<undefined> {
    const { ended, run } = this.#scope
    if (ended === null) throw new MillraceError('MILL_INTERNAL', `pipeline ${run.job} has no end to tell of`)
    const pipeline = standing === null ? null : pipelineOf(standing)
    const ctx = await this.#context(pipeline)
    const end: PipelineEnd<unknown> = {
      jobId: run.job,
      input: ctx.input,
      exception: ended.error === null ? null : reviveError(ended.error),
      step: pipeline?.plan[pipeline.index] ?? null,
    }
    const { onAborted, onFailed } = this.#definition
    const isAborted = ended.outcome === outcomes.aborted || ended.outcome === outcomes.replaced
    await (isAborted ? onAborted : onFailed)?.(end as PipelineEnd<never>, ctx)
    return undefined
  }

  async #context(pipeline: Pipeline | null): Promise<Turn<never>['ctx']> {
    const { payload, options, seq } = this.#scope.run
    const raw = decode(payload, options?.types)
    const { schema, state: initial } = this.#definition
    const checked = validate(schema, raw, `input of ${this.#definition.name}`)
    // Of a job that failed because its input does not fit, the hook must hear all the same.
    const input = seq < 0 ? await checked.catch(() => raw) : await checked
    const kept = pipeline === null ? this.#keep(initial) : pipeline.state
    const state = kept === null ? undefined : decode(kept.json, kept.types)
    return new ScopedPipelineContext(this.#scope, this.#services, {
      input,
      state,
      pipeline,
    }) as Turn<never>['ctx']
  }

  #keep(state: unknown): KeptState {
    return state === undefined
      ? null
      : encode(state, `state of pipeline ${this.#definition.name}`, stateLimits)
  }

  #where(step: string): string {
    return `step ${step} of pipeline ${this.#definition.name}`
  }

  #leave(left: Left): void {
    this.#scope.left = left
  }

  #stop(): never {
    const { job } = this.#scope.run
    const error = new MillraceError('MILL_ABORTED', `job ${job} was aborted`, { data: { jobId: job } })
    this.#scope.stop('aborted', error)
    throw error
  }
}

/** What a step must be for a piece of work that stands in the middle of it. */
const kindOf: Readonly<Partial<Record<Pipeline['work']['kind'], StepBody['kind']>>> = {
  page: 'cursor',
  wait: 'wait',
  child: 'child',
}

const asking: readonly Pipeline['work']['kind'][] = ['ask', 'await', 'answer']

function isSame(one: KeptState, other: KeptState): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function givenUp(pipeline: Pipeline, failure: StoredError | null): Left {
  const message = 'The step was given up, and nothing is known of its error.'
  return { kind: 'givenUp', pipeline, error: failure ?? { name: 'Error', message } }
}
