import type { Clock } from '../rules/clock.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { History } from '../storage/history.ts'
import type { Snapshots } from '../storage/snapshots.ts'
import type { EngineEvents } from './engine-event.ts'
import type { Leader } from './leader.ts'
import { Loop, type Service } from './loop.ts'

export interface Retention {
  /** Ages in ms after which ended jobs are deleted. */
  readonly completedMs: number
  readonly failedMs: number
}

export interface PrunerOptions {
  readonly history: History
  readonly snapshots: Snapshots
  readonly leader: Leader
  readonly clock: Clock
  readonly retention: Retention
  readonly everyMs: number
  readonly events: EngineEvents
  readonly faults: Faults | undefined
}

/** Small enough that a page does not hold up SQLite's one writer. */
const page = 1_000
const pagesAtOnce = 100
/** Of a thousand ids each, so up to 40 kB. */
const snapshotRows = 200

/** Deletes old history, and snapshots that expired or were dropped, in bounded steps; on by default (R14). */
export class Pruner implements Service {
  readonly #loop: Loop
  readonly #leader: Leader
  readonly #snapshots: Snapshots
  #stopping = false

  constructor({ history, snapshots, leader, clock, retention, everyMs, events, faults }: PrunerOptions) {
    this.#leader = leader
    this.#snapshots = snapshots
    this.#loop = new Loop({
      clock,
      onError: (error) => events.emit({ kind: 'trouble', role: 'pruner', error }),
      round: async () => {
        let [wrapped, done] = [true, true]
        await leader.lead(async () => {
          let jobs = 0
          for (let step = 0; step < pagesAtOnce && !this.#stopping; step += 1) {
            const answer = await history.prune({ ...retention, page })
            await faults?.hit('prune:after-ack')
            jobs += answer.pruned
            wrapped = answer.wrapped
            if (wrapped) break
          }
          if (jobs > 0) events.emit({ kind: 'pruned', jobs })
          done = await this.#pruneSnapshots()
        })
        return wrapped && done ? everyMs : 100
      },
    })
  }

  async #pruneSnapshots(): Promise<boolean> {
    for (let step = 0; step < pagesAtOnce && !this.#stopping; step += 1)
      if ((await this.#snapshots.prune(snapshotRows)).done) return true
    return false
  }

  start(): void {
    this.#stopping = false
    this.#loop.start()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#loop.stop()
    await this.#leader.drop().catch(() => undefined)
  }
}
