import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createIdSource, idCeiling, idFloor, idTime, isJobId } from './ids.ts'

/** Reproducible bytes (a small linear congruence). */
function bytesFrom(seed: number): (n: number) => Uint8Array {
  let state = seed
  return (n) =>
    Uint8Array.from({ length: n }, () => (state = (state * 1_664_525 + 1_013_904_223) >>> 0) >>> 24)
}
const allOnes = (n: number): Uint8Array => new Uint8Array(n).fill(255)

test('ids are UUIDv7 that rise strictly, whatever the clock does', () => {
  const clock = fc.array(fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_003 }), {
    minLength: 2,
    maxLength: 2000,
  })
  fc.assert(
    fc.property(clock, fc.integer(), (times, seed) => {
      let at = 0
      const next = createIdSource(() => times[at++]!, bytesFrom(seed))
      let before = ''
      for (const time of times) {
        const id = next()
        expect(isJobId(id)).toBe(true)
        expect(id > before).toBe(true)
        expect(idTime(id)).toBeGreaterThanOrEqual(time)
        before = id
      }
      expect(idTime(before)).toBe(Math.max(...times))
    }),
  )
})

test('a ms whose counter is full borrows the next one', () => {
  const next = createIdSource(() => 1000.9, allOnes)
  const ids = Array.from({ length: 65_537 }, next)
  expect(ids.every((id, index) => index === 0 || id > ids[index - 1]!)).toBe(true)
  expect(ids.slice(-2).map(idTime)).toEqual([1000, 1001])
})

test('two sources with different bytes do not meet', () => {
  const [a, b] = [createIdSource(() => 5, bytesFrom(1)), createIdSource(() => 5, bytesFrom(2))]
  const ids = new Set([...Array.from({ length: 1000 }, a), ...Array.from({ length: 1000 }, b)])
  expect(ids.size).toBe(2000)
})

test('bytes are asked for in bulk', () => {
  let calls = 0
  const next = createIdSource(
    () => 5,
    (n) => {
      calls += 1
      return bytesFrom(calls)(n)
    },
  )
  for (let i = 0; i < 1000; i++) next()
  expect(calls).toBe(3)
})

test.each([
  '',
  'x',
  '018bcfe5-6800-4000-bd08-ff0707070707',
  '018BCFE5-6800-7000-BD08-FF0707070707',
  ' 018bcfe5-6800-7000-bd08-ff0707070707',
  7,
  null,
])('%j is no job id', (text) => {
  expect(isJobId(text)).toBe(false)
})

test('floor and ceiling enclose exactly the ids of a ms', () => {
  const times = fc.integer({ min: 0, max: 2 ** 48 - 2 })
  fc.assert(
    fc.property(times, fc.integer(), (time, seed) => {
      const id = createIdSource(() => time, bytesFrom(seed))()
      expect(idFloor(time) <= id && id <= idCeiling(time)).toBe(true)
      expect(id < idFloor(time + 1)).toBe(true)
      expect(isJobId(idFloor(time)) && isJobId(idCeiling(time))).toBe(true)
      expect(idTime(id)).toBe(time)
    }),
  )
  expect(idFloor(-5)).toBe('00000000-0000-7000-8000-000000000000')
  expect(idCeiling(Infinity)).toBe('ffffffff-ffff-7fff-bfff-ffffffffffff')
  expect(idFloor(1.9)).toBe(idFloor(1))
})
