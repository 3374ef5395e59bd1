import { Random } from '../torture/random.ts'

/** Jobs by arrival; job n is element n of each array. */
export interface Trace {
  readonly tenants: number
  /** Tenant of each lane. */
  readonly laneTenants: Int32Array
  readonly lane: Int32Array
  /** Ms since the beginning. */
  readonly at: Float64Array
  /** How long its handler runs. */
  readonly ms: Float64Array
  readonly longestMs: number
}

export interface TraceShape {
  readonly tenants: number
  readonly seed: number
  /** Slots of all workers together: arrivals come `overload` times as fast as these can work. */
  readonly slots: number
  readonly overload?: number
  /** Everything arrives at the beginning. */
  readonly atOnce?: boolean
  readonly longestMs?: number
}

const jobsPerTenant = { least: 2, most: 20_000, tail: 1 }
const lanesOfLarge = 50
const largeFrom = 200

/**
 * Heavy tails everywhere: a few tenants have most of the jobs, and come with them in bursts; most run times are short and a few
 * are a thousand times as long. Large tenants spread over many queues.
 */
export function makeTrace(shape: TraceShape): Trace {
  const { tenants, seed, slots, overload = 3, atOnce = false, longestMs = 2_000 } = shape
  const random = new Random(seed)
  const pareto = (least: number, most: number, tail: number): number =>
    Math.min(most, least * (1 - random.next()) ** (-1 / tail))
  const laneTenants: number[] = []
  const jobs: { lane: number; at: number; ms: number }[] = []
  for (let tenant = 0; tenant < tenants; tenant += 1) {
    const count = Math.floor(pareto(jobsPerTenant.least, jobsPerTenant.most, jobsPerTenant.tail))
    const first = laneTenants.length
    const lanes = count >= largeFrom ? lanesOfLarge : 1
    for (let n = 0; n < lanes; n += 1) laneTenants.push(tenant)
    // Each burst begins at a time of its own, as a share of the whole.
    let burst = 0
    let begin = 0
    for (let n = 0; n < count; n += 1) {
      if (burst === 0) {
        burst = Math.ceil(pareto(1, count, 1.2))
        begin = random.next()
      }
      burst -= 1
      jobs.push({ lane: first + (n % lanes), at: atOnce ? 0 : begin, ms: pareto(10, longestMs, 1.2) })
    }
  }
  const work = jobs.reduce((sum, { ms }) => sum + ms, 0)
  const length = work / slots / overload
  jobs.sort((a, b) => a.at - b.at)
  return {
    tenants,
    laneTenants: Int32Array.from(laneTenants),
    lane: Int32Array.from(jobs, ({ lane }) => lane),
    at: Float64Array.from(jobs, ({ at }) => at * length),
    ms: Float64Array.from(jobs, ({ ms }) => ms),
    longestMs,
  }
}
