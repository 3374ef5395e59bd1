import { MillraceError } from '../kernel/rules/errors.ts'
import type { Chance, Clock } from '../kernel/rules/clock.ts'
import type { Faults } from '../kernel/rules/fault-point.ts'
import { checkDefinitionName, checkQueue, checkTenant } from '../kernel/rules/names.ts'
import type { Awaiter } from '../kernel/runtime/awaiter.ts'
import { currentScope } from '../kernel/runtime/execution-scope.ts'
import type { EngineEvents, EngineListener } from '../kernel/runtime/engine-event.ts'
import type { Enqueuer } from '../kernel/runtime/enqueuer.ts'
import type { Handlers } from '../kernel/runtime/handler.ts'
import type { LaneCache } from '../kernel/runtime/lane-cache.ts'
import type { Worker } from '../kernel/runtime/worker.ts'
import type { Pause, PauseTarget } from '../kernel/storage/controls.ts'
import type { LimitUsage } from '../kernel/storage/limits.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import type { WorkerView } from '../kernel/storage/workers.ts'
import type { Definition, InputOf, OutputOf } from '../tools/definition.ts'
import type { EnqueueOptions } from '../tools/enqueue-options.ts'
import type { EnqueuedJob } from '../tools/handler-context.ts'
import { currentTransaction } from './ambient.ts'
import { demandRoomBeside } from './beside.ts'
import type { MillConfig } from './config.ts'
import { createWorker } from './create-worker.ts'
import type { Enqueuing } from './enqueuing.ts'
import type { RecordsInstallation } from '../records/installation.ts'
import type { Records, Soql } from '../records/records.ts'
import { recordsOf } from './records.ts'
import { MillSavedQueries } from './saved-queries.ts'
import { MillSchedules } from './schedules.ts'
import type { Scheduling } from './scheduling.ts'
import { FlexQueue } from './flex-queue.ts'
import { explain } from './explain.ts'
import { Job } from './job.ts'
import { Jobs } from './jobs.ts'
import { Batches } from './batches.ts'
import { Pipelines } from './pipelines.ts'
import type { Progress } from './progress.ts'
import type { Settings } from './settings.ts'
import { joinTransaction, runTransaction, type MillTransaction } from './transaction.ts'

export interface MillParts {
  readonly config: MillConfig
  readonly settings: Settings
  readonly storage: Storage
  readonly definitions: readonly Definition[]
  readonly handlers: Handlers
  readonly cache: LaneCache
  readonly clock: Clock
  readonly chance: Chance
  readonly events: EngineEvents
  readonly faults: Faults | undefined
  readonly keepMs: number
  /** The clock is the machine's, so a thread can keep the lease. */
  readonly realTime: boolean
  readonly enqueuer: Enqueuer
  readonly awaiter: Awaiter
  readonly enqueuing: Enqueuing
  readonly records: RecordsInstallation
  readonly schedules: Scheduling
  readonly newId: () => string
}

export interface MillEnqueueOptions extends EnqueueOptions {
  /** The application's own `pg` client: the job is queued when, and only when, its transaction commits. PostgreSQL only. */
  readonly pg?: unknown
}

const manyAtOnce = 1_000

/** An installation: enqueues work, looks at it, and, once started, runs it. Made by `createMill`. */
export class Mill {
  readonly #parts: MillParts
  #worker: Worker | null = null
  #starting: Promise<void> | null = null
  #stopped: Promise<void> | null = null
  /** Looking at jobs, aborting and retrying them. */
  readonly jobs: Jobs
  /** Records of batches that were set aside. */
  readonly batches: Batches
  /** Looking at pipelines and operating them. */
  readonly pipelines: Pipelines
  /** Batches that are Holding, and their order. */
  readonly flexQueue: FlexQueue
  /**
   * Records of the application's objects, as the system in the tenant `default` unless `records.as` says otherwise. In a handler or a transaction
   * it joins them, as `enqueue` does; beside them each verb that writes is a transaction of its own.
   */
  readonly records: Records
  /** A query in SOQL over the same. */
  readonly soql: Soql
  /** List views and reports as administrators edit them. */
  readonly savedQueries: MillSavedQueries
  /** Schedules of the code and those made at run time. */
  readonly schedules: MillSchedules

  constructor(parts: MillParts) {
    this.#parts = parts
    this.jobs = new Jobs(
      parts.storage,
      parts.enqueuer,
      parts.newId,
      (jobs) => this.#worker?.abort(jobs) === true,
    )
    const { storage, definitions, newId } = parts
    const begin = (): Promise<StorageTransaction> => this.#begin()
    this.batches = new Batches(storage, this.jobs, begin)
    this.pipelines = new Pipelines({ storage, definitions, newId, begin, jobs: this.jobs })
    this.flexQueue = new FlexQueue(parts.storage, this.jobs, parts.settings.flexQueue)
    this.records = recordsOf({
      services: parts,
      begin: () => this.#begin(),
      assertOpen: () => this.#assertOpen(),
    })
    this.soql = this.records.soql
    this.savedQueries = new MillSavedQueries(parts.storage.kind, async () => {
      this.#assertOpen()
      return parts.records.savedQueries()
    })
    this.schedules = new MillSchedules(parts.storage, parts.schedules, parts.newId)
    parts.events.subscribe((event) => {
      if (event.kind === 'execution.ended' && event.key.seq >= 0) parts.awaiter.ended(event.key.job)
    }, 'execution.ended')
  }

  get database(): 'sqlite' | 'postgres' {
    return this.#parts.storage.kind
  }

  get definitions(): readonly Definition[] {
    return this.#parts.definitions
  }

  /** Works in this process from now on. Idempotent; may be tried again when it threw, because the database was away. */
  async start(): Promise<void> {
    this.#assertOpen()
    this.#starting ??= this.#startWorker().catch((error: unknown) => {
      this.#starting = null
      throw error
    })
    return this.#starting
  }

  /**
   * Stops working and closes the storage: what had not started is handed back, what runs may finish for `shutdown`. Costs no
   * attempt. Idempotent; afterwards every call throws MILL_STORAGE_CLOSED.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const { enqueuer, awaiter, storage } = this.#parts
    await this.#starting?.catch(() => undefined)
    await this.#worker?.stop()
    await enqueuer.idle()
    await awaiter.stop()
    await storage.wakeups.stop()
    await storage.close()
  }

  /**
   * Resolves when the job is on disk: from then on it is never lost. Inside a handler it joins that attempt's transaction
   * (unless `detached`). Throws MILL_INPUT_INVALID, MILL_PAYLOAD_TOO_LARGE, MILL_DUPLICATE, MILL_DEPTH_EXCEEDED… before anything is written.
   */
  async enqueue<D extends Definition>(
    definition: D,
    input: InputOf<D>,
    options: MillEnqueueOptions = {},
  ): Promise<Job<OutputOf<D>>> {
    this.#assertOpen()
    const { enqueuing, awaiter } = this.#parts
    const { pg, ...rest } = options
    const made =
      pg === undefined
        ? await this.#enqueueHere(definition, input, rest)
        : await enqueuing.withClient(definition, input, rest, pg)
    return new Job<OutputOf<D>>(made, awaiter, null, () => this.#progressOf(made.id))
  }

  /**
   * Enqueues many, from an array or an async iterable, in groups: each on disk when the promise resolves, ids in input order. An input that is refused
   * ends it with that error; those before it in the stream, and up to 2,000 after it, may be queued already.
   */
  async enqueueMany<D extends Definition>(
    definition: D,
    inputs: Iterable<InputOf<D>> | AsyncIterable<InputOf<D>>,
    options: Omit<EnqueueOptions, 'unique'> = {},
  ): Promise<readonly string[]> {
    this.#assertOpen()
    const ids: string[] = []
    // One group is prepared while the one before it is written.
    let written: Promise<readonly EnqueuedJob[]> = Promise.resolve([])
    const keep = async (): Promise<void> => void ids.push(...(await written).map(({ id }) => id))
    let group: InputOf<D>[] = []
    const flush = async (): Promise<void> => {
      const made = Promise.all(group.map((input) => this.#enqueueHere(definition, input, options)))
      made.catch(() => undefined)
      group = []
      await keep()
      written = made
    }
    for await (const input of inputs) {
      group.push(input)
      if (group.length >= manyAtOnce) await flush()
    }
    await flush()
    await keep()
    return ids
  }

  /** A handle on a job that somebody else enqueued. */
  job<Output = unknown>(id: string): Job<Output> {
    const exists = async (): Promise<boolean> => (await this.#parts.storage.history.jobs([id])).length > 0
    return new Job<Output>({ id, duplicate: false }, this.#parts.awaiter, exists, () => this.#progressOf(id))
  }

  /**
   * Commits when `work` resolves, rolls back when it throws. Throws MILL_TRANSACTION_LOST when the database did not commit, MILL_COMMIT_UNKNOWN
   * when it did not answer. On SQLite it holds the file's one write lock, for `writeTimeout` at most. Inside a handler `work` joins the
   * attempt's transaction.
   */
  async transaction<T>(work: (tx: MillTransaction) => Promise<T>): Promise<T> {
    this.#assertOpen()
    const { enqueuing, records } = this.#parts
    const scope = currentScope()
    if (scope !== undefined) return joinTransaction(scope, enqueuing, records.part, work)
    const outer = currentTransaction()
    if (outer !== undefined) return work(outer)
    return runTransaction(await this.#begin(), this.#parts, work)
  }

  /** Why a job is where it is, in sentences: what it waits for, what holds it back, how it ended. Throws MILL_JOB_UNKNOWN. */
  async explain(jobId: string): Promise<string> {
    const { storage } = this.#parts
    const job = await this.jobs.get(jobId)
    const limited = ['rateLimited', 'concurrencyLimited', 'holding'].includes(job.substatus)
    return explain(job, {
      now: await storage.now(),
      pauses: await storage.controls.pauses(),
      workers: await storage.workers.list(),
      limits: limited ? await storage.limits.usage() : [],
    })
  }

  /** Claims nothing of the target any more, in all workers, within a second; what runs goes on. false: it was paused already. */
  async pause(target: PauseTarget = { kind: 'all' }, by?: string): Promise<boolean> {
    demandRoomBeside(this.database, 'a pause')
    return this.#parts.storage.controls.pause(checkTarget(target), by ?? null)
  }

  async resume(target: PauseTarget = { kind: 'all' }): Promise<boolean> {
    demandRoomBeside(this.database, 'a resume')
    return this.#parts.storage.controls.resume(checkTarget(target))
  }

  pauses(): Promise<readonly Pause[]> {
    return this.#parts.storage.controls.pauses()
  }

  workers(): Promise<readonly WorkerView[]> {
    return this.#parts.storage.workers.list()
  }

  /** Limit keys with what holds and waits for them. */
  limits(): Promise<readonly LimitUsage[]> {
    return this.#parts.storage.limits.usage()
  }

  /** Hears what the engine does. Returns the unsubscribe. */
  on(listener: EngineListener): () => void {
    return this.#parts.events.subscribe(listener)
  }

  /** In the transaction that the caller runs in, a handler's or one of `mill.transaction`, unless `detached`. */
  #enqueueHere(definition: Definition, input: unknown, options: EnqueueOptions): Promise<EnqueuedJob> {
    const transaction = options.detached === true ? undefined : currentTransaction()
    return transaction === undefined
      ? this.#parts.enqueuing.enqueue(definition, input, options)
      : transaction.enqueue(definition, input, options)
  }

  async #progressOf(id: string): Promise<Progress | null> {
    return (await this.jobs.get(id)).progress
  }

  #begin(): Promise<StorageTransaction> {
    const { storage, settings } = this.#parts
    return storage.begin({
      token: null,
      idleTimeoutMs: settings.leaseMs,
      writeTimeoutMs: settings.writeTimeoutMs,
    })
  }

  async #startWorker(): Promise<void> {
    await this.#parts.schedules.reconcile()
    this.#worker ??= createWorker(this.#parts)
    await this.#worker.start()
  }

  #assertOpen(): void {
    // A handler that is finishing may still enqueue.
    if (this.#stopped !== null && currentScope() === undefined)
      throw new MillraceError('MILL_STORAGE_CLOSED', 'this mill was stopped')
  }
}

function checkTarget(target: PauseTarget): PauseTarget {
  if (target.kind === 'queue') checkQueue(target.value, 'pause')
  if (target.kind === 'tenant') checkTenant(target.value, 'pause')
  if (target.kind === 'name') checkDefinitionName(target.value, 'pause')
  return target
}
