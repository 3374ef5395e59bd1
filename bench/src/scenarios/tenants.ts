import { demandCounts, Handled } from '../check.ts'
import { able } from '../contestant.ts'
import { bullmq, bullmqPostgres } from '../contestants/bullmq.ts'
import { graphileWorker } from '../contestants/graphile-worker.ts'
import { millrace } from '../contestants/millrace.ts'
import { pgBoss } from '../contestants/pg-boss.ts'
import { plainjobFull } from '../contestants/plainjob.ts'
import { size, type Run, type Sample, type Scenario } from '../scenario.ts'
import { inFlight, millisecondsOf } from '../timing.ts'

const group = 100

/** Every other group is of one large tenant, the rest goes around among the small ones. */
function tenantOf(at: number, tenants: number): number {
  return at % 2 === 0 ? 0 : 1 + (((at - 1) / 2) % (tenants - 1))
}

/** Enqueuing and working at the same time in one process: what a running system does. */
async function measure({ contestant, place, size: { jobs, tenants } }: Run): Promise<Sample> {
  const queue = await contestant.open(place, 'nothing')
  const addMany = able(queue, 'addMany')
  const handled = new Handled(jobs)
  const ms = await millisecondsOf(async () => {
    const drained = queue.drain(jobs, handled.handle)
    await inFlight(4, 0, jobs / group, (at) => addMany(at * group, group, tenantOf(at, tenants)))
    await drained
  })
  handled.demandAllOnce()
  await demandCounts(queue, jobs, 0)
  await queue.close()
  return { value: (jobs / ms) * 1000 }
}

const common = {
  name: 'tenants',
  what: 'enqueued in groups of 100 and worked off at the same time; half is of one tenant, half of 99 others (peers know no tenants)',
  unit: 'jobs/s',
  better: 'more',
  run: measure,
} as const

export const tenants: readonly Scenario[] = [
  {
    ...common,
    database: 'postgres',
    entries: [
      { contestant: millrace },
      { contestant: graphileWorker, share: 0.5 },
      { contestant: pgBoss, share: 0.4 },
      { contestant: bullmq, share: 0.2 },
      { contestant: bullmqPostgres, share: 0.05 },
    ],
    size: size(120_000, 100),
    quick: size(80_000, 100),
  },
  {
    ...common,
    database: 'sqlite',
    entries: [{ contestant: millrace }, { contestant: plainjobFull, share: 0.08 }],
    size: size(150_000, 100),
    quick: size(100_000, 100),
  },
]
