import { demandCounts } from '../check.ts'
import { able, type Queue } from '../contestant.ts'
import { bullmq, bullmqPostgres } from '../contestants/bullmq.ts'
import { dbos } from '../contestants/dbos.ts'
import { graphileWorker } from '../contestants/graphile-worker.ts'
import { millrace } from '../contestants/millrace.ts'
import { pgBoss } from '../contestants/pg-boss.ts'
import { plainjobFull, plainjobNormal } from '../contestants/plainjob.ts'
import { size, type Entry, type Run, type Sample, type Scenario } from '../scenario.ts'
import { inFlight, millisecondsOf } from '../timing.ts'

const warmUp = 200
const bulk = 2_000

async function measure(
  { contestant, place, size: { jobs } }: Run,
  enqueue: (queue: Queue, jobs: number) => Promise<void>,
): Promise<Sample> {
  const queue = await contestant.open(place, 'nothing')
  const add = able(queue, 'add')
  for (let n = 0; n < warmUp; n += 1) await add(n)
  const ms = await millisecondsOf(() => enqueue(queue, jobs))
  await demandCounts(queue, 0, warmUp + jobs)
  await queue.close()
  return { value: (jobs / ms) * 1000 }
}

const oneByOne = (run: Run): Promise<Sample> =>
  measure(run, (queue, jobs) => inFlight(1, warmUp, jobs, able(queue, 'add')))

const sixtyFour = (run: Run): Promise<Sample> =>
  measure(run, (queue, jobs) => inFlight(64, warmUp, jobs, able(queue, 'add')))

const inBulk = (run: Run): Promise<Sample> =>
  measure(run, async (queue, jobs) => {
    const addMany = able(queue, 'addMany')
    for (let first = 0; first < jobs; first += bulk)
      await addMany(warmUp + first, Math.min(bulk, jobs - first))
  })

const common = { unit: 'jobs/s', better: 'more' } as const
const one = 'enqueued one after the other, each acknowledged on disk'
const many = 'enqueued with 64 under way at any time, each acknowledged on disk'
const calls = `enqueued by bulk calls of ${bulk}, one after the other`

const peers = (shares: readonly [number, number, number, number, number]): Entry[] =>
  [graphileWorker, pgBoss, bullmq, bullmqPostgres, dbos].map((contestant, at) => ({
    contestant,
    share: shares[at] as number,
  }))

export const enqueueing: readonly Scenario[] = [
  {
    ...common,
    name: 'enqueue-one',
    database: 'postgres',
    what: one,
    entries: [{ contestant: millrace }, ...peers([0.25, 0.25, 0.6, 0.3, 0.2])],
    size: size(10_000),
    quick: size(6_000),
    run: oneByOne,
  },
  {
    ...common,
    name: 'enqueue-one',
    database: 'sqlite',
    what: one,
    entries: [{ contestant: millrace }, { contestant: plainjobFull }, { contestant: plainjobNormal }],
    size: size(20_000),
    quick: size(12_000),
    run: oneByOne,
  },
  {
    ...common,
    name: 'enqueue-64',
    database: 'postgres',
    what: many,
    entries: [{ contestant: millrace }, ...peers([0.03, 0.04, 0.3, 0.05, 0.03])],
    size: size(150_000),
    quick: size(100_000),
    run: sixtyFour,
  },
  {
    ...common,
    name: 'enqueue-64',
    database: 'sqlite',
    what: many,
    entries: [
      { contestant: millrace },
      { contestant: plainjobFull, share: 0.08 },
      { contestant: plainjobNormal, share: 0.3 },
    ],
    size: size(250_000),
    quick: size(200_000),
    run: sixtyFour,
  },
  {
    ...common,
    name: 'enqueue-bulk',
    database: 'postgres',
    what: calls,
    entries: [{ contestant: millrace }, ...peers([0.5, 0.4, 0.2, 0.3, 0]).slice(0, 4)],
    size: size(300_000),
    quick: size(200_000),
    run: inBulk,
  },
]
