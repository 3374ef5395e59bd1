import { expect, test } from 'vitest'
import { piecesOf } from './fill.ts'

test.for([
  [10_000, 1],
  [5_001, 7],
  [200_000, 1_000],
  [3, 5],
] as const)('%i jobs of %i tenants: every job once, no call above 2,000', ([jobs, tenants]) => {
  const pieces = piecesOf(jobs, tenants)
  const named = pieces.flatMap(({ first, count }) => Array.from({ length: count }, (_, n) => first + n))
  expect(named).toEqual(Array.from({ length: jobs }, (_, n) => n))
  expect(Math.max(...pieces.map(({ count }) => count))).toBeLessThanOrEqual(2_000)
  expect(new Set(pieces.map(({ tenant }) => tenant)).size).toBe(Math.min(jobs, tenants))
})
