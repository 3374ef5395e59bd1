import type { ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import type { ContextServices } from '../handler-context.ts'
import type { ScopedPipelineContext } from './pipeline-context.ts'
import type { Pipeline, Work } from './rules.ts'
import type { StepBody } from './step.ts'

/** One execution of a step, as the kinds of steps see it. */
export interface Turn<Kind extends StepBody['kind'], W extends Work = Work> {
  readonly body: Extract<StepBody<never, never>, { readonly kind: Kind }>
  readonly work: W
  readonly ctx: ScopedPipelineContext & { readonly state: never; readonly input: never }
  readonly scope: ExecutionScope
  readonly services: ContextServices
  readonly pipeline: Pipeline
  /** As errors name it. */
  readonly where: string
  /** Whether `ctx.state` is other than it was. */
  stateChanged(): boolean
}
