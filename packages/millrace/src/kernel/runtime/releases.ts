import type { Turns } from '../rules/clock.ts'
import type { Claimed } from '../rules/execution.ts'
import { limitKeysOf } from '../rules/limits.ts'
import type { FreedPermit, Limits } from '../storage/limits.ts'
import type { EngineEvents } from './engine-event.ts'
import { Group } from './group.ts'

/** Gives back what executions held of limits. What fails is made good by the pump within a second. */
export class Releases {
  readonly #limits: Limits
  readonly #events: EngineEvents
  readonly #freed: Group<FreedPermit, undefined>

  constructor(limits: Limits, events: EngineEvents, turns: Turns) {
    this.#limits = limits
    this.#events = events
    this.#freed = new Group(
      async (freed) => {
        await limits.release(freed)
        return freed.map(() => undefined)
      },
      { turns },
    )
  }

  /** The permits of a gated execution. */
  async permitsOf(claimed: Claimed): Promise<void> {
    const { lease } = claimed
    const keys = limitKeysOf(claimed)
    if (keys.length > 0)
      await this.#telling(Promise.all(keys.map((key) => this.#freed.add({ key, lease, n: 1 }))))
  }

  /** The slot of a job that was under way in its flex queue, and has ended. */
  async slotOf(flex: number): Promise<void> {
    await this.#telling(this.#limits.wake([flex]))
  }

  /** Resolves when no permit is on its way. */
  idle(): Promise<void> {
    return this.#freed.idle()
  }

  async #telling(work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      this.#events.emit({ kind: 'trouble', role: 'limits', error })
    }
  }
}
