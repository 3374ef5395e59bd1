import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemChance, systemClock } from './system-clock.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const day = 86_400_000

test('a timer beyond 2^31 ms is called once, when its time has come', () => {
  let calls = 0
  systemClock.after(60 * day, () => (calls += 1))
  vi.advanceTimersByTime(60 * day - 1)
  expect(calls).toBe(0)
  vi.advanceTimersByTime(1)
  expect(calls).toBe(1)
  vi.advanceTimersByTime(100 * day)
  expect(calls).toBe(1)
})

test('it can be cancelled at any time, also in its second stretch', () => {
  let calls = 0
  const cancels = [1, 30, 60].map((days) => systemClock.after(days * day, () => (calls += 1)))
  cancels[0]!()
  vi.advanceTimersByTime(26 * day)
  cancels[2]!()
  cancels[2]!()
  vi.advanceTimersByTime(100 * day)
  expect(calls).toBe(1)
})

test('never in the same turn, and not at all for Infinity', () => {
  let calls = 0
  systemClock.after(0, () => (calls += 1))
  systemClock.after(-5, () => (calls += 1))
  const cancel = systemClock.after(Infinity, () => (calls += 1))
  expect(calls).toBe(0)
  vi.advanceTimersByTime(1)
  expect(calls).toBe(2)
  vi.advanceTimersByTime(1_000 * day)
  expect(calls).toBe(2)
  cancel()
})

test('chance: in [0, 1), and bytes that are not the same twice, also where they do not fit the pool', () => {
  const next = systemChance.next()
  expect(next).toBeGreaterThanOrEqual(0)
  expect(next).toBeLessThan(1)
  const seen = new Set<string>()
  for (let n = 0; n < 600; n += 1) seen.add(Buffer.from(systemChance.bytes(10)).toString('hex'))
  expect(seen.size).toBe(600)
  expect(systemChance.bytes(4_000)).toHaveLength(4_000)
})
