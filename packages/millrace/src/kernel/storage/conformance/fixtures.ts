import { afterAll, beforeAll, expect } from 'vitest'
import { admit } from '../../rules/admit.ts'
import type { Decision, NextExecution } from '../../rules/decision.ts'
import type {
  Claimed,
  ExecutionKey,
  JobId,
  JobOptions,
  Lane,
  LaneSpec,
  LeaseId,
  WorkerId,
} from '../../rules/execution.ts'
import { outcomeName, outcomes, type Outcome, type StoredError } from '../../rules/outcome.ts'
import { isMillraceError, type ErrorCode } from '../../rules/errors.ts'
import { createRescue } from '../../rules/rescue.ts'
import type { Admit } from '../../rules/limits.ts'
import type { ClaimedBatch, ClaimParams, GatedClaim, LaneQuota, LeaseMark } from '../executions.ts'
import type { AttemptRecord, JobRecord } from '../history.ts'
import type { NewJob } from '../jobs.ts'
import type { Storage } from '../storage.ts'
import type { BeginOptions, StorageTransaction } from '../transaction.ts'
import type { WorkerSpec } from '../workers.ts'
import { nextId } from './ids.ts'
import type { Open, Subject } from './subject.ts'

export type JobChange = Partial<NewJob>
export type ClaimChange = Partial<Omit<ClaimParams, 'worker' | 'quotas'>> & Partial<Omit<LaneQuota, 'lane'>>
/** Where a job stands; two places at once would read 'ready+waiting'. */
export type Place = string

let unused = 0
/** A name that no other test uses, so that tests of one area share a database. */
export const fresh = (word: string): string => `${word}-${(unused += 1)}`

export const workerSpec: WorkerSpec = {
  host: 'box',
  pid: 41,
  release: '1.2.3',
  knows: ['send@1'],
  queues: null,
}
export const oops: StoredError = { name: 'Error', message: 'oops' }
export const application: BeginOptions = { token: null, idleTimeoutMs: 10_000, writeTimeoutMs: 10_000 }
/** The real rules: not begun goes back, begun is lost, parked at its n-th death. */
export const rescueWith = (maxDeaths: number) => createRescue({ maxDeaths })
export const handler = (): BeginOptions => ({ ...application, token: fresh('token') })

/** One database for the tests of an area, migrated, with the moves that they are made of. */
export class Bench {
  #subject: Subject | undefined
  readonly #open: Open

  constructor(open: Open) {
    this.#open = open
    beforeAll(async () => {
      this.#subject = await this.#open()
      await this.storage.schema.migrate()
    })
    afterAll(async () => await this.#subject?.dispose())
  }

  get storage(): Storage {
    if (this.#subject === undefined) throw new Error('the bench is open only while tests run')
    return this.#subject.storage
  }

  /** Nobody else can open it. */
  get livesInOneProcess(): boolean {
    return this.#subject?.another === undefined
  }

  /** A second process on the same database. */
  async another(): Promise<Storage> {
    const another = this.#subject?.another
    if (another === undefined) throw new Error('this database lives in one process: nobody else can open it')
    return await another()
  }

  /** As many processes as there can be: the test runs with one where no other can open the database. */
  async several(n: number): Promise<readonly Storage[]> {
    const another = this.#subject?.another
    if (another === undefined) return Array.from({ length: n }, () => this.storage)
    return [this.storage, ...(await Promise.all(Array.from({ length: n - 1 }, another)))]
  }

  async lane(change: Partial<LaneSpec> = {}): Promise<Lane> {
    const spec = {
      tenant: fresh('tenant'),
      queue: 'default',
      name: 'send',
      version: 1,
      gated: false,
      ...change,
    }
    return (await this.storage.lanes.intern([spec]))[0]!
  }

  /** Enqueues n plain jobs, or one job per change, and returns them in id order. */
  async enqueue(lane: Lane, jobs: number | readonly JobChange[] = 1): Promise<readonly NewJob[]> {
    const changes = typeof jobs === 'number' ? Array.from({ length: jobs }, () => ({})) : jobs
    const made = changes.map((change) => newJob(lane, change))
    await this.storage.jobs.enqueue(made)
    return made
  }

  async worker(leaseMs = 60_000, storage = this.storage): Promise<WorkerId> {
    return await storage.workers.register(workerSpec, leaseMs)
  }

  /** From now on its lease time has passed. */
  async kill(worker: WorkerId): Promise<void> {
    expect(await this.storage.workers.renew(worker, -1)).toBe(true)
  }

  async claim(
    worker: WorkerId,
    lanes: Lane | readonly Lane[],
    change: ClaimChange = {},
  ): Promise<ClaimedBatch | null> {
    return await this.storage.executions.claim(claimParams(worker, lanes, change))
  }

  /** A claim that must bring something. */
  async take(
    worker: WorkerId,
    lanes: Lane | readonly Lane[],
    change: ClaimChange = {},
  ): Promise<ClaimedBatch> {
    const batch = await this.claim(worker, lanes, change)
    if (batch === null) throw new Error('nothing was claimed')
    return batch
  }

  async takeGated(
    worker: WorkerId,
    lanes: Lane | readonly Lane[],
    change: ClaimChange = {},
    rule: Admit = admit,
  ): Promise<GatedClaim> {
    return await this.storage.executions.claimGated(claimParams(worker, lanes, change), rule)
  }

  /** Enqueues n jobs in a lane of their own and claims them all. */
  async leased(n = 1, change: JobChange = {}, claim: ClaimChange = {}): Promise<Leased> {
    const [lane, worker] = [await this.lane(), await this.worker()]
    const jobs = await this.enqueue(
      lane,
      Array.from({ length: n }, () => change),
    )
    const batch = await this.take(worker, lane, claim)
    return { lane, worker, jobs, batch, lease: batch.lease, members: batch.members, run: batch.members[0]! }
  }

  /** Settles members of one lease, which ends with it. */
  async settle(
    decisions: readonly Decision[],
    marks: readonly LeaseMark[] = spent(decisions),
  ): Promise<readonly LeaseId[]> {
    return (await this.storage.executions.settle(decisions, marks)).fenced
  }

  async record(job: JobId): Promise<JobRecord> {
    const record = (await this.storage.history.jobs([job]))[0]
    if (record === undefined) throw new Error(`job ${job} is not stored`)
    return record
  }

  /** ready, waiting, leased, started, the name of the outcome that ended it, or absent. */
  async place(job: JobId): Promise<Place> {
    return (await this.places([job]))[0]!
  }

  async places(jobs: readonly JobId[]): Promise<readonly Place[]> {
    const records = new Map((await this.storage.history.jobs(jobs)).map((record) => [record.id, record]))
    return jobs.map((job) => placeOf(records.get(job)))
  }

  /** How many of the jobs stand where; the sum is their number, as every job is in exactly one place. */
  async tally(jobs: readonly JobId[]): Promise<Readonly<Record<Place, number>>> {
    const tally: Record<Place, number> = {}
    for (const place of await this.places(jobs)) tally[place] = (tally[place] ?? 0) + 1
    return tally
  }

  /** Finalizers last, each by attempt. */
  async attempts(job: JobId): Promise<readonly AttemptRecord[]> {
    const all = await this.storage.history.attempts(job)
    return [...all].sort((a, b) => b.seq - a.seq || a.attempt - b.attempt)
  }

  /** 'seq/attempt outcome' of each ended attempt. */
  async told(job: JobId): Promise<readonly string[]> {
    return (await this.attempts(job)).map((one) => `${one.seq}/${one.attempt} ${outcomeName(one.outcome)}`)
  }

  /** Moves due rows until the job is among them. */
  async awaitReady(job: JobId): Promise<void> {
    await until(async () => {
      await this.storage.waiting.moveDue(500)
      return (await this.place(job)) === 'ready'
    })
  }

  /** Moves due rows until the lane has one to claim. */
  async awaitHead(lane: Lane): Promise<void> {
    await until(async () => {
      await this.storage.waiting.moveDue(500)
      return (await this.storage.lanes.heads()).some((head) => head.lane === lane.id)
    })
  }

  /** A transaction that is rolled back unless the work committed it. */
  async transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options = application,
    storage = this.storage,
  ): Promise<T> {
    const tx = await storage.begin(options)
    try {
      return await work(tx)
    } finally {
      await tx.rollback()
    }
  }
}

export interface Leased {
  readonly lane: Lane
  readonly worker: WorkerId
  readonly jobs: readonly NewJob[]
  readonly batch: ClaimedBatch
  readonly lease: LeaseId
  readonly members: readonly Claimed[]
  /** The first member. */
  readonly run: Claimed
}

export function newJob(lane: Lane, change: JobChange = {}): NewJob {
  return {
    id: nextId(),
    lane: lane.id,
    prio: 5,
    parent: null,
    options: null,
    payload: '{}',
    due: null,
    unique: null,
    args: [],
    ...change,
  }
}

/** A job of a gated lane, under these limit keys. */
export const keyed = (keys: readonly number[], options: JobOptions = {}): JobChange => ({
  options: { ...options, keys },
})

export function claimParams(
  worker: WorkerId,
  lanes: Lane | readonly Lane[],
  change: ClaimChange = {},
): ClaimParams {
  const { quota = 1_000, after = null, free = 1_000 } = change
  const named: readonly Lane[] = 'id' in lanes ? [lanes] : lanes
  return { worker, free, quotas: named.map((lane) => ({ lane: lane.id, quota, after })) }
}

export function keyOf(run: ExecutionKey): ExecutionKey {
  return { job: run.job, seq: run.seq, attempt: run.attempt }
}

export function decision(
  run: Claimed,
  outcome: Outcome = outcomes.completed,
  change: Partial<Decision> = {},
): Decision {
  return {
    key: keyOf(run),
    lease: run.lease,
    lane: run.lane,
    prio: run.prio,
    outcome,
    ms: 1,
    next: [],
    ...change,
  }
}

/** Failed, and tried again after `dueInMs`. */
export function retry(run: Claimed, dueInMs = 1, change: Partial<Decision> = {}): Decision {
  const next: NextExecution = {
    seq: run.seq,
    attempt: run.attempt + 1,
    care: 0,
    when: { dueInMs, reason: 'retrying' },
  }
  return decision(run, outcomes.retried, { error: oops, next: [next], ...change })
}

/** The finalizer of an attempt, to run at once. */
export const finalizerOf = (run: ExecutionKey): NextExecution => ({
  seq: -run.attempt,
  attempt: 1,
  care: 0,
  when: { ready: true },
})

/** Marks that delete the leases of the decisions. */
export function spent(decisions: readonly Pick<Decision, 'lease'>[]): readonly LeaseMark[] {
  const leases = new Set(decisions.map((one) => one.lease))
  return [...leases].map((lease) => ({ lease, running: [], finished: true }))
}

export const standing = (lease: LeaseId, running: readonly number[] = []): readonly LeaseMark[] => [
  { lease, running, finished: false },
]

export function placeOf(record: JobRecord | undefined): Place {
  if (record === undefined) return 'absent'
  const { ended, ready, waiting, leased } = record.facts
  const places: Place[] = []
  if (ready) places.push('ready')
  if (waiting !== null) places.push('waiting')
  if (leased !== null) places.push(leased.started ? 'started' : 'leased')
  if (ended !== null) places.push(outcomeName(ended))
  return places.length === 0 ? 'nowhere' : places.join('+')
}

/** Asks again and again, giving way in between; throws when it has not become true in time. */
export async function until(holds: () => Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`still not so after ${withinMs} ms: ${holds.toString()}`)
    await breath()
  }
}

/** One turn of the event loop. */
export const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Lets at least `ms` pass by the database's clock; what is tested is time itself (leases, tokens, timeouts). */
export async function pass(storage: Storage, ms: number): Promise<void> {
  const start = await storage.now()
  await until(async () => (await storage.now()) > start + ms, ms + 10_000)
}

export async function expectError(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(isMillraceError(error) ? error.code : error).toBe(code)
}

export async function expectRefusal(work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(isMillraceError(error), `expected a MillraceError, got ${String(error)}`).toBe(true)
}
