import { afterGivenUp, decide, finalizerOf } from '../../kernel/rules/decide.ts'
import type { Decision, NextExecution, When } from '../../kernel/rules/decision.ts'
import type { Claimed, JobId, LeaseId } from '../../kernel/rules/execution.ts'
import { endsJob, outcomes, type Outcome, type StoredError } from '../../kernel/rules/outcome.ts'
import type { RetryPolicy } from '../../kernel/rules/retry.ts'
import { phases, type StateChange, type StateCounts } from '../../kernel/rules/state.ts'
import type { Ending } from '../../kernel/runtime/handler.ts'
import type { RowId } from '../../kernel/storage/snapshots.ts'
import type { SqlSource } from './sql-source.ts'

/** Where the records come from, as the start fixed it. */
export type Source =
  | { readonly kind: 'keys'; readonly query: string; readonly upTo: RowId | null }
  | { readonly kind: 'snapshot'; readonly query: string; readonly snapshot: string; readonly to: number }
  | SqlSource
  /** Brought along by the start that ran under that lease. */
  | { readonly kind: 'rows'; readonly lease: LeaseId; readonly pages: number }
  | { readonly kind: 'none' }

/** What the next execution is to do. Its bounds are fixed before it runs, so that it can be set aside whole. */
export type Work =
  | { readonly kind: 'keys'; readonly after: RowId | null; readonly upTo: RowId; readonly count: number }
  | { readonly kind: 'positions'; readonly from: number; readonly to: number }
  | { readonly kind: 'page'; readonly number: number }
  /** Records that were set aside before; those of the job itself are halves that bisecting made. */
  | { readonly kind: 'aside'; readonly number: number; readonly count: number }
  | { readonly kind: 'finish' }

/** Time a record takes, by the clock, from chunk to chunk (Welford). */
export interface Pace {
  readonly n: number
  /** Ms for a record. */
  readonly mean: number
  readonly m2: number
}

/** Of a batch whose chunks run at once: what its tracks, which are jobs of their own, share. Read and written under its lock. */
export interface Tracks {
  /** Those that are not through. */
  readonly open: readonly JobId[]
  /** The last piece of the source that one of them has taken; null: none yet. */
  readonly taken: Work | null
  /** How many pieces they have taken: each has a number. */
  readonly pieces: number
}

/** A batch between two executions, as its state keeps it. */
export interface BatchData {
  readonly source: Source
  /** The job under which records are set aside: itself, or the one whose records it tries again. */
  readonly asidesOf: string
  readonly scope: number
  readonly work: Work
  /** `ctx.state`. */
  readonly state: { readonly json: string; readonly types?: unknown } | null
  /** When the last execution ended, epoch ms by the database's clock. */
  readonly at: number
  readonly pace: Pace
  readonly tracks?: Tracks
  /** Of a track: the number of the piece it is at, among those of its batch. */
  readonly chunk?: number
}

/** How far it has come, and what comes next. */
export interface Batch {
  readonly counts: Omit<StateCounts, 'phase' | 'scope' | 'pace' | 'spread'>
  readonly error: StoredError | null
  readonly data: BatchData
}

/** What an execution leaves for its decision. */
export type Left =
  /** It is through: this is the batch now. `records`: that it applied. */
  | {
      readonly kind: 'next'
      readonly batch: Batch
      readonly records: number
      /** So long the next execution waits, unless somebody hastens it. */
      readonly waitMs?: number
    }
  | {
      readonly kind: 'end'
      readonly outcome: Outcome
      readonly error: StoredError | null
      readonly batch?: Batch
    }
  /** Before a piece of work begins: how often it may be tried; what ends the job when that was in vain. */
  | { readonly kind: 'trying'; readonly once: boolean; readonly endsJob: boolean }

const noPace: Pace = { n: 0, mean: 0, m2: 0 }

export interface Begun {
  readonly source: Source
  readonly work: Work
  readonly total: number | null
  readonly totalChunks: number | null
  readonly scope: number
  readonly asidesOf: string
  readonly state: BatchData['state']
  readonly tracks?: Tracks
  readonly chunk?: number
}

/** What became of a piece of work: it was applied, or given up (`halved`: to be tried again in two). */
export type PieceEnd =
  | { readonly kind: 'applied'; readonly records: number }
  | {
      readonly kind: 'givenUp'
      readonly records: number
      readonly halved: boolean
      readonly error: StoredError
    }

/** As the start leaves it. */
export function begun({ total, totalChunks, ...data }: Begun): Batch {
  return {
    counts: { total, processed: 0, failed: 0, chunks: 0, totalChunks, errors: 0 },
    error: null,
    data: { ...data, at: 0, pace: noPace },
  }
}

/** Once a piece is done or given up, with what comes then. */
export function after(batch: Batch, end: PieceEnd, work: Work, state: BatchData['state']): Batch {
  const { counts, data } = batch
  if (end.kind === 'applied')
    return {
      ...batch,
      counts: { ...counts, processed: counts.processed + end.records, chunks: counts.chunks + 1 },
      data: { ...data, work, state },
    }
  const { records, halved, error } = end
  return {
    counts: {
      ...counts,
      failed: counts.failed + (halved ? 0 : records),
      errors: counts.errors + (halved ? 0 : 1),
    },
    // What was halved may still prove good.
    error: batch.error ?? (halved ? null : error),
    data: { ...data, work },
  }
}

/** The pace once `records` more were done in `ms`. */
export function paced({ n, mean, m2 }: Pace, records: number, ms: number): Pace {
  if (records === 0 || ms < 0) return { n, mean, m2 }
  const each = ms / records
  const delta = each - mean
  const next = mean + delta / (n + 1)
  return { n: n + 1, mean: next, m2: m2 + delta * (each - next) }
}

export interface BatchPolicy {
  readonly retry: RetryPolicy
  /** Something hears of an end that is no completion. */
  readonly hasHook: boolean
}

/**
 * What the end of an execution (seq >= 0) of a batch changes. A chunk that is through brings its state and the next execution; one that
 * failed for good is given up, and the next execution sets it aside (the state is still for the one before); start and finish end the job then.
 */
export function decideBatch(run: Claimed, ending: Ending, { retry, hasHook }: BatchPolicy): Decision {
  const { result, classes, ms, now, chance, aborting } = ending
  const left = ending.left as Left | undefined
  if (result.kind === 'success') {
    const plain = decide(unfinalized(run), result, { retry, classes }, ms, { now, chance })
    if (left?.kind === 'next') return goOn(run, plain, left, { now, aborting, hasHook })
    if (left?.kind !== 'end') return plain
    const { outcome, error, batch } = left
    const state = batch === undefined ? {} : { state: changeOf(batch, run.seq) }
    return ended(run, { ...plain, ...state, outcome, ...(error === null ? {} : { error }) }, hasHook)
  }
  const trying = left?.kind === 'trying' ? left : { once: false, endsJob: run.seq === 0 }
  const policy = trying.once ? { ...retry, attempts: 1 } : retry
  const decision = decide(unfinalized(run), result, { retry: policy, classes }, ms, { now, chance })
  if (decision.outcome !== outcomes.failed || trying.endsJob) return ended(run, decision, hasHook)
  return { ...decision, outcome: outcomes.gaveUp, next: [afterGivenUp(run)] }
}

function goOn(
  run: Claimed,
  plain: Decision,
  { batch, records, waitMs }: Extract<Left, { kind: 'next' }>,
  { now, aborting, hasHook }: { readonly now: number; readonly aborting: boolean; readonly hasHook: boolean },
): Decision {
  const { data } = batch
  const pace = run.seq === 0 ? data.pace : paced(data.pace, records, now - data.at)
  const state = changeOf({ ...batch, data: { ...data, pace, at: Math.round(now) } }, run.seq + 1)
  // What runs completes; nothing follows (semantics B-13).
  if (aborting) return ended(run, { ...plain, outcome: outcomes.aborted, state }, hasHook)
  const when: When = waitMs === undefined ? { ready: true } : { dueInMs: waitMs, reason: 'snoozed' }
  const next: NextExecution = { seq: run.seq + 1, attempt: 1, care: 0, when }
  return { ...plain, outcome: outcomes.succeeded, state, next: [next] }
}

/** An end that is no completion is told to the hook, if there is one. */
function ended(run: Claimed, decision: Decision, hasHook: boolean): Decision {
  const bad = endsJob(decision.outcome) && !completions.has(decision.outcome)
  return bad && hasHook ? { ...decision, next: [finalizerOf(run)] } : decision
}

const completions: ReadonlySet<Outcome> = new Set([
  outcomes.completed,
  outcomes.completedWithErrors,
  outcomes.skipped,
])

/** The batch as the execution `seq` finds it. */
export function changeOf({ counts, error, data }: Batch, seq: number): StateChange {
  const { n, mean, m2 } = data.pace
  return {
    ...counts,
    seq,
    error,
    phase: phaseOf(data),
    scope: data.scope,
    data: JSON.stringify(data),
    pace: n === 0 ? null : mean,
    spread: n < 2 ? null : Math.sqrt(m2 / (n - 1)),
  }
}

export function batchOf({ data, error, ...rest }: StateChange): Batch {
  const { total, processed, failed, chunks, totalChunks, errors } = rest
  return {
    counts: { total, processed, failed, chunks, totalChunks, errors },
    error,
    data: JSON.parse(data) as BatchData,
  }
}

export function phaseOf({ work, tracks }: Pick<BatchData, 'work' | 'tracks'>): number {
  return work.kind === 'finish' && (tracks?.open.length ?? 0) === 0 ? phases.finish : phases.chunks
}

/** Its hook comes after the job, not after each attempt. */
function unfinalized(run: Claimed): Claimed {
  if (run.options?.finalizer === undefined) return run
  const { finalizer: _, ...options } = run.options
  return { ...run, options }
}

/** Jobs that a batch waits for. */
export function tracksOf(state: StateChange): readonly JobId[] {
  return batchOf(state).data.tracks?.open ?? []
}
