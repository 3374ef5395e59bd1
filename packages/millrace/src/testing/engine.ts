import { MillraceError } from '../kernel/rules/errors.ts'
import { Scheduler } from '../kernel/runtime/scheduler.ts'
import type { Worker } from '../kernel/runtime/worker.ts'
import { createWorker } from '../mill/create-worker.ts'
import type { MillParts } from '../mill/mill.ts'
import type { Observation } from './outcome.ts'

const movedAtOnce = 500
/** Turns of the event loop in which nothing happens although something is due, before a new worker takes over. */
const patientTurns = 200
const patientWorkers = 3

/** The engine, driven by hand: it works while `runDue` lasts and at no other time. */
export class Engine {
  readonly #parts: MillParts
  readonly #scheduler: Scheduler
  #worker: Worker | null = null

  constructor(parts: MillParts) {
    this.#parts = parts
    this.#scheduler = new Scheduler({
      schedules: parts.storage.schedules,
      workers: parts.storage.workers,
      planner: parts.schedules.planner,
      clock: parts.clock,
      events: parts.events,
      faults: parts.faults,
      retentionMs: parts.settings.retention.failedMs,
    })
  }

  /** A handler runs, or its end is being written. */
  get occupied(): boolean {
    return this.#worker !== null && this.#worker.inside > 0
  }

  /**
   * Runs what is due until nothing is, by real workers, one after another. The clock is not touched: that a worker is done is
   * read from the storage, and handlers are waited for however long they take.
   */
  async runDue(observation: Observation, maxExecutions: number): Promise<void> {
    let fruitless = 0
    while (await this.#somethingDue()) {
      const before = observation.count
      const worker = (this.#worker = createWorker(this.#parts))
      await worker.start()
      try {
        await this.#quiet(worker, observation, maxExecutions)
      } finally {
        await worker.stop()
        this.#worker = null
      }
      fruitless = observation.count === before ? fruitless + 1 : 0
      if (fruitless >= patientWorkers) throw stuck(observation.trouble)
    }
  }

  /** When something comes due that is not yet, epoch ms; Infinity when nothing waits for a time. */
  async nextDue(): Promise<number> {
    const { storage, clock } = this.#parts
    const due = await storage.waiting.moveDue(movedAtOnce)
    const pumped = await storage.waiting.pump()
    const fires = await this.#scheduler.fireDue()
    const soonest = [due, pumped, fires].map(({ nextInMs }) => nextInMs ?? Infinity)
    return clock.now() + Math.max(1, Math.min(...soonest))
  }

  async #quiet(worker: Worker, observation: Observation, maxExecutions: number): Promise<void> {
    const limit = new Promise<void>((_, reject) => {
      observation.onCount = (count) => {
        if (count > maxExecutions) reject(endless(maxExecutions))
      }
    })
    limit.catch(() => undefined)
    try {
      let turns = 0
      let seen = observation.count
      while (turns < patientTurns) {
        // First the limit: of two that are settled the race takes the first.
        await Promise.race([limit, worker.empty()])
        await turn()
        if (worker.inside > 0) continue
        // In this order: work goes from ready to a lease, and must not be missed on its way.
        const due = await this.#somethingDue()
        const leases = await this.#parts.storage.executions.leases(worker.id)
        if (!due && leases.length === 0 && worker.inside === 0) return
        turns = observation.count === seen ? turns + 1 : 0
        seen = observation.count
      }
    } finally {
      observation.onCount = null
    }
  }

  /** Whether anything could be claimed now; moves over what became due. */
  async #somethingDue(): Promise<boolean> {
    const { storage, cache, handlers, enqueuer, config } = this.#parts
    await enqueuer.idle()
    while ((await this.#scheduler.fireDue()).fired > 0);
    while ((await storage.waiting.moveDue(movedAtOnce)).moved >= movedAtOnce);
    await storage.waiting.pump()
    const lanes = (await storage.lanes.heads()).map(({ lane }) => lane)
    if (lanes.length === 0) return false
    await cache.load(lanes)
    const pauses = await storage.controls.pauses()
    return lanes.some((id) => {
      const lane = cache.get(id)
      if (lane === undefined || handlers.get(lane.name, lane.version) === undefined) return false
      if (config.only !== undefined && !config.only.includes(lane.queue)) return false
      return !pauses.some(({ target }) => target.kind === 'all' || target.value === lane[target.kind])
    })
  }
}

/** One turn of the real event loop: I/O and promises go on meanwhile. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function endless(maxExecutions: number): MillraceError {
  return new MillraceError(
    'MILL_DEPTH_EXCEEDED',
    `drain ran ${maxExecutions} executions and there is still work: does a job enqueue itself, or snooze for no time, without end? Raise maxExecutions if it does not.`,
    { data: { maxExecutions } },
  )
}

function stuck(trouble: unknown): MillraceError {
  return new MillraceError('MILL_INTERNAL', 'drain: work is due, but the engine does not take it', {
    ...(trouble === undefined ? {} : { cause: trouble }),
  })
}
