import { parseDuration } from '../kernel/rules/duration.ts'
import type { Claimed } from '../kernel/rules/execution.ts'
import { normalizeRetry, retryPolicyOf, type RetryPolicy } from '../kernel/rules/retry.ts'
import type { Definition } from './definition.ts'

/** How often and how long the executions of a definition are tried. */
export interface DefinitionBounds {
  readonly retry: RetryPolicy
  /** Of a job that brought one of its own. */
  readonly retryOf: (run: Claimed) => RetryPolicy
  readonly timeoutMs: number
}

export function boundsOf(
  { name, options }: Pick<Definition, 'name' | 'options'>,
  defaultTimeoutMs: number,
): DefinitionBounds {
  const retry = normalizeRetry(options.retry, `retry of ${name}`)
  const { timeout } = options
  return {
    retry,
    retryOf: (run) => retryPolicyOf(run.options?.retry, retry),
    timeoutMs: timeout === undefined ? defaultTimeoutMs : parseDuration(timeout, `timeout of ${name}`),
  }
}
