import { afterAll, expect, test } from 'vitest'
import { Findings } from './evidence.ts'
import { deathsInBatches, plantAll, randomKills } from './kills.ts'
import { testDatabases } from './test-databases.ts'

const databases = await testDatabases()
afterAll(() => databases.drop())

const workers = { sqlite: 2, postgres: 4 }

test.each(databases.all)(
  '20 random SIGKILLs on %s break no promise',
  { timeout: 240_000 },
  async (kind, open) => {
    const { evidence, report } = await randomKills(await open(), {
      kills: 20,
      workers: workers[kind],
      seed: 20,
      records: 2_000,
    })
    expect(report).toBe('')
    expect(new Findings(evidence).deaths.size).toBe(20)
    expect(deathsInBatches(evidence)).toBeGreaterThan(0)
    // What the checker did not say, it could have said: of this very run.
    const { planted, missed } = plantAll(evidence)
    expect(missed).toEqual([])
    expect(planted).toBeGreaterThan(50)
  },
)

test.each(databases.all)(
  'on %s an engine that acknowledges before it commits is found out',
  { timeout: 60_000 },
  async (_kind, open) => {
    const { violations } = await randomKills(await open(), {
      kills: 6,
      workers: 2,
      seed: 6,
      sabotage: 'acknowledgement',
    })
    expect(violations.map(({ invariant }) => invariant)).toContain('I-1')
  },
)
