import { describe, expect, test } from 'vitest'
import type { Decision, NextExecution } from '../../rules/decision.ts'
import type { Claimed } from '../../rules/execution.ts'
import { keptBy } from '../../rules/keep.ts'
import { outcomes } from '../../rules/outcome.ts'
import type { StateChange } from '../../rules/state.ts'
import type { LeaseMark } from '../executions.ts'
import { Bench, decision, handler, keyOf, oops, rescueWith, retry, spent, standing } from './fixtures.ts'
import type { Open } from './subject.ts'

/** The two ways that a settle goes. */
const ways = ['in the group', 'in the transaction of its handler'] as const
type Way = (typeof ways)[number]

export function keep(open: Open): void {
  for (const way of ways) keeps(open, way)
  besideOthers(open)
}

function keeps(open: Open, way: Way): void {
  describe(`a next execution that is kept, settled ${way}`, () => {
    const bench = new Bench(open)
    const settle = settling(bench, way)

    test('takes the place of the one before it under its lease, and nobody can claim it', async () => {
      const { lane, worker, lease, run, members } = await bench.leased(3)
      const kept = await settle(members[1]!)
      expect(kept).toMatchObject({ seq: 1, attempt: 1, care: 0, lease, position: 1 })
      expect(await bench.told(kept.job)).toEqual(['0/1 succeeded'])
      expect(await bench.places(members.map(({ job }) => job))).toEqual(['started', 'started', 'started'])
      expect(await bench.claim(await bench.worker(), lane)).toBeNull()
      expect(await bench.storage.executions.leases(worker)).toEqual([lease])
      expect((await bench.record(kept.job)).facts).toMatchObject({ ended: null, ready: false, waiting: null })
      const other = await bench.storage.history.list(
        { tenant: lane.tenant, status: 'Processing' },
        { before: null, limit: 9 },
      )
      expect(other.jobs.map(({ id }) => id)).toEqual(members.map(({ job }) => job).toReversed())
      expect(await bench.storage.history.counts({ tenant: lane.tenant })).toMatchObject({
        Processing: 3,
        Queued: 0,
      })
      await bench.settle([run, kept, members[2]!].map((one) => decision(one)))
      expect(await bench.told(kept.job)).toEqual(['1/1 completed', '0/1 succeeded'])
      expect(await bench.storage.executions.leases(worker)).toEqual([])
    })

    test('may be followed by another, and by one that is not kept', async () => {
      const { lane, run, worker } = await bench.leased()
      const second = await settle(await settle(run))
      expect(second.seq).toBe(2)
      const next: NextExecution = { seq: 3, attempt: 1, care: 0, when: { ready: true } }
      await bench.settle([decision(second, outcomes.succeeded, { next: [next] })])
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members).toMatchObject([{ job: run.job, seq: 3, attempt: 1, care: 0 }])
      expect(await bench.told(run.job)).toEqual(['2/1 succeeded', '1/1 succeeded', '0/1 succeeded'])
    })

    test('has attempts of its own, also behind a retry', async () => {
      const { lane, run, worker } = await bench.leased()
      await bench.settle([retry(run)])
      await bench.awaitReady(run.job)
      await bench.enqueue(lane)
      const { members, lease } = await bench.take(worker, lane)
      const kept = await settle(members[0]!)
      await rescueOf(bench, { worker, lease })
      expect(await bench.told(run.job)).toEqual(['1/1 lost', '0/1 retried', '0/2 succeeded'])
      expect(kept).toMatchObject({ seq: 1, attempt: 1 })
    })

    test('is lost with its process: the step after the last one done runs again, its death counted', async () => {
      const { lane, run, worker, lease } = await bench.leased(2, {}, { free: 1 })
      await settle(await settle(run))
      expect(await rescueOf(bench, { worker, lease })).toEqual({ lost: 1, handedBack: 1, parked: 0 })
      expect(await bench.told(run.job)).toEqual(['2/1 lost', '1/1 succeeded', '0/1 succeeded'])
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members).toMatchObject([
        { job: run.job, seq: 2, attempt: 2, care: 2 },
        { seq: 0, attempt: 1, care: 1 },
      ])
    })

    test('goes back uncharged when it was not marked as started', async () => {
      const { lane, run, worker, lease } = await bench.leased(1, {}, { free: 0 })
      await settle(run, standing(lease))
      expect(await rescueOf(bench, { worker, lease })).toEqual({ lost: 0, handedBack: 1, parked: 0 })
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members).toMatchObject([{ job: run.job, seq: 1, attempt: 1, care: 1 }])
    })

    test('is given up when its process died too often', async () => {
      const { run, worker, lease } = await bench.leased()
      await settle(run)
      await rescueOf(bench, { worker, lease }, 1)
      expect(await bench.told(run.job)).toEqual(['1/1 gaveUp', '0/1 succeeded'])
      expect((await bench.record(run.job)).facts).toMatchObject({ ready: true, ended: null })
    })

    test('is handed back as it is, once', async () => {
      const { lane, run, worker } = await bench.leased()
      const kept = await settle(run)
      const row = { ...kept, wait: null }
      expect(await bench.storage.executions.handBack([row])).toEqual({ fenced: [] })
      await bench.storage.executions.handBack([row])
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members).toMatchObject([{ job: run.job, seq: 1, attempt: 1, care: 0 }])
    })

    test('is handed back with the whole of its lease', async () => {
      const { lane, run, worker, lease } = await bench.leased()
      await settle(run)
      await bench.storage.executions.handBackLease(worker, lease)
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members).toMatchObject([{ job: run.job, seq: 1, attempt: 1, care: 0 }])
    })

    test('comes with the state that it goes on from', async () => {
      const { run } = await bench.leased()
      await settle(run, standing(run.lease, [0]), { state: stateFor(1) })
      expect(await bench.storage.states.get(run.job)).toMatchObject({ seq: 1, data: 'at 1' })
      expect(await bench.place(run.job)).toBe('started')
    })

    test('may come with all that a settle writes', async () => {
      const { run, worker, lease } = await bench.leased()
      expect(await bench.storage.executions.abort(run.job)).toBe('requested')
      const change = { error: oops, result: '7', endsAbort: true, state: stateFor(1) } as const
      await settle(run, standing(lease, [0]), change)
      expect(await bench.record(run.job)).toMatchObject({ facts: { aborting: false } })
      expect(await bench.attempts(run.job)).toMatchObject([{ error: oops }])
      await rescueOf(bench, { worker, lease })
      expect(await bench.told(run.job)).toEqual(['1/1 lost', '0/1 succeeded'])
    })

    test('is aborted by its owner', async () => {
      const { run } = await bench.leased()
      const kept = await settle(run)
      expect(await bench.storage.executions.abort(run.job)).toBe('requested')
      expect(await bench.storage.executions.sweepAborts()).toContain(run.job)
      await bench.settle([decision(kept, outcomes.aborted, { endsAbort: true })])
      expect((await bench.record(run.job)).facts).toMatchObject({ aborting: false, ended: outcomes.aborted })
    })

    test('is there after a lost answer', async () => {
      const { run } = await bench.leased()
      const kept = await settle(run)
      const before = decision(run, outcomes.succeeded)
      expect(await bench.storage.executions.settled([before, decision(kept)])).toEqual([keyOf(run)])
    })

    test('is not there when the lease has fallen', async () => {
      const { lane, run, worker, lease } = await bench.leased()
      await rescueOf(bench, { worker, lease })
      const next = await bench.take(await bench.worker(), lane)
      await expect(settle(run)).rejects.toThrow('fenced')
      expect(await bench.told(run.job)).toEqual(['0/1 lost'])
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      await bench.settle([decision(next.members[0]!)])
      expect(await bench.told(run.job)).toEqual(['0/1 lost', '0/2 completed'])
    })

    test('is pruned with its job only when that has ended', async () => {
      const { run } = await bench.leased()
      const kept = await settle(run)
      const prune = async () => {
        for (let wraps = 0; wraps < 2;) {
          const step = await bench.storage.history.prune({
            completedMs: -1_000,
            failedMs: -1_000,
            page: 1_000,
          })
          if (step.wrapped) wraps += 1
        }
        return bench.place(run.job)
      }
      expect(await prune()).toBe('started')
      await bench.settle([decision(kept)])
      expect(await prune()).toBe('absent')
    })
  })
}

function besideOthers(open: Open): void {
  describe('a next execution that is kept', () => {
    const bench = new Bench(open)

    test('is forgotten when its transaction rolls back', async () => {
      const { run, worker, lease } = await bench.leased()
      await bench.transaction((tx) => tx.settle(kept(run)), handler())
      expect(await bench.told(run.job)).toEqual([])
      await rescueOf(bench, { worker, lease })
      expect(await bench.told(run.job)).toEqual(['0/1 lost'])
    })

    test('is settled in one group with others of its lease, that are kept, marked and ended', async () => {
      const { members, lease, worker } = await bench.leased(5, {}, { free: 2 })
      const [a, b, c] = members
      expect(await bench.settle([kept(a!), decision(b!), kept(c!)], standing(lease, [0, 2, 4]))).toEqual([])
      expect(await bench.places(members.map(({ job }) => job))).toEqual([
        ...['started', 'completed', 'started', 'leased', 'started'],
      ])
      expect(await rescueOf(bench, { worker, lease })).toEqual({ lost: 3, handedBack: 1, parked: 0 })
      expect(await Promise.all(members.map(({ job }) => bench.told(job)))).toEqual([
        ...[
          ['1/1 lost', '0/1 succeeded'],
          ['0/1 completed'],
          ['1/1 lost', '0/1 succeeded'],
          [],
          ['0/1 lost'],
        ],
      ])
    })

    test('is settled in one group with those of other leases', async () => {
      const [one, two] = [await bench.leased(2), await bench.leased(2)]
      const marks = [...standing(one.lease, [0]), ...spent([two.run])]
      const decisions = [kept(one.run), decision(one.members[1]!), ...two.members.map((run) => decision(run))]
      expect(await bench.settle(decisions, marks)).toEqual([])
      expect(await bench.places([...one.members, ...two.members].map(({ job }) => job))).toEqual([
        ...['started', 'completed', 'completed', 'completed'],
      ])
      expect(await bench.storage.executions.leases(two.worker)).toEqual([])
      await bench.settle([decision(keptBy(one.run, kept(one.run))!)])
      expect(await bench.storage.executions.leases(one.worker)).toEqual([])
    })

    test('and what others change of its lease meanwhile are both kept', async () => {
      const { members, lease, worker } = await bench.leased(3, {}, { free: 1 })
      const [a, b, c] = members
      const group = await bench.transaction(async (tx) => {
        await tx.settle(kept(a!))
        const group = bench.settle([kept(b!)], standing(lease, [0, 1, 2]))
        await tx.commit()
        return await group
      }, handler())
      expect(group).toEqual([])
      expect(await rescueOf(bench, { worker, lease })).toEqual({ lost: 3, handedBack: 0, parked: 0 })
      expect(await Promise.all([a!, b!, c!].map(({ job }) => bench.told(job)))).toEqual([
        ...[['1/1 lost', '0/1 succeeded'], ['1/1 lost', '0/1 succeeded'], ['0/1 lost']],
      ])
    })

    test('is seen by a rescue that comes meanwhile', async () => {
      const { run, worker, lease } = await bench.leased()
      await bench.kill(worker)
      const rescued = await bench.transaction(async (tx) => {
        await tx.settle(kept(run))
        const rescue = bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
        await tx.commit()
        return await rescue
      }, handler())
      expect(rescued).toEqual({ lost: 1, handedBack: 0, parked: 0 })
      expect(await bench.told(run.job)).toEqual(['1/1 lost', '0/1 succeeded'])
    })
  })
}

/** The end of a step, the next one kept. */
function kept(run: Claimed, change: Partial<Decision> = {}): Decision {
  const next: NextExecution = { seq: run.seq + 1, attempt: 1, care: 0, when: { keep: run.position } }
  return decision(run, outcomes.succeeded, { next: [next], ...change })
}

/** Settles a step and answers the one that follows. */
function settling(bench: Bench, way: Way) {
  return async (
    run: Claimed,
    marks: readonly LeaseMark[] = [],
    change: Partial<Decision> = {},
  ): Promise<Claimed> => {
    const decided = kept(run, change)
    if (way === 'in the group') {
      if ((await bench.settle([decided], marks)).length > 0) throw new Error('fenced')
    } else {
      await bench.transaction(async (tx) => {
        if ((await tx.settle(decided)) === 'fenced') throw new Error('fenced')
        await tx.commit()
      }, handler())
      await bench.settle([], marks)
    }
    return keptBy(run, decided)!
  }
}

async function rescueOf(
  bench: Bench,
  { worker, lease }: { readonly worker: number; readonly lease: number },
  maxDeaths = 3,
) {
  await bench.kill(worker)
  return await bench.storage.workers.rescueLease(worker, lease, rescueWith(maxDeaths))
}

const stateFor = (seq: number): StateChange => ({
  ...{ seq, phase: 2, data: `at ${seq}`, error: null, pace: null, spread: null },
  ...{ total: 9, processed: 1, failed: 0, chunks: 1, totalChunks: 9, errors: 0, scope: null },
})
