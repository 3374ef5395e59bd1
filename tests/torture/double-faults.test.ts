import { afterAll, describe, expect, test } from 'vitest'
import { doubleFaults, faultTwice, nameOf } from './double-faults.ts'
import { seed } from './seed.ts'
import { Slots } from './slots.ts'
import { testDatabases } from './test-databases.ts'

const databases = await testDatabases()
afterAll(() => databases.drop())

/** Of the hundreds that `npm run torture -- --doubles` walks. */
const sample = 4
const slots = new Slots(2)

describe.concurrent.each(databases.all)(
  `a second fault during recovery on %s, seed ${seed}`,
  (kind, open) => {
    test.each(
      doubleFaults(kind, seed)
        .slice(0, sample)
        .map((one) => [nameOf(one), one] as const),
    )('%s', { timeout: 300_000 }, async (_name, fault) => {
      const { report } = await slots.run(async () => faultTwice(await open(), fault))
      expect(report).toBe('')
    })
  },
)
