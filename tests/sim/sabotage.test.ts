import { afterAll, beforeAll, expect, test } from 'vitest'
import { Place } from './place.ts'
import { sabotages, type Sabotage } from './sabotage.ts'
import { runSeed, type Verdict } from './verdict.ts'

/** Every defect is found within so many seeds. */
const seeds = 40

/** What such an engine must be accused of; that work is left over may be its doing as well. */
const accusations: Readonly<Record<Sabotage, readonly string[]>> = {
  fencing: ['I-2', 'I-3', 'I-6'],
  acknowledgement: ['I-1'],
  rescue: ['I-3', 'I-4', 'I-6'],
  scan: ['I-5'],
}

let place: Place
beforeAll(async () => {
  place = await Place.make()
})
afterAll(() => place.remove())

test.each(sabotages)('an engine without %s is found out', { timeout: 60_000 }, async (sabotage) => {
  const found = await firstFailure(sabotage)
  expect(found?.violations.map(({ invariant }) => invariant)).toEqual(
    expect.arrayContaining([expect.toBeOneOf([...accusations[sabotage]])]),
  )
  expect(found?.report).toContain(`npm run sim -- --seed ${String(found?.seed)} --sabotage ${sabotage}`)
  // Without the sabotage the very same world keeps every promise.
  expect((await runSeed(found!.seed, place)).report).toBe('')
})

async function firstFailure(sabotage: Sabotage): Promise<Verdict | null> {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const verdict = await runSeed(seed, place, sabotage)
    if (verdict.violations.some(({ invariant }) => accusations[sabotage].includes(invariant))) return verdict
  }
  return null
}
