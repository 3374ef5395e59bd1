import type { ExecutionHandler } from '../../kernel/runtime/handler.ts'
import { severalHandler } from '../several-handler.ts'
import type { PipelineDefinition } from './define.ts'
import type { PipelineServices } from './execution.ts'
import { decidePipeline } from './rules.ts'

export type { PipelineServices }

/** What the kernel runs for a pipeline: one execution after the other (seq 0, 1, …), or a hook when it ended badly. */
export function pipelineHandler(
  definition: PipelineDefinition,
  services: PipelineServices,
): ExecutionHandler {
  return severalHandler(definition, services.defaultTimeoutMs, {
    async execute(scope, retry) {
      const { PipelineExecution } = await import('./execution.ts')
      return new PipelineExecution(definition, services, scope, retry).run()
    },
    decide: (run, ending, retry) => decidePipeline(run, ending, { retry, hasHook: definition.hasFinalizer }),
  })
}
