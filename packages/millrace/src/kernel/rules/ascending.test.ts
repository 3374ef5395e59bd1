import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ascending } from './ascending.ts'

test('gives the items in order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      expect([...ascending([...numbers], (a, b) => a < b)]).toEqual([...numbers].sort((a, b) => a - b))
    }),
  )
})

test('sorts only as far as it is asked', () => {
  let compared = 0
  const numbers = Array.from({ length: 10_000 }, (_, index) => (index * 7919) % 10_000)
  const sorted = ascending(numbers, (a, b) => {
    compared += 1
    return a < b
  })
  expect([0, 1, 2].map(() => sorted.next().value as number)).toEqual([0, 1, 2])
  expect(compared).toBeLessThan(25_000)
})
