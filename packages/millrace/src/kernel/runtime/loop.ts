import type { Clock } from '../rules/clock.ts'

/** A background role: idempotent start, awaited stop. */
export interface Service {
  start(): void
  stop(): Promise<void>
}

export interface LoopOptions {
  readonly clock: Clock
  /** One round; answers in how many ms the next is due (Infinity = only when kicked). */
  readonly round: () => Promise<number>
  /** A round that throws never ends the loop (R7): it is told here and tried again with a growing pause. */
  readonly onError: (error: unknown) => void
}

const firstPause = 50
const longestPause = 5_000

/** Rounds one after another, with a pause that a kick cuts short. */
export class Loop implements Service {
  readonly #options: LoopOptions
  #running: Promise<void> | null = null
  #stopping = false
  #kicked = false
  #wake: (() => void) | null = null

  constructor(options: LoopOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running !== null) return
    this.#stopping = false
    this.#running = this.#run()
  }

  /** The next round begins now, or right after the one under way. */
  kick(): void {
    this.#kicked = true
    this.#wake?.()
  }

  /** Resolves when the round under way has ended; none follows. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#wake?.()
    await this.#running
    this.#running = null
  }

  async #run(): Promise<void> {
    let failures = 0
    // The first round must not begin inside start().
    await Promise.resolve()
    while (!this.#stopping) {
      this.#kicked = false
      let pause: number
      try {
        pause = await this.#options.round()
        failures = 0
      } catch (error) {
        this.#options.onError(error)
        pause = Math.min(longestPause, firstPause * 2 ** failures)
        failures = Math.min(failures + 1, 10)
        // A kick does not shorten the pause after an error, else a broken database is asked in a tight loop.
        await this.#sleep(pause, false)
        continue
      }
      if (pause > 0) await this.#sleep(pause, true)
    }
  }

  #sleep(ms: number, kickable: boolean): Promise<void> {
    if (this.#stopping || (kickable && this.#kicked)) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        if (!kickable && !this.#stopping) return
        cancel()
        this.#wake = null
        resolve()
      }
      const cancel = Number.isFinite(ms)
        ? this.#options.clock.after(ms, () => {
            this.#wake = null
            resolve()
          })
        : () => undefined
      this.#wake = wake
    })
  }
}
