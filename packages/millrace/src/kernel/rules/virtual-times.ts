/** What each tenant has had of this worker, as start-time fair queueing keeps it: least first is served first. */
export interface VirtualTimes {
  /**
   * Adds measured handler time to a tenant; twice the weight (default 1, > 0) counts half. At least 0.05 ms, so that work
   * too short to measure is not free; a negative `ms` takes back what was charged beforehand.
   */
  charge(tenant: string, ms: number, weight?: number): void
  tag(tenant: string): number
  /**
   * Says who has ready work now, before each claim. Who joins and owes nothing is put just before the least served of
   * those that stayed (level with the latest served, when nobody stayed): it comes next, but idle time is no credit.
   * What idle tenants still owe is kept.
   */
  observe(active: Iterable<string>): void
  /** Tenants remembered. */
  readonly size: number
}

const minCostMs = 0.05

export function createVirtualTimes(): VirtualTimes {
  const tags = new Map<string, number>()
  let active: ReadonlySet<string> = new Set()
  /** Where a tenant without debt joins. It never goes back. */
  let entry = 0
  let latestStart = 0

  const tag = (tenant: string): number => tags.get(tenant) ?? entry

  return {
    tag,
    charge(tenant, ms, weight = 1) {
      const start = tag(tenant)
      latestStart = Math.max(latestStart, start)
      tags.set(tenant, start + (ms < 0 ? ms : Math.max(ms, minCostMs)) / weight)
    },
    observe(tenants) {
      const now = new Set(tenants)
      const stayed = [...now].filter((tenant) => active.has(tenant))
      const least = stayed.reduce((low, tenant) => Math.min(low, tag(tenant)), Infinity)
      entry = Math.max(entry, least === Infinity ? latestStart : least - minCostMs)
      for (const tenant of now) if (!active.has(tenant)) tags.set(tenant, Math.max(tag(tenant), entry))
      for (const [tenant, own] of tags) if (own <= entry && !now.has(tenant)) tags.delete(tenant)
      active = now
    },
    get size() {
      return tags.size
    },
  }
}
