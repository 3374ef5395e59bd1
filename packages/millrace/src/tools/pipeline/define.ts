import type { StandardSchemaV1 } from '@standard-schema/spec'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { checkDefinitionName } from '../../kernel/rules/names.ts'
import { optionFields } from '../../kernel/rules/option-fields.ts'
import { checkCommon, checkSchema, checkVersion } from '../check-definition.ts'
import { encode } from '../codec.ts'
import { commonFields, type CommonOptions, type Definition } from '../definition.ts'
import { checkLimits } from '../limit-specs.ts'
import type { PipelineContext, Step } from './step.ts'

/** How a pipeline ended that did not complete. */
export interface PipelineEnd<Input> {
  readonly jobId: string
  readonly input: Input
  /** With its chain of causes; null where it was aborted in the queue. */
  readonly exception: Error | null
  /** The step it was at; null before its first one began. */
  readonly step: string | null
}

/** Input is what an enqueue is given, Checked what the schema makes of it. */
export interface PipelineOptions<Input, Checked, State> extends CommonOptions<Input> {
  /** `[A-Za-z][A-Za-z0-9_-]{0,79}`, unique across all tools. */
  readonly name: string
  readonly version?: number
  /** Any Standard Schema. Checked at enqueue, and again when an execution begins. */
  readonly input?: StandardSchemaV1<Input, Checked>
  /** What `ctx.state` is at first. */
  readonly state?: State
  /** In an execution of its own, when a step failed for good, before anybody continues the pipeline. */
  readonly onFailed?: (end: PipelineEnd<Checked>, ctx: PipelineContext<State, Checked>) => unknown
  /** The same when the job was aborted. */
  readonly onAborted?: (end: PipelineEnd<Checked>, ctx: PipelineContext<State, Checked>) => unknown
}

export interface PipelineDefinition<In = unknown, Out = unknown> extends Definition<In, Out> {
  readonly tool: 'pipeline'
  readonly several: true
  readonly state: unknown
  readonly steps: readonly Step<never, never>[]
  readonly onFailed: ((end: PipelineEnd<never>, ctx: PipelineContext<never, never>) => unknown) | undefined
  readonly onAborted: ((end: PipelineEnd<never>, ctx: PipelineContext<never, never>) => unknown) | undefined
}

/** What both forms of `definePipeline` have in common, as far as its body cares. */
interface AnyOptions
  extends
    CommonOptions<never>,
    Pick<PipelineDefinition, 'name'>,
    Partial<Pick<PipelineDefinition, 'version' | 'state' | 'onFailed' | 'onAborted'>> {
  readonly input?: StandardSchemaV1
}

const fields = ['name', 'version', 'input', 'state', 'onFailed', 'onAborted', ...commonFields]
const mostSteps = 1_000

export const stateLimits = { maxBytes: 1_048_576, tooLarge: 'MILL_STATE_TOO_LARGE' } as const

/**
 * An ordered list of steps. Each runs in executions and transactions of its own, what a step wrote and what it made of the state commit
 * together, and no step is ever replayed: after a crash the pipeline goes on with the execution that was not committed. Its result is the state
 * as the last step left it. The steps stand beside the options and not in them, so that their functions know the types of input and state.
 * Throws MILL_DEFINITION_INVALID, MILL_PIPELINE_STEP_INVALID, MILL_NAME_INVALID, MILL_STATE_TOO_LARGE, and what bad options deserve.
 */
export function definePipeline<Input, Checked, State>(
  options: PipelineOptions<Input, Checked, State> & { readonly input: StandardSchemaV1<Input, Checked> },
  steps: readonly Step<Checked, State>[],
): PipelineDefinition<Input, State>
/** Without a schema the input is whatever the steps say they take, unchecked. */
export function definePipeline<State, Input = unknown>(
  options: PipelineOptions<Input, Input, State> & { readonly input?: never },
  steps: readonly Step<Input, State>[],
): PipelineDefinition<Input, State>
export function definePipeline(
  options: AnyOptions,
  steps: readonly Step<never, never>[],
): PipelineDefinition {
  const { name, version = 1, input, state, onFailed, onAborted, ...common } = options
  checkDefinitionName(name, 'definePipeline')
  const where = `pipeline ${name}`
  optionFields(options, fields, where)
  checkVersion(version, where)
  checkSchema(input, where)
  checkCommon(common, where)
  checkLimits('definition', name, common)
  for (const [field, value] of Object.entries({ onFailed, onAborted }))
    if (value !== undefined && typeof value !== 'function')
      throw invalid(`the ${field} of ${where} is not a function`)
  if (state !== undefined) encode(state, `state of ${where}`, stateLimits)
  checkSteps(steps, where)
  return Object.freeze({
    kind: 'definition',
    tool: 'pipeline',
    several: true,
    name,
    version,
    options: Object.freeze(common),
    schema: input,
    hasFinalizer: onAborted !== undefined || onFailed !== undefined,
    ...{ state, steps: Object.freeze([...steps]), onFailed, onAborted },
  })
}

function checkSteps(steps: unknown, where: string): void {
  if (!Array.isArray(steps)) throw invalid(`the steps of ${where} must be a list, given beside its options`)
  if (steps.length > mostSteps)
    throw invalid(`${where} has ${steps.length} steps; at most ${mostSteps} are allowed`)
  const names = new Set<string>()
  for (const [index, step] of (steps as readonly Partial<Step>[]).entries()) {
    if (typeof step !== 'object' || step === null || step.body === undefined || step.name === undefined)
      throw stepInvalid(
        `step ${index} of ${where} was not made by step, cursorStep or another function for steps`,
      )
    if (names.has(step.name)) throw stepInvalid(`${where} has two steps named ${step.name}`)
    names.add(step.name)
  }
}

function invalid(message: string): MillraceError {
  return new MillraceError('MILL_DEFINITION_INVALID', message)
}

function stepInvalid(message: string): MillraceError {
  return new MillraceError('MILL_PIPELINE_STEP_INVALID', message)
}
