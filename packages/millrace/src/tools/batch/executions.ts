import type { ExecutionHandler } from '../../kernel/runtime/handler.ts'
import { severalHandler } from '../several-handler.ts'
import type { BatchDefinition } from './define.ts'
import type { BatchServices } from './execution.ts'
import { decideBatch } from './rules.ts'

export type { BatchServices }

/**
 * What the kernel runs for a batch: its start (seq 0), then one chunk after the other, at last its finish; or a hook in its place.
 * Where chunks run at once they are those of tracks, jobs of the same name.
 */
export function batchHandler(definition: BatchDefinition, services: BatchServices): ExecutionHandler {
  return severalHandler(definition, services.defaultTimeoutMs, {
    async execute(scope) {
      // With it comes the compiler of queries, which nobody loads before it is needed.
      const { BatchExecution } = await import('./execution.ts')
      return new BatchExecution(definition, services, scope).run()
    },
    decide: (run, ending, retry) =>
      // A track has no hook: its batch tells.
      decideBatch(run, ending, {
        retry,
        hasHook: definition.hasFinalizer && run.options?.partOf === undefined,
      }),
  })
}
