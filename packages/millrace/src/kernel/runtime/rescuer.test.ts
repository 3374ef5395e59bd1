import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { createRescue } from '../rules/rescue.ts'
import type { Workers, WorkerView } from '../storage/workers.ts'
import { EngineEvents, type EngineEvent } from './engine-event.ts'
import { Rescuer } from './rescuer.ts'

const report = { lost: 1, handedBack: 2, parked: 0 }
const rescuers: Rescuer[] = []
afterEach(async () => {
  for (const rescuer of rescuers.splice(0)) await rescuer.stop()
})

const turns = async (): Promise<void> => {
  for (let n = 0; n < 10; n += 1) await new Promise((resolve) => setImmediate(resolve))
}

function rescuing(leases: Readonly<Record<number, readonly number[]>>, change: Partial<Workers> = {}) {
  const clock = new VirtualClock(new Date(0))
  const events = new EngineEvents()
  const heard: EngineEvent[] = []
  events.subscribe((event) => void heard.push(event))
  const rescued: number[] = []
  const buried: number[] = []
  const workers = {
    list: async () => [],
    expired: async () => Object.keys(leases).map(Number),
    leasesOf: async (worker: number) => leases[worker] ?? [],
    async rescueLease(_worker: number, lease: number) {
      rescued.push(lease)
      return report
    },
    async bury(worker: number) {
      buried.push(worker)
      return true
    },
    ...change,
  } as Workers
  const rescuer = new Rescuer({
    workers,
    clock,
    rescue: createRescue({ maxDeaths: 3 }),
    everyMs: 1_000,
    host: 'here',
    events,
    faults: undefined,
    chance: { next: () => 0.5, bytes: (n) => new Uint8Array(n) },
  })
  rescuers.push(rescuer)
  return { rescuer, clock, heard, rescued, buried }
}

test('takes every lease of every dead worker, tells what became of them, and buries the worker', async () => {
  const { rescuer, heard, rescued, buried } = rescuing({ 1: [10, 11], 2: [20] })
  rescuer.start()
  await turns()
  expect([...rescued].sort()).toEqual([10, 11, 20])
  expect([...buried].sort()).toEqual([1, 2])
  expect(heard.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))).toEqual([
    { kind: 'rescued', worker: 1, lost: 2, handedBack: 4, parked: 0 },
    { kind: 'rescued', worker: 2, lost: 1, handedBack: 2, parked: 0 },
  ])
})

test('R2: one bad lease never stops the rest, and is tried again', async () => {
  let tries = 0
  const { rescuer, clock, heard, buried } = rescuing(
    { 1: [10, 11], 2: [20] },
    {
      async rescueLease(_worker, lease) {
        if (lease !== 10) return report
        tries += 1
        throw new Error('bad lease')
      },
    },
  )
  rescuer.start()
  await turns()
  expect([...buried].sort()).toEqual([1, 2])
  expect(heard.map(({ kind }) => kind).sort()).toEqual(['rescued', 'rescued', 'trouble'])
  clock.moveTo(1_000)
  await turns()
  expect(tries).toBe(2)
})

test('R2: neither does a worker whose leases cannot be read, nor a neighbour that cannot be expired', async () => {
  const dead: Partial<WorkerView> = { id: 7, alive: true, host: 'here', pid: 2 ** 22 + 1 }
  const { rescuer, heard, rescued } = rescuing(
    { 1: [10], 2: [20] },
    {
      list: async () => [dead as WorkerView],
      expire: async () => Promise.reject(new Error('no')),
      async leasesOf(worker) {
        if (worker === 1) throw new Error('unreadable')
        return [20]
      },
    },
  )
  rescuer.start()
  await turns()
  expect(rescued).toEqual([20])
  expect(heard.filter(({ kind }) => kind === 'trouble')).toHaveLength(2)
})

test('R2: one that hangs holds up neither the rest nor the next rounds, and stop waits for it', async () => {
  const { promise, resolve } = Promise.withResolvers<null>()
  const leases: Record<number, readonly number[]> = { 1: [10], 2: [20] }
  const { rescuer, clock, buried } = rescuing(leases, {
    rescueLease: async (_worker, lease) => (lease === 10 ? promise : report),
  })
  rescuer.start()
  await turns()
  expect(buried).toEqual([2])
  leases[3] = [30]
  clock.moveTo(1_000)
  await turns()
  expect(buried).toContain(3)
  let stopped = false
  const stopping = rescuer.stop().then(() => (stopped = true))
  await turns()
  expect(stopped).toBe(false)
  resolve(null)
  await stopping
})

test('a lease somebody else took is none of ours', async () => {
  const { rescuer, heard } = rescuing({ 1: [10] }, { rescueLease: async () => null })
  rescuer.start()
  await turns()
  expect(heard).toEqual([])
})

test('a dead process of this machine is expired at once, one elsewhere or alive is not', async () => {
  const expired: number[] = []
  const view = (id: number, change: Partial<WorkerView>): WorkerView => ({
    ...{ id, host: 'here', pid: process.pid, release: '0.1.0', knows: [], queues: null },
    ...{ startedAt: 0, until: 0, alive: true },
    ...change,
  })
  const gone = 2 ** 22 + 1
  const { rescuer } = rescuing(
    {},
    {
      list: async () => [
        view(1, {}),
        view(2, { pid: gone }),
        view(3, { pid: gone, host: 'there' }),
        view(4, { pid: gone, alive: false }),
      ],
      expire: async (worker) => void expired.push(worker),
    },
  )
  rescuer.start()
  await turns()
  expect(expired).toEqual([2])
})
