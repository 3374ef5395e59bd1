import type { Clock } from '../rules/clock.ts'

/** Something that must be told when its time is over. */
export interface Bounded {
  /** Monotonic ms of the clock. */
  readonly boundAt: number
  ring(): void
}

/** One timer for the bounds of all running executions: nearly all end before, so each must cost next to nothing. */
export class Alarm {
  readonly #clock: Clock
  readonly #bounded = new Set<Bounded>()
  #next = Infinity
  #cancel: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(bounded: Bounded): void {
    this.#bounded.add(bounded)
    if (bounded.boundAt < this.#next) this.#arm(bounded.boundAt)
  }

  remove(bounded: Bounded): void {
    this.#bounded.delete(bounded)
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
    for (const bounded of this.#bounded) {
      if (bounded.boundAt <= now) {
        this.#bounded.delete(bounded)
        bounded.ring()
      } else if (bounded.boundAt < next) next = bounded.boundAt
    }
    this.#next = Infinity
    if (next < Infinity) this.#arm(next)
  }
}
