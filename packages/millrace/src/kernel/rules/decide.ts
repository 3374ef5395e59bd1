import type { Decision, EndedAttempt, NextExecution, When } from './decision.ts'
import { deathsOf, jobFinalizerSeq, type Claimed, type ExecutionKey } from './execution.ts'
import { outcomes, type Outcome, type Result, type StoredError } from './outcome.ts'
import { isRetryable, retryDelayMs, type RetryPolicy } from './retry.ts'

/** What decides about a failure: the job's retry policy, and the classes of the error that was thrown. */
export interface FailurePolicy {
  readonly retry: RetryPolicy
  readonly classes: readonly string[]
}

/** Time and chance as arguments: `now` is epoch ms by (an estimate of) the database's clock, `chance` is in [0, 1). */
export interface At {
  readonly now: number
  readonly chance: number
}

/**
 * What the end of an attempt (seq >= 0) of a one-execution job changes. Every ended attempt of a job with a finalizer
 * is followed by that finalizer, and the retry waits behind it (semantics F-09); else a retry is due by the policy.
 * Lost attempts do not count against `attempts`. No retry is begun that would start after the deadline. `ms` is rounded.
 */
export function decide(run: Claimed, result: Result, policy: FailurePolicy, ms: number, at: At): Decision {
  // Nearly every attempt; a spread costs more than all the rest.
  if (result.kind === 'success' && !run.options?.finalizer) return settled(run, ms)
  const delayMs = result.kind === 'failure' ? retryDelay(run, result.error, policy, at) : null
  const error = errorOf(result)
  return {
    ...settled(run, ms),
    outcome: delayMs === null ? endOf(result) : outcomes.retried,
    ...(error && { error }),
    next: run.options?.finalizer ? [finalizerOf(run)] : delayMs === null ? [] : [retryOf(run, delayMs)],
    ...(result.kind === 'abort' && { endsAbort: true }),
  }
}

/**
 * The same for a finalizer (seq < 0). It has attempts of its own and never touches the job's outcome (semantics F-03).
 * When it ends for good, also by giving up, the retry of the attempt it finalized begins: due by `jobRetry` if that
 * attempt failed, at once if its process was lost. No deadline holds a finalizer back.
 */
export function decideFinalizer(
  run: Claimed,
  ended: EndedAttempt,
  result: Result,
  policy: FailurePolicy & { readonly jobRetry: RetryPolicy },
  ms: number,
  at: At,
): Decision {
  const error = result.kind === 'skip' ? undefined : errorOf(result)
  const delayMs = result.kind === 'failure' ? policyDelay(run, result.error, policy, at.chance) : null
  if (delayMs !== null) {
    return {
      ...settled(run, ms),
      outcome: outcomes.retried,
      ...(error && { error }),
      next: [retryOf(run, delayMs)],
    }
  }
  const waitMs = ended.outcome === outcomes.lost ? 0 : jobDelay(run, ended, policy.jobRetry, at.chance)
  return {
    ...settled(run, ms),
    outcome: error ? outcomes.gaveUp : outcomes.succeeded,
    ...(error && { error }),
    next: retryAfterFinalizer(run, ended, waitMs),
  }
}

/**
 * In place of a decision that its tool failed to make: the job ends Failed, its finalizer hears of it; a finalizer gives up, and the
 * retry that waited behind it begins.
 */
export function undecided(
  run: Claimed,
  ended: EndedAttempt | null,
  error: StoredError,
  ms: number,
): Decision {
  if (run.seq < 0) {
    const next = ended === null ? [] : retryAfterFinalizer(run, ended, 0)
    return { ...settled(run, ms), outcome: outcomes.gaveUp, error, next }
  }
  const next = run.options?.finalizer ? [finalizerOf(run)] : []
  return { ...settled(run, ms), outcome: outcomes.failed, error, next }
}

/** The finalizer execution of an attempt; of one above seq 0, which ended its job, the job's. */
export function finalizerOf({ seq, attempt }: Pick<ExecutionKey, 'seq' | 'attempt'>): NextExecution {
  return { seq: finalizerSeq(seq, attempt), attempt: 1, care: 0, when: { ready: true } }
}

export function finalizerSeq(seq: number, attempt: number): number {
  return seq > 0 ? jobFinalizerSeq : -attempt
}

/** Behind a chunk that was given up: it finds a state that is not for it, and does what is to be done about that. */
export function afterGivenUp({ seq }: Pick<ExecutionKey, 'seq'>): NextExecution {
  return { seq: seq + 1, attempt: 1, care: 0, when: { ready: true } }
}

/** The job's next attempt once the finalizer of attempt `-seq` is through; none if that attempt ended the job. */
export function retryAfterFinalizer(
  { seq }: ExecutionKey,
  ended: EndedAttempt,
  delayMs: number,
): NextExecution[] {
  if (ended.outcome !== outcomes.retried && ended.outcome !== outcomes.lost) return []
  const care = ended.deaths > 0 ? 1 + ended.deaths : 0
  return [{ seq: 0, attempt: -seq + 1, care, when: dueIn(delayMs) }]
}

function retryOf({ seq, attempt, care }: Claimed, delayMs: number): NextExecution {
  return { seq, attempt: attempt + 1, care, when: dueIn(delayMs) }
}

function dueIn(delayMs: number): When {
  return delayMs > 0 ? { dueInMs: delayMs, reason: 'retrying' } : { ready: true }
}

/** Ms until the retry; null = there is none. */
function retryDelay(run: Claimed, error: StoredError, policy: FailurePolicy, at: At): number | null {
  const delayMs = policyDelay(run, error, policy, at.chance)
  const deadline = run.options?.deadline ?? Infinity
  return delayMs !== null && at.now + delayMs < deadline ? delayMs : null
}

function policyDelay(run: Claimed, error: StoredError, policy: FailurePolicy, chance: number): number | null {
  const counted = run.attempt - deathsOf(run.care)
  if (counted >= policy.retry.attempts || !isRetryable(policy.retry, error, policy.classes)) return null
  return retryDelayMs(policy.retry, counted, chance, error.retryAfterMs)
}

function jobDelay({ seq }: ExecutionKey, ended: EndedAttempt, jobRetry: RetryPolicy, chance: number): number {
  return retryDelayMs(jobRetry, -seq - ended.deaths, chance, ended.error?.retryAfterMs)
}

function endOf({ kind }: Result): Outcome {
  switch (kind) {
    case 'success':
      return outcomes.completed
    case 'skip':
      return outcomes.skipped
    case 'failure':
      return outcomes.failed
    case 'abort':
      return outcomes.aborted
    case 'expired':
      return outcomes.expired
  }
}

function errorOf(result: Result): StoredError | undefined {
  switch (result.kind) {
    case 'success':
      return undefined
    case 'skip':
      return { name: 'Skipped', message: result.reason }
    case 'abort':
      return { name: 'MillraceError', code: 'MILL_ABORTED', message: result.reason ?? 'The job was aborted.' }
    case 'failure':
    case 'expired':
      return result.error
  }
}

const nothing: readonly NextExecution[] = []

/** The usual end; others say what differs. */
function settled({ job, seq, attempt, lease, lane, prio }: Claimed, ms: number): Decision {
  const key = { job, seq, attempt }
  const rounded = Math.max(0, Math.round(ms))
  return { key, lease, lane, prio, ms: rounded, outcome: outcomes.completed, next: nothing }
}
