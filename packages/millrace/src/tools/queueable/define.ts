import type { StandardSchemaV1 } from '@standard-schema/spec'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { checkDefinitionName } from '../../kernel/rules/names.ts'
import { optionFields } from '../../kernel/rules/option-fields.ts'
import { normalizeRetry, type RetryOptions } from '../../kernel/rules/retry.ts'
import { checkCommon, checkSchema, checkVersion } from '../check-definition.ts'
import { commonFields, type CommonOptions, type Definition } from '../definition.ts'
import type { HandlerContext } from '../handler-context.ts'
import { checkLimits } from '../limit-specs.ts'

/** How an attempt ended, as its finalizer is told (semantics F-02, F-08). */
export type FinalizerResult = 'SUCCESS' | 'UNHANDLED_EXCEPTION' | 'LOST' | 'ABORTED'

export interface FinalizerOutcome<Input> {
  readonly result: FinalizerResult
  /** With its chain of causes; null on SUCCESS. */
  readonly exception: Error | null
  readonly jobId: string
  /** The attempt that ended, from 1. */
  readonly attempt: number
  /** Another attempt of the job follows, after this finalizer has ended. */
  readonly willRetry: boolean
  readonly durationMs: number
  /** What the schema made of it; as it was stored when it does not fit (any more). */
  readonly input: Input
}

/** Input is what an enqueue is given, Checked what the schema makes of it for the handler. */
export interface QueueableOptions<Input, Checked, Output> extends CommonOptions<Input> {
  /** `[A-Za-z][A-Za-z0-9_-]{0,79}`, unique across all tools. */
  readonly name: string
  readonly version?: number
  /** Any Standard Schema. Checked at enqueue, and again when the attempt begins, whose handler gets what it made of the input. */
  readonly input?: StandardSchemaV1<Input, Checked>
  readonly execute: (input: Checked, ctx: HandlerContext) => Output | Promise<Output>
  /**
   * An execution of its own after every ended attempt, also when the process died. It may enqueue; its own failure is retried by
   * `finalizerRetry` and never changes the job's outcome. A retry of the job starts after it.
   */
  readonly finalizer?: (outcome: FinalizerOutcome<Checked>, ctx: HandlerContext) => void | Promise<void>
  readonly finalizerRetry?: RetryOptions
}

export interface QueueableDefinition<In = unknown, Out = unknown> extends Definition<In, Out> {
  readonly tool: 'queueable'
  readonly execute: (input: never, ctx: HandlerContext) => unknown
  readonly finalizer: ((outcome: FinalizerOutcome<never>, ctx: HandlerContext) => unknown) | undefined
  readonly finalizerRetry: RetryOptions | undefined
}

/** What both forms of `defineQueueable` have in common, as far as its body cares. */
interface AnyOptions
  extends
    CommonOptions<never>,
    Pick<QueueableDefinition, 'name' | 'execute'>,
    Partial<Pick<QueueableDefinition, 'version' | 'finalizer'>> {
  readonly input?: StandardSchemaV1
  readonly finalizerRetry?: RetryOptions
}

const fields = ['name', 'version', 'input', 'execute', 'finalizer', 'finalizerRetry', ...commonFields]

/**
 * A unit of work that runs in the background: once its enqueue is acknowledged it is never lost, and what it writes through `ctx` is in
 * the database exactly once. Throws MILL_DEFINITION_INVALID, MILL_NAME_INVALID and what bad options deserve.
 */
export function defineQueueable<Input, Checked, Output>(
  options: QueueableOptions<Input, Checked, Output> & { readonly input: StandardSchemaV1<Input, Checked> },
): QueueableDefinition<Input, Awaited<Output>>
/** Without a schema the input is whatever the handler says it takes, unchecked. */
export function defineQueueable<Input = unknown, Output = unknown>(
  options: QueueableOptions<Input, Input, Output> & { readonly input?: never },
): QueueableDefinition<Input, Awaited<Output>>
export function defineQueueable(options: AnyOptions): QueueableDefinition {
  const { name, version = 1, input, execute, finalizer, finalizerRetry, ...common } = options
  checkDefinitionName(name, 'defineQueueable')
  const where = `queueable ${name}`
  optionFields(options, fields, where)
  if (typeof execute !== 'function')
    throw new MillraceError('MILL_DEFINITION_INVALID', `${where} has no execute function`)
  if (finalizer !== undefined && typeof finalizer !== 'function')
    throw new MillraceError('MILL_DEFINITION_INVALID', `the finalizer of ${where} is not a function`)
  checkVersion(version, where)
  checkSchema(input, where)
  checkCommon(common, where)
  checkLimits('definition', name, common)
  if (finalizerRetry !== undefined) normalizeRetry(finalizerRetry, `finalizerRetry of ${where}`)
  return Object.freeze({
    kind: 'definition',
    tool: 'queueable',
    name,
    version,
    options: Object.freeze(common),
    schema: input,
    hasFinalizer: finalizer !== undefined,
    execute,
    finalizer,
    finalizerRetry,
  })
}
