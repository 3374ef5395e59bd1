import { expect, test } from 'vitest'
import { endsJob, outcomeName, outcomes } from './outcome.ts'

test('the numbers on disk never change', () => {
  expect(outcomes).toEqual({
    succeeded: 1,
    retried: 2,
    lost: 3,
    gaveUp: 5,
    completed: 10,
    failed: 11,
    aborted: 12,
    completedWithErrors: 13,
    expired: 14,
    parked: 15,
    skipped: 16,
    replaced: 17,
  })
})

test('names of numbers', () => {
  for (const [name, code] of Object.entries(outcomes)) expect(outcomeName(code)).toBe(name)
  expect(() => outcomeName(99)).toThrow(RangeError)
})

test('endsJob', () => {
  expect(endsJob(outcomes.gaveUp)).toBe(false)
  expect(endsJob(outcomes.completed)).toBe(true)
})
