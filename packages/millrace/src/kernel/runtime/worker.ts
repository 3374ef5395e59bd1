import { MillraceError } from '../rules/errors.ts'
import type { Chance, Clock } from '../rules/clock.ts'
import type { Claimed, JobId, Lane, LeaseId, WorkerId } from '../rules/execution.ts'
import { LaneQueue } from '../rules/lane-queue.ts'
import { createVirtualTimes } from '../rules/virtual-times.ts'
import type { Faults } from '../rules/fault-point.ts'
import { keptBy } from '../rules/keep.ts'
import { endsJob } from '../rules/outcome.ts'
import { createRescue } from '../rules/rescue.ts'
import type { Pause } from '../storage/controls.ts'
import type { Storage } from '../storage/storage.ts'
import type { Wake } from '../storage/wakeups.ts'
import { ActiveLanes } from './active-lanes.ts'
import { Claimer } from './claimer.ts'
import { DatabaseClock } from './database-clock.ts'
import { Dispatcher } from './dispatcher.ts'
import type { EngineEvents } from './engine-event.ts'
import type { ExecutionScope, Snooze } from './execution-scope.ts'
import { Executor, type Departure } from './executor.ts'
import { HandBack } from './hand-back.ts'
import type { Handlers } from './handler.ts'
import { hostIdentity } from './host.ts'
import { LoopKeeper, ThreadKeeper } from './keeper.ts'
import type { LaneCache } from './lane-cache.ts'
import { Leader } from './leader.ts'
import { LeaseBook } from './lease-book.ts'
import type { Service } from './loop.ts'
import { Pruner, type Retention } from './pruner.ts'
import { Releases } from './releases.ts'
import { Rescuer } from './rescuer.ts'
import { Scheduler, type SchedulePlanner } from './scheduler.ts'
import { Settler } from './settler.ts'
import { Timekeeper } from './timekeeper.ts'
import { turnsOf } from './turns.ts'

export interface WorkerOptions {
  readonly storage: Storage
  readonly cache: LaneCache
  readonly handlers: Handlers
  readonly clock: Clock
  readonly chance: Chance
  readonly events: EngineEvents
  readonly faults: Faults | undefined
  readonly release: string
  readonly concurrency: number
  /** Caps of single queues in this process. */
  readonly queueConcurrency: Readonly<Record<string, number>>
  /** The only queues served here; null = all. */
  readonly queues: readonly string[] | null
  readonly leaseMs: number
  readonly heartbeatMs: number
  /** null: the lease is renewed from the main loop (in-memory databases, virtual clocks). */
  readonly keeperThread: {
    readonly module: URL
    readonly target: unknown
    readonly blockedLimitMs: number
  } | null
  readonly rescueEveryMs: number
  readonly pruneEveryMs: number
  readonly retention: Retention
  readonly planner: SchedulePlanner
  /** SQLite: how long a handler's write transaction may stay open. */
  readonly writeTimeoutMs: number
  readonly abortGraceMs: number
  /** How long a job may go on with its next executions under its lease, counted from the start of the one that was claimed. */
  readonly keepMs: number
  /** How long stop() lets running handlers finish before their signal fires. */
  readonly shutdownMs: number
  /** Deaths of one execution after which it is parked (R9). */
  readonly maxDeaths: number
}

/** One process start that works: claims, runs, settles, keeps its lease, and mends what others left. */
export class Worker {
  readonly #options: WorkerOptions
  readonly #book = new LeaseBook()
  readonly #times = createVirtualTimes()
  readonly #queue = new LaneQueue(this.#times)
  readonly #active: ActiveLanes
  readonly #settler: Settler
  readonly #executor: Executor
  readonly #dispatcher: Dispatcher
  readonly #claimer: Claimer
  readonly #keeper: Service
  readonly #rescuer: Rescuer
  readonly #timekeeper: Timekeeper
  readonly #scheduler: Scheduler
  readonly #pruner: Pruner
  readonly #releases: Releases
  readonly #handBack: HandBack
  readonly #unsubscribe: () => void
  readonly #host = hostIdentity()
  readonly #databaseClock: DatabaseClock
  #id: WorkerId = 0
  #pauses: readonly Pause[] = []
  /** Jobs that go on here: when the execution that was claimed began, by the steady clock. */
  readonly #keptSince = new Map<JobId, number>()
  #stopping: Promise<void> | null = null
  #state: 'new' | 'working' | 'stopping' | 'stopped' = 'new'
  /** Executions that have not left the worker: running, or waiting for their acknowledgement. */
  #inside = 0
  #emptied: (() => void)[] = []

  constructor(options: WorkerOptions) {
    this.#options = options
    const { storage, cache, handlers, clock, chance, events, faults } = options
    const trouble = (role: string) => (error: unknown) => events.emit({ kind: 'trouble', role, error })
    const id = (): WorkerId => this.#id
    this.#databaseClock = new DatabaseClock(storage, clock)
    this.#active = new ActiveLanes(cache, this.#queue, (lane) => this.#runnable(lane, handlers))
    const turns = turnsOf(clock)
    this.#releases = new Releases(storage.limits, events, turns)
    this.#settler = new Settler({
      executions: storage.executions,
      book: this.#book,
      clock,
      faults,
      onFenced: (leases) => this.#loseLeases(leases),
      onError: trouble('settler'),
    })
    this.#handBack = new HandBack({
      executions: storage.executions,
      cache,
      book: this.#book,
      settler: this.#settler,
      releases: this.#releases,
      events,
      faults,
      clock,
      leaseMs: options.leaseMs,
    })
    this.#executor = new Executor({
      executions: storage.executions,
      begin: (token) =>
        storage.begin({ token, idleTimeoutMs: options.leaseMs, writeTimeoutMs: options.writeTimeoutMs }),
      settler: this.#settler,
      clock,
      chance,
      events,
      faults,
      databaseNow: () => this.#databaseClock.now(),
      abortGraceMs: options.abortGraceMs,
      stands: async (lease) => (await storage.executions.leases(this.#id)).includes(lease),
      hooks: {
        slotFree: (claimed) => this.#dispatcher.freed(claimed),
        mayGoOn: (scope, ms) => this.#mayGoOn(scope, ms),
        left: (scope, departure) => this.#left(scope, departure),
      },
    })
    this.#dispatcher = new Dispatcher({
      concurrency: options.concurrency,
      queues: options.queueConcurrency,
      laneOf: (claimed) => cache.get(claimed.lane) as Lane,
      run: (claimed, lane) => this.#run(claimed, lane),
      onHungry: () => this.#claimer.kick(),
      turns,
    })
    this.#claimer = new Claimer({
      executions: storage.executions,
      lanes: storage.lanes,
      cache,
      active: this.#active,
      queue: this.#queue,
      dispatcher: this.#dispatcher,
      book: this.#book,
      times: this.#times,
      clock,
      faults,
      worker: id,
      beforeScan: async () => {
        this.#pauses = await storage.controls.pauses()
      },
      onError: trouble('claimer'),
    })
    const keeping = {
      workers: storage.workers,
      clock,
      leaseMs: options.leaseMs,
      heartbeatMs: options.heartbeatMs,
      worker: id,
      onFenced: () => this.#beginAnew(),
      onError: trouble('keeper'),
    }
    this.#keeper =
      options.keeperThread === null
        ? new LoopKeeper(keeping)
        : new ThreadKeeper(keeping, options.keeperThread)
    this.#rescuer = new Rescuer({
      workers: storage.workers,
      clock,
      rescue: createRescue({ maxDeaths: options.maxDeaths }),
      everyMs: options.rescueEveryMs,
      host: this.#host,
      events,
      faults,
      chance,
    })
    this.#timekeeper = new Timekeeper({
      waiting: storage.waiting,
      executions: storage.executions,
      clock,
      onAborts: (jobs) => void this.abort(jobs),
      onError: trouble('timekeeper'),
    })
    this.#scheduler = new Scheduler({
      schedules: storage.schedules,
      workers: storage.workers,
      planner: options.planner,
      clock,
      events,
      faults,
      retentionMs: options.retention.failedMs,
    })
    this.#pruner = new Pruner({
      history: storage.history,
      snapshots: storage.snapshots,
      leader: new Leader(storage.controls, 'prune', options.pruneEveryMs * 2, id, faults),
      clock,
      retention: options.retention,
      everyMs: options.pruneEveryMs,
      events,
      faults,
    })
    this.#unsubscribe = storage.wakeups.subscribe((wake) => this.#woken(wake))
  }

  get id(): WorkerId {
    return this.#id
  }

  get #services(): readonly Service[] {
    return [this.#keeper, this.#rescuer, this.#timekeeper, this.#scheduler, this.#pruner]
  }

  /** Executions running or waiting for their acknowledgement. */
  get inside(): number {
    return this.#inside
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'working'
    try {
      await this.#register()
    } catch (error) {
      // The database may be away just now: the caller may try again.
      this.#state = 'new'
      throw error
    }
    await this.#options.storage.wakeups.start()
    for (const service of this.#services) service.start()
    this.#claimer.start()
  }

  /**
   * Claims no more, hands back what has not started, lets what runs finish for `shutdownMs`, then fires its signal and hands it back too.
   * Costs no attempt (promise 6); a finishing handler may still enqueue. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    if (this.#state !== 'working') return
    this.#state = 'stopping'
    const { clock, shutdownMs, abortGraceMs, leaseMs, storage, events } = this.#options
    const shutdown = (): void =>
      this.#executor.stopAll('shutdown', new MillraceError('MILL_ABORTED', 'the worker is shutting down'))
    const cancels = [
      clock.after(shutdownMs, shutdown),
      // With the database away nothing can be settled, and by then the lease has lapsed: the rest is rescue's.
      clock.after(shutdownMs + abortGraceMs + leaseMs, () => this.#settler.abandon()),
    ]
    await this.#claimer.stop()
    await this.#handBack.give(this.#dispatcher.close())
    await this.empty()
    await this.#settler.idle()
    await this.#releases.idle()
    for (const cancel of cancels) cancel()
    this.#executor.stop()
    await Promise.all(this.#services.map((role) => role.stop()))
    this.#unsubscribe()
    await storage.workers
      .leave(this.#id)
      .catch((error: unknown) => events.emit({ kind: 'trouble', role: 'worker', error }))
    this.#state = 'stopped'
    events.emit({ kind: 'worker.stopped', worker: this.#id })
  }

  /** Resolves when nothing runs here and nothing waits for its acknowledgement. */
  async empty(): Promise<void> {
    while (this.#inside > 0) await new Promise<void>((resolve) => this.#emptied.push(resolve))
  }

  /** Fires the signal of those of these jobs that run here; answers whether one does. */
  abort(jobs: readonly JobId[]): boolean {
    const wanted = new Set(jobs)
    let found = false
    for (const scope of this.#executor.scopes) {
      const { seq, job } = scope.run
      if (seq < 0 || !wanted.has(job) || scope.closed) continue
      found = true
      scope.stop(
        'aborted',
        new MillraceError('MILL_ABORTED', `job ${job} was aborted`, { data: { jobId: job } }),
      )
    }
    return found
  }

  async #register(): Promise<void> {
    const { storage, handlers, release, queues, leaseMs, events } = this.#options
    await this.#databaseClock.look()
    this.#id = await storage.workers.register(
      { host: this.#host, pid: process.pid, release, knows: handlers.names, queues },
      leaseMs,
    )
    events.emit({ kind: 'worker.started', worker: this.#id })
  }

  /** The lease of the worker is gone: what ran here is another's now. */
  async #beginAnew(): Promise<void> {
    const running = [...this.#executor.scopes].map(({ run: { job, seq, attempt }, lane }) => {
      return { job, seq, attempt, name: lane.name }
    })
    this.#options.events.emit({ kind: 'worker.fenced', worker: this.#id, running })
    if (this.#state !== 'working') {
      // What still runs is another's; stop() waits for it to leave.
      this.#settler.abandon()
      this.#executor.stopAll('fenced', new MillraceError('MILL_FENCED', `worker ${this.#id} lost its lease`))
      return
    }
    await this.#claimer.stop()
    this.#settler.abandon()
    for (const claimed of this.#dispatcher.close()) this.#released(claimed)
    this.#executor.stopAll('fenced', new MillraceError('MILL_FENCED', `worker ${this.#id} lost its lease`))
    await this.empty()
    await this.#settler.idle()
    this.#book.clear()
    await this.#registerAgain()
    if (this.#state !== 'working') return
    this.#settler.resume()
    this.#executor.goOn()
    this.#dispatcher.reopen()
    this.#claimer.start()
  }

  /** The database that let the lease lapse may still be away: a worker that gave up here would live on and claim nothing. */
  async #registerAgain(): Promise<void> {
    const { clock, events, heartbeatMs } = this.#options
    while (this.#state === 'working') {
      try {
        await this.#register()
        return
      } catch (error) {
        events.emit({ kind: 'trouble', role: 'worker', error })
        await new Promise<void>((resolve) => clock.after(heartbeatMs, resolve))
      }
    }
  }

  #run(claimed: Claimed, lane: Lane): void {
    const handler = this.#options.handlers.get(lane.name, lane.version)
    if (handler === undefined) {
      // Claims name known lanes only (R11).
      void this.#handBack.give([claimed]).then(() => {
        this.#released(claimed)
        this.#dispatcher.freed(claimed)
      })
      return
    }
    this.#inside += 1
    if (this.#book.start(claimed)) this.#settler.kick()
    this.#executor.run(claimed, lane, handler)
  }

  #left({ run, lane, slotIsFree }: ExecutionScope, departure: Departure): void {
    this.#released(run)
    const next = departure.kind === 'settled' ? keptBy(run, departure.decision) : null
    if (next === null) this.#keptSince.delete(run.job)
    else if (this.#dispatcher.open) {
      this.#times.took(lane.tenant, 1)
      this.#dispatcher.goOn(next)
    }
    if (!slotIsFree) this.#dispatcher.freed(run)
    const rest = this.#departed(run, lane, departure)
    if (rest === null) this.#gone()
    else void rest.then(() => this.#gone())
  }

  /** For a while, and only while nobody waits: else what comes next takes its turn in the fair order, through `ready`. */
  #mayGoOn({ run, lane, stopReason }: ExecutionScope, ms: number): boolean {
    if (this.#state !== 'working' || stopReason !== null) return false
    const now = this.#options.clock.monotonic()
    const since = this.#keptSince.get(run.job) ?? now - ms
    if (now - since >= this.#options.keepMs || !this.#runnable(lane, this.#options.handlers)) return false
    if (this.#dispatcher.queued > 0) return false
    if (!this.#dispatcher.hasSlotIn(lane.queue) && this.#active.hasOthers(lane.tenant)) return false
    this.#keptSince.set(run.job, since)
    return true
  }

  #gone(): void {
    this.#inside -= 1
    if (this.#inside === 0) for (const resolve of this.#emptied.splice(0)) resolve()
  }

  /** Its tenant is no longer expected to be charged for it. */
  #released({ lane }: Claimed): void {
    const tenant = this.#options.cache.get(lane)?.tenant
    if (tenant !== undefined) this.#times.left(tenant, 1)
  }

  /** null when nothing is left to wait for. */
  #departed(claimed: Claimed, lane: Lane, departure: Departure): Promise<void> | null {
    if (departure.kind === 'fenced') {
      this.#loseLeases([claimed.lease])
      return null
    }
    if (departure.kind === 'unstored') return null
    const { ms } = departure.kind === 'handBack' ? departure : departure.decision
    this.#dispatcher.measured(ms)
    this.#times.charge(lane.tenant, ms)
    if (departure.kind === 'handBack') return this.#departUnended(claimed, departure.snooze)
    const { decision, inTransaction } = departure
    const next = keptBy(claimed, decision)
    if (next === null && inTransaction) this.#settler.left(claimed)
    // Nothing starts here any more: it goes back like all that waited.
    if (next !== null && !this.#dispatcher.open) return this.#handBack.give([next])
    // Another fire may wait for its end.
    if (claimed.options?.fire !== undefined) this.#scheduler.kick()
    if (decision.next.some(({ when }) => 'dueInMs' in when)) this.#timekeeper.kick()
    const freed = claimed.options?.keys === undefined ? null : this.#releases.permitsOf(claimed)
    const flex = claimed.options?.flex
    if (flex === undefined || claimed.seq < 0 || !endsJob(decision.outcome)) return freed
    return Promise.all([freed, this.#releases.slotOf(flex)]).then(() => undefined)
  }

  async #departUnended(claimed: Claimed, snooze: Snooze | null): Promise<void> {
    const wait = snooze !== null && snooze.ms > 0 ? { dueInMs: snooze.ms, reason: snooze.reason } : null
    await this.#handBack.give([claimed], wait)
    if (wait !== null) this.#timekeeper.kick()
  }

  #runnable(lane: Lane, handlers: Handlers): boolean {
    const { queues } = this.#options
    if (queues !== null && !queues.includes(lane.queue)) return false
    if (handlers.get(lane.name, lane.version) === undefined) return false
    return !this.#pauses.some(({ target }) => target.kind === 'all' || target.value === lane[target.kind])
  }

  #woken(wake: Wake): void {
    if (this.#state !== 'working') return
    if (wake.topic === 'new') this.#active.wake(wake.lanes)
    if (wake.topic === 'back') this.#active.back(wake.lanes)
    if (wake.topic === 'new' || wake.topic === 'back') this.#claimer.kick()
    if (wake.topic === 'config' || wake.topic === 'rescan') this.#claimer.rescan()
    if (wake.topic === 'due' || wake.topic === 'rescan') {
      this.#timekeeper.kick()
      this.#scheduler.kick()
    }
    if (wake.topic === 'abort') this.abort(wake.jobs)
  }

  /** What stood under these leases is another's now: nothing of it starts here any more, and what runs is told to stop. */
  #loseLeases(leases: readonly LeaseId[]): void {
    const fallen = new Set(leases)
    for (const lease of fallen) this.#book.drop(lease)
    this.#dispatcher.discard((claimed) => {
      if (!fallen.has(claimed.lease)) return false
      this.#released(claimed)
      return true
    })
    for (const scope of this.#executor.scopes) {
      const { lease } = scope.run
      if (fallen.has(lease)) scope.stop('fenced', new MillraceError('MILL_FENCED', `lease ${lease} fell`))
    }
  }
}
