import { ascending } from './ascending.ts'
import type { Lane, LaneId, Position } from './execution.ts'

/** A lane with ready rows that may be claimed now (not paused, its definition known here). */
export interface LaneView {
  readonly lane: Lane
  /** Its first row, as far as known. */
  readonly head: { readonly prio: number; readonly job: string }
  /** Up to where it was claimed; null = from its head. It also says that its last claim gave all that was asked. */
  readonly after: Position | null
}

/** A tenant with ready work. */
export interface TenantView {
  readonly lanes: Iterable<LaneView>
  /** What it has had, and is expected to have of what is under way. */
  readonly tag: number
  /** Expected of one row. */
  readonly cost: number
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

/**
 * Work of one tenant in a claim beyond the level of those that it cannot name, at most: with room for much work the named ones
 * would go far ahead of all others. Nor need a lane of costly rows give more than one.
 */
const quantumMs = 20

/** Shares are sums of fractions. */
const almost = 1e-9

/**
 * Which lanes the next claim names, with how many rows each. Fair between tenants: least served first (as `tenants` come; no more of
 * them are looked at than are named), each with as much of the room as brings all to the same level, by what their rows
 * are expected to cost. Inside a tenant priority rules, then age. The quotas never add up to more than the room.
 */
export function order(
  tenants: Iterable<TenantView>,
  room: ClaimRoom,
  { maxLanes, minRows }: OrderBounds = DEFAULT_ORDER_BOUNDS,
): LaneQuota[] {
  const claim: Claim = { left: room.total, queues: new Map(room.queues), quotas: [], maxLanes, minRows }
  // A lane costs as much as some rows, but where there is room for few rows each may be another tenant's.
  const few = Math.min(minRows, Math.ceil(room.total / maxLanes))
  const { shares, spare } = level(tenants, room, maxLanes)
  let wanted = shares.reduce((sum, { rows }) => sum + rows, 0)
  for (const { lanes, rows, cost } of shares) {
    if (isFull(claim)) break
    const fewest = Math.max(1, Math.min(few, Math.floor(quantumMs / cost)))
    const share = Math.max(fewest, Math.floor(((claim.left - spare) * rows) / wanted + almost))
    addTenant(claim, lanes, Math.min(share, claim.left))
    wanted -= rows
  }
  return claim.quotas
}

interface Share {
  readonly lanes: LaneView[]
  readonly cost: number
  readonly rows: number
}

/**
 * How many rows each of the least served may have, so that all of them come to the same level: as many in all as there is room, but no
 * more than a quantum of work each once the others come behind them.
 */
function level(
  tenants: Iterable<TenantView>,
  room: ClaimRoom,
  most: number,
): {
  readonly shares: Share[]
  /** Room that is left for the next claim. */
  readonly spare: number
} {
  const named: (Omit<TenantView, 'lanes'> & { readonly lanes: LaneView[] })[] = []
  let reached = 0
  let left = room.total
  /** Rows that raise all named ones by one ms. */
  let slope = 0
  let highest = Infinity
  if (left < 1) return { shares: [], spare: 0 }
  for (const { lanes, tag, cost } of tenants) {
    const rise = named.length === 0 ? 0 : (tag - reached) * slope
    if (rise >= left) break
    if (named.length >= most) {
      highest = Math.max(tag, reached + quantumMs)
      break
    }
    const open = [...lanes].filter(({ lane }) => (room.queues.get(lane.queue) ?? Infinity) >= 1)
    if (open.length === 0) continue
    left -= rise
    reached = tag
    named.push({ lanes: open, tag, cost })
    slope += 1 / cost
  }
  const surface = Math.min(reached + left / slope, highest)
  const shares = named.map(({ lanes, tag, cost }) => ({ lanes, cost, rows: (surface - tag) / cost }))
  return { shares, spare: left - (surface - reached) * slope }
}

interface Claim {
  left: number
  readonly queues: Map<string, number>
  readonly quotas: LaneQuota[]
  readonly maxLanes: number
  readonly minRows: number
}

const isFull = (claim: Claim): boolean => claim.left < 1 || claim.quotas.length >= claim.maxLanes

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
