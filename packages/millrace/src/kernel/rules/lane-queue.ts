import type { LaneId } from './execution.ts'
import type { LaneView, TenantView } from './fair-order.ts'
import type { VirtualTimes } from './virtual-times.ts'

/**
 * The lanes with ready work that may be claimed now, by tenant, least served tenant first. To ask again costs what changed since,
 * however many lanes there are.
 */
export class LaneQueue {
  readonly #times: VirtualTimes
  readonly #tenants = new Map<string, Map<LaneId, LaneView>>()
  readonly #changed = new Set<string>()

  constructor(times: VirtualTimes) {
    this.#times = times
  }

  /** Tenants. */
  get size(): number {
    return this.#tenants.size
  }

  hasOthers(tenant: string): boolean {
    return this.#tenants.size > (this.#tenants.has(tenant) ? 1 : 0)
  }

  /** A lane that is new here, or whose head changed. */
  put(view: LaneView): void {
    const { id, tenant } = view.lane
    const lanes = this.#tenants.get(tenant)
    if (lanes === undefined) this.#tenants.set(tenant, new Map([[id, view]]))
    else lanes.set(id, view)
    this.#changed.add(tenant)
  }

  remove({ lane: { id, tenant } }: Pick<LaneView, 'lane'>): void {
    const lanes = this.#tenants.get(tenant)
    if (lanes?.delete(id) !== true) return
    if (lanes.size === 0) this.#tenants.delete(tenant)
    this.#changed.add(tenant)
  }

  /** As they stand now; nothing may be put or removed while they are looked through. */
  *tenants(): Generator<TenantView> {
    for (const tenant of this.#changed) {
      const lanes = this.#tenants.get(tenant)
      if (lanes === undefined) this.#times.rests(tenant)
      else this.#times.stands(tenant, oldestOf(lanes.values()))
    }
    this.#changed.clear()
    this.#times.observe()
    for (const { tenant, tag } of this.#times.standing()) {
      const lanes = this.#tenants.get(tenant) as Map<LaneId, LaneView>
      yield { lanes: lanes.values(), tag, cost: this.#times.cost(tenant) }
    }
  }
}

const oldestOf = (lanes: MapIterator<LaneView>): string =>
  lanes.map(({ head }) => head.job).reduce((oldest, job) => (job < oldest ? job : oldest))
