import { describe, expect, test } from 'vitest'
import { outcomes } from '../../rules/outcome.ts'
import { Bench, decision, finalizerOf, oops, retry, rescueWith } from './fixtures.ts'
import { nextId } from './ids.ts'
import { gated, limit, usage } from './limits.ts'
import type { Open } from './subject.ts'

export function abort(open: Open): void {
  describe('abort', () => {
    const bench = new Bench(open)
    const abort = async (job: string) => await bench.storage.executions.abort(job)

    test('ends a ready job, which never runs', async () => {
      const lane = await bench.lane()
      const [job, other] = await bench.enqueue(lane, 2)
      expect(await abort(job!.id)).toBe('aborted')
      expect(await bench.place(job!.id)).toBe('aborted')
      expect(await bench.told(job!.id)).toEqual(['0/1 aborted'])
      expect((await bench.record(job!.id)).facts).toMatchObject({ finalizing: false, aborting: false })
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members.map((run) => run.job)).toEqual([other!.id])
    })

    test('ends a job that waits for its time', async () => {
      const [job] = await bench.enqueue(await bench.lane(), [{ due: { inMs: 1 } }])
      expect(await abort(job!.id)).toBe('aborted')
      await bench.storage.waiting.moveDue(500)
      expect(await bench.place(job!.id)).toBe('aborted')
    })

    test('ends a job that retries, as the attempt that would have come', async () => {
      const { run } = await bench.leased()
      await bench.settle([retry(run, 60_000)])
      expect(await abort(run.job)).toBe('aborted')
      expect(await bench.told(run.job)).toEqual(['0/1 retried', '0/2 aborted'])
      expect(await bench.record(run.job)).toMatchObject({
        attempt: 2,
        facts: { ended: outcomes.aborted, waiting: null },
      })
    })

    test('ends a job that waits for a limit', async () => {
      const { key, lane, ids } = await gated(bench, [limit({ slots: 0 })], 1)
      await bench.takeGated(await bench.worker(), lane)
      expect(await abort(ids[0]!)).toBe('aborted')
      expect(await bench.place(ids[0]!)).toBe('aborted')
      expect((await usage(bench, key)).waiting).toBe(0)
    })

    test('gives an aborted job its finalizer', async () => {
      const lane = await bench.lane()
      const [job] = await bench.enqueue(lane, [{ prio: 3, options: { finalizer: true } }])
      expect(await abort(job!.id)).toBe('aborted')
      expect((await bench.record(job!.id)).facts).toMatchObject({ ended: outcomes.aborted, finalizing: true })
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members).toMatchObject([{ job: job!.id, seq: -1, attempt: 1, prio: 3 }])
      const [ended] = await bench.storage.executions.ended([{ job: job!.id, seq: 0, attempt: 1 }])
      expect(ended).toMatchObject({ outcome: outcomes.aborted })
    })

    test('asks the owner of a claimed job, started or not', async () => {
      for (const free of [0, 1]) {
        const { run, jobs } = await bench.leased(1, {}, { free })
        const place = await bench.place(run.job)
        expect(await abort(run.job)).toBe('requested')
        expect(await abort(run.job)).toBe('requested')
        expect(await bench.place(jobs[0]!.id)).toBe(place)
        expect((await bench.record(run.job)).facts.aborting).toBe(true)
        expect(await bench.storage.executions.sweepAborts()).toContain(run.job)
        await bench.settle([decision(run, outcomes.aborted, { endsAbort: true })])
        expect((await bench.record(run.job)).facts).toMatchObject({
          aborting: false,
          ended: outcomes.aborted,
        })
        expect(await bench.storage.executions.sweepAborts()).not.toContain(run.job)
      }
    })

    test('has nothing to do for an ended job, whose finalizer stays', async () => {
      const { run } = await bench.leased()
      await bench.settle([decision(run, outcomes.failed, { error: oops, next: [finalizerOf(run)] })])
      expect(await abort(run.job)).toBe('ended')
      expect((await bench.record(run.job)).facts).toMatchObject({
        ended: outcomes.failed,
        finalizing: true,
        aborting: false,
      })
      expect(await bench.told(run.job)).toEqual(['0/1 failed'])
    })

    test('does not know what is not there', async () => {
      expect(await abort(nextId())).toBe('unknown')
    })

    test('does not take a finalizer between two attempts for the job', async () => {
      const { run, lane } = await bench.leased()
      const more = retry(run, 60_000)
      await bench.settle([{ ...more, next: [...more.next, finalizerOf(run)] }])
      expect(await abort(run.job)).toBe('aborted')
      expect(await bench.told(run.job)).toEqual(['0/1 retried', '0/2 aborted'])
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members).toMatchObject([{ seq: -1, attempt: 1 }])
    })
  })

  describe('sweeping aborts', () => {
    const bench = new Bench(open)
    const sweep = async () => await bench.storage.executions.sweepAborts()

    test('finds none at first', async () => {
      expect(await sweep()).toEqual([])
    })

    test('ends a job that came back to ready after the intent', async () => {
      const { run, lane, worker, lease } = await bench.leased(1, { options: { finalizer: true } })
      expect(await bench.storage.executions.abort(run.job)).toBe('requested')
      await bench.storage.executions.handBackLease(worker, lease)
      expect(await bench.place(run.job)).toBe('ready')
      expect(await sweep()).not.toContain(run.job)
      expect(await bench.place(run.job)).toBe('aborted')
      expect((await bench.record(run.job)).facts).toMatchObject({ aborting: false, finalizing: true })
      const { members } = await bench.take(worker, lane)
      expect(members).toMatchObject([{ seq: -1 }])
    })

    test('ends a job that was rescued, or retries, after the intent', async () => {
      const [dead, again] = [await bench.leased(1), await bench.leased(1)]
      await bench.storage.executions.abort(dead.run.job)
      await bench.storage.executions.abort(again.run.job)
      await bench.kill(dead.worker)
      await bench.storage.workers.rescueLease(dead.worker, dead.lease, rescueWith(3))
      await bench.settle([retry(again.run, 60_000)])
      expect(await sweep()).toEqual([])
      expect(await bench.told(dead.run.job)).toEqual(['0/1 lost', '0/2 aborted'])
      expect(await bench.told(again.run.job)).toEqual(['0/1 retried', '0/2 aborted'])
      expect(await bench.places([dead.run.job, again.run.job])).toEqual(['aborted', 'aborted'])
    })

    test('forgets the intent of a job that ended otherwise', async () => {
      const { run } = await bench.leased(1)
      await bench.storage.executions.abort(run.job)
      await bench.settle([decision(run)])
      expect(await sweep()).toEqual([])
      expect((await bench.record(run.job)).facts).toMatchObject({
        aborting: false,
        ended: outcomes.completed,
      })
      expect(await bench.told(run.job)).toEqual(['0/1 completed'])
    })

    test('reaches a job that stands behind its finalizer when its retry comes', async () => {
      const { run, lane, worker } = await bench.leased(1, { options: { finalizer: true } })
      await bench.settle([decision(run, outcomes.retried, { error: oops, next: [finalizerOf(run)] })])
      expect(await bench.storage.executions.abort(run.job)).toBe('requested')
      expect(await sweep()).toEqual([run.job])
      const finalizer = (await bench.take(worker, lane)).members[0]!
      const next = [{ seq: 0, attempt: 2, care: 0, when: { dueInMs: 60_000, reason: 'retrying' } }] as const
      await bench.settle([decision(finalizer, outcomes.succeeded, { next })])
      expect(await sweep()).toEqual([])
      expect(await bench.told(run.job)).toEqual(['0/1 retried', '0/2 aborted', '-1/1 succeeded'])
      expect((await bench.take(worker, lane)).members).toMatchObject([{ seq: -2, attempt: 1 }])
    })

    test('keeps the intent while the owner works', async () => {
      const { run } = await bench.leased(1)
      await bench.storage.executions.abort(run.job)
      expect(await sweep()).toEqual([run.job])
      expect(await sweep()).toEqual([run.job])
      expect(await bench.place(run.job)).toBe('started')
      await bench.settle([decision(run, outcomes.aborted, { endsAbort: true })])
      expect(await sweep()).toEqual([])
    })
  })
}
