import { createAccounts, demandOneWriteEach } from '../account.ts'
import { demandCounts, Handled } from '../check.ts'
import type { Work } from '../contestant.ts'
import { bareLoop } from '../contestants/bare-loop.ts'
import {
  bullmq,
  bullmqDefault,
  bullmqPostgres,
  bullmqPostgresWriting,
  bullmqWriting,
} from '../contestants/bullmq.ts'
import { dbos, dbosWriting } from '../contestants/dbos.ts'
import {
  graphileWorker,
  graphileWorkerDefault,
  graphileWorkerWriting,
} from '../contestants/graphile-worker.ts'
import { millrace, millraceWriting } from '../contestants/millrace.ts'
import { pgBoss, pgBossDefault, pgBossWriting } from '../contestants/pg-boss.ts'
import { plainjobFull, plainjobNormal } from '../contestants/plainjob.ts'
import { fill } from '../fill.ts'
import { settleDown } from '../postgres.ts'
import { size, type Run, type Sample, type Scenario } from '../scenario.ts'

async function measure(
  { contestant, place, size: { jobs, tenants, history } }: Run,
  work: Work,
): Promise<Sample> {
  if (work === 'write') await createAccounts(place, jobs)
  const filler = await contestant.open(place, work)
  await fill(filler, jobs, tenants)
  const laid = history > 0 && filler.layHistory !== undefined ? history : 0
  if (laid > 0) await filler.layHistory?.(laid)
  await filler.close()
  await settleDown(place.postgres)

  const queue = await contestant.open(place, work)
  const handled = new Handled(jobs)
  let firstAt: number | null = null
  const begun = performance.now()
  await queue.drain(jobs, (n) => {
    firstAt ??= performance.now()
    handled.handle(n)
  })
  const ms = performance.now() - begun
  handled.demandAllOnce()
  await demandCounts(queue, laid + jobs, 0)
  await queue.close()
  if (work === 'write') await demandOneWriteEach(place)
  return { value: (jobs / ms) * 1000, detail: { firstAfterMs: (firstAt ?? Number.NaN) - begun } }
}

const common = { unit: 'jobs/s', better: 'more' } as const
const drain = (run: Run): Promise<Sample> => measure(run, 'nothing')
const effect = (run: Run): Promise<Sample> => measure(run, 'write')

export const draining: readonly Scenario[] = [
  {
    ...common,
    name: 'drain',
    database: 'postgres',
    what: 'jobs that do nothing, of one tenant, from the start of the worker until the last is settled',
    entries: [
      { contestant: millrace },
      { contestant: graphileWorker, share: 0.6 },
      { contestant: graphileWorkerDefault, share: 0.02 },
      { contestant: pgBoss, share: 0.4 },
      { contestant: pgBossDefault, share: 0.000_01 },
      { contestant: bullmq, share: 0.2 },
      { contestant: bullmqDefault, share: 0.02 },
      { contestant: bullmqPostgres, share: 0.03 },
      // Long enough that its launch, a second or so, counts for little.
      { contestant: dbos, share: 0.04 },
    ],
    size: size(250_000),
    quick: size(200_000),
    run: drain,
  },
  {
    ...common,
    name: 'drain',
    database: 'sqlite',
    what: 'jobs that do nothing, of one tenant, from the start of the worker until the last is settled',
    entries: [
      { contestant: millrace },
      { contestant: plainjobFull, share: 0.03 },
      { contestant: plainjobNormal, share: 0.1 },
    ],
    size: size(300_000),
    quick: size(250_000),
    run: drain,
  },
  {
    ...common,
    name: 'drain-tenants',
    database: 'postgres',
    what: 'jobs that do nothing, of 1,000 tenants, with ended jobs behind (1,000,000, with --quick 300,000; graphile-worker keeps none)',
    entries: [
      { contestant: millrace },
      { contestant: graphileWorker, share: 0.6 },
      { contestant: pgBoss, share: 0.4 },
    ],
    size: size(250_000, 1_000, 1_000_000),
    quick: size(200_000, 1_000, 300_000),
    run: drain,
  },
  {
    ...common,
    name: 'effect',
    database: 'postgres',
    what: 'one write of the user per job; each in its own best way, with its own guarantee',
    entries: [
      { contestant: millraceWriting },
      { contestant: bareLoop },
      { contestant: graphileWorkerWriting },
      { contestant: pgBossWriting },
      { contestant: bullmqWriting },
      { contestant: bullmqPostgresWriting, share: 0.4 },
      { contestant: dbosWriting, share: 0.15 },
    ],
    size: size(25_000),
    quick: size(15_000),
    run: effect,
  },
  {
    ...common,
    name: 'effect',
    database: 'sqlite',
    what: 'one write of the user per job; each in its own best way, with its own guarantee',
    entries: [
      { contestant: millraceWriting },
      { contestant: bareLoop },
      { contestant: plainjobFull, share: 0.3 },
    ],
    size: size(30_000),
    quick: size(20_000),
    run: effect,
  },
]
