/**
 * How an attempt ended, as stored. Below 10 the job goes on, from 10 it ended (kernel.md 2). Numbers are
 * on disk: never change one.
 */
export const outcomes = {
  /** A part of the job succeeded (a finalizer, later a chunk or step). */
  succeeded: 1,
  /** Failed, a retry follows. */
  retried: 2,
  /** The process died or lost its lease; another attempt follows. */
  lost: 3,
  /** A finalizer or a chunk that spent its attempts; the job goes on. */
  gaveUp: 5,
  completed: 10,
  failed: 11,
  aborted: 12,
  completedWithErrors: 13,
  /** The total deadline passed. */
  expired: 14,
  /** Killed its process too often and was parked (R9). */
  parked: 15,
  /** The handler said there was nothing to do. */
  skipped: 16,
  /** A newer job with the same unique key took its place before it started. */
  replaced: 17,
} as const

export type OutcomeName = keyof typeof outcomes
export type Outcome = (typeof outcomes)[OutcomeName]

const names = new Map<number, OutcomeName>(
  (Object.entries(outcomes) as [OutcomeName, Outcome][]).map(([name, code]) => [code, name]),
)

/** The name of a stored outcome; throws RangeError on a number this release does not know. */
export function outcomeName(code: number): OutcomeName {
  const name = names.get(code)
  if (name === undefined) throw new RangeError(`unknown outcome ${code}`)
  return name
}

/** Whether a row with this outcome ends its job (only rows with seq >= 0 can). */
export function endsJob(code: number): boolean {
  return code >= 10
}

/** An error as history keeps it: plain JSON, with its chain of causes. */
export interface StoredError {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  /** How long the other side asked us to wait; a retry waits at least this long. */
  readonly retryAfterMs?: number
  readonly cause?: StoredError
}

/** What running a handler came to, before any policy is asked. */
export type Result =
  | { readonly kind: 'success' }
  | { readonly kind: 'failure'; readonly error: StoredError }
  /** `ctx.skip(reason)`: Completed, substatus skipped. */
  | { readonly kind: 'skip'; readonly reason: string }
  /** The abort signal fired because somebody aborted the job. */
  | { readonly kind: 'abort'; readonly reason?: string }
  /** Its deadline passed before or while it ran. */
  | { readonly kind: 'expired'; readonly error: StoredError }
