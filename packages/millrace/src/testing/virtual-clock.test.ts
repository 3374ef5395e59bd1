import { expect, test } from 'vitest'
import { VirtualClock } from './virtual-clock.ts'

const start = new Date('2030-01-01T00:00:00Z')

test('stands still until it is moved', () => {
  const clock = new VirtualClock(start)
  expect(clock.now()).toBe(start.getTime())
  expect(clock.monotonic()).toBe(0)
  clock.moveTo(start.getTime() + 1500)
  expect(clock.now()).toBe(start.getTime() + 1500)
  expect(clock.monotonic()).toBe(1500)
})

test('never goes back', () => {
  const clock = new VirtualClock(start)
  clock.moveTo(start.getTime() - 1)
  expect(clock.now()).toBe(start.getTime())
})

test('fires timers in the order of their times, each at its own, also those set on the way', () => {
  const clock = new VirtualClock(start)
  const fired: [string, number][] = []
  const note = (name: string) => fired.push([name, clock.monotonic()])
  clock.after(300, () => note('third'))
  clock.after(100, () => {
    note('first')
    clock.after(100, () => note('second'))
    clock.after(1000, () => note('too late'))
  })
  clock.moveTo(start.getTime() + 500)
  expect(fired).toEqual([
    ['first', 100],
    ['second', 200],
    ['third', 300],
  ])
  expect(clock.monotonic()).toBe(500)
  expect(clock.next).toBe(start.getTime() + 1100)
})

test('timers of one time fire in the order they were set; fractions are rounded up', () => {
  const clock = new VirtualClock(start)
  const fired: number[] = []
  for (const [n, ms] of [
    [1, 9.2],
    [2, 10],
    [3, 9.9],
  ] as const)
    clock.after(ms, () => fired.push(n))
  clock.moveTo(start.getTime() + 9)
  expect(fired).toEqual([])
  clock.moveTo(start.getTime() + 10)
  expect(fired).toEqual([1, 2, 3])
})

test('a cancelled timer does not fire', () => {
  const clock = new VirtualClock(start)
  const cancel = clock.after(10, () => expect.unreachable())
  cancel()
  expect(clock.next).toBe(Infinity)
  clock.moveTo(start.getTime() + 100)
})

test('no time at all is the next turn of the real event loop', async () => {
  const clock = new VirtualClock(start)
  clock.after(0, () => expect.unreachable())()
  await new Promise<void>((resolve) => clock.after(0, resolve))
  await new Promise<void>((resolve) => clock.after(-5, resolve))
  expect(clock.monotonic()).toBe(0)
})

test('an interval longer than any timer of Node costs nothing', () => {
  const clock = new VirtualClock(start)
  let fired = 0
  const century = 36_525 * 86_400_000
  clock.after(century, () => (fired += 1))
  clock.moveTo(start.getTime() + century - 1)
  expect(fired).toBe(0)
  clock.moveTo(start.getTime() + century)
  expect(fired).toBe(1)
})
