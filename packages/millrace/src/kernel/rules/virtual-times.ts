import { Ranking } from './ranking.ts'

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
  /** The tenant has ready work from the next `observe` on, the oldest of it `oldest`; again when that changes. */
  stands(tenant: string, oldest: string): void
  /** It has none any more. */
  rests(tenant: string): void
  /**
   * Before each claim: whoever began to stand since the last one joins. Who owes nothing is put just before the least served of
   * those that stayed (level with the latest served, when nobody stayed): it comes next, but idle time is no credit. Yet
   * no further than two average executions before what a fair share has come to: else a flood of newcomers, each
   * before all others, would keep those waiting who had one execution already. What idle tenants still owe is kept. Costs what
   * changed since, however many stand.
   */
  observe(): void
  /**
   * Who has ready work, least served first, among equals the one whose work is oldest, with the tag that it is ranked by: that of
   * the last change, because what a tenant without history is expected to have moves with everybody's average.
   */
  standing(): Iterable<{ readonly tenant: string; readonly tag: number }>
  /** Tenants remembered. */
  readonly size: number
}

interface Account {
  readonly tenant: string
  /** Service had, charged. */
  had: number
  /** Executions taken that have not left. */
  open: number
  /** Of one execution; null until one was charged. */
  averageMs: number | null
  /** Of its ready work; null while it has none. */
  oldest: string | null
  /** It had ready work at the last `observe`. */
  active: boolean
  /** Since the last `observe`. */
  changed: boolean
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
  const changed: Account[] = []
  const activeByTag = new Ranking<Account>()
  const activeByHad = new Ranking<Account>()
  /** Who has no work, ready or under way. */
  const idleByHad = new Ranking<Account>()
  /** Where a tenant without debt joins. It never goes back. */
  let entry = 0
  let latestStart = 0
  let averageMs = minCostMs
  let charges = 0
  /** What a tenant with work throughout would have had by now, were every ms divided among all that have work. */
  let fair = 0

  const costOf = (account: Account | undefined): number => account?.averageMs ?? averageMs
  const tagOf = (account: Account): number => account.had + account.open * costOf(account)

  /** To be changed. */
  const accountOf = (tenant: string): Account => {
    let account = accounts.get(tenant)
    if (account === undefined) {
      account = { tenant, had: entry, open: 0, averageMs: null, oldest: null, active: false, changed: false }
      accounts.set(tenant, account)
    }
    if (!account.changed) {
      account.changed = true
      changed.push(account)
    }
    return account
  }

  const leave = (account: Account): void => {
    account.active = false
    activeByHad.delete(account)
    activeByTag.delete(account)
  }

  const forgetWhoOwesNothing = (): void => {
    for (let { first } = idleByHad; first !== undefined && first.rank <= entry; { first } = idleByHad) {
      idleByHad.delete(first.item)
      accounts.delete(first.item.tenant)
    }
  }

  return {
    tag(tenant) {
      const account = accounts.get(tenant)
      return account === undefined ? entry : tagOf(account)
    },
    cost: (tenant) => costOf(accounts.get(tenant)),
    charge(tenant, ms, weight = 1) {
      const account = accountOf(tenant)
      latestStart = Math.max(latestStart, account.had)
      account.had += (ms < 0 ? ms : Math.max(ms, minCostMs)) / weight
      fair += Math.max(ms, 0) / Math.max(1, activeByHad.size)
      if (ms < 0) return
      charges += 1
      averageMs = towards(averageMs, ms, Math.max(averageWeight, 1 / charges))
      account.averageMs = towards(costOf(account), ms, ownWeight)
    },
    took(tenant, executions) {
      accountOf(tenant).open += executions
    },
    left(tenant, executions) {
      if (!accounts.has(tenant)) return
      const account = accountOf(tenant)
      account.open = Math.max(0, account.open - executions)
    },
    stands(tenant, oldest) {
      accountOf(tenant).oldest = oldest
    },
    rests(tenant) {
      if (accounts.has(tenant)) accountOf(tenant).oldest = null
    },
    observe() {
      for (const account of changed) {
        if (account.active && account.oldest === null) leave(account)
        if (account.active) activeByHad.set(account, account.had)
        if (account.oldest === null && account.open === 0) idleByHad.set(account, account.had)
        else idleByHad.delete(account)
      }
      const least = activeByHad.first?.rank ?? Infinity
      if (least !== Infinity) fair = Math.max(fair, least)
      entry = Math.max(entry, least === Infinity ? latestStart : least - minCostMs, fair - lead * averageMs)
      for (const account of changed.splice(0)) {
        account.changed = false
        if (account.oldest === null) continue
        if (!account.active) account.had = Math.max(account.had, entry)
        account.active = true
        activeByHad.set(account, account.had)
        activeByTag.set(account, tagOf(account), account.oldest)
      }
      forgetWhoOwesNothing()
    },
    *standing() {
      for (const { item, rank } of activeByTag.ascending()) yield { tenant: item.tenant, tag: rank }
    },
    get size() {
      return accounts.size
    },
  }
}
