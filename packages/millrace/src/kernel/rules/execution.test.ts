import { expect, test } from 'vitest'
import { deathsOf } from './execution.ts'

test('care 0 and 1 know of no death, 1 + d of d', () => {
  expect([0, 1, 2, 3].map(deathsOf)).toEqual([0, 0, 1, 2])
})
