import type { StandardSchemaV1 } from '@standard-schema/spec'
import { parseDuration, type Duration } from '../../kernel/rules/duration.ts'
import { checkSchema } from '../check-definition.ts'
import {
  checkFunction,
  checkStep,
  frozen,
  invalidStep,
  type CommonStepOptions,
  type PipelineContext,
  type Step,
} from './step.ts'

/** What steps have in common that wait for somebody else, without a worker. */
export interface AnswerStepOptions<Input, State> extends Omit<CommonStepOptions<Input, State>, 'timeout'> {
  /** How long it waits, by the database's clock from the moment that `notify` is through. @default for ever */
  readonly timeout?: Duration
  /**
   * `fail`: with MILL_PIPELINE_TIMED_OUT, which is not tried again. `goOn`: the next step follows. A function runs in a transaction first.
   * @default 'fail'
   */
  readonly onTimeout?: 'fail' | 'goOn' | ((input: Input, ctx: PipelineContext<State, Input>) => unknown)
}

export interface SignalStepOptions<Input, State, Data> extends AnswerStepOptions<Input, State> {
  /** Any Standard Schema: what `mill.pipelines.signal` is given is checked before it is taken. */
  readonly data?: StandardSchemaV1<unknown, Data>
  /** Tells whoever is to give the signal, in an execution of its own. */
  readonly notify?: (input: Input, ctx: PipelineContext<State, Input>) => unknown
  /** What to make of the signal, in a transaction of its own. */
  readonly apply?: (data: Data, ctx: PipelineContext<State, Input>) => unknown
}

/** What was decided about an approval. */
export interface Approval<Form = unknown> {
  readonly approved: boolean
  /** As the step's schema made it; of a rejection as it was given. */
  readonly form: Form
  readonly by: string | null
}

export interface ApprovalStepOptions<Input, State, Form> extends AnswerStepOptions<Input, State> {
  /** Any Standard Schema: what `mill.pipelines.approve` is given is checked before it is taken. */
  readonly form?: StandardSchemaV1<unknown, Form>
  /**
   * Sends the token to whoever decides, in an execution of its own: the token stands already, and is the same in all attempts. It is good until the
   * step has ended.
   */
  readonly notify?: (token: string, ctx: PipelineContext<State, Input>) => unknown
  /** What to make of the decision, in a transaction of its own. */
  readonly apply?: (approval: Approval<Form>, ctx: PipelineContext<State, Input>) => unknown
  /** `fail`: with MILL_PIPELINE_REJECTED, which is not tried again. `goOn`: `apply` is told. @default 'fail' */
  readonly onReject?: 'fail' | 'goOn'
}

const fields = ['onTimeout', 'notify', 'apply'] as const

/**
 * Waits for `mill.pipelines.signal(jobId, name, data)` (semantics ST-26). One that comes before the step waits is refused with
 * MILL_PIPELINE_NOT_WAITING, not kept. Throws MILL_PIPELINE_STEP_INVALID and what bad options deserve.
 */
export function signalStep<Input, State, Data = unknown>(
  options: SignalStepOptions<Input, State, Data>,
): Step<Input, State> {
  const { data: schema, timeout, onTimeout = 'fail', notify, apply, ...common } = options
  const where = checkStep(options, [...fields, 'data'], 'signalStep')
  checkAnswer({ schema, onTimeout, notify, apply }, where)
  return frozen(common, { kind: 'signal', ...{ schema, onTimeout, notify, apply }, timeoutMs: ms(timeout) })
}

/**
 * Waits for `mill.pipelines.approve(token, form)` or `reject`. The token cannot be guessed and is good once; `notify` and
 * `mill.pipelines.status` tell it. Throws MILL_PIPELINE_STEP_INVALID and what bad options deserve.
 */
export function approvalStep<Input, State, Form = unknown>(
  options: ApprovalStepOptions<Input, State, Form>,
): Step<Input, State> {
  const { form: schema, timeout, onTimeout = 'fail', onReject = 'fail', notify, apply, ...common } = options
  const where = checkStep(options, [...fields, 'form', 'onReject'], 'approvalStep')
  checkAnswer({ schema, onTimeout, notify, apply }, where)
  if (!['fail', 'goOn'].includes(onReject)) throw invalidStep(`the onReject of ${where} must be fail or goOn`)
  return frozen(common, {
    ...{ kind: 'approval', schema, onTimeout, notify, apply, onReject, timeoutMs: ms(timeout) },
  })
}

function checkAnswer(
  given: {
    readonly schema: unknown
    readonly onTimeout: unknown
    readonly notify: unknown
    readonly apply: unknown
  },
  where: string,
): void {
  const { schema, onTimeout, notify, apply } = given
  checkSchema(schema, where)
  if (onTimeout !== 'fail' && onTimeout !== 'goOn' && typeof onTimeout !== 'function')
    throw invalidStep(`the onTimeout of ${where} must be fail, goOn or a function`)
  for (const [field, value] of Object.entries({ notify, apply }))
    if (value !== undefined) checkFunction(value, `${field} of ${where}`)
}

function ms(timeout: Duration | undefined): number | null {
  return timeout === undefined ? null : parseDuration(timeout, 'timeout')
}
