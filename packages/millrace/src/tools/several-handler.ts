import { decideFinalizer } from '../kernel/rules/decide.ts'
import type { Decision } from '../kernel/rules/decision.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import type { Claimed } from '../kernel/rules/execution.ts'
import { normalizeRetry, type RetryPolicy } from '../kernel/rules/retry.ts'
import type { ExecutionScope } from '../kernel/runtime/execution-scope.ts'
import type { Ending, ExecutionHandler } from '../kernel/runtime/handler.ts'
import { boundsOf } from './definition-bounds.ts'
import type { Definition } from './definition.ts'

/** What a tool of several executions has of its own. */
export interface SeveralTool {
  readonly execute: (scope: ExecutionScope, retry: RetryPolicy) => Promise<string | undefined>
  /** What the end of an execution with seq >= 0 changes. */
  readonly decide: (run: Claimed, ending: Ending, retry: RetryPolicy) => Decision
}

/** What the kernel runs for jobs of several executions (seq 0, 1, …), or a hook (seq < 0) when one ended badly. */
export function severalHandler(
  definition: Definition,
  defaultTimeoutMs: number,
  { execute, decide }: SeveralTool,
): ExecutionHandler {
  const { name, version } = definition
  const { retry, retryOf, timeoutMs } = boundsOf(definition, defaultTimeoutMs)
  const hookRetry = normalizeRetry(undefined, `hook of ${name}`)
  return {
    name,
    version,
    timeoutMs: (run) => run.options?.timeoutMs ?? timeoutMs,
    execute: (scope) => execute(scope, retryOf(scope.run)),
    decide(run, ending) {
      if (run.seq >= 0) return decide(run, ending, retryOf(run))
      const { ended, result, classes, ms, now, chance } = ending
      if (ended === null) throw new MillraceError('MILL_INTERNAL', `job ${run.job} has no end to tell of`)
      const policy = { retry: hookRetry, classes, jobRetry: retry }
      return decideFinalizer(run, ended, result, policy, ms, { now, chance })
    },
  }
}
