import pg from 'pg'
import { Backlog } from '../backlog.ts'
import { condition } from '../condition.ts'
import { settleDown } from '../postgres.ts'
import { size, type Run, type Sample, type Scenario } from '../scenario.ts'
import { median, percentile } from '../statistics.ts'

interface Condition {
  /** Absent: as deep as the scenario's size says. */
  readonly rows?: number
  readonly tenants: number
  /** Claimed under an old snapshot before it is measured. */
  readonly claimedBefore?: number
}

const manyTenants = 10_000

const conditions: Readonly<Record<string, Condition>> = {
  '1,000 rows': { rows: 1_000, tenants: 1 },
  '100,000 rows': { rows: 100_000, tenants: 1 },
  '100,000 rows of 10,000 tenants': { rows: 100_000, tenants: manyTenants },
  deepest: { tenants: 1 },
  'deepest of 10,000 tenants': { tenants: manyTenants },
  'old snapshot': { rows: 300_000, tenants: 1, claimedBefore: 200_000 },
}

const perClaim = 500
const warmUp = 10
const claims = 100

async function measure({ contestant, place, size: { jobs } }: Run): Promise<Sample> {
  const { rows = jobs, tenants, claimedBefore = 0 } = conditions[contestant.name] as Condition
  const backlog = await Backlog.open(place, tenants)
  await backlog.fill(rows)
  await settleDown(place.postgres)
  const snapshot = claimedBefore > 0 ? await holdSnapshot(place.postgres) : null
  for (let n = 0; n < claimedBefore; n += perClaim) await backlog.claim(perClaim)
  for (let n = 0; n < warmUp; n += 1) await backlog.replace(await backlog.claim(perClaim))
  const took: number[] = []
  const choosing: number[] = []
  const taken: number[] = []
  for (let n = 0; n < claims; n += 1) {
    const claim = await backlog.claim(perClaim)
    took.push(claim.ms)
    choosing.push(claim.choosingMs)
    taken.push(claim.batch.members.length)
    await backlog.replace(claim)
  }
  await snapshot?.end()
  const detail = {
    p99: percentile(took, 0.99),
    choosing: median(choosing),
    scan: median(backlog.scans),
    rows: median(taken),
  }
  await backlog.close()
  return { value: median(took), detail }
}

/** What a long report or a forgotten transaction does: nothing deleted since may be swept away. */
async function holdSnapshot(postgres: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgres })
  await client.connect()
  await client.query('begin isolation level repeatable read')
  await client.query('select count(*) from millrace.ready')
  return client
}

const common = {
  name: 'backlog',
  what: `a claim of ${perClaim} with its choice of tenants; the factor is its cost against that of a queue of 1,000 rows. The deepest queue has 5,000,000 rows, with --quick 500,000; the old snapshot is held open over 200,000 claimed`,
  unit: 'ms',
  better: 'less',
  ours: '1,000 rows',
  size: size(5_000_000),
  quick: size(500_000),
  run: measure,
} as const

const entriesOf = (names: readonly string[]) =>
  names.map((name) => ({
    contestant: condition(name, 'claims as the worker makes them, with a scan each second'),
  }))

export const backlog: readonly Scenario[] = [
  { ...common, database: 'postgres', entries: entriesOf(Object.keys(conditions)) },
  // SQLite has no dead entries that a snapshot keeps in the way.
  {
    ...common,
    database: 'sqlite',
    entries: entriesOf(Object.keys(conditions).filter((name) => name !== 'old snapshot')),
  },
]
