import { describe, expect, test } from 'vitest'
import type { Rescue, Unsettled } from '../../rules/decision.ts'
import { outcomes } from '../../rules/outcome.ts'
import { Bench, decision, finalizerOf, oops, standing, type Leased, rescueWith } from './fixtures.ts'
import type { Open } from './subject.ts'

export function rescue(open: Open): void {
  rescues(open)
  questions(open)
}

function rescues(open: Open): void {
  describe('rescue', () => {
    const bench = new Bench(open)
    const rescued = async ({ worker, lease }: Pick<Leased, 'worker' | 'lease'>, rule = rescueWith(3)) => {
      await bench.kill(worker)
      return await bench.storage.workers.rescueLease(worker, lease, rule)
    }

    test('hands back what had not started, uncharged but with care', async () => {
      const leased = await bench.leased(3, {}, { free: 0 })
      expect(await rescued(leased)).toEqual({ lost: 0, handedBack: 3, parked: 0 })
      expect(await bench.storage.executions.leases(leased.worker)).toEqual([])
      const { members } = await bench.take(await bench.worker(), leased.lane)
      expect(members).toMatchObject(leased.jobs.map((job) => ({ job: job.id, seq: 0, attempt: 1, care: 1 })))
      expect(await bench.told(leased.jobs[0]!.id)).toEqual([])
    })

    test('writes what had started as lost, and queues the next attempt', async () => {
      const leased = await bench.leased(1)
      expect(await rescued(leased)).toEqual({ lost: 1, handedBack: 0, parked: 0 })
      const [attempt] = await bench.attempts(leased.run.job)
      expect(attempt).toMatchObject({ seq: 0, attempt: 1, outcome: outcomes.lost, lease: leased.lease })
      expect(attempt!.error).toMatchObject({ code: 'MILL_PROCESS_LOST' })
      const { members } = await bench.take(await bench.worker(), leased.lane)
      expect(members).toMatchObject([{ job: leased.run.job, seq: 0, attempt: 2, care: 2, marked: false }])
    })

    test('tells started and not started apart by the last mark', async () => {
      const leased = await bench.leased(4, {}, { free: 1 })
      await bench.settle([], standing(leased.lease, [1, 3]))
      expect(await rescued(leased)).toEqual({ lost: 2, handedBack: 2, parked: 0 })
      const told = await Promise.all(leased.jobs.map((job) => bench.told(job.id)))
      expect(told).toEqual([[], ['0/1 lost'], [], ['0/1 lost']])
      expect(await bench.tally(leased.jobs.map((job) => job.id))).toEqual({ ready: 4 })
    })

    test('leaves what was settled as it is', async () => {
      const leased = await bench.leased(3)
      await bench.settle(
        [decision(leased.members[1]!, outcomes.failed, { error: oops })],
        standing(leased.lease, [0, 2]),
      )
      expect(await rescued(leased)).toEqual({ lost: 2, handedBack: 0, parked: 0 })
      expect(await bench.places(leased.jobs.map((job) => job.id))).toEqual(['ready', 'failed', 'ready'])
      expect(await bench.told(leased.jobs[1]!.id)).toEqual(['0/1 failed'])
    })

    test('leaves what was settled with the next attempt already waiting, and counts it once', async () => {
      const leased = await bench.leased(1)
      const next = [{ seq: 0, attempt: 2, care: 0, when: { ready: true } }] as const
      await bench.settle(
        [decision(leased.run, outcomes.retried, { error: oops, next })],
        standing(leased.lease),
      )
      expect(await rescued(leased)).toEqual({ lost: 0, handedBack: 0, parked: 0 })
      expect(await bench.told(leased.run.job)).toEqual(['0/1 retried'])
      const { members } = await bench.take(await bench.worker(), leased.lane)
      expect(members).toMatchObject([{ attempt: 2, care: 0 }])
    })

    test('gives a lost attempt its finalizer', async () => {
      const leased = await bench.leased(1, { options: { finalizer: true } })
      await rescued(leased)
      expect((await bench.record(leased.run.job)).facts).toMatchObject({ finalizing: true, ended: null })
      const { members } = await bench.take(await bench.worker(), leased.lane)
      expect(members).toMatchObject([{ job: leased.run.job, seq: -1, attempt: 1, care: 0 }])
    })

    test('parks a job that died too often', async () => {
      const leased = await bench.leased(1)
      let { lease, worker } = leased
      for (let death = 1; death <= 2; death += 1) {
        expect(await rescued({ lease, worker })).toEqual({ lost: 1, handedBack: 0, parked: 0 })
        worker = await bench.worker()
        const batch = await bench.take(worker, leased.lane)
        lease = batch.lease
        expect(batch.members).toMatchObject([{ attempt: death + 1, care: death + 1, marked: false }])
        await bench.settle([], standing(lease, [0]))
      }
      expect(await rescued({ lease, worker })).toMatchObject({ handedBack: 0, parked: 1 })
      expect(await bench.told(leased.run.job)).toEqual(['0/1 lost', '0/2 lost', '0/3 parked'])
      expect(await bench.record(leased.run.job)).toMatchObject({
        attempt: 3,
        error: { code: 'MILL_PARKED' },
        facts: { ended: outcomes.parked, ready: false },
      })
      expect((await bench.attempts(leased.run.job)).at(-1)?.deaths).toBeGreaterThanOrEqual(2)
    })

    test('writes next executions that wait', async () => {
      const leased = await bench.leased(1)
      const later: Rescue = () => ({
        kind: 'lost',
        outcome: outcomes.lost,
        error: oops,
        next: [{ seq: 0, attempt: 2, care: 2, when: { dueInMs: 60_000, reason: 'retrying' } }],
      })
      await rescued(leased, later)
      expect(await bench.place(leased.run.job)).toBe('waiting')
      expect((await bench.record(leased.run.job)).attempt).toBe(2)
    })

    test('of a finalizer does not touch its job', async () => {
      const leased = await bench.leased(1)
      const ends = decision(leased.run, outcomes.failed, { error: oops, next: [finalizerOf(leased.run)] })
      await bench.settle([ends])
      const { facts, finishedAt } = await bench.record(leased.run.job)
      const worker = await bench.worker()
      const { lease } = await bench.take(worker, leased.lane)
      expect(await rescued({ worker, lease })).toMatchObject({ lost: 1, handedBack: 0 })
      expect(await bench.told(leased.run.job)).toEqual(['0/1 failed', '-1/1 lost'])
      expect(await bench.record(leased.run.job)).toMatchObject({ facts, finishedAt, error: oops, attempt: 1 })
      const again = await bench.take(await bench.worker(), leased.lane)
      expect(again.members).toMatchObject([{ seq: -1, attempt: 2 }])
      await bench.settle([decision(again.members[0]!, outcomes.succeeded)])
      expect((await bench.record(leased.run.job)).facts).toEqual({ ...facts, finalizing: false })
    })

    test('leaves the living alone', async () => {
      const { worker, lease, run } = await bench.leased(1)
      expect(await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))).toBeNull()
      expect(await bench.place(run.job)).toBe('started')
      expect(await bench.settle([decision(run)])).toEqual([])
    })

    test('is done once', async () => {
      const leased = await bench.leased(1)
      expect(await rescued(leased)).not.toBeNull()
      const { worker, lease } = leased
      expect(await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))).toBeNull()
      expect(await bench.told(leased.run.job)).toEqual(['0/1 lost'])
    })

    test('does not take the lease of another worker', async () => {
      const [dead, alive] = [await bench.leased(1), await bench.leased(1)]
      await bench.kill(dead.worker)
      expect(await bench.storage.workers.rescueLease(dead.worker, alive.lease, rescueWith(3))).toBeNull()
      expect(await bench.place(alive.run.job)).toBe('started')
    })

    test('changes nothing when the rules throw', async () => {
      const leased = await bench.leased(2, {}, { free: 1 })
      const broken: Rescue = (unsettled) => {
        if (!unsettled.started) throw new Error('broken rule')
        return rescueWith(3)(unsettled)
      }
      await expect(rescued(leased, broken)).rejects.toThrow()
      expect(await bench.storage.workers.leasesOf(leased.worker)).toEqual([leased.lease])
      expect(await bench.told(leased.run.job)).toEqual([])
      const again = await bench.storage.workers.rescueLease(leased.worker, leased.lease, rescueWith(3))
      expect(again).toEqual({ lost: 1, handedBack: 1, parked: 0 })
    })

    test('takes one lease at a time', async () => {
      const { lane, worker, lease, run } = await bench.leased(1)
      await bench.enqueue(lane, 1)
      const second = await bench.take(worker, lane)
      await bench.kill(worker)
      expect([...(await bench.storage.workers.leasesOf(worker))].sort((a, b) => a - b)).toEqual(
        [lease, second.lease].sort((a, b) => a - b),
      )
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      expect(await bench.storage.workers.leasesOf(worker)).toEqual([second.lease])
      expect(await bench.places([run.job, second.members[0]!.job])).toEqual(['ready', 'started'])
    })
  })
}

function questions(open: Open): void {
  describe('what rescue asks the rules', () => {
    const bench = new Bench(open)
    const asked = async ({
      worker,
      lease,
    }: Pick<Leased, 'worker' | 'lease'>): Promise<readonly Unsettled[]> => {
      const all: Unsettled[] = []
      await bench.kill(worker)
      await bench.storage.workers.rescueLease(worker, lease, (unsettled) => {
        all.push(unsettled)
        return rescueWith(9)(unsettled)
      })
      return all.toSorted((a, b) => (a.job < b.job ? -1 : 1))
    }

    test('is about each unsettled execution, with all that is known', async () => {
      const leased = await bench.leased(3, { prio: 1, options: { finalizer: true } }, { free: 1 })
      await bench.settle([decision(leased.members[1]!)], standing(leased.lease, [0]))
      const all = {
        seq: 0,
        attempt: 1,
        lane: leased.lane.id,
        prio: 1,
        deaths: 0,
        finalizer: true,
        ended: null,
      }
      expect(await asked(leased)).toMatchObject([
        { ...all, job: leased.jobs[0]!.id, started: true, expired: false },
        { ...all, job: leased.jobs[2]!.id, started: false, expired: false },
      ])
    })

    test('tells attempts and deaths before', async () => {
      const leased = await bench.leased(1)
      await asked(leased)
      const worker = await bench.worker()
      const { lease, members } = await bench.take(worker, leased.lane)
      expect(members[0]).toMatchObject({ attempt: 2, care: 2 })
      expect(await asked({ worker, lease })).toMatchObject([
        { attempt: 2, deaths: 1, started: false, finalizer: false },
      ])
    })

    test('tells whether the deadline has passed', async () => {
      const past = await bench.leased(1, { options: { deadline: 1_000 } })
      const ahead = await bench.leased(1, { options: { deadline: Date.now() + 3_600_000 } })
      expect(await asked(past)).toMatchObject([{ expired: true }])
      expect(await asked(ahead)).toMatchObject([{ expired: false }])
    })

    test('tells a finalizer what it finalizes', async () => {
      const { run, lane } = await bench.leased(1)
      await bench.settle([decision(run, outcomes.failed, { ms: 4, error: oops, next: [finalizerOf(run)] })])
      const worker = await bench.worker()
      const { lease } = await bench.take(worker, lane)
      expect(await asked({ worker, lease })).toMatchObject([
        {
          seq: -1,
          attempt: 1,
          deaths: 0,
          ended: { outcome: outcomes.failed, ms: 4, error: oops, deaths: 0 },
        },
      ])
    })
  })
}
