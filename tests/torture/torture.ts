import { parseArgs } from 'node:util'
import { createTestDatabase, findServer } from '../support/postgres.ts'
import { diskFaults } from './disk/by-command.ts'
import { Findings } from './evidence.ts'
import { faultClasses, type FaultClass } from './fault-classes.ts'
import { longestRecoveryMs, plantAll } from './kills.ts'
import type { Outcome } from './run.ts'
import type { Sabotage } from './sabotage.ts'

// npm run torture -- --db sqlite|postgres --kills 20 --freezes 2 --crashes 5 --cuts 10 … --seed 1 [--workers 4]
//   [--full-disks 5] [--images 300] [--sabotage fencing|acknowledgement] [--json].
// Kills come with batches over --records (100,000; 0: none) records and with schedules. The classes of faults are in fault-classes.ts and disk/by-command.ts; with none given: 20 kills.

const { values } = parseArgs({
  options: {
    db: { type: 'string', default: 'sqlite' },
    'full-disks': { type: 'string', default: '0' },
    images: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string' },
    records: { type: 'string', default: '100000' },
    sabotage: { type: 'string' },
    json: { type: 'boolean', default: false },
    ...Object.fromEntries(faultClasses.map(({ name }) => [name, { type: 'string' }] as const)),
  },
})
const options: Readonly<Record<string, string | boolean | undefined>> = values
const { db, sabotage } = values
if (db !== 'sqlite' && db !== 'postgres') throw new Error(`--db is sqlite or postgres, not ${db}`)

const firstSeed = Number(values.seed)
const records = Number(values.records)
const workers = Number(values.workers ?? (db === 'sqlite' ? 2 : 4))
const wanted = faultClasses.map((faults) => ({ faults, count: countOf(faults) }))
const onDisks = { fullDisks: Number(values['full-disks']), images: Number(values.images), seed: firstSeed }
if (wanted.every(({ count }) => count === 0) && onDisks.fullDisks + onDisks.images === 0)
  for (const one of wanted) if (one.faults.name === 'kills') one.count = 20

const verdict = {
  kind: 'verdict',
  database: db,
  ...Object.fromEntries(faultClasses.map(({ name }) => [name, 0])),
  acknowledged: 0,
  violations: 0,
  planted: 0,
  caught: 0,
  seed: firstSeed,
  workers,
  jobs: 0,
  batches: 0,
  records: 0,
  fires: 0,
  failures: 0,
  longestRecoveryMs: 0,
  fullDisks: 0,
  images: 0,
  lostByNormal: 0,
  seconds: 0,
}
const done = verdict as unknown as Record<string, number>

const begin = performance.now()
const server = db === 'postgres' ? await findServer() : undefined
if (server !== undefined) process.env['MILLRACE_TEST_POSTGRES'] = server.url
const database = db === 'postgres' ? await createTestDatabase() : undefined
if (db === 'postgres' && database === undefined) throw new Error('there is no PostgreSQL')
try {
  let seed = firstSeed
  for (const { faults, count } of wanted) {
    if (count === 0) continue
    let happened = 0
    const bench = await faults.open(db, database?.url)
    try {
      for (; happened < count; seed += 1) {
        const times = Math.min(faults.perRound, count - happened)
        const outcome = await bench.round({
          ...{ times, workers, seed, records, nth: happened },
          ...(sabotage === undefined ? {} : { sabotage: sabotage as Sabotage }),
        })
        if (outcome.happened < times)
          throw new Error(`seed ${seed}: ${outcome.happened} of ${times} ${faults.name} happened`)
        happened += times
        done[faults.name] = happened
        note(outcome, `${happened} ${faults.name}`, seed)
      }
    } finally {
      await bench.close()
    }
  }
} finally {
  await database?.drop()
  await server?.stop()
}
const { violations, failures, report, ...counts } = await diskFaults(db, onDisks)
Object.assign(verdict, counts)
verdict.violations += violations
verdict.failures += failures
if (report !== '') console.error(report)
verdict.seconds = Math.round((performance.now() - begin) / 100) / 10
if (values.json) console.log(JSON.stringify(verdict))
process.exitCode =
  verdict.violations === 0 && verdict.failures === 0 && verdict.caught === verdict.planted ? 0 : 1

function countOf({ name, only }: FaultClass): number {
  const count = Number(options[name] ?? 0)
  if (!Number.isInteger(count) || count < 0)
    throw new Error(`--${name} is a number, not ${String(options[name])}`)
  if (count > 0 && only !== undefined && only !== db) throw new Error(`--${name} needs --db ${only}`)
  return count
}

function note({ evidence, violations, failures, report }: Outcome, so: string, seed: number): void {
  const { calls } = new Findings(evidence)
  for (const { answer } of calls) if (answer?.kind === 'ok') verdict.acknowledged += answer.jobs.length
  const { jobs, tools } = evidence.rows
  verdict.jobs += jobs.length
  verdict.batches += tools.totals.length
  for (const { first, last } of tools.items) verdict.records += last - first + 1
  verdict.fires += tools.fires.filter(({ state }) => state === 'fired').length
  verdict.violations += violations.length
  verdict.failures += failures.length
  verdict.longestRecoveryMs = Math.max(verdict.longestRecoveryMs, longestRecoveryMs(evidence))
  if (report !== '') console.error(`${so}, seed ${seed}:\n${report}`)
  if (violations.length === 0) {
    const { planted, caught, missed } = plantAll(evidence)
    verdict.planted += planted
    verdict.caught += caught
    for (const plant of missed) console.error(`${so}, seed ${seed}: planted and not caught: ${plant}`)
  }
  if (!values.json) console.log(`${so}, ${verdict.jobs} jobs, ${verdict.violations} violations`)
}
