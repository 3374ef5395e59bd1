import type { Lane, LaneId, Position } from '../rules/execution.ts'
import type { LaneView } from '../rules/fair-order.ts'
import type { LaneHead } from '../storage/lanes.ts'
import type { LaneQuota } from '../storage/executions.ts'
import type { Claimed } from '../rules/execution.ts'
import { DEFAULT_PRIORITY } from '../rules/names.ts'
import type { LaneCache } from './lane-cache.ts'

interface Entry {
  head: { prio: number; job: string }
  after: Position | null
  /** The number of its last wake: a claim or scan that began before it must not forget the lane. */
  wakes: number
}

/**
 * The lanes that have ready work as far as this process knows, with their heads and the place reached by its claims
 * (performance.md 5: claiming beyond it stays flat under an old snapshot). Fed by wakes and by the scan.
 */
export class ActiveLanes {
  readonly #cache: LaneCache
  readonly #entries = new Map<LaneId, Entry>()
  #wakes = 0

  constructor(cache: LaneCache) {
    this.#cache = cache
  }

  get size(): number {
    return this.#entries.size
  }

  /** Wakes so far; to be given to `replace` after the scan. */
  get wakes(): number {
    return this.#wakes
  }

  /** New rows at the end of these lanes. */
  wake(lanes: readonly LaneId[]): void {
    this.#wakes += 1
    for (const id of lanes) {
      const entry = this.#entries.get(id)
      if (entry === undefined)
        this.#entries.set(id, { head: { prio: DEFAULT_PRIORITY, job: '' }, after: null, wakes: this.#wakes })
      else entry.wakes = this.#wakes
    }
  }

  /** Rows came back before the place reached. */
  back(lanes: readonly LaneId[]): void {
    this.wake(lanes)
    for (const id of lanes) {
      const entry = this.#entries.get(id)
      if (entry !== undefined) entry.after = null
    }
  }

  /** The truth from the scan: what it does not name had no ready row when it began, `before` these wakes. */
  replace(heads: readonly LaneHead[], before: number): void {
    const seen = new Set<LaneId>()
    for (const { lane, prio, job } of heads) {
      seen.add(lane)
      const entry = this.#entries.get(lane)
      if (entry === undefined) this.#entries.set(lane, { head: { prio, job }, after: null, wakes: 0 })
      else {
        entry.head = { prio, job }
        entry.after = null
      }
    }
    for (const [id, { wakes }] of this.#entries)
      if (!seen.has(id) && wakes <= before) this.#entries.delete(id)
  }

  /** Every known lane that `runnable` allows. Lanes not read yet are left out: call `cache.load(unread())` first. */
  views(runnable: (lane: Lane) => boolean): LaneView[] {
    const views: LaneView[] = []
    for (const [id, { head, after }] of this.#entries) {
      const lane = this.#cache.get(id)
      if (lane !== undefined && runnable(lane)) views.push({ lane, head, after })
    }
    return views
  }

  unread(): LaneId[] {
    return [...this.#entries.keys()].filter((id) => this.#cache.get(id) === undefined)
  }

  /** To be given to `claimed` after the claim. */
  wakesOf(quotas: readonly LaneQuota[]): ReadonlyMap<LaneId, number> {
    return new Map(quotas.map(({ lane }) => [lane, this.#entries.get(lane)?.wakes ?? 0]))
  }

  /** Moves the places reached; a lane that gave less than asked is forgotten, unless it was woken meanwhile. */
  claimed(
    quotas: readonly LaneQuota[],
    members: readonly Pick<Claimed, 'lane' | 'prio' | 'job' | 'seq'>[],
    before: ReadonlyMap<LaneId, number>,
    parked = 0,
  ): void {
    const counts = new Map<LaneId, number>()
    for (const { lane, prio, job, seq } of members) {
      counts.set(lane, (counts.get(lane) ?? 0) + 1)
      const entry = this.#entries.get(lane)
      if (entry === undefined || before.get(lane) !== entry.wakes) continue
      entry.after = { prio, job, seq }
      entry.head = { prio, job }
    }
    if (parked > 0) return
    for (const { lane, quota } of quotas) {
      if ((counts.get(lane) ?? 0) >= quota) continue
      const entry = this.#entries.get(lane)
      if (entry !== undefined && entry.wakes === before.get(lane)) this.#entries.delete(lane)
    }
  }
}
