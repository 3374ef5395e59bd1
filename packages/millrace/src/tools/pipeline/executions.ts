import { decideFinalizer } from '../../kernel/rules/decide.ts'
import { parseDuration } from '../../kernel/rules/duration.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Claimed } from '../../kernel/rules/execution.ts'
import { normalizeRetry, retryPolicyOf, type RetryPolicy } from '../../kernel/rules/retry.ts'
import type { ExecutionHandler } from '../../kernel/runtime/handler.ts'
import type { PipelineDefinition } from './define.ts'
import type { PipelineServices } from './execution.ts'
import { decidePipeline } from './rules.ts'

export type { PipelineServices }

/** What the kernel runs for a pipeline: one execution after the other (seq 0, 1, …), or a hook when it ended badly. */
export function pipelineHandler(
  definition: PipelineDefinition,
  services: PipelineServices,
): ExecutionHandler {
  const retry = normalizeRetry(definition.options.retry, `retry of ${definition.name}`)
  const hookRetry = normalizeRetry(undefined, `hook of ${definition.name}`)
  const { timeout } = definition.options
  const timeoutMs =
    timeout === undefined
      ? services.defaultTimeoutMs
      : parseDuration(timeout, `timeout of ${definition.name}`)
  const retryOf = (run: Claimed): RetryPolicy => retryPolicyOf(run.options?.retry, retry)
  return {
    name: definition.name,
    version: definition.version,
    timeoutMs: (run) => run.options?.timeoutMs ?? timeoutMs,
    async execute(scope) {
      const { PipelineExecution } = await import('./execution.ts')
      return new PipelineExecution(definition, services, scope, retryOf(scope.run)).run()
    },
    decide(run, ending) {
      if (run.seq >= 0)
        return decidePipeline(run, ending, { retry: retryOf(run), hasHook: definition.hasFinalizer })
      const { ended, result, classes, ms, now, chance } = ending
      if (ended === null)
        throw new MillraceError('MILL_INTERNAL', `pipeline ${run.job} has no end to tell of`)
      const policy = { retry: hookRetry, classes, jobRetry: retry }
      return decideFinalizer(run, ended, result, policy, ms, { now, chance })
    },
  }
}
