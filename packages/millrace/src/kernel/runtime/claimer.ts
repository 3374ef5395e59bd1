import type { Clock } from '../rules/clock.ts'
import type { LaneId, WorkerId } from '../rules/execution.ts'
import { order } from '../rules/fair-order.ts'
import type { LaneQueue } from '../rules/lane-queue.ts'
import type { VirtualTimes } from '../rules/virtual-times.ts'
import { admit } from '../rules/admit.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { ClaimedBatch, Executions, LaneQuota } from '../storage/executions.ts'
import type { Lanes } from '../storage/lanes.ts'
import type { ActiveLanes } from './active-lanes.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { LaneCache } from './lane-cache.ts'
import type { LeaseBook } from './lease-book.ts'
import { Loop, type Service } from './loop.ts'
import { takingTurns } from './taking-turns.ts'

export interface ClaimerOptions {
  readonly executions: Executions
  readonly lanes: Lanes
  readonly cache: LaneCache
  readonly active: ActiveLanes
  /** Where `active` keeps the lanes that may be claimed from. */
  readonly queue: LaneQueue
  readonly dispatcher: Dispatcher
  readonly book: LeaseBook
  readonly times: VirtualTimes
  readonly clock: Clock
  readonly faults: Faults | undefined
  readonly worker: () => WorkerId
  /** Reads what the next claim depends on (pauses); called first in each scan. */
  readonly beforeScan: () => Promise<void>
  readonly onError: (error: unknown) => void
}

const scanEveryMs = 1_000
/** A scan may take at most a fiftieth of the time between two. */
const scanShare = 50

/** Finds the lanes with work, asks the fair order for quotas, and claims: plain lanes in one statement, gated ones in one transaction. */
export class Claimer implements Service {
  readonly #options: ClaimerOptions
  readonly #loop: Loop
  #scanAt = -Infinity
  /** A claim's answer was lost: a lease may stand that nobody here knows of. */
  #orphans = false

  constructor(options: ClaimerOptions) {
    this.#options = options
    this.#loop = new Loop({ clock: options.clock, round: () => this.#round(), onError: options.onError })
  }

  start(): void {
    this.#scanAt = -Infinity
    this.#loop.start()
  }

  /** What a lost answer may have left claimed is handed back, uncharged; if that fails, rescue does it. */
  async stop(): Promise<void> {
    await this.#loop.stop()
    if (this.#orphans) await this.#handBackOrphans().catch(this.#options.onError)
  }

  /** Work may be there, or room. */
  kick(): void {
    this.#loop.kick()
  }

  /** The next round looks at everything. */
  rescan(): void {
    this.#scanAt = -Infinity
    this.#loop.kick()
  }

  async #round(): Promise<number> {
    const { clock, active, cache, dispatcher, queue } = this.#options
    if (this.#orphans) await this.#handBackOrphans()
    if (clock.monotonic() >= this.#scanAt) await this.#scan()
    const untilScan = Math.max(1, this.#scanAt - clock.monotonic())
    const room = dispatcher.room
    if (room <= 0 || active.size === 0) return untilScan
    await active.read()
    if (queue.size === 0) return untilScan
    const quotas = order(queue.tenants(), { total: room, queues: dispatcher.queueRoom() })
    let gatedRoom = dispatcher.gatedRoom
    const plain: LaneQuota[] = []
    const gated: LaneQuota[] = []
    for (const quota of quotas) {
      if (cache.get(quota.lane)?.gated !== true) plain.push(quota)
      else if (gatedRoom > 0) {
        gated.push({ ...quota, quota: Math.min(quota.quota, gatedRoom) })
        gatedRoom -= quota.quota
      }
    }
    let took = 0
    if (plain.length > 0) took += await this.#claimPlain(plain)
    if (gated.length > 0) took += await this.#claimGated(gated)
    // What was taken may have left room, and lanes with more.
    return took > 0 ? 0 : untilScan
  }

  async #scan(): Promise<void> {
    const { clock, lanes, active, beforeScan } = this.#options
    await beforeScan()
    const begun = clock.monotonic()
    const before = active.wakes
    active.replace(await lanes.heads(), before)
    const took = clock.monotonic() - begun
    this.#scanAt = clock.monotonic() + Math.max(scanEveryMs, took * scanShare)
  }

  async #claimPlain(quotas: readonly LaneQuota[]): Promise<number> {
    const { active, executions, dispatcher, worker } = this.#options
    const before = active.wakesOf(quotas)
    const { free } = dispatcher
    const batch = await this.#told(() => executions.claim({ worker: worker(), quotas, free }))
    active.claimed(quotas, batch?.members ?? [], before)
    return this.#take(batch, free, quotas)
  }

  /** What has room for some only goes to the tenants in turns, the least served one first. */
  async #claimGated(quotas: readonly LaneQuota[]): Promise<number> {
    const { active, executions, dispatcher, worker } = this.#options
    const before = active.wakesOf(quotas)
    const { free } = dispatcher
    const tenantOf = this.#tenantOf
    const { batch, parked } = await this.#told(() =>
      executions.claimGated({ worker: worker(), quotas, free }, (rows, keys, now) =>
        admit(takingTurns(rows, tenantOf, quotas.map(tenantOf)), keys, now),
      ),
    )
    active.claimed(quotas, batch?.members ?? [], before, parked)
    return this.#take(batch, free, quotas) + parked
  }

  readonly #tenantOf = ({ lane }: { readonly lane: LaneId }): string | undefined =>
    this.#options.cache.get(lane)?.tenant

  /** The first `free` start now and are recorded as started; behind them tenants take turns, the least served one first. */
  #take(batch: ClaimedBatch | null, free: number, quotas: readonly LaneQuota[]): number {
    if (batch === null) return 0
    const { book, dispatcher, times } = this.#options
    const { members } = batch
    book.add(batch)
    const tenantOf = this.#tenantOf
    for (const [lane, n] of countByLane(members)) times.took(tenantOf({ lane }) ?? '', n)
    const behind = takingTurns(members.slice(free), tenantOf, quotas.map(tenantOf))
    dispatcher.push([...members.slice(0, free), ...behind])
    return members.length
  }

  async #told<T>(claim: () => Promise<T>): Promise<T> {
    this.#orphans = true
    const answer = await claim()
    await this.#options.faults?.hit('claim:after-ack')
    this.#orphans = false
    return answer
  }

  /** Nothing of them has begun here, so all goes back, uncharged. */
  async #handBackOrphans(): Promise<void> {
    const { executions, book, worker } = this.#options
    const known = new Set(book.leases)
    for (const lease of await executions.leases(worker()))
      if (!known.has(lease)) await executions.handBackLease(worker(), lease)
    this.#orphans = false
  }
}

function countByLane(members: readonly { readonly lane: LaneId }[]): Map<LaneId, number> {
  const counts = new Map<LaneId, number>()
  for (const { lane } of members) counts.set(lane, (counts.get(lane) ?? 0) + 1)
  return counts
}
