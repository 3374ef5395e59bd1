import { describe, expect, test } from 'vitest'
import { waitReasons } from '../../rules/decision.ts'
import type { Claimed } from '../../rules/execution.ts'
import { outcomes } from '../../rules/outcome.ts'
import type { HandBackRow } from '../executions.ts'
import { Bench, decision, retry, spent, standing, rescueWith } from './fixtures.ts'
import type { Open } from './subject.ts'

const back = (run: Claimed, wait: HandBackRow['wait'] = null): HandBackRow => ({
  job: run.job,
  seq: run.seq,
  attempt: run.attempt,
  lane: run.lane,
  prio: run.prio,
  care: run.care,
  lease: run.lease,
  position: run.position,
  wait,
})

export function handBack(open: Open): void {
  describe('hand-back', () => {
    const bench = new Bench(open)

    test('puts rows back as they were, charged nothing, and deletes the empty lease', async () => {
      const { members, lane, worker, jobs } = await bench.leased(3, { prio: 2 }, { free: 0 })
      expect(await bench.storage.executions.handBack(members.map((run) => back(run)))).toEqual({ fenced: [] })
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 3 })
      expect(await bench.told(jobs[0]!.id)).toEqual([])
      const again = await bench.take(worker, lane)
      expect(again.members).toMatchObject(
        jobs.map((job) => ({ job: job.id, seq: 0, attempt: 1, prio: 2, care: 0 })),
      )
    })

    test('keeps attempt and care of a later attempt', async () => {
      const { run, lane, worker } = await bench.leased()
      const next = [{ seq: 0, attempt: 2, care: 2, when: { ready: true } }] as const
      await bench.settle([decision(run, outcomes.lost, { next })])
      const second = (await bench.take(worker, lane)).members[0]!
      await bench.storage.executions.handBack([back(second)])
      expect((await bench.take(worker, lane)).members).toMatchObject([{ attempt: 2, care: 2 }])
    })

    test('gives back a part; the rest stays leased and settles', async () => {
      const { members, lane, worker, lease } = await bench.leased(3)
      const [first, second, third] = members
      await bench.storage.executions.handBack([back(second!)])
      expect(await bench.storage.executions.leases(worker)).toEqual([lease])
      expect(await bench.places(members.map((run) => run.job))).toEqual(['started', 'ready', 'started'])
      expect(await bench.settle([decision(first!), decision(third!)])).toEqual([])
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      const again = await bench.take(await bench.worker(), lane)
      expect(again.members.map((run) => run.job)).toEqual([second!.job])
    })

    test('leaves a lease with a settled member to its mark', async () => {
      const { members, worker, lease } = await bench.leased(2)
      await bench.settle([decision(members[0]!)], standing(lease, [1]))
      await bench.storage.executions.handBack([back(members[1]!)])
      expect(await bench.places(members.map((run) => run.job))).toEqual(['completed', 'ready'])
      expect(await bench.settle([], spent([{ lease }]))).toEqual([])
      expect(await bench.storage.executions.leases(worker)).toEqual([])
    })

    test('changes nothing when it is repeated', async () => {
      const { members, lane, worker, lease } = await bench.leased(2)
      await bench.storage.executions.handBack([back(members[0]!)])
      expect(await bench.storage.executions.handBack([back(members[0]!)])).toEqual({ fenced: [] })
      const other = await bench.worker()
      const again = await bench.take(other, lane)
      expect(again.members.map((run) => run.job)).toEqual([members[0]!.job])
      await bench.storage.executions.handBack([back(members[0]!)])
      expect(await bench.claim(other, lane)).toBeNull()
      expect(await bench.place(members[0]!.job)).toBe('started')
      expect(await bench.storage.executions.leases(worker)).toEqual([lease])
      await bench.storage.executions.handBack([back(members[1]!)])
      expect(await bench.storage.executions.handBack([back(members[1]!)])).toEqual({ fenced: [lease] })
      expect((await bench.take(other, lane)).members.map((run) => run.job)).toEqual([members[1]!.job])
    })

    test('lets a snoozed row wait, same attempt', async () => {
      const { run, worker, lane } = await bench.leased()
      await bench.storage.executions.handBack([back(run, { dueInMs: 60_000, reason: 'snoozed' })])
      expect((await bench.record(run.job)).facts.waiting?.reason).toBe(waitReasons.snoozed)
      expect(await bench.record(run.job)).toMatchObject({ attempt: 1 })
      expect(await bench.claim(worker, lane)).toBeNull()
      expect(await bench.storage.executions.leases(worker)).toEqual([])
    })

    test('runs a snoozed row when it is due', async () => {
      const { run, worker, lane } = await bench.leased()
      await bench.storage.executions.handBack([back(run, { dueInMs: 1, reason: 'snoozed' })])
      await bench.awaitReady(run.job)
      expect((await bench.take(worker, lane)).members).toMatchObject([{ job: run.job, attempt: 1 }])
    })

    test('does not give rows of a rescued lease twice: they are left out and the lease is named', async () => {
      const { members, lane, worker, lease } = await bench.leased(2, {}, { free: 0 })
      await bench.kill(worker)
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      const other = await bench.leased(1)
      const rows = [...members, other.run].map((run) => back(run))
      expect(await bench.storage.executions.handBack(rows)).toEqual({ fenced: [lease] })
      expect(await bench.place(other.run.job)).toBe('ready')
      const again = await bench.take(await bench.worker(), lane)
      expect(again.members.map((run) => run.job)).toEqual(members.map((run) => run.job))
    })

    test('is not rescued any more', async () => {
      const { members, worker, lease } = await bench.leased(2)
      await bench.storage.executions.handBack([back(members[0]!)])
      await bench.kill(worker)
      expect(await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))).toMatchObject({
        lost: 1,
        handedBack: 0,
      })
      expect(await bench.told(members[0]!.job)).toEqual([])
    })

    test('is nothing when there is nothing', async () => {
      expect(await bench.storage.executions.handBack([])).toEqual({ fenced: [] })
    })
  })

  describe('a lease of unknown members', () => {
    const bench = new Bench(open)

    test('is handed back whole', async () => {
      const { jobs, lane, worker, lease } = await bench.leased(3)
      await bench.storage.executions.handBackLease(worker, lease)
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 3 })
      const again = await bench.take(worker, lane)
      expect(again.members.map((run) => [run.job, run.attempt])).toEqual(jobs.map((job) => [job.id, 1]))
      expect(await bench.told(jobs[0]!.id)).toEqual([])
    })

    test('gives back what it has not settled, as the attempt it was, with its deaths', async () => {
      const { members, lane, worker } = await bench.leased(2)
      const next = [{ seq: 0, attempt: 2, care: 2, when: { ready: true } }] as const
      const lost = decision(members[1]!, outcomes.lost, { next })
      await bench.settle([retry(members[0]!, 60_000), lost])
      await bench.enqueue(lane, 1)
      const second = await bench.take(worker, lane)
      await bench.settle([decision(second.members[1]!)], standing(second.lease))
      await bench.storage.executions.handBackLease(worker, second.lease)
      const third = await bench.take(worker, lane)
      expect(third.members).toMatchObject([{ job: members[1]!.job, attempt: 2, care: 2 }])
    })

    test('is not given back by a stranger, nor twice', async () => {
      const { jobs, worker, lease } = await bench.leased(1)
      await bench.storage.executions.handBackLease(await bench.worker(), lease)
      expect(await bench.place(jobs[0]!.id)).toBe('started')
      await bench.storage.executions.handBackLease(worker, lease)
      await bench.storage.executions.handBackLease(worker, lease)
      expect(await bench.place(jobs[0]!.id)).toBe('ready')
    })
  })
}
