import type { Duration } from '../kernel/rules/duration.ts'
import type { RetryOptions } from '../kernel/rules/retry.ts'
import type { UniqueOptions } from '../kernel/rules/unique-key.ts'
import type { WindowOptions } from '../kernel/rules/window.ts'

export const enqueueFields = Object.keys({
  delay: true,
  runAt: true,
  tenant: true,
  queue: true,
  priority: true,
  unique: true,
  tags: true,
  scenario: true,
  retry: true,
  timeout: true,
  deadline: true,
  maxDepth: true,
  runAs: true,
  window: true,
  onlyIn: true,
  scope: true,
  detached: true,
} satisfies Record<keyof EnqueueOptions, true>)

/** What one enqueue may say; it wins over the definition. */
export interface EnqueueOptions {
  /** Not before this long from now, by the database's clock. Not with `runAt`. */
  readonly delay?: Duration
  /** Not before this instant (a Date or ISO text with zone); the past means now. */
  readonly runAt?: Date | string
  /** Default `default`, or inside a handler that job's tenant. */
  readonly tenant?: string
  readonly queue?: string
  readonly priority?: number
  /** A text is short for `{ key }`. */
  readonly unique?: string | UniqueOptions
  readonly tags?: readonly string[]
  readonly scenario?: string
  readonly retry?: RetryOptions
  readonly timeout?: Duration
  readonly deadline?: Duration
  /** How long a chain this job may start, itself included; its children inherit it (semantics ). */
  readonly maxDepth?: number
  readonly runAs?: string
  /** null: at any hour, whatever the definition says. */
  readonly window?: WindowOptions | null
  readonly onlyIn?: readonly string[]
  /** Of a batch: records of a chunk, 1 to 10,000 (semantics B-02). */
  readonly scope?: number
  /** Inside a handler: do not join its transaction. */
  readonly detached?: boolean
}
