import { beforeEach, expect, test } from 'vitest'
import type { Lane } from '../rules/execution.ts'
import type { LaneView } from '../rules/fair-order.ts'
import { LaneQueue } from '../rules/lane-queue.ts'
import { createVirtualTimes } from '../rules/virtual-times.ts'
import type { Lanes } from '../storage/lanes.ts'
import { ActiveLanes } from './active-lanes.ts'
import { LaneCache } from './lane-cache.ts'

const lane = (id: number): Lane => ({
  id,
  tenant: 't',
  queue: 'q',
  name: `n${String(id)}`,
  version: 1,
  gated: false,
})
const lanes = {
  read: async (ids: readonly number[]) => ids.map(lane),
} satisfies Partial<Lanes> as unknown as Lanes

let active: ActiveLanes
let queue: LaneQueue
let cache: LaneCache
let paused: number[]
beforeEach(async () => {
  cache = new LaneCache(lanes)
  queue = new LaneQueue(createVirtualTimes())
  paused = []
  active = new ActiveLanes(cache, queue, ({ id }) => !paused.includes(id))
  await cache.load([1, 2, 3])
})

const quota = (id: number, n: number) => ({ lane: id, quota: n, after: null })
const member = (id: number, job: string, prio = 5) => ({ lane: id, prio, job, seq: 0 })
const views = (): LaneView[] => [...queue.tenants()].flatMap((tenant) => [...tenant.lanes])
const ids = () => views().map((view) => view.lane.id)

test('woken lanes are active until a claim gets less of them than it asked for', () => {
  active.wake([1, 2])
  const quotas = [quota(1, 2), quota(2, 2)]
  const before = active.wakesOf(quotas)
  active.claimed(quotas, [member(1, 'a'), member(1, 'b'), member(2, 'c')], before)
  expect(ids()).toEqual([1])
  expect(views()[0]).toMatchObject({
    after: { prio: 5, job: 'b', seq: 0 },
    head: { prio: 5, job: 'b' },
  })
})

test('a wake during a claim is not forgotten, and the place is not taken over it', () => {
  active.wake([1])
  const quotas = [quota(1, 5)]
  const before = active.wakesOf(quotas)
  active.wake([1])
  active.claimed(quotas, [member(1, 'a')], before)
  expect(ids()).toEqual([1])
  expect(views()[0]?.after).toBeNull()
})

test('rows that came back before the place make the next claim begin at the head', () => {
  active.wake([1])
  const quotas = [quota(1, 1)]
  active.claimed(quotas, [member(1, 'm')], active.wakesOf(quotas))
  expect(views()[0]?.after).not.toBeNull()
  active.back([1])
  expect(views()[0]?.after).toBeNull()
})

test('a lane whose rows were parked is looked at again', () => {
  active.wake([1])
  const quotas = [quota(1, 5)]
  active.claimed(quotas, [member(1, 'a')], active.wakesOf(quotas), 3)
  expect(ids()).toEqual([1])
})

test('the scan is the truth: it adds, corrects heads, forgets places, and drops what has nothing ready', () => {
  active.wake([1, 2])
  const quotas = [quota(1, 1)]
  active.claimed(quotas, [member(1, 'm')], active.wakesOf(quotas))
  active.replace(
    [
      { lane: 1, prio: 0, job: 'z' },
      { lane: 3, prio: 5, job: 'y' },
    ],
    active.wakes,
  )
  expect(views()).toMatchObject([
    { lane: lane(1), head: { prio: 0, job: 'z' }, after: null },
    { lane: lane(3), head: { prio: 5, job: 'y' }, after: null },
  ])
})

test('a wake during a scan is not forgotten either', () => {
  active.wake([2])
  const before = active.wakes
  active.wake([1])
  active.replace([], before)
  expect(ids()).toEqual([1])
})

test('lanes that are not known yet come once they are read', async () => {
  active.wake([1, 77])
  expect(ids()).toEqual([1])
  expect(active.size).toBe(2)
  await active.read()
  expect(ids()).toEqual([1, 77])
})

test('what may not be run is left out until a scan finds that it may', () => {
  paused = [2]
  active.wake([1, 2])
  expect(ids()).toEqual([1])
  paused = [1]
  const heads = [1, 2].map((id) => ({ lane: id, prio: 5, job: 'a' }))
  active.replace(heads, active.wakes)
  expect(ids()).toEqual([2])
})
