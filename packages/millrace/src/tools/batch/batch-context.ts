import type { ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import { ScopedContext, type ContextServices } from '../handler-context.ts'
import type { BatchContext } from './define.ts'
import { SqlRows } from './sql-source.ts'

export class ScopedBatchContext extends ScopedContext implements BatchContext {
  readonly input: unknown
  readonly chunk: number
  readonly range: BatchContext['range']
  readonly retryOf: string | null
  readonly childJobId: string | null
  readonly #batch: string
  state: unknown

  constructor(
    scope: ExecutionScope,
    services: ContextServices,
    {
      input,
      state,
      range = null,
      chunk = Math.max(0, scope.run.seq),
    }: Pick<BatchContext, 'input' | 'state'> & {
      readonly range?: BatchContext['range']
      readonly chunk?: number | undefined
    },
  ) {
    super(scope, services)
    this.input = input
    this.state = state
    this.range = range
    this.chunk = chunk
    const { job, options } = scope.run
    this.retryOf = options?.asidesOf ?? null
    this.childJobId = options?.partOf === undefined ? null : job
    this.#batch = options?.partOf ?? job
  }

  sqlBy<Rec extends object>(
    key: string,
  ): (segments: TemplateStringsArray, ...values: readonly unknown[]) => SqlRows<Rec> {
    return (segments, ...params) => new SqlRows<Rec>(key, { segments, params })
  }

  override get jobId(): string {
    return this.#batch
  }

  override idempotencyKey(name: string): string {
    return this.childJobId === null ? super.idempotencyKey(name) : `${this.#batch}:${this.chunk}:${name}`
  }
}
