import type { ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import { ScopedContext, type ContextServices } from '../handler-context.ts'
import type { BatchContext } from './define.ts'

export class ScopedBatchContext extends ScopedContext implements BatchContext {
  readonly input: unknown
  readonly chunk: number
  readonly range: BatchContext['range']
  readonly retryOf: string | null
  state: unknown

  constructor(
    scope: ExecutionScope,
    services: ContextServices,
    {
      input,
      state,
      range = null,
    }: Pick<BatchContext, 'input' | 'state'> & Partial<Pick<BatchContext, 'range'>>,
  ) {
    super(scope, services)
    this.input = input
    this.state = state
    this.range = range
    this.chunk = Math.max(0, scope.run.seq)
    this.retryOf = scope.run.options?.asidesOf ?? null
  }
}
