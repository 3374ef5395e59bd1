import { expect, test } from 'vitest'
import { afterMs } from './timer.ts'
import { LockTimeout, WriterLock } from './writer-lock.ts'
import { rejection } from './test-support/scratch.ts'

test('gives the lock in the order of asking, to one at a time', async () => {
  const lock = new WriterLock(afterMs)
  const order: number[] = []
  let holders = 0
  await Promise.all(
    [0, 1, 2, 3].map(async (index) => {
      await lock.acquire()
      holders += 1
      expect(holders).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      order.push(index)
      holders -= 1
      lock.release()
    }),
  )
  expect(order).toEqual([0, 1, 2, 3])
})

test('those who waited long enough leave the queue, the others keep their place', async () => {
  const timers: (() => void)[] = []
  const lock = new WriterLock((_ms, call) => {
    timers.push(call)
    return () => undefined
  })
  await lock.acquire()
  const impatient = lock.acquire(5)
  const patient = lock.acquire()
  timers[0]?.()
  expect(await rejection(impatient)).toBeInstanceOf(LockTimeout)
  lock.release()
  await patient
})

test('a lock that was granted in time does not time out later', async () => {
  let cancelled = 0
  const lock = new WriterLock(() => () => {
    cancelled += 1
  })
  await lock.acquire()
  const waiting = lock.acquire(5)
  lock.release()
  await waiting
  expect(cancelled).toBe(1)
})

test('whoever was chosen does not time out before the grant, or the lock would be held by nobody', async () => {
  let timeOut: (() => void) | null = null
  const lock = new WriterLock((_ms, call) => {
    timeOut = call
    return () => (timeOut = null)
  })
  await lock.acquire()
  const waiting = lock.acquire(5)
  lock.release()
  ;(timeOut as (() => void) | null)?.()
  await waiting
})

test('close refuses everyone who waits or comes later', async () => {
  const lock = new WriterLock(afterMs)
  await lock.acquire()
  const waiting = lock.acquire()
  const reason = new Error('closed')
  lock.close(reason)
  expect(await rejection(waiting)).toBe(reason)
  lock.release()
  expect(await rejection(lock.acquire())).toBe(reason)
})
