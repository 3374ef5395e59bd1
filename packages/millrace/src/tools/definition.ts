import type { StandardSchemaV1 } from '@standard-schema/spec'
import { MillraceError } from '../kernel/rules/errors.ts'
import type { Duration } from '../kernel/rules/duration.ts'
import type { RetryOptions } from '../kernel/rules/retry.ts'
import type { WindowOptions } from '../kernel/rules/window.ts'

/** At most `limit` executions at once that share a key. */
export interface ConcurrencyOptions<Input = unknown> {
  /** 1 to 100,000. */
  readonly limit: number
  /** What shares the bound; default: the definition as a whole. A text is used as it is, across definitions. */
  readonly key?: string | ((input: Input) => string)
  /** `'global'` (default): over all workers. `'process'`: in each worker process. */
  readonly scope?: 'global' | 'process'
}

/** At most `limit` starts per `per`, as a token bucket. */
export interface RateLimitOptions<Input = unknown> {
  readonly limit: number
  readonly per: Duration
  /** Starts that may come at once after a quiet time; default: `limit`. */
  readonly burst?: number
  readonly key?: string | ((input: Input) => string)
}

/** Options that every tool's definition may carry; an enqueue overrides most of them. */
export interface CommonOptions<Input = unknown> {
  /** Default `default`. A queue routes, pauses and caps. */
  readonly queue?: string
  /** 0 (first) to 9, default 5: the order of one tenant's work. */
  readonly priority?: number
  readonly tags?: readonly string[]
  readonly scenario?: string
  readonly retry?: RetryOptions
  /** Of one attempt; default `'10 minutes'`. */
  readonly timeout?: Duration
  /** Of all attempts together, from the enqueue on; default none. */
  readonly deadline?: Duration
  /** A number is short for `{ limit }`. */
  readonly concurrency?: number | ConcurrencyOptions<Input>
  readonly rateLimit?: RateLimitOptions<Input>
  /** Hours in which its executions may start, retries and chunks included; outside of them they wait. */
  readonly window?: WindowOptions
  /** Names of environments (`environment` of the config); anywhere else its jobs end as skipped. */
  readonly onlyIn?: readonly string[]
}

export const commonFields = Object.keys({
  queue: true,
  priority: true,
  tags: true,
  scenario: true,
  retry: true,
  timeout: true,
  deadline: true,
  concurrency: true,
  rateLimit: true,
  window: true,
  onlyIn: true,
} satisfies Record<keyof CommonOptions, true>)

/** What every definition is, whatever its tool: a frozen value that knows no database. */
export interface Definition<In = unknown, Out = unknown> {
  readonly kind: 'definition'
  readonly tool: string
  readonly name: string
  /** Raise it when jobs queued for the old shape must not run the new code, or the other way round. Default 1. */
  readonly version: number
  readonly options: CommonOptions<never>
  readonly schema: StandardSchemaV1<In> | undefined
  readonly hasFinalizer: boolean
  /** Its jobs run in several executions. */
  readonly several?: true
  /** They go through the flex queue of their tenant. */
  readonly flex?: true
  /** Type only: what `completed()` resolves with. */
  readonly output?: Out
}

export type InputOf<D> = D extends Definition<infer In> ? In : never
export type OutputOf<D> = D extends { readonly output?: infer Out } ? Exclude<Out, undefined> : unknown

export function isDefinition(value: unknown): value is Definition {
  return typeof value === 'object' && value !== null && (value as Partial<Definition>).kind === 'definition'
}

/** Runs a Standard Schema; throws MILL_INPUT_INVALID with every issue. */
export async function validate(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
  where: string,
): Promise<unknown> {
  if (schema === undefined) return value
  const answer = schema['~standard'].validate(value)
  const result = answer instanceof Promise ? await answer : answer
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(({ message, path }) => ({
    message,
    path: (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  }))
  const shown = issues.slice(0, 5).map(({ message, path }) => (path === '' ? message : `${path}: ${message}`))
  throw new MillraceError('MILL_INPUT_INVALID', `${where}: ${shown.join('; ')}`, { data: { issues } })
}
