import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { demandCounts } from '../check.ts'
import { condition } from '../condition.ts'
import { millrace } from '../contestants/millrace.ts'
import { fill } from '../fill.ts'
import { settleDown } from '../postgres.ts'
import { size, type Run, type Sample, type Scenario } from '../scenario.ts'
import type { Told } from '../worker.ts'

const processes: Readonly<Record<string, number>> = { '1 process': 1, '2 processes': 2, '4 processes': 4 }

async function measure({ contestant, place, size: { jobs, tenants } }: Run): Promise<Sample> {
  const filler = await millrace.open(place, 'nothing')
  await fill(filler, jobs, tenants)
  await filler.close()
  await settleDown(place.postgres)

  const workers = Array.from({ length: processes[contestant.name] as number }, () =>
    fork(join(import.meta.dirname, '../worker.ts'), [JSON.stringify(place)]),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const begun = performance.now()
  const shares = await drainedBy(workers, jobs)
  const ms = performance.now() - begun
  await Promise.all(workers.map((worker) => worker.send('stop') && once(worker, 'exit')))

  const check = await millrace.open(place, 'nothing')
  await demandCounts(check, jobs, 0)
  await check.close()
  return { value: (jobs / ms) * 1000, detail: { smallestShare: Math.min(...shares) / jobs } }
}

/** How many each settled; more than `jobs` in all means that one ran twice. */
async function drainedBy(workers: readonly ChildProcess[], jobs: number): Promise<number[]> {
  const shares = workers.map(() => 0)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  workers.forEach((worker, at) => {
    worker.on('message', ({ settled }: Told) => {
      shares[at] = settled
      const all = shares.reduce((sum, share) => sum + share, 0)
      if (all > jobs) reject(new Error(`${all} executions were settled of ${jobs} jobs`))
      if (all === jobs) resolve()
    })
    worker.on('exit', (code) => reject(new Error(`a worker ended (${code})`)))
    worker.send('go')
  })
  await promise
  return shares
}

const common = {
  name: 'scale',
  what: 'worker processes that drain one queue together; every job is settled once',
  unit: 'jobs/s',
  better: 'more',
  ours: '4 processes',
  entries: Object.keys(processes).map((name) => ({ contestant: condition(name, millrace.settings) })),
  run: measure,
} as const

export const scale: readonly Scenario[] = [
  { ...common, database: 'postgres', size: size(1_000_000, 8), quick: size(600_000, 8) },
  { ...common, database: 'sqlite', size: size(1_000_000, 8), quick: size(600_000, 8) },
]
