import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  checkPageSize,
  needsSnapshot,
  splitKeys,
  splitPositions,
  stretch,
  type KeyPlan,
  type PagePosition,
} from './plan.ts'

const ends = fc
  .tuple(fc.nat({ max: 1_000 }), fc.nat({ max: 1_000 }))
  .map(([from, count]) => ({ from, to: from + count }))

test('stretches go from end to end without a gap', () => {
  fc.assert(
    fc.property(ends, fc.integer({ min: 1, max: 300 }), ({ from, to }, size) => {
      let position: PagePosition | null = null
      let at = from
      for (;;) {
        const one = stretch({ from, to }, position, size)
        expect(one.at).toBe(at)
        expect(one.count).toBe(Math.min(size, to - at))
        at += one.count
        position = one.position
        if (one.done) break
        expect(one.count).toBe(size)
      }
      expect(at).toBe(to)
    }),
  )
})

test('parts of positions share nothing, miss nothing, and differ by one at most', () => {
  fc.assert(
    fc.property(ends, fc.integer({ min: 1, max: 50 }), ({ from, to }, parts) => {
      const split = splitPositions({ from, to }, parts)
      expect(split.length).toBe(Math.max(1, Math.min(parts, to - from)))
      expect(split[0]?.from).toBe(from)
      expect(split.at(-1)?.to).toBe(to)
      for (const [at, part] of split.entries()) if (at > 0) expect(part.from).toBe(split[at - 1]?.to)
      const sizes = split.map((part) => part.to - part.from)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }),
  )
})

test('parts of keys meet at the cuts', () => {
  const plan: KeyPlan = { kind: 'keys', query: '', size: 5, after: null, upTo: 'z' }
  expect(splitKeys(plan, ['g', 'p']).map(({ after, upTo }) => [after, upTo])).toEqual([
    [null, 'g'],
    ['g', 'p'],
    ['p', 'z'],
  ])
  expect(splitKeys({ ...plan, after: 'c' }, [])).toEqual([{ ...plan, after: 'c' }])
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
