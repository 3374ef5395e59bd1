import type { Run } from './simulator.ts'
import type { Trace } from './trace.ts'

export interface Figures {
  readonly tenants: number
  readonly jobs: number
  /** The worst of all jobs: its wait over that on the ideal fluid fair server, both with `graceMs` on top. */
  readonly worstWaitOverFairShare: number
  /** Of the service that the tenants got which had work waiting throughout the middle third. */
  readonly jain: number
  readonly backlogged: number
  /** Tenants of whom a job waited more than `mostTimes` its fair wait plus `graceMs`. */
  readonly starved: number
  readonly graceMs: number
  readonly longestDrainMs: number
}

/**
 * Nobody waits longer than so many times its fair wait, plus the grace. The ideal server interrupts long jobs, workers do not, so that
 * short ones wait for long ones: more than one is to be expected.
 */
const mostTimes = 5

/** What a fair wait may be exceeded by: two local queues of work, and the longest job in the way twice, before the claim and after it. */
export const graceOf = ({ longestMs }: Trace): number => 2 * 250 + 2 * longestMs

/** Whether the figures are those of a fair order. */
export function holds({ worstWaitOverFairShare, jain, starved }: Figures): boolean {
  return starved === 0 && worstWaitOverFairShare <= mostTimes && jain >= 0.8
}

export function figuresOf(trace: Trace, run: Run, fluid: Float64Array): Figures {
  const { at, lane, laneTenants } = trace
  const graceMs = graceOf(trace)
  const starved = new Set<number>()
  let worst = 0
  for (let job = 0; job < at.length; job += 1) {
    const wait = (run.starts[job] as number) - (at[job] as number)
    const fair = (fluid[job] as number) - (at[job] as number)
    worst = Math.max(worst, (wait + graceMs) / (fair + graceMs))
    if (wait > mostTimes * fair + graceMs) starved.add(laneTenants[lane[job] as number] as number)
  }
  const { jain, backlogged } = jainOf(trace, run)
  return {
    ...{ tenants: trace.tenants, jobs: at.length },
    worstWaitOverFairShare: round(worst),
    ...{ jain: round(jain), backlogged, starved: starved.size, graceMs },
    longestDrainMs: Math.round(run.longestDrainMs),
  }
}

/** Service (run time begun) in the middle third, of the tenants that had a job waiting at each moment of it. */
function jainOf(trace: Trace, { starts }: Run): { jain: number; backlogged: number } {
  const { at, ms, lane, laneTenants, tenants } = trace
  const length = starts.reduce((last, start) => Math.max(last, start), 0)
  const [from, to] = [length / 3, (length * 2) / 3]
  const service = new Float64Array(tenants)
  /** Until when the tenant has had work waiting without a gap, as far as its jobs by arrival were read. */
  const until = new Float64Array(tenants).fill(-1)
  for (let job = 0; job < at.length; job += 1) {
    const tenant = laneTenants[lane[job] as number] as number
    const [arrival, start] = [at[job] as number, starts[job] as number]
    const covered = until[tenant] as number
    if (arrival <= from || arrival <= covered) {
      if (start > from) until[tenant] = Math.max(covered, start)
    }
    if (start < from || start >= to) continue
    service[tenant] = (service[tenant] as number) + (ms[job] as number)
  }
  let [sum, squares, backlogged] = [0, 0, 0]
  for (let tenant = 0; tenant < tenants; tenant += 1) {
    if ((until[tenant] as number) < to) continue
    const got = service[tenant] as number
    backlogged += 1
    sum += got
    squares += got * got
  }
  return { jain: backlogged === 0 ? 1 : (sum * sum) / (backlogged * squares), backlogged }
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000
