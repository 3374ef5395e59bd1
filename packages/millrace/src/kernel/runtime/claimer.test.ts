import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import type { Claimed, Lane, WorkerId } from '../rules/execution.ts'
import { LaneQueue } from '../rules/lane-queue.ts'
import { createVirtualTimes } from '../rules/virtual-times.ts'
import type { ClaimParams, Executions } from '../storage/executions.ts'
import type { Lanes } from '../storage/lanes.ts'
import { ActiveLanes } from './active-lanes.ts'
import { Claimer } from './claimer.ts'
import { Dispatcher } from './dispatcher.ts'
import { LaneCache } from './lane-cache.ts'
import { LeaseBook } from './lease-book.ts'

const claimers: Claimer[] = []
afterEach(async () => {
  for (const claimer of claimers.splice(0)) await claimer.stop()
})

const turns = async (): Promise<void> => {
  for (let n = 0; n < 10; n += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Ready rows by lane; lane n belongs to tenant n. */
function claiming(ready: Record<number, string[]>, concurrency: number) {
  const clock = new VirtualClock(new Date(0))
  const lane = (id: number): Lane => ({
    ...{ id, tenant: `t${String(id)}`, queue: 'q', name: 'n', version: 1, gated: false },
  })
  const lanes = {
    read: async (ids: readonly number[]) => ids.map(lane),
    heads: async () =>
      Object.entries(ready).flatMap(([id, jobs]) =>
        jobs[0] === undefined ? [] : [{ lane: Number(id), prio: 5, job: jobs[0] }],
      ),
  } satisfies Partial<Lanes> as unknown as Lanes
  let leases = 0
  let lose = false
  const claims: ClaimParams[] = []
  const standing = new Map<number, { lane: number; jobs: string[] }[]>()
  const executions = {
    async claim(params: ClaimParams) {
      claims.push(params)
      const taken = params.quotas.map(({ lane: id, quota }) => ({
        lane: id,
        jobs: (ready[id] ?? []).splice(0, quota),
      }))
      // As the storage does: in order of age, whoever they belong to.
      const rows = taken
        .flatMap(({ lane: id, jobs }) => jobs.map((job) => ({ job, lane: id })))
        .sort((a, b) => (a.job < b.job ? -1 : 1))
      if (rows.length === 0) return null
      leases += 1
      const lease = leases
      standing.set(lease, taken)
      if (lose) {
        lose = false
        throw new Error('no answer')
      }
      const members = rows.map((row, position): Claimed => ({
        ...{ ...row, seq: 0, attempt: 1, prio: 5, care: 0, lease, position },
        ...{ marked: position < params.free, payload: 'null', options: null },
      }))
      return { lease, members }
    },
    leases: async () => [...standing.keys()],
    async handBackLease(_worker: WorkerId, lease: number) {
      for (const { lane: id, jobs } of standing.get(lease) ?? []) ready[id] = [...jobs, ...(ready[id] ?? [])]
      standing.delete(lease)
    },
  } satisfies Partial<Executions> as unknown as Executions
  const cache = new LaneCache(lanes)
  const times = createVirtualTimes()
  const queue = new LaneQueue(times)
  const active = new ActiveLanes(cache, queue, () => true)
  const started: Claimed[] = []
  const errors: unknown[] = []
  const dispatcher = new Dispatcher({
    concurrency,
    queues: {},
    laneOf: (claimed) => lane(claimed.lane),
    run: (claimed) => void started.push(claimed),
    onHungry: () => claimer.kick(),
  })
  const claimer = new Claimer({
    ...{ executions, lanes, cache, active, queue, dispatcher, times, clock },
    book: new LeaseBook(),
    faults: undefined,
    worker: () => 1,
    beforeScan: async () => undefined,
    onError: (error) => errors.push(error),
  })
  claimers.push(claimer)
  return {
    ...{ claimer, active, clock, ready, claims, started, errors },
    loseNext: () => (lose = true),
    /** The oldest running one ends, after `ms`. */
    end: async (ms: number): Promise<void> => {
      const ended = started.find((one) => !over.has(one))!
      over.add(ended)
      dispatcher.measured(ms)
      times.left(lane(ended.lane).tenant, 1)
      times.charge(lane(ended.lane).tenant, ms)
      dispatcher.freed(ended)
      await turns()
    },
  }
}
const over = new Set<Claimed>()

test('finds work by the scan at its start, and what is woken after it', async () => {
  const { claimer, started, active, ready } = claiming({ 1: ['a', 'b'] }, 4)
  claimer.start()
  await turns()
  expect(started.map(({ job }) => job)).toEqual(['a', 'b'])
  ready[2] = ['c']
  active.wake([2])
  claimer.kick()
  await turns()
  expect(started.map(({ job }) => job)).toEqual(['a', 'b', 'c'])
})

test('asks for no more than there is room for', async () => {
  const { claimer, claims, started, end } = claiming({ 1: ['a', 'b', 'c', 'd'] }, 2)
  claimer.start()
  await turns()
  expect(started).toHaveLength(2)
  await end(60_000)
  expect(started).toHaveLength(3)
  for (const { quotas } of claims)
    expect(quotas.reduce((sum, { quota }) => sum + quota, 0)).toBeLessThanOrEqual(2)
})

test('a tenant that was idle has no credit: it shares from now on', async () => {
  const jobs = (tenant: string): string[] => Array.from({ length: 40 }, (_, n) => `${tenant}${String(n)}`)
  const { claimer, started, end, ready, active } = claiming({ 1: jobs('a') }, 1)
  claimer.start()
  await turns()
  for (let n = 0; n < 20; n += 1) await end(60_000)
  ready[2] = jobs('b')
  active.wake([2])
  const before = started.length
  for (let n = 0; n < 10; n += 1) await end(60_000)
  const since = started.slice(before).map(({ lane }) => lane)
  expect(since.filter((lane) => lane === 1).length).toBeGreaterThanOrEqual(4)
  expect(since.filter((lane) => lane === 2).length).toBeGreaterThanOrEqual(4)
})

test('in one claim tenants take turns, behind those that start at once', async () => {
  const { claimer, started, end } = claiming({ 1: ['1', '2', '3', '4'], 2: ['5'] }, 1)
  claimer.start()
  await turns()
  for (let n = 0; n < 5; n += 1) await end(10)
  expect(started.map(({ job }) => job)).toEqual(['1', '2', '5', '3', '4'])
})

test('a claim whose answer was lost is handed back, uncharged, and taken again', async () => {
  const { claimer, started, loseNext, clock, errors } = claiming({ 1: ['a', 'b'] }, 4)
  loseNext()
  claimer.start()
  await turns()
  expect(started).toEqual([])
  expect(errors).toHaveLength(1)
  clock.moveTo(2_000)
  await turns()
  expect(started.map(({ job, attempt }) => [job, attempt])).toEqual([
    ['a', 1],
    ['b', 1],
  ])
})

test('also when it stops before it could claim again', async () => {
  const { claimer, ready, loseNext } = claiming({ 1: ['a'] }, 4)
  loseNext()
  claimer.start()
  await turns()
  await claimer.stop()
  expect(ready[1]).toEqual(['a'])
})
