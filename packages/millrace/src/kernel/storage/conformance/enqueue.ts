import { describe, expect, test } from 'vitest'
import { waitReasons } from '../../rules/decision.ts'
import { idTime } from '../../rules/ids.ts'
import { outcomes } from '../../rules/outcome.ts'
import { Bench, decision, newJob, retry } from './fixtures.ts'
import { nextId } from './ids.ts'
import type { Open } from './subject.ts'

export function enqueue(open: Open): void {
  describe('enqueue', () => {
    const bench = new Bench(open)

    test('puts a job where it can be claimed, as execution 0, attempt 1', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const [job] = await bench.enqueue(lane, [{ payload: '{"to":"a"}', options: { depth: 2 }, prio: 3 }])
      expect(await bench.place(job!.id)).toBe('ready')
      const { lease, members } = await bench.take(worker, lane)
      expect(members).toEqual([
        {
          job: job!.id,
          seq: 0,
          attempt: 1,
          lane: lane.id,
          prio: 3,
          care: 0,
          lease,
          position: 0,
          marked: true,
          payload: '{"to":"a"}',
          options: { depth: 2 },
        },
      ])
    })

    test('keeps all that the job is', async () => {
      const lane = await bench.lane()
      const parent = nextId()
      const [job] = await bench.enqueue(lane, [
        { parent, prio: 9, payload: '[1]', options: { runAs: 'ann', tags: ['x'] } },
      ])
      expect(await bench.record(job!.id)).toEqual({
        id: job!.id,
        lane,
        prio: 9,
        parent,
        options: { runAs: 'ann', tags: ['x'] },
        payload: '[1]',
        createdAt: idTime(job!.id),
        state: null,
        facts: { ended: null, ready: true, waiting: null, leased: null, finalizing: false, aborting: false },
        attempt: 1,
        finishedAt: null,
        error: null,
        result: null,
      })
    })

    test('takes none at all', async () => {
      await bench.storage.jobs.enqueue([])
    })

    test('takes many jobs of many lanes in one call, each once', async () => {
      const lanes = await Promise.all(Array.from({ length: 20 }, () => bench.lane()))
      const jobs = Array.from({ length: 2_000 }, (_, index) =>
        newJob(lanes[index % 20]!, { payload: `${index}` }),
      )
      await bench.storage.jobs.enqueue(jobs)
      const { members } = await bench.take(await bench.worker(), lanes)
      expect(members.map((one) => `${one.lane} ${one.job} ${one.payload}`)).toEqual(
        jobs.map((job) => `${job.lane} ${job.id} ${job.payload}`),
      )
    })

    test('lets a delayed job wait for its time', async () => {
      const lane = await bench.lane()
      const before = await bench.storage.now()
      const [job] = await bench.enqueue(lane, [{ due: { inMs: 60_000 } }])
      const { facts, attempt } = await bench.record(job!.id)
      expect(facts).toMatchObject({ ready: false, waiting: { reason: waitReasons.scheduled, gate: null } })
      expect(facts.waiting!.dueAt).toBeGreaterThanOrEqual(Math.floor(before) + 59_999)
      expect(facts.waiting!.dueAt).toBeLessThan(before + 70_000)
      expect(attempt).toBe(1)
      expect(await bench.claim(await bench.worker(), lane)).toBeNull()
    })

    test('says what a delayed job waits for: its time, or the hours that it may run in', async () => {
      const lane = await bench.lane()
      const at = Math.floor(await bench.storage.now()) + 60_000
      const jobs = await bench.enqueue(lane, [
        { due: { at, reason: 'outsideWindow' } },
        { due: { at } },
        { due: { at: at - 120_000, reason: 'outsideWindow' } },
      ])
      const reasons = await Promise.all(
        jobs.map(async ({ id }) => (await bench.record(id)).facts.waiting?.reason ?? null),
      )
      expect(reasons).toEqual([waitReasons.outsideWindow, waitReasons.scheduled, null])
    })

    test('takes an instant as it is', async () => {
      const lane = await bench.lane()
      const at = Math.floor(await bench.storage.now()) + 5_000_123
      const [job] = await bench.enqueue(lane, [{ due: { at } }])
      expect((await bench.record(job!.id)).facts.waiting?.dueAt).toBe(at)
    })

    test('lets a job whose instant has passed run at once, or with the next move', async () => {
      const lane = await bench.lane()
      const [job] = await bench.enqueue(lane, [{ due: { at: 1_000 } }])
      await bench.storage.waiting.moveDue(500)
      expect(await bench.place(job!.id)).toBe('ready')
    })

    test('puts a job that is due about now in one place, and only one', async () => {
      const lane = await bench.lane()
      for (let round = 0; round < 20; round += 1) {
        const now = Math.floor(await bench.storage.now())
        const inMs = Array.from({ length: 100 }, (_, index) => ({ due: { inMs: 0.01 * (index + 1) } }))
        const at = Array.from({ length: 100 }, (_, index) => ({ due: { at: now + (index % 10) } }))
        const jobs = await bench.enqueue(lane, [...inMs, ...at])
        const { ready = 0, waiting = 0 } = await bench.tally(jobs.map((job) => job.id))
        expect(ready + waiting).toBe(200)
      }
    })

    test('takes instants a hundred years away', async () => {
      const lane = await bench.lane()
      const at = Date.UTC(2126, 0, 1)
      const [job] = await bench.enqueue(lane, [{ due: { at } }])
      expect((await bench.record(job!.id)).facts.waiting?.dueAt).toBe(at)
    })
  })

  describe('enqueue again, after a lost answer', () => {
    const bench = new Bench(open)

    test('does not queue a ready job twice', async () => {
      const lane = await bench.lane()
      const jobs = await bench.enqueue(lane, 2)
      const added = newJob(lane)
      await bench.storage.jobs.enqueue([...jobs, added])
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members.map((one) => one.job)).toEqual([...jobs, added].map((job) => job.id))
    })

    test('does not touch a job that waits', async () => {
      const lane = await bench.lane()
      const [job] = await bench.enqueue(lane, [{ due: { inMs: 60_000 } }])
      const before = await bench.record(job!.id)
      await bench.storage.jobs.enqueue([{ ...job!, due: null }])
      expect(await bench.record(job!.id)).toEqual(before)
    })

    test('does not queue a claimed job', async () => {
      const { lane, jobs, worker } = await bench.leased()
      await bench.storage.jobs.enqueue(jobs)
      expect(await bench.claim(worker, lane)).toBeNull()
      expect(await bench.place(jobs[0]!.id)).toBe('started')
    })

    test('does not queue a job that retries', async () => {
      const { lane, jobs, worker, run } = await bench.leased()
      await bench.settle([retry(run, 60_000)])
      await bench.storage.jobs.enqueue(jobs)
      expect(await bench.claim(worker, lane)).toBeNull()
      expect(await bench.place(run.job)).toBe('waiting')
    })

    test('does not queue an ended job, nor a delayed one that ended', async () => {
      const { lane, jobs, worker, run } = await bench.leased()
      await bench.settle([decision(run, outcomes.completed)])
      await bench.storage.jobs.enqueue([jobs[0]!, { ...jobs[0]!, due: { inMs: 1 } }].slice(0, 1))
      await bench.storage.jobs.enqueue([{ ...jobs[0]!, due: { inMs: 1 } }])
      expect(await bench.claim(worker, lane)).toBeNull()
      expect(await bench.place(run.job)).toBe('completed')
    })

    test('keeps the first payload', async () => {
      const lane = await bench.lane()
      const [job] = await bench.enqueue(lane, [{ payload: '"first"', args: [{ path: 'a', value: '1' }] }])
      await bench.storage.jobs.enqueue([{ ...job!, payload: '"second"' }])
      expect((await bench.record(job!.id)).payload).toBe('"first"')
    })
  })
}
