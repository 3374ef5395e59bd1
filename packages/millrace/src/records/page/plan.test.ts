import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkPageSize, needsSnapshot, nextPositions } from './plan.ts'

test('stretches go from end to end without a gap', () => {
  fc.assert(
    fc.property(fc.nat({ max: 1_000 }), fc.integer({ min: 1, max: 300 }), (to, size) => {
      let at = 0
      let one = nextPositions({ to }, null, size)
      while (one !== null) {
        expect(one).toEqual({ kind: 'positions', from: at, to: Math.min(to, at + size) })
        at = one.to
        one = nextPositions({ to }, one, size)
      }
      expect(at).toBe(to)
    }),
  )
})

test('an order and bounds need a fixed set', () => {
  const query = { from: 'A', select: [] }
  const n = { kind: 'number', value: 1 } as const
  expect(needsSnapshot(query)).toBe(false)
  expect(needsSnapshot({ ...query, orderBy: [] })).toBe(false)
  expect([{ limit: n }, { offset: n }].map((more) => needsSnapshot({ ...query, ...more }))).toEqual([
    true,
    true,
  ])
})

test('sizes of pages are whole numbers from 1 to 10,000', () => {
  expect([1, 10_000].map((size) => checkPageSize(size, 'size'))).toEqual([1, 10_000])
  for (const size of [0, 10_001, 1.5, '5', null])
    expect(() => checkPageSize(size, 'size')).toThrow(/size must be/)
})
