import { demandCounts, Handled } from '../check.ts'
import { able } from '../contestant.ts'
import { bullmq, bullmqPostgres } from '../contestants/bullmq.ts'
import { dbos } from '../contestants/dbos.ts'
import { graphileWorker } from '../contestants/graphile-worker.ts'
import { millrace } from '../contestants/millrace.ts'
import { pgBossNotified } from '../contestants/pg-boss.ts'
import { plainjobFull } from '../contestants/plainjob.ts'
import { size, type Run, type Sample, type Scenario } from '../scenario.ts'
import { median, percentile } from '../statistics.ts'
import { sleep } from '../timing.ts'

const warmUp = 200
const perSecond = 20

/** From before the call of the enqueue to the first line of the handler, in one process. */
async function measure({ contestant, place, size: { jobs } }: Run): Promise<Sample> {
  const queue = await contestant.open(place, 'nothing')
  const add = able(queue, 'add')
  const all = warmUp + jobs
  const begun = new Float64Array(all)
  const took = new Float64Array(all)
  const handled = new Handled(all)
  const drained = queue.drain(all, (n) => {
    took[n] = performance.now() - (begun[n] as number)
    handled.handle(n)
  })
  for (let n = 0; n < all; n += 1) {
    // With jitter, so that no poll keeps step.
    if (n >= warmUp) await sleep((1000 / perSecond) * (0.5 + Math.random()))
    begun[n] = performance.now()
    await add(n)
  }
  await drained
  handled.demandAllOnce()
  await demandCounts(queue, all, 0)
  await queue.close()
  const samples = [...took.subarray(warmUp)]
  return { value: median(samples), detail: { p99: percentile(samples, 0.99) } }
}

const common = {
  name: 'latency',
  what: `median time from before an enqueue to its handler's first line, at ${perSecond} jobs a second`,
  unit: 'ms',
  better: 'less',
  size: size(100),
  quick: size(60),
  run: measure,
} as const

export const latency: readonly Scenario[] = [
  {
    ...common,
    database: 'postgres',
    entries: [millrace, graphileWorker, pgBossNotified, bullmq, bullmqPostgres, dbos].map((contestant) => ({
      contestant,
    })),
  },
  {
    ...common,
    database: 'sqlite',
    entries: [{ contestant: millrace }, { contestant: plainjobFull }],
  },
]
