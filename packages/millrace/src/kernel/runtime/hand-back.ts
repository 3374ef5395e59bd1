import type { Clock } from '../rules/clock.ts'
import type { Claimed } from '../rules/execution.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { Executions, HandBackRow } from '../storage/executions.ts'
import { keyOf, type EngineEvents } from './engine-event.ts'
import type { LaneCache } from './lane-cache.ts'
import type { LeaseBook } from './lease-book.ts'
import type { Releases } from './releases.ts'
import { isUnavailable, type Settler } from './settler.ts'

export interface HandBackOptions {
  readonly executions: Executions
  readonly cache: LaneCache
  readonly book: LeaseBook
  readonly settler: Settler
  readonly releases: Releases
  readonly events: EngineEvents
  readonly faults: Faults | undefined
  readonly clock: Clock
  readonly leaseMs: number
}

/** Puts back what was claimed here and did not run: same attempt, nothing charged. */
export class HandBack {
  readonly #options: HandBackOptions

  constructor(options: HandBackOptions) {
    this.#options = options
  }

  /**
   * Tried until it is known; what cannot be handed back within a lease time stays under the lease, which rescue takes when this worker is
   * gone. Never throws.
   */
  async give(members: readonly Claimed[], wait: HandBackRow['wait'] = null): Promise<void> {
    if (members.length === 0) return
    const { executions, events, faults, clock, leaseMs, settler, releases } = this.#options
    const giveUp = clock.monotonic() + leaseMs
    for (;;) {
      try {
        const { fenced } = await executions.handBack(members.map((member) => ({ ...member, wait })))
        await faults?.hit('handback:after-ack')
        this.#told(members, new Set(fenced))
        // Only the settler writes marks: a lease must not be deleted while a settle of it is under way.
        for (const member of members) settler.left(member)
        await Promise.all(members.map((member) => releases.permitsOf(member)))
        return
      } catch (error) {
        events.emit({ kind: 'trouble', role: 'worker', error })
        if (!isUnavailable(error) || clock.monotonic() > giveUp) return
        await new Promise<void>((resolve) => clock.after(100, resolve))
      }
    }
  }

  #told(members: readonly Claimed[], lost: ReadonlySet<number>): void {
    const { book, cache, events } = this.#options
    for (const lease of lost) book.drop(lease)
    for (const member of members) {
      const lane = cache.get(member.lane)
      if (lane !== undefined && !lost.has(member.lease))
        events.emit({ kind: 'execution.handedBack', key: keyOf(member), lane })
    }
  }
}
