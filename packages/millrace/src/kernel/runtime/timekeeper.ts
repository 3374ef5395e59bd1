import type { Clock } from '../rules/clock.ts'
import type { JobId } from '../rules/execution.ts'
import type { Executions } from '../storage/executions.ts'
import type { Waiting } from '../storage/waiting.ts'
import { Loop, type Service } from './loop.ts'

export interface TimekeeperOptions {
  readonly waiting: Waiting
  readonly executions: Executions
  readonly clock: Clock
  /** Jobs that somebody asked to abort and that have not ended yet. */
  readonly onAborts: (jobs: readonly JobId[]) => void
  readonly onError: (error: unknown) => void
}

const pollMs = 1_000
const movedAtOnce = 500

/** Moves what became due into `ready`, wakes what waits for a limit, and repeats aborts until they took. Any number of processes may. */
export class Timekeeper implements Service {
  readonly #options: TimekeeperOptions
  readonly #loop: Loop
  #sweepAt = -Infinity

  constructor(options: TimekeeperOptions) {
    this.#options = options
    this.#loop = new Loop({ clock: options.clock, round: () => this.#round(), onError: options.onError })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** Something may be due earlier than was thought. */
  kick(): void {
    this.#loop.kick()
  }

  async #round(): Promise<number> {
    const { waiting, executions, clock, onAborts } = this.#options
    const due = await waiting.moveDue(movedAtOnce)
    const pumped = await waiting.pump()
    if (clock.monotonic() >= this.#sweepAt) {
      this.#sweepAt = clock.monotonic() + pollMs
      const open = await executions.sweepAborts()
      if (open.length > 0) onAborts(open)
    }
    if (due.moved >= movedAtOnce) return 0
    return Math.min(pollMs, due.nextInMs ?? pollMs, pumped.nextInMs ?? pollMs)
  }
}
