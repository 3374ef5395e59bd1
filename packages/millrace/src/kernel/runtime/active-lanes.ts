import type { Claimed, Lane, LaneId, Position } from '../rules/execution.ts'
import { DEFAULT_PRIORITY } from '../rules/names.ts'
import type { LaneQueue } from '../rules/lane-queue.ts'
import type { LaneHead } from '../storage/lanes.ts'
import type { LaneQuota } from '../storage/executions.ts'
import type { LaneCache } from './lane-cache.ts'

interface Entry {
  /** undefined until it is read. */
  lane: Lane | undefined
  head: { prio: number; job: string }
  after: Position | null
  /** The number of its last wake: a claim or scan that began before it must not forget the lane. */
  wakes: number
}

type ReadEntry = Entry & { readonly lane: Lane }

/**
 * The lanes that have ready work as far as this process knows, with their heads and the place reached by its claims
 * (performance.md 5: claiming beyond it stays flat under an old snapshot). Fed by wakes and by the scan; keeps in the queue
 * those that may be run here.
 */
export class ActiveLanes {
  readonly #cache: LaneCache
  readonly #queue: LaneQueue
  readonly #runnable: (lane: Lane) => boolean
  readonly #entries = new Map<LaneId, Entry>()
  readonly #unread = new Set<LaneId>()
  #wakes = 0

  /** `runnable`: known here, not paused, its queue served here; asked when a lane is read, and by each scan. */
  constructor(cache: LaneCache, queue: LaneQueue, runnable: (lane: Lane) => boolean) {
    this.#cache = cache
    this.#queue = queue
    this.#runnable = runnable
  }

  get size(): number {
    return this.#entries.size
  }

  /** Whether tenants other than this one, or such as are not known yet, have work that may be claimed. */
  hasOthers(tenant: string): boolean {
    return this.#unread.size > 0 || this.#queue.hasOthers(tenant)
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
      if (entry === undefined) this.#add(id, { prio: DEFAULT_PRIORITY, job: '' }, this.#wakes)
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
      if (entry === undefined) this.#add(lane, { prio, job }, 0)
      else {
        entry.head = { prio, job }
        entry.after = null
      }
    }
    for (const [id, entry] of this.#entries) {
      if (!seen.has(id) && entry.wakes <= before) this.#remove(id, entry)
      else this.#show(entry)
    }
  }

  /** Reads the lanes that are new here: until then they are not in the queue. */
  async read(): Promise<void> {
    if (this.#unread.size === 0) return
    await this.#cache.load([...this.#unread])
    for (const id of [...this.#unread]) {
      const entry = this.#entries.get(id)
      if (entry !== undefined) this.#meet(id, entry)
    }
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
      this.#show(entry)
    }
    if (parked > 0) return
    for (const { lane, quota } of quotas) {
      if ((counts.get(lane) ?? 0) >= quota) continue
      const entry = this.#entries.get(lane)
      if (entry !== undefined && entry.wakes === before.get(lane)) this.#remove(lane, entry)
    }
  }

  #add(id: LaneId, head: Entry['head'], wakes: number): void {
    const entry: Entry = { lane: undefined, head, after: null, wakes }
    this.#entries.set(id, entry)
    this.#unread.add(id)
    this.#meet(id, entry)
  }

  #meet(id: LaneId, entry: Entry): void {
    entry.lane = this.#cache.get(id)
    if (entry.lane === undefined) return
    this.#unread.delete(id)
    this.#show(entry)
  }

  #show(entry: Entry): void {
    if (!isRead(entry)) return
    if (this.#runnable(entry.lane)) this.#queue.put(entry)
    else this.#queue.remove(entry)
  }

  #remove(id: LaneId, entry: Entry): void {
    this.#entries.delete(id)
    this.#unread.delete(id)
    if (isRead(entry)) this.#queue.remove(entry)
  }
}

const isRead = (entry: Entry): entry is ReadEntry => entry.lane !== undefined
