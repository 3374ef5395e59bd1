import { expect, test } from 'vitest'
import { faultMoments, faultSteps, type FaultPoint } from './fault-point.ts'

test('every step may be stopped before and after its commit, and after its answer', () => {
  const points: FaultPoint[] = faultSteps.flatMap((step) =>
    faultMoments.map((moment) => `${step}:${moment}` as const),
  )
  expect(points).toHaveLength(24)
  expect(new Set(points).size).toBe(24)
})
