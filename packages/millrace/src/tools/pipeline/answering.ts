import { MillraceError } from '../../kernel/rules/errors.ts'
import { answeredBy, type Answer, type Pipeline } from './rules.ts'
import { moveInvalid, type Found } from './steering.ts'

/**
 * What an answer to the step at `index` comes to: the pipeline for its next execution. `index`: of the step that asked with the token, or is to be
 * given the signal. Throws MILL_PIPELINE_NOT_WAITING, MILL_PIPELINE_TOKEN_USED, MILL_PIPELINE_TOKEN_EXPIRED and, about a signal,
 * MILL_PIPELINE_MOVE_INVALID; then nothing is changed.
 */
export function answer(
  found: Found,
  index: number,
  given: Answer,
  now: number,
): { readonly pipeline: Pipeline; readonly seq: number } {
  const { job, pipeline, queued, ended } = found
  const { work } = pipeline
  const step = pipeline.plan[index] ?? ''
  const isSignal = given.kind === 'signal'
  const refusal = (code: 'NOT_WAITING' | 'TOKEN_USED' | 'TOKEN_EXPIRED', why: string): MillraceError =>
    isSignal && code !== 'NOT_WAITING'
      ? moveInvalid(job, `takes no signal for ${step}: it ${why}`)
      : new MillraceError(`MILL_PIPELINE_${code}`, `step ${step} of pipeline ${job} ${why}`, {
          data: { jobId: job, step },
        })
  const record = pipeline.steps[index]
  if (record?.asked?.answered) throw refusal('TOKEN_USED', 'was answered already')
  if (ended !== null) throw refusal('TOKEN_EXPIRED', 'waits no longer: the pipeline has ended')
  if (index < pipeline.index) throw refusal('TOKEN_EXPIRED', 'is over')
  if (index > pipeline.index || record?.asked === undefined)
    throw refusal('NOT_WAITING', 'does not wait for an answer yet')
  if (isSignal !== (record.asked.what === 'signal'))
    throw moveInvalid(job, `takes no ${given.kind} for ${step}: it waits for an ${record.asked.what}`)
  if (work.kind === 'await' && work.until !== null && work.until <= now)
    throw refusal('TOKEN_EXPIRED', 'has timed out')
  // Its notify is under way.
  if (queued === null) throw refusal('NOT_WAITING', 'is about to wait')
  return { pipeline: answeredBy(pipeline, given), seq: queued.seq + 1 }
}
