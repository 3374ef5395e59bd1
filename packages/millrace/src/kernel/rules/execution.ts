import type { Window } from './window.ts'

/** A UUIDv7 in its canonical lower-case text form. Ids of one process rise strictly. */
export type JobId = string
/** Number of a {@link Lane}, given by the database. */
export type LaneId = number
/** Number of a lease row, given by the database; never used twice. */
export type LeaseId = number
/** Number of one process start that works (R4: never a host name, never used twice). */
export type WorkerId = number

/**
 * `seq` >= 0 counts what the tool runs (queueable: 0; batch: start 0, chunks, finish); `-a` is the finalizer of attempt `a` of seq 0,
 * `jobFinalizerSeq` that of a job which ended in a later one.
 */
export interface ExecutionKey {
  readonly job: JobId
  readonly seq: number
  /** From 1. A claim that was handed back, or never started, is no attempt. */
  readonly attempt: number
}

/** More than any attempt: the finalizer of "this attempt" is that of the job, however it ended. */
export const jobFinalizerSeq = -1_000_000_000

/** Where a row stands in its lane: claim order is (prio, job, seq). */
export interface Position {
  readonly prio: number
  readonly job: JobId
  readonly seq: number
}

/** A distinct (tenant, queue, name, version, gated): what claims name and lists filter by. */
export interface LaneSpec {
  readonly tenant: string
  readonly queue: string
  readonly name: string
  readonly version: number
  /** The twin lane of jobs that carry limit keys. */
  readonly gated: boolean
}
export interface Lane extends LaneSpec {
  readonly id: LaneId
}

/** A row of `ready` or `waiting`, without its payload. */
export interface ExecutionRow extends ExecutionKey {
  readonly lane: LaneId
  /** 0 first, 9 last, default 5. */
  readonly prio: number
  /** 0: nothing known. 1 + d: was under a lease whose worker died, after d deaths of its own (R9). */
  readonly care: number
}

/** An execution under a lease, with what is needed to run it. */
export interface Claimed extends ExecutionRow {
  readonly lease: LeaseId
  /** Place in the lease's arrays. */
  readonly position: number
  /** The claim has recorded it as started already. */
  readonly marked: boolean
  /** Stored JSON text. */
  readonly payload: string
  readonly options: JobOptions | null
}

/** What a job carries beside its payload; null in storage when every field is absent. Kept short: it is a column. */
export interface JobOptions {
  /** Type map of the payload (superjson `meta`). */
  readonly types?: unknown
  /** The definition had a finalizer when the job was enqueued. */
  readonly finalizer?: true
  /** The job runs in several executions (a batch): start, chunks, finish. */
  readonly several?: true
  /** Ids of limit keys, ascending; present exactly on jobs of gated lanes. */
  readonly keys?: readonly number[]
  /** Id of the limit key of the flex queue that it goes through. */
  readonly flex?: number
  /** Total deadline, epoch ms by the database's clock. */
  readonly deadline?: number
  /** Attempt timeout that differs from the definition's. */
  readonly timeoutMs?: number
  /** Depth in a chain, from 1; absent = 1. */
  readonly depth?: number
  readonly maxDepth?: number
  /** Delay asked for at enqueue, for `ctx.asyncInfo`. */
  readonly delayMs?: number
  readonly tags?: readonly string[]
  readonly scenario?: string
  readonly runAs?: string
  /** The fire of a schedule that enqueued it; `due` in epoch ms. */
  readonly fire?: {
    readonly id: string
    readonly schedule: string
    readonly due: number
    readonly kind: 'due' | 'manual' | 'backfill'
  }
  /** Hours that differ from the definition's; null: none. */
  readonly window?: Window | null
  /** Environments that differ from the definition's. */
  readonly onlyIn?: readonly string[]
  /** Records of a chunk that differ from the definition's. */
  readonly scope?: number
  /** The ended job that this one repeats. */
  readonly retryOf?: JobId
  /** The job that this one does a part of, and that waits for it. */
  readonly partOf?: JobId
  /** Its state was written with its enqueue: it goes on where the job `retryOf` ended. */
  readonly continues?: true
  /** The job whose records that were set aside this one tries again. */
  readonly asidesOf?: JobId
  /** Only those that it was given when it was enqueued. */
  readonly ownAsides?: true
  /** Retry policy that differs from the definition's. */
  readonly retry?: unknown
}

/** Deaths counted in a row's `care`. */
export function deathsOf(care: number): number {
  return Math.max(0, care - 1)
}
