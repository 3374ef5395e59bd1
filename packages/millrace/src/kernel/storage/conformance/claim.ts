import { describe, expect, test } from 'vitest'
import type { Claimed } from '../../rules/execution.ts'
import { outcomes } from '../../rules/outcome.ts'
import { Bench, claimParams, decision, finalizerOf, spent, standing, rescueWith } from './fixtures.ts'
import type { Open } from './subject.ts'

const jobsOf = (members: readonly Claimed[]): string[] => members.map((one) => one.job)

export function claim(open: Open): void {
  describe('claim', () => {
    const bench = new Bench(open)

    test('goes by priority, then by age, over all lanes named', async () => {
      const [one, two] = [await bench.lane(), await bench.lane()]
      const [a, b] = await bench.enqueue(one, [{ prio: 5 }, { prio: 0 }])
      const [c, d] = await bench.enqueue(two, [{ prio: 5 }, { prio: 0 }])
      const [e] = await bench.enqueue(one, [{ prio: 9 }])
      const { members } = await bench.take(await bench.worker(), [two, one])
      expect(jobsOf(members)).toEqual([b, d, a, c, e].map((job) => job!.id))
      expect(members.map((one) => one.position)).toEqual([0, 1, 2, 3, 4])
      expect(members.map((one) => one.lane)).toEqual([one, two, one, two, one].map((lane) => lane.id))
    })

    test('puts a finalizer before the next attempt of its job', async () => {
      const { lane, worker, run } = await bench.leased()
      const again = { seq: 0, attempt: 2, care: 0, when: { ready: true } } as const
      await bench.settle([decision(run, outcomes.retried, { next: [again, finalizerOf(run)] })])
      const { members } = await bench.take(worker, lane)
      expect(members.map((one) => [one.seq, one.attempt])).toEqual([
        [-1, 1],
        [0, 2],
      ])
    })

    test('takes at most the quota of a lane, and nothing of a lane it was not told', async () => {
      const [one, two, other] = [await bench.lane(), await bench.lane(), await bench.lane()]
      const [first] = await bench.enqueue(one, 3)
      const jobs = await bench.enqueue(two, 3)
      await bench.enqueue(other, 1)
      const quotas = [
        { lane: one.id, quota: 1, after: null },
        { lane: two.id, quota: 5, after: null },
      ]
      const batch = await bench.storage.executions.claim({ worker: await bench.worker(), quotas, free: 0 })
      expect(jobsOf(batch!.members)).toEqual([first, ...jobs].map((job) => job!.id))
    })

    test('starts after the place it was given, which stays claimable from the head', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const jobs = await bench.enqueue(lane, 4)
      const after = { prio: 5, job: jobs[1]!.id, seq: 0 }
      const beyond = await bench.take(worker, lane, { after })
      expect(jobsOf(beyond.members)).toEqual([jobs[2]!.id, jobs[3]!.id])
      expect(await bench.claim(worker, lane, { after })).toBeNull()
      expect(jobsOf((await bench.take(worker, lane)).members)).toEqual([jobs[0]!.id, jobs[1]!.id])
    })

    test('takes rows of a later priority after the place, whatever their id', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const [late, , early] = await bench.enqueue(lane, [{ prio: 7 }, { prio: 2 }, { prio: 5 }])
      const place = { prio: 5, job: early!.id, seq: 0 }
      expect(jobsOf((await bench.take(worker, lane, { after: place })).members)).toEqual([late!.id])
    })

    test('knows the place inside one job', async () => {
      const { lane, worker, run } = await bench.leased()
      const next = [1, 2, 3].map((seq) => ({ seq, attempt: 1, care: 0, when: { ready: true } }) as const)
      await bench.settle([decision(run, outcomes.succeeded, { next })])
      const { members } = await bench.take(worker, lane, { after: { prio: 5, job: run.job, seq: 1 } })
      expect(members.map((one) => one.seq)).toEqual([2, 3])
    })

    test('gives each row once', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const jobs = await bench.enqueue(lane, 10)
      const first = await bench.take(worker, lane, { quota: 4 })
      const second = await bench.take(worker, lane)
      expect([...jobsOf(first.members), ...jobsOf(second.members)]).toEqual(jobs.map((job) => job.id))
      expect(second.lease).not.toBe(first.lease)
      expect(await bench.claim(worker, lane)).toBeNull()
    })

    test('makes no lease when nothing is there', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      expect(await bench.claim(worker, lane)).toBeNull()
      expect(await bench.storage.executions.claim({ worker, quotas: [], free: 5 })).toBeNull()
      await bench.enqueue(lane, 1)
      expect(await bench.claim(worker, lane, { quota: 0 })).toBeNull()
      expect(await bench.storage.executions.leases(worker)).toEqual([])
    })

    test('makes one lease per batch, which its worker can list, and never uses a number twice', async () => {
      const { worker, lane, batch } = await bench.leased()
      expect(await bench.storage.executions.leases(worker)).toEqual([batch.lease])
      expect(await bench.storage.workers.leasesOf(worker)).toEqual([batch.lease])
      await bench.settle(batch.members.map((run) => decision(run)))
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      await bench.enqueue(lane, 1)
      expect((await bench.take(worker, lane)).lease).not.toBe(batch.lease)
    })

    test('leaves rows that wait alone', async () => {
      const lane = await bench.lane()
      const [now] = await bench.enqueue(lane, [{}, { due: { inMs: 60_000 } }])
      expect(jobsOf((await bench.take(await bench.worker(), lane)).members)).toEqual([now!.id])
    })
  })

  describe('claim marks what starts at once', () => {
    const bench = new Bench(open)

    test('the first free positions, and facts say the same', async () => {
      const { jobs, members, worker } = await bench.leased(4, {}, { free: 2 })
      expect(members.map((one) => one.marked)).toEqual([true, true, false, false])
      expect(await bench.places(jobs.map((job) => job.id))).toEqual([
        'started',
        'started',
        'leased',
        'leased',
      ])
      expect((await bench.record(jobs[3]!.id)).facts.leased).toEqual({ started: false, worker })
    })

    test('none without a free slot', async () => {
      const { jobs, members } = await bench.leased(2, {}, { free: 0 })
      expect(members.map((one) => one.marked)).toEqual([false, false])
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ leased: 2 })
    })

    test('no more than there are', async () => {
      const { members } = await bench.leased(2, {}, { free: 50 })
      expect(members.map((one) => one.marked)).toEqual([true, true])
    })

    test('a row with care 1 like any other, a row with care 2 never', async () => {
      const { lane, worker, members, lease } = await bench.leased(2)
      const careful = { seq: 0, attempt: 2, care: 2, when: { ready: true } } as const
      const once = { ...careful, care: 1 }
      const decisions = [
        decision(members[0]!, outcomes.lost, { next: [careful] }),
        decision(members[1]!, outcomes.lost, { next: [once] }),
      ]
      await bench.settle(decisions, spent([{ lease }]))
      const [third] = await bench.enqueue(lane, 1)
      const again = await bench.take(worker, lane)
      expect(again.members.map((one) => [one.care, one.marked])).toEqual([
        [2, false],
        [1, true],
        [0, true],
      ])
      const ids = [members[0]!.job, members[1]!.job, third!.id]
      expect(await bench.places(ids)).toEqual(['leased', 'started', 'started'])
    })
  })

  describe('claim serves the living only', () => {
    const bench = new Bench(open)

    test('not a worker whose time has passed', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const [job] = await bench.enqueue(lane, 1)
      await bench.kill(worker)
      expect(await bench.claim(worker, lane)).toBeNull()
      expect(await bench.place(job!.id)).toBe('ready')
      expect(await bench.storage.executions.leases(worker)).toEqual([])
    })

    test('not a worker that was buried or never was', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const [job] = await bench.enqueue(lane, 1)
      await bench.kill(worker)
      expect(await bench.storage.workers.bury(worker)).toBe(true)
      expect(await bench.claim(worker, lane)).toBeNull()
      expect(await bench.storage.executions.claim(claimParams(2_000_000_000, lane))).toBeNull()
      expect(await bench.place(job!.id)).toBe('ready')
    })

    test('a row that came back is claimed again with the care it has now', async () => {
      const { lane, worker, lease, run } = await bench.leased(1, {}, { free: 0 })
      await bench.kill(worker)
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      const next = await bench.take(await bench.worker(), lane)
      expect(next.members).toMatchObject([{ job: run.job, attempt: 1, care: 1, marked: true }])
      expect(await bench.settle([decision(next.members[0]!)], standing(next.lease))).toEqual([])
    })
  })
}
