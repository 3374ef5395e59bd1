import type { ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import { ScopedContext, type ContextServices } from '../handler-context.ts'
import type { Pipeline } from './rules.ts'
import type { PipelineContext } from './step.ts'

export class ScopedPipelineContext extends ScopedContext implements PipelineContext {
  readonly input: unknown
  readonly step: string
  readonly restart: number
  readonly page: number
  readonly #key: string
  state: unknown

  constructor(
    scope: ExecutionScope,
    services: ContextServices,
    {
      input,
      state,
      pipeline,
    }: Pick<PipelineContext, 'input' | 'state'> & { readonly pipeline: Pipeline | null },
  ) {
    super(scope, services)
    this.input = input
    this.state = state
    const { plan = [], index = 0, steps = [], root = scope.run.job, round = 0, work } = pipeline ?? {}
    this.step = plan[index] ?? ''
    this.restart = steps[index]?.restarts ?? 0
    this.page = steps[index]?.pages ?? 0
    const part = scope.run.seq < 0 ? 'end' : `${round}:${this.restart}:${work?.kind ?? ''}:${this.page}`
    this.#key = `${root}:${this.step}:${part}`
  }

  override idempotencyKey(name: string): string {
    return `${this.#key}:${name}`
  }
}
