import type { Clock } from '../../packages/millrace/src/kernel/rules/clock.ts'
import { systemClock } from '../../packages/millrace/src/kernel/runtime/system-clock.ts'
import { defineQueueable } from '../../packages/millrace/src/index.ts'
import { assemble } from '../../packages/millrace/src/mill/create-mill.ts'
import { tenantName } from './simulator.ts'
import type { Trace } from './trace.ts'

/** A clock for handlers that skip their run time instead of waiting for it; for one slot, else each would be charged for all. */
export function skippingClock(): { readonly clock: Clock; readonly skip: (ms: number) => void } {
  let skipped = 0
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + skipped }
  return { clock, skip: (ms) => void (skipped += ms) }
}

/** One slot, so that run times can be skipped over instead of waited for. */
export const traced = { workers: 1, concurrency: 1 }

/** The real engine on a trace whose jobs are all there at the beginning; answers them in the order in which they began. */
export async function runTrace(url: string, trace: Trace): Promise<readonly number[]> {
  const { clock, skip } = skippingClock()
  const sequence: number[] = []
  let finished = (): void => undefined
  const all = new Promise<void>((resolve) => (finished = resolve))
  const work = defineQueueable({
    name: 'work',
    execute(job: number) {
      sequence.push(job)
      skip(trace.ms[job] ?? 0)
      if (sequence.length === trace.at.length) finished()
    },
  })
  const mill = await assemble(
    {
      ...{ storage: url, definitions: [work], concurrency: traced.concurrency, log: { level: 'ERROR' } },
      ...{ lease: '10 minutes', timeout: '10 minutes' },
    },
    { clock },
  )
  try {
    const jobsOf = Map.groupBy(trace.lane.keys(), (job) => trace.lane[job] ?? 0)
    for (const [lane, jobs] of jobsOf)
      await mill.enqueueMany(work, jobs, {
        tenant: tenantName(trace.laneTenants[lane] ?? 0),
        queue: `q${lane}`,
      })
    await mill.start()
    await all
    return sequence
  } finally {
    await mill.stop()
  }
}

/** The most by which two orders differ at any time in what a tenant has had, in ms. */
export function farthest(trace: Trace, one: ArrayLike<number>, other: ArrayLike<number>): number {
  const ahead = new Float64Array(trace.tenants)
  let most = 0
  const add = (job: number, sign: number): void => {
    const tenant = trace.laneTenants[trace.lane[job] ?? 0] ?? 0
    ahead[tenant] = (ahead[tenant] ?? 0) + sign * (trace.ms[job] ?? 0)
    most = Math.max(most, Math.abs(ahead[tenant]))
  }
  // By service had, not by jobs begun: at the same moment of both.
  let [at, had] = [0, 0]
  let otherHad = 0
  for (let n = 0; n < one.length; n += 1) {
    add(one[n] ?? 0, 1)
    had += trace.ms[one[n] ?? 0] ?? 0
    for (; at < other.length && otherHad < had; at += 1) {
      add(other[at] ?? 0, -1)
      otherHad += trace.ms[other[at] ?? 0] ?? 0
    }
  }
  return most
}
