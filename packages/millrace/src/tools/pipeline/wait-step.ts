import { parseDuration, type Duration } from '../../kernel/rules/duration.ts'
import {
  checkStep,
  frozen,
  invalidStep,
  type CommonStepOptions,
  type PipelineContext,
  type Step,
} from './step.ts'

export interface DelayStepOptions<Input, State> extends CommonStepOptions<Input, State> {
  /** Counted by the database's clock from the moment that the step begins. */
  readonly delay:
    Duration | ((input: Input, ctx: PipelineContext<State, Input>) => Duration | Promise<Duration>)
}

export interface WaitUntilOptions<Input, State> extends CommonStepOptions<Input, State> {
  /** Asked once; an instant that has passed waits for nothing. */
  readonly until: Date | ((input: Input, ctx: PipelineContext<State, Input>) => Date | Promise<Date>)
}

/** Nothing, for a while: no worker is held meanwhile (semantics ST-26). Throws MILL_PIPELINE_STEP_INVALID, MILL_DURATION_INVALID. */
export function delayStep<Input, State>(options: DelayStepOptions<Input, State>): Step<Input, State> {
  const { delay, ...common } = options
  const where = checkStep(options, ['delay'], 'delayStep')
  if (typeof delay === 'function') return frozen(common, { kind: 'wait', until: delay })
  parseDuration(delay, `delay of ${where}`)
  return frozen(common, { kind: 'wait', until: () => delay })
}

/** Nothing, until an instant by the database's clock. Throws MILL_PIPELINE_STEP_INVALID. */
export function waitUntil<Input, State>(options: WaitUntilOptions<Input, State>): Step<Input, State> {
  const { until, ...common } = options
  const where = checkStep(options, ['until'], 'waitUntil')
  if (typeof until !== 'function') {
    if (!(until instanceof Date) || Number.isNaN(until.getTime()))
      throw invalidStep(`the until of ${where} is neither a valid Date nor a function`)
    return frozen(common, { kind: 'wait', until: () => until })
  }
  return frozen(common, { kind: 'wait', until })
}
