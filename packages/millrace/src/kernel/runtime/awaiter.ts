import type { Clock } from '../rules/clock.ts'
import type { JobId } from '../rules/execution.ts'
import type { History, JobEnd } from '../storage/history.ts'
import { Loop } from './loop.ts'

const shortest = 20
const longest = 500

/** Tells callers when a job ends: at once when it ended in this process, else by asking for all awaited ones together. */
export class Awaiter {
  readonly #history: History
  readonly #clock: Clock
  readonly #awaited = new Map<JobId, Set<(end: JobEnd) => void>>()
  readonly #loop: Loop
  #pause = shortest

  constructor(history: History, clock: Clock, onError: (error: unknown) => void) {
    this.#history = history
    this.#clock = clock
    this.#loop = new Loop({ clock, round: () => this.#round(), onError })
  }

  /** Resolves with the end of the job, or null after `timeoutMs`. */
  wait(job: JobId, timeoutMs: number): Promise<JobEnd | null> {
    return new Promise((resolve) => {
      const listener = (end: JobEnd | null): void => {
        cancel()
        const listeners = this.#awaited.get(job)
        listeners?.delete(listener)
        if (listeners?.size === 0) this.#awaited.delete(job)
        resolve(end)
      }
      const cancel = Number.isFinite(timeoutMs)
        ? this.#clock.after(timeoutMs, () => listener(null))
        : () => undefined
      const listeners = this.#awaited.get(job) ?? new Set()
      this.#awaited.set(job, listeners.add(listener))
      this.#pause = shortest
      this.#loop.start()
      this.#loop.kick()
    })
  }

  /** A job ended here. */
  ended(job: JobId): void {
    if (!this.#awaited.has(job)) return
    this.#pause = shortest
    this.#loop.kick()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #round(): Promise<number> {
    if (this.#awaited.size === 0) return Infinity
    for (const end of await this.#history.ends([...this.#awaited.keys()])) {
      for (const listener of this.#awaited.get(end.job) ?? []) listener(end)
    }
    if (this.#awaited.size === 0) return Infinity
    this.#pause = Math.min(longest, this.#pause * 1.5)
    return this.#pause
  }
}
