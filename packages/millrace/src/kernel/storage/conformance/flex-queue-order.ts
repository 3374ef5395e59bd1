import { describe, expect, test } from 'vitest'
import type { JobId } from '../../rules/execution.ts'
import type { FlexPlace } from '../../rules/flex-queue.ts'
import { Bench, newJob } from './fixtures.ts'
import type { Open } from './subject.ts'
import { end, enqueue, holding, queueOf } from './flex-queue-jobs.ts'

export function flexQueueOrder(open: Open): void {
  moves(open)
  lists(open)
}

function moves(open: Open): void {
  describe('the order of a flex queue', () => {
    const bench = new Bench(open)
    const move = (job: JobId, place: FlexPlace) => bench.storage.flexQueues.move(job, place)

    test('is changed to the front, the end, before and after, and is that in which jobs start', async () => {
      const queue = await queueOf(bench, 1)
      const [running, ...held] = await enqueue(bench, queue, 5)
      const [a, b, c, d] = held as [JobId, JobId, JobId, JobId]
      expect(await move(d, { to: 'front' })).toBe('moved')
      expect(await holding(bench, queue)).toEqual([d, a, b, c])
      expect(await move(d, { to: 'front' })).toBe('there')
      expect(await move(a, { to: 'end' })).toBe('moved')
      expect(await move(b, { to: 'after', other: c })).toBe('moved')
      expect(await holding(bench, queue)).toEqual([d, c, b, a])
      expect(await move(a, { to: 'before', other: c })).toBe('moved')
      expect(await holding(bench, queue)).toEqual([d, a, c, b])
      expect(await move(a, { to: 'after', other: d })).toBe('there')
      // Who comes now is behind them all.
      const [last] = await enqueue(bench, queue, 1)
      expect(await holding(bench, queue)).toEqual([d, a, c, b, last])
      const started: (JobId | undefined)[] = []
      for (let i = 0; i < 6; i += 1) {
        started.push(...(await end(bench, queue, 1)))
        await bench.storage.limits.wake([queue.key])
      }
      expect(started).toEqual([running, d, a, c, b, last])
    })

    test('is not that of jobs that have started, or are of another queue', async () => {
      const [queue, another] = [await queueOf(bench, 1), await queueOf(bench, 1)]
      const [running, held] = (await enqueue(bench, queue, 2)) as [JobId, JobId]
      const [, other] = (await enqueue(bench, another, 2)) as [JobId, JobId]
      expect(await move(running, { to: 'front' })).toBe('notHolding')
      expect(await move(newJob(queue.lane).id, { to: 'end' })).toBe('notHolding')
      expect(await move(held, { to: 'before', other: running })).toBe('otherNotHolding')
      expect(await move(held, { to: 'after', other })).toBe('otherNotHolding')
      expect(await move(held, { to: 'before', other: held })).toBe('there')
    })

    test('keeps everybody once, with many processes moving, starting and enqueueing', async () => {
      const queue = await queueOf(bench, 1, null)
      const ids = await enqueue(bench, queue, 21)
      const processes = await bench.several(4)
      const places = (other: JobId): FlexPlace[] => [
        ...([{ to: 'front' }, { to: 'end' }] as const),
        ...([
          { to: 'before', other },
          { to: 'after', other },
        ] as const),
      ]
      const more: JobId[] = []
      await Promise.all([
        ...processes.map(async (storage, index) => {
          for (let turn = 0; turn < 12; turn += 1) {
            const job = ids[(turn * 7 + index * 5) % ids.length]!
            const place = places(ids[(turn * 11 + index) % ids.length]!)[(turn + index) % 4]!
            expect(['moved', 'there', 'notHolding', 'otherNotHolding']).toContain(
              await storage.flexQueues.move(job, place),
            )
          }
        }),
        (async () => {
          for (let i = 0; i < 5; i += 1) {
            await end(bench, queue, 1)
            await bench.storage.limits.wake([queue.key])
            more.push(...(await enqueue(bench, queue, 1)))
          }
        })(),
      ])
      const all = [...ids, ...more]
      expect(await bench.tally(all)).toEqual({ completed: 5, ready: 1, waiting: 20 })
      const order = await holding(bench, queue)
      expect(new Set(order).size).toBe(20)
    })
  })
}

function lists(open: Open): void {
  describe('jobs that are Holding', () => {
    const bench = new Bench(open)

    test('are listed and counted as that, and not as Queued', async () => {
      const queue = await queueOf(bench, 1)
      const [first, ...held] = await enqueue(bench, queue, 3)
      const { tenant } = queue
      const list = async (status: 'Holding' | 'Queued') =>
        (await bench.storage.history.list({ tenant, status }, { before: null, limit: 10 })).jobs.map(
          ({ id }) => id,
        )
      expect(await list('Holding')).toEqual(held.toReversed())
      expect(await list('Queued')).toEqual([first])
      expect(await bench.storage.history.counts({ tenant })).toMatchObject({
        Holding: 2,
        Queued: 1,
        Completed: 0,
      })
      expect(await bench.storage.history.counts({})).toMatchObject({ Holding: 2, Queued: 1, Completed: 0 })
    })
  })
}
