import fc from 'fast-check'
import { expect, test } from 'vitest'
import { freeSlots, isFilling, moved, roomOf, type FlexPlace } from './flex-queue.ts'

test('as many may start as slots are free, never fewer than none', () => {
  expect(freeSlots({ slots: 5, active: 2 })).toBe(3)
  // The number of slots was lowered meanwhile.
  expect(freeSlots({ slots: 2, active: 5 })).toBe(0)
})

test('the hundred and sixth of five and a hundred finds no room', () => {
  const standing = { slots: 5, most: 100, active: 5, holding: 99 }
  expect(roomOf(standing)).toBe(1)
  expect(roomOf({ ...standing, holding: 100 })).toBe(0)
  // Held past the bound by schedules.
  expect(roomOf({ ...standing, holding: 120 })).toBe(0)
  expect(roomOf({ ...standing, active: 3, holding: 0 })).toBe(102)
  expect(roomOf({ ...standing, most: null, holding: 5_000 })).toBe(Infinity)
})

test('four fifths are told once for each rise past them', () => {
  const told = Array.from({ length: 100 }, (_, before) => isFilling(before, before + 1, 100))
  expect(told.flatMap((yes, before) => (yes ? [before + 1] : []))).toEqual([80])
  expect(isFilling(10, 95, 100)).toBe(true)
  expect(isFilling(80, 81, 100)).toBe(false)
  expect(isFilling(0, 1, 1)).toBe(true)
  expect(isFilling(0, 5_000, null)).toBe(false)
  expect(isFilling(0, 1, 0)).toBe(false)
})

test.each<[FlexPlace, string | null]>([
  [{ to: 'front' }, 'cabde'],
  [{ to: 'end' }, 'abdec'],
  [{ to: 'before', other: 'a' }, 'cabde'],
  [{ to: 'before', other: 'e' }, 'abdce'],
  [{ to: 'before', other: 'd' }, null],
  [{ to: 'after', other: 'a' }, 'acbde'],
  [{ to: 'after', other: 'e' }, 'abdec'],
  [{ to: 'after', other: 'b' }, null],
  [{ to: 'before', other: 'c' }, null],
  [{ to: 'after', other: 'c' }, null],
])('c of abcde moved to %o', (place, order) => {
  expect(moved(['a', 'b', 'c', 'd', 'e'], 'c', place)?.join('') ?? null).toBe(order)
})

test('the first is at the front and the last at the end already', () => {
  expect(moved(['a', 'b'], 'a', { to: 'front' })).toBeNull()
  expect(moved(['a', 'b'], 'b', { to: 'end' })).toBeNull()
  expect(moved(['a'], 'a', { to: 'end' })).toBeNull()
})

test('a move keeps everybody, the order of the others, and is where it was told to be', () => {
  const places = fc.record({
    n: fc.integer({ min: 2, max: 12 }),
    to: fc.constantFrom<FlexPlace['to'][]>('front', 'end', 'before', 'after'),
    job: fc.nat(),
    other: fc.nat(),
  })
  fc.assert(
    fc.property(places, ({ n, to, job, other }) => {
      const order = Array.from({ length: n }, (_, at) => `job ${at}`)
      const [mover, reference] = [order[job % n] as string, order[other % n] as string]
      const place: FlexPlace = to === 'front' || to === 'end' ? { to } : { to, other: reference }
      const after = moved(order, mover, place)
      if (after === null) return
      const others = (all: readonly string[]): string[] => all.filter((id) => id !== mover)
      expect(others(after)).toEqual(others(order))
      expect(after.length).toBe(n)
      const [at, of] = [after.indexOf(mover), after.indexOf(reference)]
      expect(at).toBe({ front: 0, end: n - 1, before: of - 1, after: of + 1 }[to])
    }),
  )
})
