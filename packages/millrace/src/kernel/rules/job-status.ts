import { waitReasons, type WaitReason } from './decision.ts'
import { outcomeName, type OutcomeName } from './outcome.ts'
import type { JobFacts, JobStatus, Substatus } from './status.ts'

/** What holds the lane of a job, as the worker registry and the pauses have it now. */
export interface LaneFacts {
  readonly paused: boolean
  /** Some living worker knows its name and version. */
  readonly known: boolean
}

/** The data behind a substatus; each field only where it says something. */
export interface JobReason {
  readonly outcome?: OutcomeName
  /** The worker that holds it. */
  readonly worker?: number
  /** Epoch ms by the database's clock. */
  readonly dueAt?: number
  /** The limit key it waits for. */
  readonly gate?: string
  readonly paused?: true
  readonly unknownDefinition?: true
  /** Nothing of the job stands anywhere: an invariant is broken. */
  readonly nowhere?: true
}

export interface JobState {
  readonly status: JobStatus
  readonly substatus: Substatus
  readonly reason: JobReason
}

/**
 * Status, substatus and reason of a job, of facts read in one statement. Precedence: the end is final; then aborting,
 * a lease, `waiting`, `ready`, and last a retry that is still behind its finalizer.
 */
export function statusOf(facts: JobFacts, lane: LaneFacts): JobState {
  const { ended, aborting, leased, waiting, ready, finalizing } = facts
  if (ended !== null) return { ...statusOfOutcome(ended), reason: { outcome: outcomeName(ended) } }
  const queued: JobStatus = facts.begun ? 'Processing' : 'Queued'
  const worker = leased === null ? {} : { worker: leased.worker }
  if (aborting) return { status: 'Processing', substatus: 'aborting', reason: worker }
  if (leased?.started)
    return {
      status: facts.several && !facts.begun ? 'Preparing' : 'Processing',
      substatus: 'running',
      reason: worker,
    }
  if (leased !== null) return { status: queued, substatus: 'claimed', reason: worker }
  const held = heldBy(lane)
  if (waiting !== null)
    return {
      status: waiting.reason === waitReasons.holding ? 'Holding' : queued,
      substatus: reasonName(waiting.reason),
      reason: { ...dataOf(waiting), ...held },
    }
  if (ready)
    return {
      status: queued,
      substatus: held.paused ? 'paused' : held.unknownDefinition ? 'unknownDefinition' : 'ready',
      reason: held,
    }
  if (finalizing) return { status: queued, substatus: 'finalizing', reason: held }
  return { status: queued, substatus: 'ready', reason: { nowhere: true } }
}

function heldBy({ paused, known }: LaneFacts): Pick<JobReason, 'paused' | 'unknownDefinition'> {
  return { ...(paused && { paused }), ...(!known && { unknownDefinition: true as const }) }
}

function dataOf({ dueAt, gate }: NonNullable<JobFacts['waiting']>): Pick<JobReason, 'dueAt' | 'gate'> {
  return { ...(dueAt !== null && { dueAt }), ...(gate !== null && { gate }) }
}

const reasonNames = new Map(Object.entries(waitReasons).map(([name, code]) => [code, name as WaitReason]))

/** A number of a newer release reads as `scheduled`: it waits, and a due time says until when. */
function reasonName(code: number): WaitReason {
  return reasonNames.get(code) ?? 'scheduled'
}

const ends: Readonly<Partial<Record<OutcomeName, readonly [JobStatus, Substatus]>>> = {
  completed: ['Completed', 'completed'],
  completedWithErrors: ['Completed', 'completedWithErrors'],
  skipped: ['Completed', 'skipped'],
  failed: ['Failed', 'failed'],
  expired: ['Failed', 'expired'],
  parked: ['Failed', 'lost'],
  aborted: ['Aborted', 'aborted'],
  replaced: ['Aborted', 'replaced'],
}

/** Status and substatus of an outcome that ends a job; throws RangeError on any other number. */
export function statusOfOutcome(outcome: number): Pick<JobState, 'status' | 'substatus'> {
  const name = outcomeName(outcome)
  const end = ends[name]
  if (end === undefined) throw new RangeError(`outcome ${name} does not end a job`)
  return { status: end[0], substatus: end[1] }
}

const moves: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  Holding: ['Queued', 'Failed', 'Aborted'],
  // Holding: a batch whose time has come. Straight to an end: skipped, expired, or settled before its start was ever recorded.
  Queued: ['Holding', 'Preparing', 'Processing', 'Completed', 'Failed', 'Aborted'],
  Preparing: ['Queued', 'Processing', 'Completed', 'Failed', 'Aborted'],
  Processing: ['Queued', 'Completed', 'Failed', 'Aborted'],
  Completed: [],
  Failed: [],
  Aborted: [],
}

/** The status machine (I-6): whether a job may be seen in `to` right after `from`. Staying is always allowed; an end is final. */
export function canMove(from: JobStatus, to: JobStatus): boolean {
  return from === to || moves[from].includes(to)
}
