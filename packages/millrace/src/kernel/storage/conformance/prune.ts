import { describe, expect, test } from 'vitest'
import type { JobId } from '../../rules/execution.ts'
import { outcomes } from '../../rules/outcome.ts'
import type { PruneParams } from '../history.ts'
import { Bench, decision, finalizerOf, oops, pass, retry, type JobChange } from './fixtures.ts'
import type { Open } from './subject.ts'

const hour = 3_600_000

export function prune(open: Open): void {
  describe('prune', () => {
    const bench = new Bench(open)
    const step = async (change: Partial<PruneParams> = {}) =>
      await bench.storage.history.prune({ completedMs: 0, failedMs: 0, page: 1_000, ...change })
    /** Walks over everything twice, as the walk may begin in the middle; returns how many it pruned. */
    const walk = async (change: Partial<PruneParams> = {}): Promise<number> => {
      await pass(bench.storage, 2)
      let pruned = 0
      for (let wraps = 0; wraps < 2;) {
        const one = await step(change)
        pruned += one.pruned
        if (one.wrapped) wraps += 1
      }
      return pruned
    }
    const ended = async (
      n: number,
      outcome = outcomes.completed as number,
      change: JobChange = {},
    ): Promise<JobId[]> => {
      const { members } = await bench.leased(n, change)
      const bad = outcome === outcomes.completed ? { result: '1' } : { error: oops }
      await bench.settle(members.map((run) => decision(run, outcome as typeof outcomes.completed, bad)))
      return members.map((run) => run.job)
    }

    test('has nothing to do in an empty database, and says that it came round', async () => {
      expect(await step()).toEqual({ pruned: 0, wrapped: true })
    })

    test('takes ended jobs past their age, with all that hangs on them', async () => {
      const arg = { path: 'a', value: 'pruned' }
      const good = await ended(3, outcomes.completed, { args: [arg] })
      const bad = await ended(2, outcomes.failed, { args: [arg] })
      const other = await ended(1, outcomes.aborted)
      expect(await walk()).toBe(6)
      for (const id of [...good, ...bad, ...other]) {
        expect(await bench.place(id)).toBe('absent')
        expect(await bench.storage.history.attempts(id)).toEqual([])
      }
      expect(await bench.storage.history.ends([...good, ...bad])).toEqual([])
      expect((await bench.storage.history.list({ arg }, { before: null, limit: 10 })).jobs).toEqual([])
      expect((await bench.storage.history.list({}, { before: null, limit: 10 })).jobs).toEqual([])
      expect(
        (await bench.storage.history.list({ status: 'Failed' }, { before: null, limit: 10 })).jobs,
      ).toEqual([])
    })

    test('leaves nothing that a job of the same id could inherit', async () => {
      const arg = { path: 'a', value: 'inherited' }
      const { members, lane, worker, jobs } = await bench.leased(1, { args: [arg] })
      await bench.settle([decision(members[0]!, outcomes.failed, { error: oops, result: '1' })])
      await bench.storage.executions.abort(members[0]!.job)
      expect(await walk()).toBe(1)
      await bench.storage.jobs.enqueue([{ ...jobs[0]!, args: [] }])
      expect(await bench.record(jobs[0]!.id)).toMatchObject({ attempt: 1, error: null, result: null })
      expect((await bench.storage.history.list({ arg }, { before: null, limit: 10 })).jobs).toEqual([])
      const again = (await bench.take(worker, lane)).members[0]!
      await bench.settle([decision(again, outcomes.failed, { error: oops, result: '2' })])
      expect(await bench.record(jobs[0]!.id)).toMatchObject({ error: oops, result: '2' })
      expect(await walk()).toBe(1)
    })

    test('leaves the young', async () => {
      const jobs = [...(await ended(2)), ...(await ended(1, outcomes.failed))]
      expect(await walk({ completedMs: hour, failedMs: hour })).toBe(0)
      expect(await bench.tally(jobs)).toEqual({ completed: 2, failed: 1 })
      expect(await walk()).toBe(3)
    })

    test('may keep failed jobs longer, and takes them when their time has come', async () => {
      const [good, bad] = [await ended(2), await ended(2, outcomes.failed)]
      expect(await walk({ failedMs: hour })).toBe(2)
      expect(await bench.tally([...good, ...bad])).toEqual({ absent: 2, failed: 2 })
      expect((await bench.attempts(bad[0]!))[0]!.error).toEqual(oops)
      expect(await walk({ completedMs: hour })).toBe(2)
      expect(await bench.tally(bad)).toEqual({ absent: 2 })
    })

    test('never takes a job that has not ended', async () => {
      const ready = (await bench.enqueue(await bench.lane(), 2)).map((job) => job.id)
      const waits = (await bench.enqueue(await bench.lane(), [{ due: { inMs: hour } }])).map((job) => job.id)
      const retries = await bench.leased(1)
      await bench.settle([retry(retries.run, hour)])
      const leased = await bench.leased(2, {}, { free: 1 })
      expect(await walk()).toBe(0)
      const all = [...ready, ...waits, retries.run.job, ...leased.jobs.map((job) => job.id)]
      expect(await bench.places(all)).toEqual(['ready', 'ready', 'waiting', 'waiting', 'started', 'leased'])
      await bench.settle(leased.members.map((run) => decision(run)))
      expect(await walk()).toBe(2)
    })

    test('never takes a job whose finalizer is not done', async () => {
      const { run, lane, worker } = await bench.leased(1)
      await bench.settle([decision(run, outcomes.completed, { next: [finalizerOf(run)] })])
      expect(await walk()).toBe(0)
      const first = (await bench.take(worker, lane)).members[0]!
      expect(await walk()).toBe(0)
      await bench.settle([retry(first, hour)])
      expect(await walk()).toBe(0)
      expect((await bench.record(run.job)).facts).toMatchObject({
        ended: outcomes.completed,
        finalizing: true,
      })
    })

    test('takes a job with its finalizers once these are done', async () => {
      const { run, lane, worker } = await bench.leased(1)
      await bench.settle([decision(run, outcomes.completed, { next: [finalizerOf(run)] })])
      const finalizer = (await bench.take(worker, lane)).members[0]!
      await bench.settle([decision(finalizer, outcomes.gaveUp, { error: oops })])
      expect(await walk()).toBe(1)
      expect(await bench.storage.history.attempts(run.job)).toEqual([])
    })

    test('never takes a job that a standing lease still names, settled or not', async () => {
      const { members, lease } = await bench.leased(2)
      await bench.settle([decision(members[0]!)], [{ lease, running: [1], finished: false }])
      expect(await walk()).toBe(0)
      expect(await bench.place(members[0]!.job)).toBe('completed')
      await bench.settle([decision(members[1]!)])
      expect(await walk()).toBe(2)
    })

    test('goes on from where it was, a page at a time, and comes round', async () => {
      const jobs = await ended(10)
      await pass(bench.storage, 2)
      let pruned = 0
      let wraps = 0
      for (let steps = 0; steps < 100 && (pruned < 10 || wraps === 0); steps += 1) {
        const one = await step({ page: 3 })
        expect(one.pruned).toBeLessThanOrEqual(3)
        pruned += one.pruned
        if (one.wrapped) wraps += 1
      }
      expect(pruned).toBe(10)
      expect(await bench.tally(jobs)).toEqual({ absent: 10 })
      const [later] = await ended(1)
      expect(await walk({ page: 3 })).toBe(1)
      expect(await bench.place(later!)).toBe('absent')
    })

    test('can be asked by two at once', async () => {
      const jobs = await ended(50)
      await pass(bench.storage, 2)
      const processes = await bench.several(2)
      let pruned = 0
      for (let rounds = 0; rounds < 40 && pruned < 50; rounds += 1) {
        const params = { completedMs: 0, failedMs: 0, page: 20 }
        const steps = await Promise.all(processes.map((storage) => storage.history.prune(params)))
        pruned += steps.reduce((sum, one) => sum + one.pruned, 0)
      }
      expect(pruned).toBe(50)
      expect(await bench.tally(jobs)).toEqual({ absent: 50 })
    })
  })
}
