import { decide, finalizerOf } from '../../kernel/rules/decide.ts'
import type { Decision, WaitReason, When } from '../../kernel/rules/decision.ts'
import type { Claimed } from '../../kernel/rules/execution.ts'
import { endsJob, outcomes, type StoredError } from '../../kernel/rules/outcome.ts'
import type { RetryPolicy } from '../../kernel/rules/retry.ts'
import { phases, type StateChange } from '../../kernel/rules/state.ts'
import type { Ending } from '../../kernel/runtime/handler.ts'

/** Fixed ids of a query, and the query whose fields are read. */
export interface FixedIds {
  readonly query: string
  readonly snapshot: string
  readonly total: number
  /** Records of a page. */
  readonly size: number
}

/** What the next execution is to do of the step at `index`; fixed before it runs. */
export type Work =
  /** Run it, or open its cursor. */
  | { readonly kind: 'step' }
  /** Positions `from` up to, but without, `to`. */
  | { readonly kind: 'page'; readonly ids: FixedIds; readonly from: number; readonly to: number }
  /** Go on: what it waited for has come. `until` in epoch ms by the database's clock. */
  | { readonly kind: 'wait'; readonly until: number }
  /** Tell those who are to answer, and then wait. */
  | { readonly kind: 'ask'; readonly forMs: number | null }
  /** Go on waiting or, once `until` has come, as after a timeout. null: for ever. */
  | { readonly kind: 'await'; readonly until: number | null }
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** Look whether the job `child`, which `by` has enqueued, has ended. */
  | { readonly kind: 'child'; readonly child: string; readonly by: string }
  | { readonly kind: 'finalize' }

/** What somebody gave that a step waited for. */
export interface Answer {
  readonly kind: 'signal' | 'approved' | 'rejected'
  readonly data: KeptState
  readonly by: string | null
}

/** What a step waits for, from the moment that it asks. */
export interface Asked {
  readonly what: 'signal' | 'approval'
  /** Of an approval: what it is answered by. */
  readonly token: string | null
  readonly answered: boolean
}

/** How a step ended that did not fail: through, passed over because its flag was off, or by an operator. */
export type StepEnd = 'done' | 'off' | 'skipped'

/** What is kept of a step, from its beginning. */
export interface StepRecord {
  /** The job it runs in, and its first execution there. */
  readonly job: string
  readonly from: number
  /** Epoch ms by the database's clock. */
  readonly begun: number
  readonly ended: number | null
  readonly end: StepEnd | null
  /** Of a cursor step: in all; null: not opened. */
  readonly total: number | null
  readonly pages: number
  readonly records: number
  readonly restarts: number
  readonly asked?: Asked
  /** The job that it runs. */
  readonly child?: string
}

/** `ctx.state`, as it is stored. */
export type KeptState = { readonly json: string; readonly types?: unknown } | null

/** A pipeline between two executions. */
export interface Pipeline {
  /** Names of the steps it started with; it keeps to them, whatever becomes of its definition. */
  readonly plan: readonly string[]
  /** Of the step that runs next; the number of steps: all are through. */
  readonly index: number
  readonly work: Work
  /** Of the steps that have begun. */
  readonly steps: readonly StepRecord[]
  readonly state: KeptState
  /** The job that it began as; another one after it failed and was continued. */
  readonly root: string
  /** Times that an operator began a step anew: a part of idempotency keys. */
  readonly round: number
  /** The job that goes on with it. */
  readonly continuedBy?: string
}

/** What an execution of a step came to. */
export type Came =
  | { readonly kind: 'done' }
  | { readonly kind: 'off' }
  | { readonly kind: 'skipped' }
  /** It asked to be run once more. */
  | { readonly kind: 'again'; readonly delayMs: number }
  /** Its ids are fixed. */
  | { readonly kind: 'opened'; readonly ids: FixedIds }
  /** A page of so many records is through. */
  | { readonly kind: 'page'; readonly records: number }
  | { readonly kind: 'waits'; readonly forMs: number }
  /** Its token is made; whoever is to answer is told next. */
  | { readonly kind: 'asks'; readonly asked: Asked; readonly forMs: number | null }
  /** For an answer, at most so long. `asked`: from now on. */
  | { readonly kind: 'awaits'; readonly asked?: Asked; readonly forMs: number | null }
  /** The job `child` was enqueued by the job `by`. */
  | { readonly kind: 'started'; readonly child: string; readonly by: string }

/** What an execution leaves for its decision. */
export type Left =
  /** Before it does anything that may fail: how that is tried again. */
  | { readonly kind: 'trying'; readonly pipeline: Pipeline; readonly retry: RetryPolicy }
  | {
      readonly kind: 'came'
      readonly pipeline: Pipeline
      readonly came: Came
      readonly state: KeptState
      /** The step has a finalize. */
      readonly finalizes: boolean
    }
  /** An operator holds the job: the same is to be done when it is let go. */
  | { readonly kind: 'held'; readonly pipeline: Pipeline }
  /** Its execution was given up without a decision of its own, because its process died too often. */
  | { readonly kind: 'givenUp'; readonly pipeline: Pipeline; readonly error: StoredError }

const ready: When = { ready: true }

/** As its first execution, `seq`, finds it. */
export function planned(plan: readonly string[], state: KeptState, at: At): Pipeline {
  return begin({ plan, index: 0, work: { kind: 'step' }, steps: [], state, root: at.job, round: 0 }, at)
}

/** The execution that finds a pipeline, and when it was made: epoch ms by the database's clock. */
export interface At {
  readonly job: string
  readonly seq: number
  readonly now: number
}

export interface Advanced {
  readonly pipeline: Pipeline
  readonly when: When
}

/** What follows an execution of the step at `index`, for the one `next`. */
export function advance(
  pipeline: Pipeline,
  came: Came,
  { state, finalizes }: { readonly state: KeptState; readonly finalizes: boolean },
  next: At,
): Advanced {
  const at = { ...pipeline, state }
  const done = (from: Pipeline): Advanced =>
    finalizes && from.work.kind !== 'finalize'
      ? { pipeline: { ...from, work: { kind: 'finalize' } }, when: ready }
      : { pipeline: begin(ended(from, 'done', next.now), next), when: ready }
  switch (came.kind) {
    case 'done':
      return done(at)
    case 'off':
    case 'skipped':
      return { pipeline: begin(ended(at, came.kind, next.now), next), when: ready }
    case 'again': {
      const again = noted(at, ({ restarts }) => ({ restarts: restarts + 1 }))
      return { pipeline: { ...again, work: { kind: 'step' } }, when: inMs(came.delayMs) }
    }
    case 'opened': {
      const opened = noted(at, () => ({ total: came.ids.total }))
      return came.ids.total === 0
        ? done(opened)
        : { pipeline: { ...opened, work: pageFrom(came.ids, 0) }, when: ready }
    }
    case 'page': {
      if (at.work.kind !== 'page') return done(at)
      const { ids, to } = at.work
      const paged = noted(at, ({ pages, records }) => ({ pages: pages + 1, records: records + came.records }))
      return to >= ids.total ? done(paged) : { pipeline: { ...paged, work: pageFrom(ids, to) }, when: ready }
    }
    case 'waits':
      return {
        pipeline: { ...at, work: { kind: 'wait', until: Math.round(next.now + came.forMs) } },
        when: inMs(came.forMs),
      }
    case 'asks': {
      const { asked, forMs } = came
      return { pipeline: { ...noted(at, () => ({ asked })), work: { kind: 'ask', forMs } }, when: ready }
    }
    case 'awaits': {
      const { asked, forMs } = came
      const until = forMs === null ? null : Math.round(next.now + forMs)
      return {
        pipeline: {
          ...(asked === undefined ? at : noted(at, () => ({ asked }))),
          work: { kind: 'await', until },
        },
        when: forMs === null ? { held: true, reason: 'awaiting' } : inMs(forMs, 'awaiting'),
      }
    }
    case 'started':
      return {
        pipeline: {
          ...noted(at, () => ({ child: came.child })),
          work: { kind: 'child', child: came.child, by: came.by },
        },
        when: inMs(recheckMs(0), 'awaiting'),
      }
  }
}

/** How long after it was looked at a job that began `ms` ago is looked at again: a quarter of that, 200 ms to 30 s. */
export function recheckMs(ms: number): number {
  return Math.round(Math.min(30_000, Math.max(200, ms / 4)))
}

/** The job that the current step runs; null: none. */
export function childOf({ work }: Pipeline): string | null {
  return work.kind === 'child' ? work.child : null
}

/** The current step's answer has come: it is applied next. */
export function answeredBy(pipeline: Pipeline, answer: Answer): Pipeline {
  const marked = noted(pipeline, ({ asked }) =>
    asked === undefined ? {} : { asked: { ...asked, answered: true } },
  )
  return { ...marked, work: { kind: 'answer', answer } }
}

/** The last page is as short as it must be (table 0.2 no. 2). */
function pageFrom(ids: FixedIds, from: number): Work {
  return { kind: 'page', ids, from, to: Math.min(ids.total, from + ids.size) }
}

export function isThrough({ plan, index }: Pick<Pipeline, 'plan' | 'index'>): boolean {
  return index >= plan.length
}

/** A restart after which nothing is other than before would come to the same for ever (semantics ST-09). */
export function standsStill(restart: {
  readonly delayMs: number
  readonly stateChanged: boolean
  readonly wrote: boolean
}): boolean {
  return restart.delayMs === 0 && !restart.stateChanged && !restart.wrote
}

/** The current step is passed over: the one after it is next. */
export function passedOver(pipeline: Pipeline, next: At): Pipeline {
  return begin(ended(pipeline, 'skipped', next.now), next)
}

/** From the step at `index` on; what was known of it and of those after it is forgotten. */
export function restarted(pipeline: Pipeline, index: number, state: KeptState, next: At): Pipeline {
  return begin({ ...pipeline, index, state, round: pipeline.round + 1 }, next)
}

/** The same step, as far as it had come, in another job. One that had asked in vain, or was rejected, asks anew. */
export function resumed(pipeline: Pipeline, { job, seq, now }: At): Pipeline {
  const { work } = pipeline
  const asksAnew =
    work.kind === 'ask' ||
    work.kind === 'await' ||
    (work.kind === 'answer' && work.answer.kind === 'rejected')
  if (asksAnew) return begin({ ...pipeline, round: pipeline.round + 1 }, { job, seq, now })
  return noted(pipeline, () => ({ job, from: seq }))
}

function begin(pipeline: Pipeline, { job, seq, now }: At): Pipeline {
  const steps = pipeline.steps.slice(0, pipeline.index)
  if (isThrough(pipeline)) return { ...pipeline, work: { kind: 'step' } }
  const record: StepRecord = {
    ...{ job, from: seq, begun: Math.round(now), ended: null, end: null },
    ...{ total: null, pages: 0, records: 0, restarts: 0 },
  }
  return { ...pipeline, work: { kind: 'step' }, steps: [...steps, record] }
}

function ended(pipeline: Pipeline, end: StepEnd, now: number): Pipeline {
  return { ...noted(pipeline, () => ({ ended: Math.round(now), end })), index: pipeline.index + 1 }
}

/** A change of the current step's record. */
function noted(pipeline: Pipeline, change: (record: StepRecord) => Partial<StepRecord>): Pipeline {
  const steps = pipeline.steps.map((record, index) =>
    index === pipeline.index ? { ...record, ...change(record) } : record,
  )
  return { ...pipeline, steps }
}

function inMs(ms: number, reason: WaitReason = 'scheduled'): When {
  return ms > 0 ? { dueInMs: ms, reason } : ready
}

export interface PipelinePolicy {
  /** Of an execution that came to nothing before it knew its step. */
  readonly retry: RetryPolicy
  /** Something hears of an end that is no completion. */
  readonly hasHook: boolean
}

/**
 * What the end of an execution (seq >= 0) of a pipeline changes. A step that is through brings the state and the next execution; one that
 * failed for good ends the job, with the state from which it can be continued.
 */
export function decidePipeline(run: Claimed, ending: Ending, { retry, hasHook }: PipelinePolicy): Decision {
  const { result, classes, ms, now, chance, aborting } = ending
  const left = ending.left as Left | undefined
  const policy = left?.kind === 'trying' ? left.retry : retry
  const plain = decide(unfinalized(run), result, { retry: policy, classes }, ms, { now, chance })
  const seq = run.seq + 1
  if (result.kind === 'success' && left?.kind === 'came') {
    const { pipeline, when } = advance(left.pipeline, left.came, left, { job: run.job, seq, now })
    const state = changeOf(pipeline, seq)
    if (isThrough(pipeline)) return { ...plain, state }
    // What runs completes; nothing follows (semantics B-13).
    if (aborting) return told(run, { ...plain, outcome: outcomes.aborted, state }, hasHook)
    return { ...plain, outcome: outcomes.succeeded, state, next: [{ seq, attempt: 1, care: 0, when }] }
  }
  if (result.kind === 'success' && left?.kind === 'held') {
    const next = { seq, attempt: 1, care: 0, when: { held: true } } as const
    return { ...plain, outcome: outcomes.succeeded, state: changeOf(left.pipeline, seq), next: [next] }
  }
  if (result.kind === 'success' && left?.kind === 'givenUp') {
    const { error, pipeline } = left
    return told(
      run,
      { ...plain, outcome: outcomes.failed, error, state: changeOf(pipeline, run.seq) },
      hasHook,
    )
  }
  if (!endsJob(plain.outcome) || left === undefined) return told(run, plain, hasHook)
  // Also of its first execution, so that it can be continued.
  return told(run, { ...plain, state: changeOf(left.pipeline, run.seq) }, hasHook)
}

/** An end that is no completion is told to the hook, if there is one. */
function told(run: Claimed, decision: Decision, hasHook: boolean): Decision {
  const { outcome } = decision
  const good = outcome === outcomes.completed || outcome === outcomes.skipped
  return endsJob(outcome) && !good && hasHook ? { ...decision, next: [finalizerOf(run)] } : decision
}

/** As the execution `seq` finds it. To lists its items are steps, its records those of the current cursor. */
export function changeOf(pipeline: Pipeline, seq: number): StateChange {
  const { plan, index, steps } = pipeline
  const { total = null, records = 0 } = steps[index] ?? {}
  return {
    ...{ seq, data: JSON.stringify(pipeline), phase: phases.steps, error: null },
    ...{ total, processed: records, failed: 0, errors: 0, scope: null, pace: null, spread: null },
    ...{ chunks: index, totalChunks: plan.length },
  }
}

export function pipelineOf({ data }: Pick<StateChange, 'data'>): Pipeline {
  return JSON.parse(data) as Pipeline
}

/** Its hook comes after the job, not after each attempt. */
function unfinalized(run: Claimed): Claimed {
  if (run.options?.finalizer === undefined) return run
  const { finalizer: _, ...options } = run.options
  return { ...run, options }
}
