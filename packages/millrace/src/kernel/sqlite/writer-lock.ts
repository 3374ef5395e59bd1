import type { Clock, Turns } from '../rules/clock.ts'

/** Thrown to those who did not want to wait longer. */
export class LockTimeout extends Error {
  override readonly name = 'LockTimeout'
}

interface Waiter {
  /** Its time to wait ends here: it gets the lock now. */
  readonly chosen: () => void
  readonly grant: () => void
  readonly refuse: (error: Error) => void
}

/**
 * Who may write in this process: one at a time, in the order of asking (R15, trap 4). SQLite itself would wait inside
 * the event loop, where the holder could not finish.
 */
export class WriterLock {
  readonly #after: Clock['after']
  readonly #soon: Turns['soon']
  readonly #queue = new Set<Waiter>()
  #held = false
  #closed: Error | null = null

  constructor(after: Clock['after'], soon: Turns['soon'] = setImmediate) {
    this.#after = after
    this.#soon = soon
  }

  /** Resolves when the lock is the caller's; rejects with LockTimeout after `withinMs`, and once closed. */
  async acquire(withinMs: number | null = null): Promise<void> {
    if (this.#closed) throw this.#closed
    if (!this.#held) {
      this.#held = true
      return
    }
    await this.#wait(withinMs)
  }

  #wait(withinMs: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel =
        withinMs === null
          ? null
          : this.#after(withinMs, () => {
              this.#queue.delete(waiter)
              reject(new LockTimeout(`The writer was not free within ${withinMs} ms`))
            })
      const waiter: Waiter = {
        chosen: () => cancel?.(),
        grant: resolve,
        refuse: (error) => {
          cancel?.()
          reject(error)
        },
      }
      this.#queue.add(waiter)
    })
  }

  release(): void {
    const [next] = this.#queue
    if (next) {
      this.#queue.delete(next)
      // Were its time to end before the grant, it would be gone, and the lock held by nobody for ever.
      next.chosen()
      // Writers that follow each other by promises alone would keep timers and sockets waiting until the last has written.
      this.#soon(() => next.grant())
    } else {
      this.#held = false
    }
  }

  /** Refuses everyone who waits or comes later; the holder still releases. */
  close(error: Error): void {
    this.#closed = error
    for (const waiter of this.#queue) waiter.refuse(error)
    this.#queue.clear()
  }
}
