import type { Clock } from '../rules/clock.ts'
import { MillraceError } from '../rules/errors.ts'
import type { JobId } from '../rules/execution.ts'
import type { History, JobEnd } from '../storage/history.ts'
import { Loop } from './loop.ts'

const shortest = 20
const longest = 500

interface Waiter {
  readonly resolve: (end: JobEnd | null) => void
  readonly reject: (error: unknown) => void
}

/** Tells callers when a job ends: at once when it ended in this process, else by asking for all awaited ones together. */
export class Awaiter {
  readonly #history: History
  readonly #clock: Clock
  readonly #awaited = new Map<JobId, Set<Waiter>>()
  readonly #loop: Loop
  #pause = shortest
  #stopped = false

  constructor(history: History, clock: Clock, onError: (error: unknown) => void) {
    this.#history = history
    this.#clock = clock
    this.#loop = new Loop({ clock, round: () => this.#round(), onError })
  }

  /** Resolves with the end of the job, or null after `timeoutMs`. Rejects with MILL_STORAGE_CLOSED once stopped. */
  async wait(job: JobId, timeoutMs: number): Promise<JobEnd | null> {
    if (this.#stopped) throw closed(job)
    const { promise, resolve, reject } = Promise.withResolvers<JobEnd | null>()
    const waiter = { resolve, reject }
    const cancel = Number.isFinite(timeoutMs)
      ? this.#clock.after(timeoutMs, () => resolve(null))
      : () => undefined
    const waiters = this.#awaited.get(job) ?? new Set()
    this.#awaited.set(job, waiters.add(waiter))
    this.#pause = shortest
    this.#loop.start()
    this.#loop.kick()
    try {
      return await promise
    } finally {
      cancel()
      waiters.delete(waiter)
      if (waiters.size === 0 && this.#awaited.get(job) === waiters) this.#awaited.delete(job)
    }
  }

  /** A job ended here. */
  ended(job: JobId): void {
    if (!this.#awaited.has(job)) return
    this.#pause = shortest
    this.#loop.kick()
  }

  /** Looks a last time; whoever still waits is told that nobody looks any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#loop.stop()
    await this.#round().catch(() => undefined)
    for (const [job, waiters] of this.#awaited) for (const { reject } of waiters) reject(closed(job))
    this.#awaited.clear()
  }

  async #round(): Promise<number> {
    if (this.#awaited.size === 0) return Infinity
    for (const end of await this.#history.ends([...this.#awaited.keys()])) {
      for (const { resolve } of this.#awaited.get(end.job) ?? []) resolve(end)
      this.#awaited.delete(end.job)
    }
    if (this.#awaited.size === 0) return Infinity
    this.#pause = Math.min(longest, this.#pause * 1.5)
    return this.#pause
  }
}

function closed(job: JobId): MillraceError {
  return new MillraceError('MILL_STORAGE_CLOSED', `the mill was stopped while job ${job} was waited for`, {
    data: { jobId: job },
  })
}
