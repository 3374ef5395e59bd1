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

function alarmed() {
  const work = clockwork()
  const running = new Set<Bounded>()
  const alarm = new Alarm(work.clock, () => running)
  const begin = (name: string, boundAt: number): Bounded => {
    const bounded = {
      boundAt,
      ring: () => {
        rung.push(name)
        running.delete(bounded)
      },
    }
    running.add(bounded)
    alarm.began(bounded)
    return bounded
  }
  return { ...work, alarm, running, begin }
}

test('rings each at its time, the earliest first, and not those that ended', () => {
  const { to, dueAt, begin, running } = alarmed()
  begin('late', 100)
  const ended = begin('ended', 50)
  begin('early', 10)
  running.delete(ended)
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
  const { dueAt, begin, alarm } = alarmed()
  begin('first', 10)
  begin('second', 20)
  expect(dueAt()).toBe(10)
  alarm.stop()
  expect(dueAt()).toBeNull()
  begin('third', 30)
  expect(dueAt()).toBe(30)
})
