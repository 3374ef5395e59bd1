import { isDefinition, type Definition, type InputOf, type OutputOf } from '../definition.ts'
import type { EnqueueOptions } from '../enqueue-options.ts'
import {
  checkFunction,
  checkStep,
  frozen,
  invalidStep,
  type CommonStepOptions,
  type PipelineContext,
  type Step,
} from './step.ts'

export interface ChildStepOptions<Input, State, Child extends Definition> extends CommonStepOptions<
  Input,
  State
> {
  /** The definition that is run as a job of its own, whose parent is the pipeline's. */
  readonly run: Child
  /** What it is given. */
  readonly input: (
    input: Input,
    ctx: PipelineContext<State, Input>,
  ) => InputOf<Child> | Promise<InputOf<Child>>
  /** As of an enqueue. */
  readonly options?: Omit<EnqueueOptions, 'unique' | 'detached'>
  /** What to make of its result, once it is Completed, in a transaction of its own. */
  readonly apply?: (result: OutputOf<Child>, ctx: PipelineContext<State, Input>) => unknown
}

/**
 * Enqueues a queueable, once, in the step's own transaction, and waits for its end without a worker. One that ends otherwise than Completed fails
 * the step with MILL_PIPELINE_CHILD_FAILED, which is not tried again: the child has had its own attempts. Throws MILL_PIPELINE_STEP_INVALID and
 * what bad options deserve.
 */
export function queueableStep<Input, State, Child extends Definition>(
  options: ChildStepOptions<Input, State, Child>,
): Step<Input, State> {
  return childStep(options, 'queueable')
}

/** The same with a batch; one that has set records aside is Completed, too. */
export function batchStep<Input, State, Child extends Definition>(
  options: ChildStepOptions<Input, State, Child>,
): Step<Input, State> {
  return childStep(options, 'batch')
}

function childStep<Input, State, Child extends Definition>(
  options: ChildStepOptions<Input, State, Child>,
  tool: 'queueable' | 'batch',
): Step<Input, State> {
  const { run, input, options: enqueue = {}, apply, ...common } = options
  const where = checkStep(options, ['run', 'input', 'options', 'apply'], `${tool}Step`)
  if (!isDefinition(run) || run.tool !== tool) throw invalidStep(`the run of ${where} is no ${tool}`)
  checkFunction(input, `input of ${where}`)
  if (apply !== undefined) checkFunction(apply, `apply of ${where}`)
  for (const field of ['unique', 'detached'])
    if (field in enqueue) throw invalidStep(`the options of ${where} cannot have ${field}`)
  return frozen(common, { kind: 'child', run, input, options: enqueue, apply })
}
