import { describe, expect, test } from 'vitest'
import type { WorkerId } from '../../rules/execution.ts'
import type { WorkerSpec, WorkerView } from '../workers.ts'
import { Bench, decision, rescueWith } from './fixtures.ts'
import type { Open } from './subject.ts'

export function workers(open: Open): void {
  describe('workers', () => {
    const bench = new Bench(open)
    const view = async (worker: WorkerId): Promise<WorkerView | undefined> =>
      (await bench.storage.workers.list()).find((one) => one.id === worker)
    const expired = async (worker: WorkerId): Promise<boolean> =>
      (await bench.storage.workers.expired()).includes(worker)

    test('are listed with all they said, and until when they live', async () => {
      const spec: WorkerSpec = {
        host: 'bøx',
        pid: 7,
        release: '9.0.1',
        knows: ['a@1', 'b@2'],
        queues: ['mail', "it's"],
      }
      const before = Math.floor(await bench.storage.now())
      const id = await bench.storage.workers.register(spec, 30_000)
      const after = Math.ceil(await bench.storage.now())
      const { startedAt, until, ...rest } = (await view(id))!
      expect(rest).toEqual({ id, ...spec, alive: true })
      expect(startedAt).toBeGreaterThanOrEqual(before)
      expect(startedAt).toBeLessThanOrEqual(after)
      expect(until - startedAt).toBeGreaterThanOrEqual(29_990)
      expect(until - startedAt).toBeLessThanOrEqual(30_010)
    })

    test('may serve all queues and know nothing yet', async () => {
      const id = await bench.storage.workers.register(
        { host: 'h', pid: 1, release: '1', knows: [], queues: null },
        30_000,
      )
      expect(await view(id)).toMatchObject({ knows: [], queues: null })
    })

    test('get a new number each start, whatever they say of themselves', async () => {
      const ids = await Promise.all(Array.from({ length: 10 }, () => bench.worker()))
      expect(new Set(ids).size).toBe(10)
    })

    test('live on when they renew in time', async () => {
      const worker = await bench.worker(1_000)
      const { until } = (await view(worker))!
      expect(await bench.storage.workers.renew(worker, 90_000)).toBe(true)
      const renewed = (await view(worker))!
      expect(renewed.until).toBeGreaterThan(until + 60_000)
      expect(renewed.alive).toBe(true)
      expect(await expired(worker)).toBe(false)
    })

    test('cannot come back to life', async () => {
      const worker = await bench.worker()
      await bench.kill(worker)
      expect(await view(worker)).toMatchObject({ alive: false })
      expect(await expired(worker)).toBe(true)
      expect(await bench.storage.workers.renew(worker, 60_000)).toBe(false)
      expect(await view(worker)).toMatchObject({ alive: false })
    })

    test('cannot renew when their row is gone', async () => {
      const worker = await bench.worker()
      await bench.storage.workers.leave(worker)
      expect(await bench.storage.workers.renew(worker, 60_000)).toBe(false)
      expect(await view(worker)).toBeUndefined()
    })

    test('leave without a trace when they hold nothing, also twice', async () => {
      const worker = await bench.worker()
      await bench.storage.workers.leave(worker)
      await bench.storage.workers.leave(worker)
      expect(await view(worker)).toBeUndefined()
      expect(await expired(worker)).toBe(false)
    })

    test('leave their leases to the rescue at once', async () => {
      const { worker, lease, run } = await bench.leased(1, {}, { free: 0 })
      await bench.storage.workers.leave(worker)
      expect(await view(worker)).toMatchObject({ alive: false })
      expect(await expired(worker)).toBe(true)
      expect(await bench.storage.workers.leasesOf(worker)).toEqual([lease])
      expect(await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))).toMatchObject({
        handedBack: 1,
      })
      expect(await bench.place(run.job)).toBe('ready')
    })

    test('can be declared dead by one who saw them gone', async () => {
      const { worker, lease } = await bench.leased(1, {}, { free: 0 })
      await bench.storage.workers.expire(worker)
      expect(await view(worker)).toMatchObject({ alive: false })
      expect(await expired(worker)).toBe(true)
      expect(await bench.storage.workers.renew(worker, 60_000)).toBe(false)
      expect(await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))).toMatchObject({
        handedBack: 1,
      })
      await bench.storage.workers.expire(2_000_000_000)
    })

    test('are not brought back to life by being declared dead', async () => {
      const worker = await bench.worker()
      await bench.kill(worker)
      const { until } = (await view(worker))!
      await bench.storage.workers.expire(worker)
      expect((await view(worker))!.until).toBeLessThanOrEqual(Math.ceil(await bench.storage.now()))
      expect((await view(worker))!.until).toBeGreaterThanOrEqual(until)
      expect(await expired(worker)).toBe(true)
    })

    test('are buried once they are dead and hold nothing', async () => {
      const { worker, lease } = await bench.leased(1)
      expect(await bench.storage.workers.bury(worker)).toBe(false)
      expect(await view(worker)).toMatchObject({ alive: true })
      await bench.kill(worker)
      expect(await bench.storage.workers.bury(worker)).toBe(false)
      expect(await view(worker)).toMatchObject({ alive: false })
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      expect(await bench.storage.workers.bury(worker)).toBe(true)
      expect(await view(worker)).toBeUndefined()
      expect(await expired(worker)).toBe(false)
    })

    test('are not buried alive', async () => {
      const worker = await bench.worker()
      await bench.storage.workers.bury(worker)
      expect(await view(worker)).toMatchObject({ alive: true })
    })

    test('have leases until those are settled', async () => {
      const { worker, lease, run } = await bench.leased(1)
      expect(await bench.storage.workers.leasesOf(worker)).toEqual([lease])
      await bench.settle([decision(run)])
      expect(await bench.storage.workers.leasesOf(worker)).toEqual([])
      expect(await bench.storage.workers.leasesOf(2_000_000_000)).toEqual([])
    })

    test('may still settle under a standing lease: the lease is the fence', async () => {
      const { worker, run } = await bench.leased(1)
      await bench.kill(worker)
      expect(await bench.settle([decision(run)])).toEqual([])
      expect(await bench.place(run.job)).toBe('completed')
    })
  })
}
