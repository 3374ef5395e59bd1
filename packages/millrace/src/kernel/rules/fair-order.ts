import { ascending } from './ascending.ts'
import type { Lane, LaneId, Position } from './execution.ts'
import type { VirtualTimes } from './virtual-times.ts'

export { createVirtualTimes, type VirtualTimes } from './virtual-times.ts'

/** A lane with ready rows that may be claimed now (not paused, its definition known here). */
export interface LaneView {
  readonly lane: Lane
  /** Its first row, as far as known. */
  readonly head: { readonly prio: number; readonly job: string }
  /** Up to where it was claimed; null = from its head. It also says that its last claim gave all that was asked. */
  readonly after: Position | null
}

/** At most `quota` rows of one lane, beyond the place reached before. */
export interface LaneQuota {
  readonly lane: LaneId
  readonly quota: number
  readonly after: Position | null
}

/** Rows that may be claimed now: in all, and of the queues that have a cap here. */
export interface ClaimRoom {
  readonly total: number
  readonly queues: ReadonlyMap<string, number>
}

export interface OrderBounds {
  /** Lanes named in one claim; 50, doubling to 500 while claims come back half empty. */
  readonly maxLanes: number
  /** No tenant's share of a claim is smaller, while the claim has room: a lane costs as much as some rows. */
  readonly minRows: number
}

export const DEFAULT_ORDER_BOUNDS: OrderBounds = { maxLanes: 50, minRows: 10 }

/** Shares are sums of fractions. */
const almost = 1e-9

/**
 * Which lanes the next claim names, with how many rows each. Fair between tenants: least served first, each with as
 * much of the room as brings all to the same level, by what their rows are expected to cost. Inside a tenant priority rules, then age. The quotas never add up to more than the room.
 */
export function order(
  lanes: readonly LaneView[],
  times: Pick<VirtualTimes, 'tag' | 'cost'>,
  room: ClaimRoom,
  { maxLanes, minRows }: OrderBounds = DEFAULT_ORDER_BOUNDS,
): LaneQuota[] {
  const claim: Claim = { left: room.total, queues: new Map(room.queues), quotas: [], maxLanes, minRows }
  // A lane costs as much as some rows, but where there is room for few rows each may be another tenant's.
  const fewest = Math.min(minRows, Math.ceil(room.total / maxLanes))
  const shares = level(byTenant(lanes, room, times), room.total, maxLanes)
  let wanted = shares.reduce((sum, { rows }) => sum + rows, 0)
  for (const { tenant, rows } of shares) {
    if (isFull(claim)) break
    const share = Math.max(fewest, Math.floor((claim.left * rows) / wanted + almost))
    addTenant(claim, tenant.lanes, Math.min(share, claim.left))
    wanted -= rows
  }
  return claim.quotas
}

interface Tenant {
  readonly lanes: LaneView[]
  readonly tag: number
  /** Expected of one row. */
  readonly cost: number
  /** Among tenants that have had the same the one whose work is oldest comes first. */
  readonly oldest: string
}

/** How many rows each of the least served may have, so that all of them come to the same level: `room` rows in all. */
function level(
  tenants: Tenant[],
  room: number,
  most: number,
): { readonly tenant: Tenant; readonly rows: number }[] {
  const named: Tenant[] = []
  let reached = 0
  let left = room
  /** Rows that raise all named ones by one ms. */
  let slope = 0
  for (const tenant of ascending(tenants, isLessServed)) {
    const rise = named.length === 0 ? 0 : (tenant.tag - reached) * slope
    if (rise >= left || named.length >= most) break
    left -= rise
    reached = tenant.tag
    named.push(tenant)
    slope += 1 / tenant.cost
  }
  const surface = reached + left / slope
  return named.map((tenant) => ({ tenant, rows: (surface - tenant.tag) / tenant.cost }))
}

function isLessServed(a: Tenant, b: Tenant): boolean {
  return a.tag < b.tag || (a.tag === b.tag && a.oldest < b.oldest)
}

interface Claim {
  left: number
  readonly queues: Map<string, number>
  readonly quotas: LaneQuota[]
  readonly maxLanes: number
  readonly minRows: number
}

const isFull = (claim: Claim): boolean => claim.left < 1 || claim.quotas.length >= claim.maxLanes

function byTenant(
  lanes: readonly LaneView[],
  room: ClaimRoom,
  times: Pick<VirtualTimes, 'tag' | 'cost'>,
): Tenant[] {
  const tenants = new Map<string, { lanes: LaneView[]; oldest: string }>()
  for (const view of lanes) {
    if ((room.queues.get(view.lane.queue) ?? Infinity) < 1) continue
    const own = tenants.get(view.lane.tenant)
    if (own === undefined) tenants.set(view.lane.tenant, { lanes: [view], oldest: view.head.job })
    else {
      own.lanes.push(view)
      if (view.head.job < own.oldest) own.oldest = view.head.job
    }
  }
  return Array.from(tenants, ([name, own]) => ({ ...own, tag: times.tag(name), cost: times.cost(name) }))
}

/**
 * Spends a tenant's share on its lanes, by head (priority, then age). How many rows a lane holds is not known. One
 * that filled its last claim (`after`) is trusted to fill this one: it gets all that is left, so that an old backlog
 * stays ahead of newer lanes. Else the first lane gets half and the next ones the least there is, so that a hundred
 * lanes of one row each do not need a hundred claims; then what nobody took goes to the first that can. A lane of lower
 * priority is named only when those above it were stopped by their queue's cap: else it would be served before their rows.
 */
function addTenant(claim: Claim, lanes: LaneView[], share: number): void {
  const named: { readonly view: LaneView; quota: number }[] = []
  const most = claim.maxLanes - claim.quotas.length
  let left = share
  let lowest = Infinity
  for (const view of ascending(lanes, isAhead)) {
    if (left < 1 || named.length >= most || view.head.prio > lowest) break
    const some = lowest === Infinity ? Math.max(claim.minRows, Math.ceil(left / 2)) : claim.minRows
    const quota = take(claim, view, Math.min(view.after === null ? some : left, left))
    if (queueRoom(claim, view) > 0) lowest = view.head.prio
    if (quota > 0) named.push({ view, quota })
    left -= quota
  }
  for (const lane of named) {
    const more = take(claim, lane.view, left)
    lane.quota += more
    left -= more
  }
  claim.quotas.push(...named.map(({ view, quota }) => ({ lane: view.lane.id, quota, after: view.after })))
}

function isAhead({ head: a }: LaneView, { head: b }: LaneView): boolean {
  return a.prio < b.prio || (a.prio === b.prio && a.job < b.job)
}

const queueRoom = (claim: Claim, { lane }: LaneView): number => claim.queues.get(lane.queue) ?? Infinity

/** Takes up to `wanted` rows of room, as far as the lane's queue has it. */
function take(claim: Claim, view: LaneView, wanted: number): number {
  const room = queueRoom(claim, view)
  const got = Math.min(wanted, room)
  if (room !== Infinity) claim.queues.set(view.lane.queue, room - got)
  claim.left -= got
  return got
}
