import type { Clock } from '../rules/clock.ts'
import type { Storage } from '../storage/storage.ts'

const freshForMs = 60_000

/**
 * The database's clock, epoch ms: from a look at it and the time that has passed here since. Never from the wall clock of this process,
 * which may be wrong, or jump (R16).
 */
export class DatabaseClock {
  readonly #storage: Pick<Storage, 'now'>
  readonly #clock: Clock
  #offset: number | null = null
  #lookedAt = -Infinity

  constructor(storage: Pick<Storage, 'now'>, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
  }

  /** Before the first look the wall clock must do. */
  now(): number {
    return this.#offset === null ? this.#clock.now() : this.#clock.monotonic() + this.#offset
  }

  async look(): Promise<void> {
    const asked = this.#clock.monotonic()
    const there = await this.#storage.now()
    this.#lookedAt = this.#clock.monotonic()
    this.#offset = there - (asked + this.#lookedAt) / 2
  }

  /** After a look not long ago, or the last one that went well; throws what the first one failed with. */
  async fresh(): Promise<number> {
    if (this.#clock.monotonic() - this.#lookedAt > freshForMs) {
      await this.look().catch((error: unknown) => {
        if (this.#offset === null) throw error
      })
    }
    return this.now()
  }
}
