import type { Chance, Clock } from '../rules/clock.ts'
import type { Rescue } from '../rules/decision.ts'
import type { WorkerId } from '../rules/execution.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { Workers } from '../storage/workers.ts'
import type { EngineEvents } from './engine-event.ts'
import { isProcessAlive } from './host.ts'
import { Loop, type Service } from './loop.ts'

export interface RescuerOptions {
  readonly workers: Workers
  readonly clock: Clock
  readonly rescue: Rescue
  readonly everyMs: number
  /** As registered by workers of this machine. */
  readonly host: string
  readonly events: EngineEvents
  readonly faults: Faults | undefined
  readonly chance: Chance
}

/** A rescue may have to wait for somebody who was stopped in the middle of one; so many may, before it holds up the others. */
const atOnce = 4

/** Takes leases away from dead workers, each on its own: one bad item never stops the rest (R2). Any process may do it, at any time. */
export class Rescuer implements Service {
  readonly #options: RescuerOptions
  readonly #loop: Loop
  #dead: WorkerId[] = []
  readonly #burying = new Map<WorkerId, Promise<void>>()

  constructor(options: RescuerOptions) {
    this.#options = options
    this.#loop = new Loop({
      clock: options.clock,
      onError: (error) => this.#trouble(error),
      round: async () => {
        await this.#expireDeadNeighbours()
        this.#dead = shuffled(await options.workers.expired(), options.chance)
        this.#pump()
        return options.everyMs
      },
    })
  }

  start(): void {
    this.#loop.start()
  }

  async stop(): Promise<void> {
    await this.#loop.stop()
    this.#dead = []
    await Promise.all(this.#burying.values())
  }

  kick(): void {
    this.#loop.kick()
  }

  /** A worker of this machine whose process is gone need not be waited for until its lease lapses. */
  async #expireDeadNeighbours(): Promise<void> {
    const { workers, host } = this.#options
    for (const { id, alive, host: theirs, pid } of await workers.list()) {
      if (!alive || theirs !== host || isProcessAlive(pid)) continue
      await workers.expire(id).catch((error: unknown) => this.#trouble(error))
    }
  }

  #pump(): void {
    while (this.#burying.size < atOnce) {
      const worker = this.#dead.shift()
      if (worker === undefined) return
      if (this.#burying.has(worker)) continue
      const buried = this.#bury(worker).then(() => {
        this.#burying.delete(worker)
        this.#pump()
      })
      this.#burying.set(worker, buried)
    }
  }

  /** Never rejects. */
  async #bury(worker: WorkerId): Promise<void> {
    const { workers, rescue, events, faults } = this.#options
    const total = { lost: 0, handedBack: 0, parked: 0 }
    let found = false
    try {
      for (const lease of await workers.leasesOf(worker)) {
        try {
          const report = await workers.rescueLease(worker, lease, rescue)
          await faults?.hit('rescue:after-ack')
          if (report === null) continue
          found = true
          total.lost += report.lost
          total.handedBack += report.handedBack
          total.parked += report.parked
        } catch (error) {
          this.#trouble(error)
        }
      }
      await workers.bury(worker)
    } catch (error) {
      this.#trouble(error)
    }
    if (found) events.emit({ kind: 'rescued', worker, ...total })
  }

  #trouble(error: unknown): void {
    this.#options.events.emit({ kind: 'trouble', role: 'rescuer', error })
  }
}

/** Several rescuers begin with different ones, so that they do not wait for each other. */
function shuffled(workers: readonly WorkerId[], chance: Chance): WorkerId[] {
  return workers
    .map((worker) => ({ worker, place: chance.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ worker }) => worker)
}
