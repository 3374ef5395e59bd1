import { statusOf, type JobState } from '../kernel/rules/job-status.ts'
import { outcomeName, type OutcomeName, type StoredError } from '../kernel/rules/outcome.ts'
import { jobFinalizerSeq, type Lane } from '../kernel/rules/execution.ts'
import type { Pause } from '../kernel/storage/controls.ts'
import type { AttemptRecord, JobRecord } from '../kernel/storage/history.ts'
import type { WorkerView } from '../kernel/storage/workers.ts'
import { decode } from '../tools/codec.ts'
import { decodeResult } from '../tools/store-result.ts'
import { progressOf, type Progress } from './progress.ts'

/** One job as lists, CLI and later console and API show it. */
export interface JobView extends JobState {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly tenant: string
  readonly queue: string
  readonly priority: number
  /** The newest attempt, from 1. */
  readonly attempt: number
  /** Of the enqueue, by the clock of its process; `list` filters by it. */
  readonly createdAt: Date
  readonly finishedAt: Date | null
  readonly parentId: string | null
  readonly retryOf: string | null
  /** Of a batch's track: the batch. */
  readonly partOf: string | null
  readonly tags: readonly string[]
  readonly input: unknown
  readonly result: unknown
  readonly error: StoredError | null
  /** Of a batch, once its start is through. */
  readonly progress: Progress | null
}

export interface AttemptView {
  /** What of a batch it was: 0 the start, then its chunks and at last the finish; of other jobs 0. */
  readonly seq: number
  /** `job`, or `finalizer` of the attempt `of` (null: of the job). */
  readonly kind: 'job' | 'finalizer'
  readonly of: number | null
  readonly attempt: number
  readonly outcome: OutcomeName
  readonly ms: number
  readonly finishedAt: Date
  readonly error: StoredError | null
}

/** What decides whether a lane may be run: pauses, and what living workers know. */
export interface LaneConditions {
  readonly pauses: readonly Pause[]
  readonly workers: readonly WorkerView[]
}

export function jobView(record: JobRecord, conditions: LaneConditions): JobView {
  const { lane, options } = record
  return {
    ...statusOf(record.facts, laneFacts(lane, conditions)),
    id: record.id,
    name: lane.name,
    version: lane.version,
    tenant: lane.tenant,
    queue: lane.queue,
    priority: record.prio,
    attempt: record.attempt,
    createdAt: new Date(record.createdAt),
    finishedAt: record.finishedAt === null ? null : new Date(record.finishedAt),
    parentId: record.parent,
    retryOf: options?.retryOf ?? null,
    partOf: options?.partOf ?? null,
    tags: options?.tags ?? [],
    input: decode(record.payload, options?.types),
    result: decodeResult(record.result),
    error: record.error,
    progress: record.state === null ? null : progressOf(record.state),
  }
}

export function attemptView({ seq, attempt, outcome, ms, finishedAt, error }: AttemptRecord): AttemptView {
  return {
    seq: Math.max(0, seq),
    kind: seq < 0 ? 'finalizer' : 'job',
    of: seq < 0 && seq !== jobFinalizerSeq ? -seq : null,
    attempt,
    outcome: outcomeName(outcome),
    ms,
    finishedAt: new Date(finishedAt),
    error,
  }
}

function laneFacts(lane: Lane, { pauses, workers }: LaneConditions): { paused: boolean; known: boolean } {
  const living = workers.filter((worker) => worker.alive)
  return {
    paused: pauses.some(({ target }) => target.kind === 'all' || target.value === lane[target.kind]),
    // With no worker at all, it only waits for one.
    known:
      living.length === 0 || living.some((worker) => worker.knows.includes(`${lane.name}@${lane.version}`)),
  }
}
