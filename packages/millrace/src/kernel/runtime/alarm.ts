import type { Clock } from '../rules/clock.ts'

/** Something that must be told when its time is over. */
export interface Bounded {
  /** Monotonic ms of the clock. */
  readonly boundAt: number
  ring(): void
}

/** One timer for the bounds of all that runs: nearly all end before, so that none may cost more than a comparison. */
export class Alarm {
  readonly #clock: Clock
  readonly #running: () => Iterable<Bounded>
  #next = Infinity
  #cancel: () => void = () => undefined

  constructor(clock: Clock, running: () => Iterable<Bounded>) {
    this.#clock = clock
    this.#running = running
  }

  /** One more runs. */
  began({ boundAt }: Bounded): void {
    if (boundAt < this.#next) this.#arm(boundAt)
  }

  stop(): void {
    this.#cancel()
    this.#next = Infinity
  }

  #arm(at: number): void {
    this.#cancel()
    this.#next = at
    this.#cancel = this.#clock.after(at - this.#clock.monotonic(), () => this.#ring())
  }

  #ring(): void {
    const now = this.#clock.monotonic()
    let next = Infinity
    for (const bounded of this.#running()) {
      if (bounded.boundAt <= now) bounded.ring()
      else if (bounded.boundAt < next) next = bounded.boundAt
    }
    this.#next = Infinity
    if (next < Infinity) this.#arm(next)
  }
}
