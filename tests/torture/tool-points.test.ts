import { afterAll, describe, expect, test } from 'vitest'
import {
  batchFaultPoints,
  scheduleFaultPoints,
} from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import { seed } from './seed.ts'
import { Slots } from './slots.ts'
import { testDatabases } from './test-databases.ts'
import { keysUndisturbed, nameOfCase, toolCases } from './tool-cases.ts'
import { toolFaultAt, undisturbed } from './tool-points.ts'

const databases = await testDatabases()
afterAll(() => databases.drop())

const all = toolCases(seed)
/** Of all that `npm run torture -- --tool-points` walks. */
const sample = 12
const slots = new Slots(4)

describe.concurrent.each(databases.all)(
  `at points of batches and schedules on %s, seed ${seed}`,
  (_, open) => {
    test.each(all.slice(0, sample).map((one) => [nameOfCase(one), one] as const))(
      '%s',
      { timeout: 300_000 },
      async (_name, one) => {
        const { report } = await slots.run(async () => toolFaultAt(await open(), one))
        expect(report).toBe('')
      },
    )
  },
)

test.each(databases.all)('the small batch on %s comes to what the points are aimed at', async (_, open) => {
  const { evidence, report } = await undisturbed(await open(), 'keys')
  expect(report).toBe('')
  const { done, jobs } = evidence.rows
  const first = jobs.find(({ retryOf }) => retryOf === null)?.id
  expect(
    done.filter(({ job }) => job === first).map(({ seq, attempt, outcome }) => [seq, attempt, outcome]),
  ).toEqual(keysUndisturbed)
})

test('no point of theirs is left out', () => {
  const reached = new Set(all.map(({ armed }) => armed.point))
  expect([...batchFaultPoints, ...scheduleFaultPoints].filter((point) => !reached.has(point))).toEqual([])
})
