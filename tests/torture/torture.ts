import { parseArgs } from 'node:util'
import { createTestDatabase } from '../support/postgres.ts'
import { Findings } from './evidence.ts'
import { longestRecoveryMs, plantAll, randomKills } from './kills.ts'
import type { Sabotage } from './sabotage.ts'
import { postgresTarget, sqliteTarget } from './target.ts'

// npm run torture -- --db sqlite|postgres --kills 20 --seed 1 [--workers 4] [--sabotage fencing|acknowledgement] [--json]

const { values } = parseArgs({
  options: {
    db: { type: 'string', default: 'sqlite' },
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string' },
    sabotage: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
if (values.db !== 'sqlite' && values.db !== 'postgres')
  throw new Error(`--db is sqlite or postgres, not ${values.db}`)

/** Kills between two full checks. */
const killsPerRound = 20

const wanted = { kills: Number(values.kills), seed: Number(values.seed) }
const workers = Number(values.workers ?? (values.db === 'sqlite' ? 2 : 4))
const verdict = {
  kind: 'verdict',
  database: values.db,
  seed: wanted.seed,
  workers,
  kills: 0,
  acknowledged: 0,
  jobs: 0,
  violations: 0,
  failures: 0,
  planted: 0,
  caught: 0,
  longestRecoveryMs: 0,
  seconds: 0,
}
const begin = performance.now()
const database = values.db === 'postgres' ? await createTestDatabase() : undefined
if (values.db === 'postgres' && database === undefined) throw new Error('there is no PostgreSQL')
try {
  for (let round = 0; verdict.kills < wanted.kills; round += 1) {
    const kills = Math.min(killsPerRound, wanted.kills - verdict.kills)
    const seed = wanted.seed + round
    const { evidence, violations, failures, report } = await randomKills(
      database === undefined ? await sqliteTarget() : await postgresTarget(database.url),
      {
        ...{ kills, workers, seed },
        ...(values.sabotage === undefined ? {} : { sabotage: values.sabotage as Sabotage }),
      },
    )
    const { calls, deaths } = new Findings(evidence)
    verdict.kills += deaths.size
    verdict.acknowledged += calls.reduce(
      (sum, { answer }) => sum + (answer?.kind === 'ok' ? answer.jobs.length : 0),
      0,
    )
    verdict.jobs += evidence.rows.jobs.length
    verdict.violations += violations.length
    verdict.failures += failures.length
    verdict.longestRecoveryMs = Math.max(verdict.longestRecoveryMs, longestRecoveryMs(evidence))
    if (report !== '') console.error(`round ${round}, seed ${seed}:\n${report}`)
    if (violations.length === 0) {
      const { planted, caught, missed } = plantAll(evidence)
      verdict.planted += planted
      verdict.caught += caught
      for (const plant of missed) console.error(`planted and not caught: ${plant}`)
    }
    if (deaths.size < kills) throw new Error(`round ${round}: ${deaths.size} of ${kills} kills happened`)
    if (!values.json)
      console.log(`${verdict.kills} kills, ${verdict.jobs} jobs, ${verdict.violations} violations`)
  }
} finally {
  await database?.drop()
}
verdict.seconds = Math.round((performance.now() - begin) / 100) / 10
if (values.json) console.log(JSON.stringify(verdict))
process.exitCode =
  verdict.violations === 0 && verdict.failures === 0 && verdict.caught === verdict.planted ? 0 : 1
