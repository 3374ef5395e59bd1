import { Heap } from './heap.ts'
import type { Trace } from './trace.ts'

/**
 * By when each job should have begun, by an ideal fluid max-min fair server: all slots are divided evenly, without end, among the
 * tenants that have work; each tenant's own goes by age. A job is due when its tenant could have had the service of all before it
 * and of one job more, its own or an average one on each worker: whoever runs jobs whole, and does not know how long they are, must let
 * every tenant have one before any has the next, and workers do not know of each other. Kept as generalized processor sharing keeps it: `virtual` is the service that a
 * tenant with work throughout has had so far, and a tenant is through when it reaches the finish of its last job.
 */
export function fluidStarts(
  { tenants, laneTenants, lane, at, ms }: Trace,
  slots: number,
  workers: number,
): Float64Array {
  const starts = new Float64Array(at.length)
  const averageMs = ms.reduce((sum, one) => sum + one, 0) / ms.length
  /** Virtual finish of each tenant's last job so far. */
  const finish = new Float64Array(tenants)
  const active = new Uint8Array(tenants)
  let busy = 0
  let virtual = 0
  let now = 0
  /** Virtual times at which a job is due, and at which a tenant may be through. */
  const begins = new Heap()
  const ends = new Heap()

  const moveTo = (until: number): void => {
    while (busy > 0) {
      const next = Math.min(begins.least, ends.least)
      const reached = now + ((next - virtual) * busy) / slots
      if (reached > until) break
      now = reached
      virtual = next
      if (begins.least <= next) starts[begins.pop()] = now
      else {
        const tenant = ends.pop()
        if (active[tenant] === 1 && (finish[tenant] as number) <= virtual) {
          active[tenant] = 0
          busy -= 1
        }
      }
    }
    if (until === Infinity) return
    // Nobody has work: what was short of an average job is due.
    if (busy === 0) while (begins.size > 0) starts[begins.pop()] = now
    if (busy > 0) virtual += ((until - now) * slots) / busy
    now = until
  }

  for (let job = 0; job < at.length; job += 1) {
    moveTo(at[job] as number)
    const tenant = laneTenants[lane[job] as number] as number
    if (active[tenant] === 0) {
      active[tenant] = 1
      busy += 1
      finish[tenant] = virtual
    }
    const start = Math.max(virtual, finish[tenant] as number)
    begins.push(start + Math.max(averageMs * workers, ms[job] as number), job)
    finish[tenant] = start + (ms[job] as number)
    ends.push(finish[tenant], tenant)
  }
  moveTo(Infinity)
  while (begins.size > 0) starts[begins.pop()] = now
  return starts
}
