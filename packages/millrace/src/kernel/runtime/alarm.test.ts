import { expect, test } from 'vitest'
import { Alarm, type Bounded } from './alarm.ts'

/** A clock whose one pending timer is rung by hand. */
function clockwork() {
  let now = 0
  let timer: { at: number; call: () => void } | null = null
  const clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms: number, call: () => void) => {
      const own = { at: now + ms, call }
      timer = own
      return () => {
        if (timer === own) timer = null
      }
    },
  }
  return {
    clock,
    dueAt: () => timer?.at ?? null,
    to: (ms: number) => {
      now = ms
      const due = timer
      if (due === null || due.at > now) return
      timer = null
      due.call()
    },
  }
}

const rung: string[] = []
const bound = (name: string, boundAt: number): Bounded => ({ boundAt, ring: () => void rung.push(name) })

test('rings each at its time, the earliest first, and not those that were removed', () => {
  const { clock, to, dueAt } = clockwork()
  const alarm = new Alarm(clock)
  const removed = bound('removed', 50)
  alarm.add(bound('late', 100))
  alarm.add(removed)
  alarm.add(bound('early', 10))
  alarm.remove(removed)
  expect(dueAt()).toBe(10)
  to(10)
  expect(rung).toEqual(['early'])
  expect(dueAt()).toBe(100)
  to(99)
  expect(rung).toEqual(['early'])
  to(100)
  expect(rung).toEqual(['early', 'late'])
  expect(dueAt()).toBeNull()
})

test('a later bound does not move the timer, and stop takes it away', () => {
  const { clock, dueAt } = clockwork()
  const alarm = new Alarm(clock)
  alarm.add(bound('first', 10))
  alarm.add(bound('second', 20))
  expect(dueAt()).toBe(10)
  alarm.stop()
  expect(dueAt()).toBeNull()
  alarm.add(bound('third', 30))
  expect(dueAt()).toBe(30)
})
