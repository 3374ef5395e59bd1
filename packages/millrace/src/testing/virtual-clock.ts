import type { Clock } from '../kernel/rules/clock.ts'

interface Timer {
  /** Epoch ms. */
  readonly at: number
  readonly call: () => void
}

/** Time that stands still until it is moved. Always whole ms, so that the database and the engine read the same. */
export class VirtualClock implements Clock {
  readonly #start: number
  readonly #timers = new Set<Timer>()
  #now: number

  constructor(now: Date) {
    this.#start = now.getTime()
    this.#now = this.#start
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now - this.#start
  }

  /** What asks for no time at all is called in the next turn of the event loop, whatever the clock says. */
  after(ms: number, call: () => void): () => void {
    if (!(ms > 0)) {
      const immediate = setImmediate(call)
      return () => clearImmediate(immediate)
    }
    const timer = { at: this.#now + Math.ceil(ms), call }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** When the next timer fires, epoch ms; Infinity when there is none. */
  get next(): number {
    return this.#earliest()?.at ?? Infinity
  }

  /** Moves on to `at` (epoch ms) and fires on the way what comes due, each at its own time, in order. Never goes back. */
  moveTo(at: number): void {
    for (;;) {
      const timer = this.#earliest()
      if (timer === undefined || timer.at > at) break
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.at)
      timer.call()
    }
    this.#now = Math.max(this.#now, at)
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined
    for (const timer of this.#timers) if (earliest === undefined || timer.at < earliest.at) earliest = timer
    return earliest
  }
}
