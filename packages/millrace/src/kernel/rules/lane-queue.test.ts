import { expect, test } from 'vitest'
import type { LaneView } from './fair-order.ts'
import { LaneQueue } from './lane-queue.ts'
import { createVirtualTimes } from './virtual-times.ts'

const view = (id: number, tenant: string, job: string): LaneView => ({
  lane: { id, tenant, queue: 'q', name: 'n', version: 1, gated: false },
  head: { prio: 5, job },
  after: null,
})

function queueOf(...views: readonly LaneView[]) {
  const times = createVirtualTimes()
  const queue = new LaneQueue(times)
  for (const one of views) queue.put(one)
  const ids = (): number[][] => [...queue.tenants()].map(({ lanes }) => [...lanes].map(({ lane }) => lane.id))
  return { times, queue, ids }
}

test('tenants come least served first, among equals by the oldest of all their lanes', () => {
  const { times, queue, ids } = queueOf(view(1, 'a', '5'), view(2, 'b', '3'), view(3, 'a', '2'))
  expect(ids()).toEqual([[1, 3], [2]])
  times.charge('a', 10)
  expect([...queue.tenants()].map(({ tag, cost }) => [tag, cost])).toEqual([
    [0, 10],
    [10, 10],
  ])
  expect(ids()).toEqual([[2], [1, 3]])
})

test('a head that moved on counts, and so does a lane that is gone', () => {
  const { queue, ids } = queueOf(view(1, 'a', '1'), view(2, 'b', '2'), view(3, 'a', '3'))
  queue.put(view(1, 'a', '9'))
  expect(ids()).toEqual([[2], [1, 3]])
  queue.remove(view(3, 'a', ''))
  expect(ids()).toEqual([[2], [1]])
  queue.remove(view(2, 'b', ''))
  queue.remove(view(2, 'b', ''))
  queue.remove(view(1, 'a', ''))
  expect([queue.size, ids()]).toEqual([0, []])
})

test('others are tenants that have lanes here', () => {
  const { queue } = queueOf()
  expect(queue.hasOthers('a')).toBe(false)
  queue.put(view(1, 'a', '1'))
  expect([queue.hasOthers('a'), queue.hasOthers('b')]).toEqual([false, true])
  queue.put(view(2, 'b', '2'))
  expect([queue.hasOthers('a'), queue.hasOthers('b')]).toEqual([true, true])
})
