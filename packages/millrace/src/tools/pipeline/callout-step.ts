import type { Duration } from '../../kernel/rules/duration.ts'
import {
  checkFunction,
  checkStep,
  frozen,
  type CommonStepOptions,
  type PipelineContext,
  type Step,
} from './step.ts'

export interface CalloutStepOptions<Input, State, Answer> extends CommonStepOptions<Input, State> {
  /**
   * Asks another system, by `ctx.fetch` or any client with `ctx.signal`, without a transaction: what it writes through `ctx` fails the step with
   * MILL_CALLOUT_AFTER_WRITE. A Response of status 408, 429 or 500 and above fails the attempt with MILL_CALLOUT_FAILED, which is tried again
   * by `retry`, not before its Retry-After; any other that is not ok with MILL_CALLOUT_REFUSED, which is not.
   */
  readonly callout: (input: Input, ctx: PipelineContext<State, Input>) => Answer | Promise<Answer>
  /** What to make of the answer, in a transaction. When it fails, the next attempt calls out again. */
  readonly apply?: (answer: Answer, ctx: PipelineContext<State, Input>) => void | Promise<void>
  /** @default '30 seconds' */
  readonly timeout?: Duration
}

/** A call to another system, and what its answer changes here (semantics ST-22). Throws MILL_PIPELINE_STEP_INVALID and what bad options deserve. */
export function calloutStep<Input, State, Answer>(
  options: CalloutStepOptions<Input, State, Answer>,
): Step<Input, State> {
  const { callout, apply, ...common } = options
  const where = checkStep(options, ['callout', 'apply'], 'calloutStep')
  checkFunction(callout, `callout of ${where}`)
  if (apply !== undefined) checkFunction(apply, `apply of ${where}`)
  return frozen({ timeout: '30 seconds', ...common }, { kind: 'callout', callout, apply })
}
