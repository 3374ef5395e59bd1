import type { StandardSchemaV1 } from '@standard-schema/spec'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { parseDuration, type Duration } from '../../kernel/rules/duration.ts'
import { checkDefinitionName } from '../../kernel/rules/names.ts'
import { optionFields } from '../../kernel/rules/option-fields.ts'
import { normalizeRetry, type RetryOptions } from '../../kernel/rules/retry.ts'
import type { RecordQuery } from '../../records/record-query.ts'
import type { Definition } from '../definition.ts'
import type { EnqueueOptions } from '../enqueue-options.ts'
import type { HandlerContext } from '../handler-context.ts'

/** What the functions of a pipeline's steps get. */
export interface PipelineContext<State = unknown, Input = unknown> extends HandlerContext {
  readonly input: Input
  /**
   * Handed from execution to execution, and written with what the execution wrote: what one that failed made of it is undone. Plain data, at
   * most 1 MiB.
   */
  state: State
  /** The step's name. */
  readonly step: string
  /** How often this step was restarted before, 0 in its first run. */
  readonly restart: number
  /** Of a cursor step in onPage: from 0. Else 0. */
  readonly page: number
  /** The same for every attempt of this run of the step, also after an operator retried it: for effects outside the database. */
  idempotencyKey(name: string): string
}

/** Whether a step is there: the name of a feature flag, or a function. */
export type When<Input, State> =
  string | ((input: Input, ctx: PipelineContext<State, Input>) => boolean | Promise<boolean>)

/** What all kinds of steps may say. */
export interface CommonStepOptions<Input, State> {
  /** `[A-Za-z][A-Za-z0-9_-]{0,79}`, unique within the pipeline. It is what a running pipeline knows its steps by. */
  readonly name: string
  /** Asked once, when the step begins: false, or a flag that is off, makes a no-op of it (semantics ST-25). */
  readonly when?: When<Input, State>
  /** @default that of the job, else of the pipeline */
  readonly retry?: RetryOptions
  /** Of one attempt of one execution. @default that of the job, else of the pipeline */
  readonly timeout?: Duration
  /**
   * Once, when the step is through with all its pages and restarts, in an execution and a transaction of its own: its failure undoes and
   * repeats nothing but itself (semantics ST-08).
   */
  readonly finalize?: (input: Input, ctx: PipelineContext<State, Input>) => unknown
}

export const commonStepFields = ['name', 'when', 'retry', 'timeout', 'finalize'] as const

type Run<Input, State> = (input: Input, ctx: PipelineContext<State, Input>) => unknown

/** A step of a pipeline: a frozen value, made by `step`, `cursorStep`, `calloutStep`, `delayStep`, … */
export interface Step<Input = unknown, State = unknown> extends CommonStepOptions<Input, State> {
  readonly body: StepBody<Input, State>
}

/** What makes the kinds differ. */
export type StepBody<Input = unknown, State = unknown> =
  | {
      readonly kind: 'plain'
      readonly execute: Run<Input, State>
      readonly shouldRestart: Run<Input, State> | undefined
      readonly maxRestarts: number
    }
  | {
      readonly kind: 'cursor'
      readonly open: Run<Input, State>
      readonly onPage: (records: never, ctx: PipelineContext<State, Input>) => unknown
      readonly size: number
    }
  | {
      readonly kind: 'callout'
      readonly callout: Run<Input, State>
      readonly apply: ((answer: never, ctx: PipelineContext<State, Input>) => unknown) | undefined
    }
  | { readonly kind: 'wait'; readonly until: Run<Input, State> }
  | {
      readonly kind: 'child'
      readonly run: Definition
      readonly input: Run<Input, State>
      readonly options: EnqueueOptions
      readonly apply: ((result: never, ctx: PipelineContext<State, Input>) => unknown) | undefined
    }
  | ({ readonly kind: 'signal'; readonly notify: Run<Input, State> | undefined } & AnswerBody<Input, State>)
  | ({
      readonly kind: 'approval'
      readonly notify: ((token: string, ctx: PipelineContext<State, Input>) => unknown) | undefined
      readonly onReject: 'fail' | 'goOn'
    } & AnswerBody<Input, State>)

/** Of what waits for an answer. */
interface AnswerBody<Input, State> {
  /** null: it waits for ever. */
  readonly timeoutMs: number | null
  readonly onTimeout: 'fail' | 'goOn' | Run<Input, State>
  /** Of what comes with the answer. */
  readonly schema: StandardSchemaV1 | undefined
  readonly apply: ((answer: never, ctx: PipelineContext<State, Input>) => unknown) | undefined
}

export interface StepOptions<Input, State> extends CommonStepOptions<Input, State> {
  /** In one transaction. What it hands on it puts into `ctx.state`. */
  readonly execute: (input: Input, ctx: PipelineContext<State, Input>) => void | Promise<void>
  /**
   * Asked after execute, in its transaction: true, or after a delay, runs execute once more in an execution of its own. One that asks without a
   * delay and has changed neither the state nor the database fails with MILL_PIPELINE_NO_PROGRESS.
   */
  readonly shouldRestart?: (input: Input, ctx: PipelineContext<State, Input>) => Restart | Promise<Restart>
  /** More fail the step with MILL_PIPELINE_RESTARTS_EXCEEDED, 0 to 1,000,000. @default 1,000 */
  readonly maxRestarts?: number
}

export type Restart = boolean | { readonly delay: Duration }

const mostRestarts = 1_000_000

/** Work in one transaction. Throws MILL_PIPELINE_STEP_INVALID and what bad options deserve. */
export function step<Input, State>(options: StepOptions<Input, State>): Step<Input, State> {
  const { execute, shouldRestart, maxRestarts = 1_000, ...common } = options
  const where = checkStep(options, ['execute', 'shouldRestart', 'maxRestarts'], 'step')
  checkFunction(execute, `execute of ${where}`)
  if (shouldRestart !== undefined) checkFunction(shouldRestart, `shouldRestart of ${where}`)
  if (!Number.isInteger(maxRestarts) || maxRestarts < 0 || maxRestarts > mostRestarts)
    throw invalidStep(`the maxRestarts of ${where} must be a whole number from 0 to ${mostRestarts}`)
  return frozen(common, { kind: 'plain', execute, shouldRestart, maxRestarts })
}

/** Checks what all kinds have in common; answers how errors name the step. */
export function checkStep(
  options: CommonStepOptions<never, never>,
  fields: readonly string[],
  what: string,
): string {
  const { name, when, retry, timeout, finalize } = options
  checkDefinitionName(name, what)
  const where = `${what} ${name}`
  optionFields(options, [...commonStepFields, ...fields], where)
  if (when !== undefined && typeof when !== 'string' && typeof when !== 'function')
    throw invalidStep(`the when of ${where} is neither the name of a flag nor a function`)
  if (retry !== undefined) normalizeRetry(retry, `retry of ${where}`)
  if (timeout !== undefined && parseDuration(timeout, `timeout of ${where}`) <= 0)
    throw new MillraceError('MILL_DURATION_INVALID', `the timeout of ${where} must be longer than nothing`)
  if (finalize !== undefined) checkFunction(finalize, `finalize of ${where}`)
  return where
}

export function checkFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') throw invalidStep(`${what} is not a function`)
}

export function frozen<Input, State>(
  common: CommonStepOptions<Input, State>,
  body: StepBody<Input, State>,
): Step<Input, State> {
  return Object.freeze({ ...common, body: Object.freeze(body) })
}

export function invalidStep(message: string): MillraceError {
  return new MillraceError('MILL_PIPELINE_STEP_INVALID', message)
}

/** What the open of a cursor step may give. */
export type CursorSource<Rec extends object> = RecordQuery<Rec> | { readonly query: RecordQuery<Rec> }
