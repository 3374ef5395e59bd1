import { decideFinalizer } from '../../kernel/rules/decide.ts'
import { parseDuration } from '../../kernel/rules/duration.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Claimed } from '../../kernel/rules/execution.ts'
import { normalizeRetry, retryPolicyOf, type RetryPolicy } from '../../kernel/rules/retry.ts'
import type { ExecutionHandler } from '../../kernel/runtime/handler.ts'
import type { BatchDefinition } from './define.ts'
import type { BatchServices } from './execution.ts'
import { decideBatch } from './rules.ts'

export type { BatchServices }

/** What the kernel runs for a batch: its start (seq 0), then one chunk after the other, at last its finish; or a hook in its place.
 * Where chunks run at once they are those of tracks, jobs of the same name. */
export function batchHandler(definition: BatchDefinition, services: BatchServices): ExecutionHandler {
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
      // With it comes the compiler of queries, which nobody loads before it is needed.
      const { BatchExecution } = await import('./execution.ts')
      return new BatchExecution(definition, services, scope).run()
    },
    decide(run, ending) {
      if (run.seq >= 0)
        return decideBatch(run, ending, {
          retry: retryOf(run),
          // A track has none: its batch tells.
          hasHook: definition.hasFinalizer && run.options?.partOf === undefined,
        })
      const { ended, result, classes, ms, now, chance } = ending
      if (ended === null) throw new MillraceError('MILL_INTERNAL', `batch ${run.job} has no end to tell of`)
      const policy = { retry: hookRetry, classes, jobRetry: retry }
      return decideFinalizer(run, ended, result, policy, ms, { now, chance })
    },
  }
}
