import { describe, expect, test } from 'vitest'
import { admit } from '../../rules/admit.ts'
import type { Admit } from '../../rules/limits.ts'
import { Bench, pass, until } from './fixtures.ts'
import { gated, limit } from './limits.ts'
import type { Open } from './subject.ts'

/** The rules, but the pump is to look after a millisecond. */
const soon: Admit = (rows, keys, nowMs) => {
  const admission = admit(rows, keys, nowMs)
  return { ...admission, keys: admission.keys.map((key) => ({ ...key, nextInMs: key.nextInMs && 1 })) }
}

const past = (ms: number) => ({ due: { at: 1_000_000_000_000 + ms } })

export function waiting(open: Open): void {
  describe('rows that wait', () => {
    const bench = new Bench(open)

    test('are none at first', async () => {
      expect(await bench.storage.waiting.moveDue(100)).toEqual({ moved: 0, lanes: [], nextInMs: null })
      expect(await bench.storage.waiting.pump()).toEqual({ moved: 0, lanes: [], nextInMs: null })
    })

    test('move when they are due, in the order of their times, up to the limit', async () => {
      const [one, two] = [await bench.lane(), await bench.lane()]
      // Past instants may be queued at once; a millisecond ahead of now they wait.
      const at = Math.floor(await bench.storage.now()) + 30
      const jobs = await bench.enqueue(one, [{ due: { at: at + 2 } }, { due: { at } }])
      const other = await bench.enqueue(two, [{ due: { at: at + 1 } }])
      const ids = [...jobs, ...other].map((job) => job.id)
      const early = await bench.storage.waiting.moveDue(100)
      if (early.moved === 0) expect(early.nextInMs).toBeGreaterThan(0)
      await pass(bench.storage, 50)
      if (early.moved === 0) {
        expect(await bench.storage.waiting.moveDue(2)).toMatchObject({ moved: 2, nextInMs: 0 })
        expect(await bench.places(ids)).toEqual(['waiting', 'ready', 'ready'])
        expect(await bench.storage.waiting.moveDue(2)).toEqual({ moved: 1, lanes: [one.id], nextInMs: null })
      }
      await bench.storage.waiting.moveDue(100)
      expect(await bench.tally(ids)).toEqual({ ready: 3 })
    })

    test('name their lanes once', async () => {
      const [one, two] = [await bench.lane(), await bench.lane()]
      await bench.enqueue(one, [{ due: { inMs: 1 } }, { due: { inMs: 1 } }])
      await bench.enqueue(two, [{ due: { inMs: 1 } }])
      await pass(bench.storage, 2)
      const moved = await bench.storage.waiting.moveDue(100)
      expect(moved.moved).toBe(3)
      expect([...moved.lanes].sort((a, b) => a - b)).toEqual([one.id, two.id].sort((a, b) => a - b))
    })

    test('stay until they are due, and say in how long', async () => {
      const [job] = await bench.enqueue(await bench.lane(), [{ due: { inMs: 50_000 } }])
      const { moved, nextInMs } = await bench.storage.waiting.moveDue(100)
      expect(moved).toBe(0)
      expect(nextInMs).toBeGreaterThan(40_000)
      expect(nextInMs).toBeLessThanOrEqual(50_000)
      expect(await bench.place(job!.id)).toBe('waiting')
    })

    test('keep lane, priority, payload and options', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const [job] = await bench.enqueue(lane, [
        { ...past(0), prio: 8, payload: '"late"', options: { delayMs: 5 } },
      ])
      await bench.awaitReady(job!.id)
      const { members } = await bench.take(worker, lane)
      expect(members).toMatchObject([
        { job: job!.id, seq: 0, attempt: 1, care: 0, prio: 8, payload: '"late"', options: { delayMs: 5 } },
      ])
    })

    test('do not move by time when they wait for a limit', async () => {
      const { lane, ids } = await gated(bench, [limit({ slots: 0 })], 2)
      await bench.takeGated(await bench.worker(), lane)
      await pass(bench.storage, 5)
      await bench.storage.waiting.moveDue(100)
      expect(await bench.tally(ids)).toEqual({ waiting: 2 })
    })

    test('are moved once when several processes move them', async () => {
      const lane = await bench.lane()
      const jobs = await bench.enqueue(
        lane,
        Array.from({ length: 300 }, () => ({ due: { inMs: 1 } })),
      )
      await pass(bench.storage, 2)
      const processes = await bench.several(4)
      let moved = 0
      await until(async () => {
        const steps = await Promise.all(processes.map((storage) => storage.waiting.moveDue(50)))
        moved += steps.reduce((sum, step) => sum + step.moved, 0)
        return moved >= 300
      })
      expect(moved).toBe(300)
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members.map((run) => run.job)).toEqual(jobs.map((job) => job.id))
    })
  })

  describe('the pump', () => {
    const bench = new Bench(open)

    test('looks again while anyone waits, and rests when nobody does', async () => {
      const { lane, ids } = await gated(bench, [limit({ slots: 1 })], 2)
      const worker = await bench.worker()
      const { batch } = await bench.takeGated(worker, lane, {}, soon)
      await pass(bench.storage, 2)
      const { moved, nextInMs } = await bench.storage.waiting.pump()
      expect(moved).toBe(0)
      expect(nextInMs).toBeGreaterThan(0)
      expect(nextInMs).toBeLessThanOrEqual(1_000)
      await bench.storage.executions.handBackLease(worker, batch!.lease)
      await until(async () => (await bench.storage.waiting.pump()).nextInMs === null)
      expect(await bench.tally(ids)).toEqual({ ready: 2 })
    })

    test('is the backstop of a release that never came', async () => {
      const { lane, ids } = await gated(bench, [limit({ slots: 2 })], 5)
      const worker = await bench.worker()
      const { batch } = await bench.takeGated(worker, lane)
      await bench.storage.executions.handBackLease(worker, batch!.lease)
      let lanes: readonly number[] = []
      await until(async () => {
        const step = await bench.storage.waiting.pump()
        lanes = [...lanes, ...step.lanes]
        return (await bench.tally(ids)).waiting === 1
      })
      expect(lanes).toContain(lane.id)
      expect(await bench.tally(ids)).toEqual({ ready: 4, waiting: 1 })
    })
  })
}
