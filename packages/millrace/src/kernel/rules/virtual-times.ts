/** What each tenant has had of this worker, as start-time fair queueing keeps it: least first is served first. */
export interface VirtualTimes {
  /**
   * Adds measured handler time to a tenant; twice the weight (default 1, > 0) counts half. At least 0.05 ms, so that work
   * too short to measure is not free; a negative `ms` takes back what was charged beforehand.
   */
  charge(tenant: string, ms: number, weight?: number): void
  /** Executions of a tenant were taken: until they leave each counts with its expected cost. */
  took(tenant: string, executions: number): void
  /** Executions that were taken have left, run or not; what ran is charged besides. */
  left(tenant: string, executions: number): void
  /** Service had, and expected of what was taken and has not left. */
  tag(tenant: string): number
  /** What one more execution of the tenant is expected to cost: the average of its own, or of all while it has none. */
  cost(tenant: string): number
  /**
   * Says who has ready work now, before each claim. Who joins and owes nothing is put just before the least served of
   * those that stayed (level with the latest served, when nobody stayed): it comes next, but idle time is no credit. Yet
   * no further than two average executions before what a fair share has come to: else a flood of newcomers, each
   * before all others, would keep those waiting who had one execution already. What idle tenants still owe is kept.
   */
  observe(active: Iterable<string>): void
  /** Tenants remembered. */
  readonly size: number
}

interface Account {
  /** Service had, charged. */
  had: number
  /** Executions taken that have not left. */
  open: number
  /** Of one execution; null until one was charged. */
  averageMs: number | null
}

const minCostMs = 0.05
/** Of each charge in the averages. */
const averageWeight = 0.02
const ownWeight = 0.1
/** Average executions that a tenant may be ahead of its fair share when it joins. */
const lead = 2

const towards = (average: number, ms: number, weight: number): number =>
  Math.max(minCostMs, average + (ms - average) * weight)

export function createVirtualTimes(): VirtualTimes {
  const accounts = new Map<string, Account>()
  let active: ReadonlySet<string> = new Set()
  /** Where a tenant without debt joins. It never goes back. */
  let entry = 0
  let latestStart = 0
  let averageMs = minCostMs
  let charges = 0
  /** What a tenant with work throughout would have had by now, were every ms divided among all that have work. */
  let fair = 0

  const accountOf = (tenant: string): Account => {
    let account = accounts.get(tenant)
    if (account === undefined) accounts.set(tenant, (account = { had: entry, open: 0, averageMs: null }))
    return account
  }

  const costOf = (account: Account | undefined): number => account?.averageMs ?? averageMs

  return {
    tag(tenant) {
      const account = accounts.get(tenant)
      return account === undefined ? entry : account.had + account.open * costOf(account)
    },
    cost: (tenant) => costOf(accounts.get(tenant)),
    charge(tenant, ms, weight = 1) {
      const account = accountOf(tenant)
      latestStart = Math.max(latestStart, account.had)
      account.had += (ms < 0 ? ms : Math.max(ms, minCostMs)) / weight
      fair += Math.max(ms, 0) / Math.max(1, active.size)
      if (ms < 0) return
      charges += 1
      averageMs = towards(averageMs, ms, Math.max(averageWeight, 1 / charges))
      account.averageMs = towards(costOf(account), ms, ownWeight)
    },
    took(tenant, executions) {
      accountOf(tenant).open += executions
    },
    left(tenant, executions) {
      const account = accounts.get(tenant)
      if (account !== undefined) account.open = Math.max(0, account.open - executions)
    },
    observe(tenants) {
      const now = new Set(tenants)
      let least = Infinity
      for (const tenant of now) if (active.has(tenant)) least = Math.min(least, accountOf(tenant).had)
      if (least !== Infinity) fair = Math.max(fair, least)
      entry = Math.max(entry, least === Infinity ? latestStart : least - minCostMs, fair - lead * averageMs)
      for (const tenant of now) {
        if (active.has(tenant)) continue
        const account = accountOf(tenant)
        account.had = Math.max(account.had, entry)
      }
      for (const [tenant, own] of accounts)
        if (own.had <= entry && own.open === 0 && !now.has(tenant)) accounts.delete(tenant)
      active = now
    },
    get size() {
      return accounts.size
    },
  }
}
