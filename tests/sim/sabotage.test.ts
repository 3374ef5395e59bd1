import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Invariant } from '../torture/checks/violation.ts'
import { Place } from './place.ts'
import type { Sabotage } from './sabotage.ts'
import { runSeed, type Verdict } from './verdict.ts'

/** Every defect is found within so many seeds. */
const seeds = 200

/** What such an engine must be accused of; that work is left over may be its doing as well. */
const accusations = {
  fencing: ['I-2', 'I-3', 'I-6'],
  acknowledgement: ['I-1'],
  rescue: ['I-3', 'I-4', 'I-6'],
  keep: ['I-4'],
  scan: ['I-5'],
} as const satisfies Partial<Record<Sabotage, readonly Invariant[]>>
type Accused = keyof typeof accusations

let place: Place
beforeAll(async () => {
  place = await Place.make()
})
afterAll(() => place.remove())

test.each(Object.keys(accusations) as Accused[])(
  'an engine with its %s spoilt is found out',
  { timeout: 120_000 },
  async (sabotage) => {
    const found = await firstFailure(sabotage)
    expect(found?.violations.map(({ invariant }) => invariant)).toEqual(
      expect.arrayContaining([expect.toBeOneOf([...accusations[sabotage]])]),
    )
    expect(found?.report).toContain(`npm run sim -- --seed ${String(found?.seed)} --sabotage ${sabotage}`)
    // Without the sabotage the very same world keeps every promise.
    expect((await runSeed(found!.seed, place)).report).toBe('')
  },
)

test('a world that takes something from the machine is found out', async () => {
  const hashes = new Set<string>()
  for (let run = 0; run < 3; run += 1) hashes.add((await runSeed(1, place, 'leak')).hash)
  expect(hashes.size).toBe(3)
  expect((await runSeed(1, place)).hash).toBe((await runSeed(1, place)).hash)
})

async function firstFailure(sabotage: Accused): Promise<Verdict | null> {
  const accused: readonly Invariant[] = accusations[sabotage]
  for (let seed = 1; seed <= seeds; seed += 1) {
    const verdict = await runSeed(seed, place, sabotage)
    if (verdict.violations.some(({ invariant }) => accused.includes(invariant))) return verdict
  }
  return null
}
