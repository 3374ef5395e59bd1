import { MillraceError } from '../../kernel/rules/errors.ts'
import { outcomes, type Outcome } from '../../kernel/rules/outcome.ts'
import { passedOver, restarted, resumed, type At, type KeptState, type Pipeline } from './rules.ts'

/** What an operator does to a pipeline that does not run at this moment. */
export type Verb =
  | { readonly kind: 'retry' }
  | { readonly kind: 'skip' }
  /** `state`: other than the one it has now. */
  | { readonly kind: 'restart'; readonly from: string; readonly state?: KeptState }

/** A pipeline as an operator finds it. */
export interface Found {
  readonly job: string
  readonly pipeline: Pipeline
  /** Of its next execution; null: it runs, or is about to. */
  readonly queued: { readonly seq: number } | null
  readonly ended: Outcome | null
  readonly held: boolean
}

export type Move =
  /** Its next execution runs as it is, now. */
  | { readonly kind: 'now' }
  /** Another one takes its place. */
  | { readonly kind: 'inPlace'; readonly pipeline: Pipeline; readonly seq: number }
  /** An end is final: another job goes on, as its execution 0. */
  | { readonly kind: 'continue'; readonly pipeline: Pipeline }

/**
 * What a verb comes to. Throws MILL_PIPELINE_STEP_RUNNING, MILL_PIPELINE_STEP_UNKNOWN, MILL_PIPELINE_CONTINUED and
 * MILL_PIPELINE_MOVE_INVALID; then nothing is changed.
 */
export function steer(
  found: Found,
  verb: Verb,
  { newJob, now }: { readonly newJob: string; readonly now: number },
): Move {
  const { job, pipeline, queued, ended, held } = found
  if (pipeline.continuedBy !== undefined)
    throw new MillraceError(
      'MILL_PIPELINE_CONTINUED',
      `job ${pipeline.continuedBy} goes on with pipeline ${job}`,
      {
        data: { jobId: pipeline.continuedBy },
      },
    )
  if (ended !== null) {
    if (good.includes(ended) && verb.kind !== 'restart')
      throw moveInvalid(job, `has completed: there is nothing to ${verb.kind}; a restart is possible`)
    return { kind: 'continue', pipeline: changed(found, verb, { job: newJob, seq: 0, now }) }
  }
  if (queued === null) {
    const step = pipeline.plan[pipeline.index]
    throw new MillraceError(
      'MILL_PIPELINE_STEP_RUNNING',
      `a ${verb.kind} of pipeline ${job} is possible only between its executions, and step ${step} runs`,
      { data: { jobId: job, step } },
    )
  }
  if (verb.kind === 'retry') {
    if (held) throw moveInvalid(job, 'is paused: resume it')
    return { kind: 'now' }
  }
  const seq = queued.seq + 1
  return { kind: 'inPlace', pipeline: changed(found, verb, { job, seq, now }), seq }
}

function changed({ job, pipeline }: Found, verb: Verb, at: At): Pipeline {
  switch (verb.kind) {
    case 'retry':
      return resumed(pipeline, at)
    case 'skip':
      return passedOver(pipeline, at)
    case 'restart':
      return restarted(pipeline, indexOf(job, pipeline, verb.from), verb.state ?? pipeline.state, at)
  }
}

function indexOf(job: string, { plan }: Pipeline, name: string): number {
  const index = plan.indexOf(name)
  if (index >= 0) return index
  throw stepUnknown(job, name, plan)
}

export function stepUnknown(job: string, name: string, steps: readonly string[]): MillraceError {
  return new MillraceError(
    'MILL_PIPELINE_STEP_UNKNOWN',
    `pipeline ${job} has no step ${JSON.stringify(name)}; it has ${steps.join(', ')}`,
    { data: { jobId: job, step: name, steps } },
  )
}

const good: readonly Outcome[] = [outcomes.completed, outcomes.completedWithErrors, outcomes.skipped]

export function moveInvalid(job: string, why: string): MillraceError {
  return new MillraceError('MILL_PIPELINE_MOVE_INVALID', `pipeline ${job} ${why}`, { data: { jobId: job } })
}
