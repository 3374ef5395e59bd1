import { parseArgs } from 'node:util'
import { faultNames, noFaults } from './faults.ts'
import { Place } from './place.ts'
import { sabotages, type Sabotage } from './sabotage.ts'
import { runSeed } from './verdict.ts'

// npm run sim -- --seed N [--seeds 2000] [--json] [--sabotage fencing|acknowledgement|rescue|scan|leak]

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    seeds: { type: 'string', default: '1' },
    db: { type: 'string', default: 'sqlite' },
    sabotage: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
if (values.db !== 'sqlite') throw new Error(`--db is sqlite, not ${values.db}: row locks are not simulated`)
const sabotage = sabotages.find((one) => one === values.sabotage) ?? null
if (values.sabotage !== undefined && sabotage === null)
  throw new Error(`--sabotage is one of ${sabotages.join(', ')}`)
/** Every so many seeds one is run twice. */
const twiceEvery = 20

const first = Number(values.seed)
const seeds = Number(values.seeds)
const total = { events: 0, jobs: 0, violations: 0, failed: [] as number[], longestDrainMs: 0 }
const faults = noFaults()
let deterministic = true
const begin = performance.now()
const place = await Place.make()
try {
  for (let seed = first; seed < first + seeds; seed += 1) {
    const verdict = await runSeed(seed, place, sabotage satisfies Sabotage | null)
    total.events += verdict.events
    total.jobs += verdict.jobs
    total.violations += verdict.violations.length
    total.longestDrainMs = Math.max(total.longestDrainMs, Math.round(verdict.drainMs))
    for (const name of faultNames) faults[name] += verdict.faults[name]
    if (verdict.report !== '') {
      total.failed.push(seed)
      console.error(verdict.report)
    }
    if ((seed - first) % twiceEvery !== 0 && verdict.report === '') continue
    const again = await runSeed(seed, place, sabotage)
    if (again.hash === verdict.hash) continue
    deterministic = false
    console.error(`seed ${seed} is not deterministic: ${verdict.hash}, then ${again.hash}`)
  }
} finally {
  place.remove()
}
const seconds = Math.round((performance.now() - begin) / 100) / 10
const { events, jobs, violations, failed, longestDrainMs } = total
if (values.json)
  console.log(
    JSON.stringify({
      kind: 'sim',
      ...{
        seeds,
        from: first,
        events,
        jobs,
        faults,
        violations,
        failed,
        longestDrainMs,
        deterministic,
        seconds,
      },
    }),
  )
else
  console.log(
    `${seeds} seeds from ${first}: ${events} events, ${jobs} jobs, ${violations} violations, ${
      deterministic ? '' : 'not '
    }deterministic, ${seconds} s`,
  )
process.exitCode = violations === 0 && deterministic ? 0 : 1
