import { demandCounts, Handled } from '../check.ts'
import { bullmqPostgres } from '../contestants/bullmq.ts'
import { dbos } from '../contestants/dbos.ts'
import { graphileWorker } from '../contestants/graphile-worker.ts'
import { millrace } from '../contestants/millrace.ts'
import { pgBoss } from '../contestants/pg-boss.ts'
import { fill } from '../fill.ts'
import { ask, walBytes } from '../postgres.ts'
import { size, type Run, type Sample, type Scenario } from '../scenario.ts'

/** No checkpoint between: whole images of pages, which depend on its moment, would hide what the statements write. */
async function measure({ contestant, place, size: { jobs } }: Run): Promise<Sample> {
  const queue = await contestant.open(place, 'nothing')
  await ask(place.postgres, 'checkpoint')
  const begun = await walBytes(place.postgres)
  await fill(queue, jobs, 1)
  const filled = await walBytes(place.postgres)
  const handled = new Handled(jobs)
  await queue.drain(jobs, handled.handle)
  const drained = await walBytes(place.postgres)
  handled.demandAllOnce()
  await demandCounts(queue, jobs, 0)
  await queue.close()
  return {
    value: (drained - begun) / jobs,
    detail: { enqueue: (filled - begun) / jobs, drain: (drained - filled) / jobs },
  }
}

export const wal: readonly Scenario[] = [
  {
    name: 'wal',
    database: 'postgres',
    what: 'write-ahead log of one job, enqueued in bulk and drained',
    unit: 'bytes/job',
    better: 'less',
    entries: [
      { contestant: millrace },
      { contestant: graphileWorker },
      { contestant: pgBoss },
      { contestant: bullmqPostgres, share: 0.1 },
      { contestant: dbos, share: 0.05 },
    ],
    size: size(100_000),
    quick: size(60_000),
    run: measure,
  },
]
