import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultNames, noFaults } from './faults.ts'
import { firstSeedOfCommit, foundSeeds } from './found-seeds.ts'
import { Place } from './place.ts'
import { runSeed } from './verdict.ts'

/** Together they take about a minute of a machine that does nothing else. */
const groups = 6
const seedsOfGroup = 200
const twiceEvery = 20

let place: Place
beforeAll(async () => {
  place = await Place.make()
})
afterAll(() => place.remove())

test.each(foundSeeds())('seed %i, which once failed', async (seed) => {
  expect((await runSeed(seed, place)).report).toBe('')
})

describe('seeds of this commit', () => {
  const first = firstSeedOfCommit()
  const counts = noFaults()

  test.each(Array.from({ length: groups }, (_, group) => first + group * seedsOfGroup))(
    'from %i on',
    { timeout: 240_000 },
    async (from) => {
      for (let seed = from; seed < from + seedsOfGroup; seed += 1) {
        const verdict = await runSeed(seed, place)
        expect(verdict.report).toBe('')
        for (const name of faultNames) counts[name] += verdict.faults[name]
        if (seed % twiceEvery !== 0) continue
        const again = await runSeed(seed, place)
        expect([seed, again.hash]).toEqual([seed, verdict.hash])
      }
    },
  )

  test('met every fault', () => {
    expect(Object.entries(counts).filter(([, count]) => count < 10 * groups)).toEqual([])
  })
})
