import type { ExecutionKey, LaneId, LeaseId } from './execution.ts'
import type { Outcome, StoredError } from './outcome.ts'
import type { StateChange } from './state.ts'

/** Why a row stands in `waiting`. */
export type WaitReason =
  | 'scheduled'
  | 'retrying'
  | 'snoozed'
  | 'rateLimited'
  | 'concurrencyLimited'
  | 'outsideWindow'
  | 'holding'
  | 'paused'
  | 'awaiting'

/** Stored as smallint. */
export const waitReasons: Readonly<Record<WaitReason, number>> = {
  scheduled: 1,
  retrying: 2,
  snoozed: 3,
  rateLimited: 4,
  concurrencyLimited: 5,
  outsideWindow: 6,
  holding: 7,
  paused: 8,
  awaiting: 9,
}

/**
 * When a next execution may run: at once, `dueInMs` (> 0) from now by the database's clock, or when its job is let go, or answered (`awaiting`). `keep`: at once and here, under the lease that
 * the settle goes to, in that place of it.
 */
export type When =
  | { readonly ready: true }
  | { readonly keep: number }
  | { readonly dueInMs: number; readonly reason: WaitReason }
  | { readonly held: true; readonly reason?: 'awaiting' }

/** Of an execution that stands in a queue. */
export type QueuedWhen = Exclude<When, { readonly keep: number }>

export interface NextExecution {
  readonly seq: number
  readonly attempt: number
  readonly care: number
  readonly when: When
}

/** The one change that the end of an attempt makes: history row, error, result, next executions. */
export interface Decision {
  readonly key: ExecutionKey
  readonly lease: LeaseId
  readonly lane: LaneId
  readonly prio: number
  readonly outcome: Outcome
  /** Measured run time in ms. */
  readonly ms: number
  readonly error?: StoredError
  /** Stored JSON text of what the handler returned. */
  readonly result?: string
  readonly next: readonly NextExecution[]
  /** For a job of several executions: what the next one goes on from. */
  readonly state?: StateChange
  /** An abort was asked for: its intent is deleted with this settle. */
  readonly endsAbort?: true
}

/** An ended attempt, as a finalizer sees it. */
export interface EndedAttempt {
  readonly outcome: Outcome
  readonly ms: number
  readonly error: StoredError | null
  /** How often this execution's process died so far. */
  readonly deaths: number
}

/** An execution that a dead worker's lease left unsettled. */
export interface Unsettled extends ExecutionKey {
  readonly lane: LaneId
  readonly prio: number
  readonly care: number
  /** `running` named it: it had begun. */
  readonly started: boolean
  /** Lost attempts of this execution before now. */
  readonly deaths: number
  /** Of a job of several executions: options.several, or a seq above 0, which no other has. */
  readonly several: boolean
  /** options.finalizer of the job. */
  readonly finalizer: boolean
  /** For seq < 0: the attempt it finalizes. */
  readonly ended: EndedAttempt | null
  /** options.deadline has passed by the database's clock. */
  readonly expired: boolean
}

/** What rescue does with one unsettled execution: hand back free, or a decision. */
export type Rescued =
  | { readonly kind: 'handBack'; readonly care: number }
  | {
      readonly kind: 'lost'
      readonly outcome: Outcome
      readonly error: StoredError
      readonly next: readonly NextExecution[]
    }

export type Rescue = (unsettled: Unsettled) => Rescued
