import { outcomes, type StoredError } from '../kernel/rules/outcome.ts'
import type { AttemptRecord } from '../kernel/storage/history.ts'
import type { StandingState } from '../kernel/storage/states.ts'
import { decode, textOf } from '../tools/codec.ts'
import { pipelineOf, type Pipeline, type StepRecord } from '../tools/pipeline/rules.ts'
import type { JobView } from './job-view.ts'
import type { Plan } from './pipelines.ts'

/** How a step stands: `off` and `skipped` are no-ops, by its flag and by an operator; `waiting` for its turn, a retry, or a time. */
export type StepStatus = 'pending' | 'waiting' | 'running' | 'done' | 'off' | 'skipped' | 'failed' | 'aborted'

export interface StepView {
  readonly name: string
  readonly status: StepStatus
  /** Ended attempts in the job where the step ran last, and those of them that failed or lost their process. */
  readonly attempts: number
  readonly failures: number
  /** Time that these ran, ms. */
  readonly ms: number
  /** Of a cursor step: pages and records that were applied, and records in all. */
  readonly pages: number
  readonly records: number
  readonly total: number | null
  readonly restarts: number
  /** The job that it runs, or ran. */
  readonly child: string | null
  readonly begunAt: Date | null
  readonly endedAt: Date | null
  /** Of its newest attempt that failed. */
  readonly error: StoredError | null
}

/** An answer, by `mill.pipelines.signal`, or by `approve` or `reject` with the token; or the end of another job. */
export interface WaitsFor {
  readonly step: string
  readonly kind: 'signal' | 'approval' | 'job'
  readonly token: string | null
  readonly job: string | null
  /** Of its timeout; null: none. */
  readonly until: Date | null
}

export interface PipelineStatus {
  readonly job: JobView
  /** The step it is at; null: all are through. */
  readonly step: string | null
  /** An operator holds it. */
  readonly paused: boolean
  /** null: for nobody. */
  readonly waitsFor: WaitsFor | null
  readonly steps: readonly StepView[]
  /** `ctx.state` as the last committed execution left it, and its size as JSON. */
  readonly state: unknown
  readonly stateBytes: number
  /** The ended job that this one goes on with, and the one that goes on with this; null: none. */
  readonly continues: string | null
  readonly continuedBy: string | null
}

export interface StatusParts {
  readonly standing: StandingState | null
  /** For one that has not begun. */
  readonly plan: Plan
  readonly attempts: readonly AttemptRecord[]
}

/** Pure. */
export function pipelineStatus(job: JobView, { standing, plan, attempts }: StatusParts): PipelineStatus {
  const pipeline = standing === null ? unbegun(job, plan) : pipelineOf(standing)
  const { state, index } = pipeline
  return {
    job,
    step: pipeline.plan[index] ?? null,
    paused: standing?.held ?? (job.substatus === 'paused' && job.reason.paused === undefined),
    waitsFor: job.finishedAt === null ? waitsFor(pipeline) : null,
    steps: pipeline.plan.map((name, at) => stepView(job, pipeline, { name, at, attempts })),
    state: state === null ? undefined : decode(state.json, state.types),
    stateBytes: state === null ? 0 : Buffer.byteLength(textOf(state)),
    continues: standing === null || pipeline.root === job.id ? null : job.retryOf,
    continuedBy: pipeline.continuedBy ?? null,
  }
}

function waitsFor({ plan, index, work, steps }: Pipeline): WaitsFor | null {
  const step = plan[index] ?? ''
  const asked = steps[index]?.asked
  if (work.kind === 'child') return { step, kind: 'job', token: null, job: work.child, until: null }
  if (work.kind !== 'await' || asked === undefined) return null
  const { what, token } = asked
  return {
    ...{ step, kind: what, token, job: null },
    until: work.until === null ? null : new Date(work.until),
  }
}

function unbegun({ id }: JobView, { names, state }: Plan): Pipeline {
  const work = { kind: 'step' } as const
  return { plan: names, index: 0, work, steps: [], state, root: id, round: 0 }
}

interface Place {
  readonly name: string
  readonly at: number
  readonly attempts: readonly AttemptRecord[]
}

function stepView(job: JobView, { index, steps }: Pipeline, { name, at, attempts }: Place): StepView {
  const record = steps[at]
  const next = steps[at + 1]
  const to = next === undefined || next.job !== job.id ? Infinity : next.from
  // Before its first execution has ended nothing is recorded.
  const own = record === undefined ? at === 0 && index === 0 : record.job === job.id
  const { from = 0, ended = null } = record ?? {}
  const ran = own ? attempts.filter(({ seq }) => seq >= from && seq < to) : []
  const failed = ran.filter(({ outcome }) => !through.includes(outcome))
  return {
    name,
    status: statusOf(job, record, at - index),
    attempts: ran.length,
    failures: failed.length,
    ms: ran.reduce((sum, { ms }) => sum + ms, 0),
    pages: record?.pages ?? 0,
    records: record?.records ?? 0,
    total: record?.total ?? null,
    restarts: record?.restarts ?? 0,
    child: record?.child ?? null,
    begunAt: record === undefined ? null : new Date(record.begun),
    endedAt: ended === null ? null : new Date(ended),
    error: failed.at(-1)?.error ?? null,
  }
}

const through: readonly number[] = [outcomes.succeeded, outcomes.completed]

function statusOf(job: JobView, record: StepRecord | undefined, distance: number): StepStatus {
  if (distance < 0) return record?.end ?? 'done'
  if (distance > 0) return 'pending'
  switch (job.status) {
    case 'Failed':
      return 'failed'
    case 'Aborted':
      return 'aborted'
    default:
      return job.substatus === 'running' ? 'running' : record === undefined ? 'pending' : 'waiting'
  }
}
