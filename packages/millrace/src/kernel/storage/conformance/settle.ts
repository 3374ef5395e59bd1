import { describe, expect, test } from 'vitest'
import { waitReasons } from '../../rules/decision.ts'
import { outcomes, type StoredError } from '../../rules/outcome.ts'
import {
  Bench,
  decision,
  expectRefusal,
  finalizerOf,
  keyOf,
  oops,
  retry,
  spent,
  standing,
  rescueWith,
} from './fixtures.ts'
import type { Open } from './subject.ts'

export function settle(open: Open): void {
  settleRows(open)
  settleMarks(open)
  settleFence(open)
  settleAgain(open)
  finalizers(open)
}

function settleRows(open: Open): void {
  describe('settle', () => {
    const bench = new Bench(open)

    test('appends the attempt and ends the job with its result', async () => {
      const { run, lease } = await bench.leased()
      const before = Math.floor(await bench.storage.now())
      expect(
        await bench.settle([decision(run, outcomes.completed, { ms: 12.5, result: '{"ok":true}' })]),
      ).toEqual([])
      const after = Math.ceil(await bench.storage.now())
      const [attempt, ...others] = await bench.attempts(run.job)
      expect(others).toEqual([])
      expect(attempt).toEqual({
        seq: 0,
        attempt: 1,
        outcome: outcomes.completed,
        ms: 12.5,
        error: null,
        deaths: 0,
        lease,
        finishedAt: attempt!.finishedAt,
      })
      expect(attempt!.finishedAt).toBeGreaterThanOrEqual(before)
      expect(attempt!.finishedAt).toBeLessThanOrEqual(after)
      expect(await bench.record(run.job)).toMatchObject({
        attempt: 1,
        finishedAt: attempt!.finishedAt,
        error: null,
        result: '{"ok":true}',
        facts: { ended: outcomes.completed, ready: false, waiting: null, leased: null, finalizing: false },
      })
    })

    test('keeps an error with its chain of causes', async () => {
      const { run } = await bench.leased()
      const error: StoredError = {
        name: 'TypeError',
        message: 'it\'s "bad" \u{1f525}\n',
        code: 'E_BAD',
        stack: 'TypeError: at x',
        retryAfterMs: 1_500,
        cause: { name: 'Error', message: 'deeper', cause: oops },
      }
      await bench.settle([decision(run, outcomes.failed, { error })])
      expect(await bench.attempts(run.job)).toMatchObject([{ outcome: outcomes.failed, error }])
      expect(await bench.record(run.job)).toMatchObject({
        error,
        result: null,
        facts: { ended: outcomes.failed },
      })
    })

    test.for(['failed', 'aborted', 'completedWithErrors', 'expired', 'parked', 'skipped'] as const)(
      'ends a job %s',
      async (name) => {
        const { run } = await bench.leased()
        await bench.settle([decision(run, outcomes[name], name === 'skipped' ? {} : { error: oops })])
        expect(await bench.place(run.job)).toBe(name)
        expect(await bench.told(run.job)).toEqual([`0/1 ${name}`])
      },
    )

    test('lets a retry wait for its time, then run as the next attempt', async () => {
      const { run, lane, worker } = await bench.leased()
      const before = Math.floor(await bench.storage.now())
      await bench.settle([retry(run, 60_000)])
      const record = await bench.record(run.job)
      expect(record).toMatchObject({ attempt: 2, finishedAt: null, error: oops })
      expect(record.facts).toMatchObject({ ended: null, ready: false, leased: null })
      expect(record.facts.waiting).toMatchObject({ reason: waitReasons.retrying, gate: null })
      expect(record.facts.waiting!.dueAt).toBeGreaterThanOrEqual(before + 59_999)
      expect(await bench.claim(worker, lane)).toBeNull()
    })

    test('runs a retry that is due, with lane and priority of its job', async () => {
      const { run, lane, worker } = await bench.leased(1, { prio: 2, payload: '"p"' })
      await bench.settle([retry(run, 1)])
      await bench.awaitReady(run.job)
      const { members } = await bench.take(worker, lane)
      expect(members).toMatchObject([{ job: run.job, seq: 0, attempt: 2, care: 0, prio: 2, payload: '"p"' }])
      await bench.settle([decision(members[0]!)])
      expect(await bench.told(run.job)).toEqual(['0/1 retried', '0/2 completed'])
      expect(await bench.record(run.job)).toMatchObject({ attempt: 2, facts: { ended: outcomes.completed } })
    })

    test('queues next executions at once, with their care', async () => {
      const { run, lane, worker } = await bench.leased()
      const next = [
        { seq: 1, attempt: 1, care: 0, when: { ready: true } },
        { seq: 2, attempt: 1, care: 3, when: { ready: true } },
        { seq: 3, attempt: 1, care: 1, when: { dueInMs: 60_000, reason: 'snoozed' } },
      ] as const
      await bench.settle([decision(run, outcomes.succeeded, { next })])
      expect((await bench.take(worker, lane)).members).toMatchObject([
        { seq: 1, attempt: 1, care: 0 },
        { seq: 2, attempt: 1, care: 3 },
      ])
      expect((await bench.record(run.job)).facts.waiting?.reason).toBe(waitReasons.snoozed)
    })

    test('settles members of several leases in one group', async () => {
      const [a, b] = [await bench.leased(2), await bench.leased(1)]
      const runs = [...a.members, ...b.members]
      expect(await bench.settle(runs.map((run) => decision(run)))).toEqual([])
      expect(await bench.tally(runs.map((run) => run.job))).toEqual({ completed: 3 })
      expect(await bench.storage.executions.leases(a.worker)).toEqual([])
      expect(await bench.storage.executions.leases(b.worker)).toEqual([])
    })

    test('settles a thousand at once', async () => {
      const { members } = await bench.leased(1_000)
      expect(
        await bench.settle(members.map((run) => decision(run, outcomes.completed, { result: '1' }))),
      ).toEqual([])
      expect(await bench.tally(members.map((run) => run.job))).toEqual({ completed: 1_000 })
    })

    test('has nothing to do with nothing', async () => {
      expect(await bench.settle([], [])).toEqual([])
    })

    test('fails whole when one member cannot be stored', async () => {
      const { members, worker, lease } = await bench.leased(3)
      const [first, second, third] = members
      await bench.settle([decision(first!)], standing(lease, [1, 2]))
      const good = decision(second!, outcomes.failed, { error: oops, next: [finalizerOf(second!)] })
      await expectRefusal(
        bench.settle([good, decision(first!), decision(third!, outcomes.completed, { result: '1' })]),
      )
      expect(await bench.told(second!.job)).toEqual([])
      expect(await bench.told(first!.job)).toEqual(['0/1 completed'])
      expect(await bench.places(members.map((run) => run.job))).toEqual(['completed', 'started', 'started'])
      expect((await bench.record(second!.job)).facts.finalizing).toBe(false)
      expect((await bench.record(third!.job)).result).toBeNull()
      expect(await bench.storage.executions.leases(worker)).toEqual([lease])
      expect(await bench.settle([good, decision(third!)])).toEqual([])
    })

    test('fails whole when a group names one execution twice', async () => {
      const { members } = await bench.leased(2)
      const [first, second] = members
      await expectRefusal(bench.settle([decision(second!), decision(first!), decision(first!)]))
      expect(await bench.tally(members.map((run) => run.job))).toEqual({ started: 2 })
    })
  })
}

function settleMarks(open: Open): void {
  describe('lease marks', () => {
    const bench = new Bench(open)

    test('say what runs now', async () => {
      const { lease, members } = await bench.leased(3, {}, { free: 1 })
      const ids = members.map((run) => run.job)
      expect(await bench.settle([], standing(lease, [1, 2]))).toEqual([])
      expect(await bench.places(ids)).toEqual(['leased', 'started', 'started'])
      await bench.settle([decision(members[1]!)], standing(lease, [0]))
      expect(await bench.places(ids)).toEqual(['started', 'completed', 'leased'])
    })

    test('keep a lease until it is finished', async () => {
      const { lease, members, worker } = await bench.leased(2)
      await bench.settle([decision(members[0]!)], standing(lease, [1]))
      expect(await bench.storage.executions.leases(worker)).toEqual([lease])
      expect(await bench.places(members.map((run) => run.job))).toEqual(['completed', 'started'])
      await bench.settle([decision(members[1]!)], spent([{ lease }]))
      expect(await bench.storage.executions.leases(worker)).toEqual([])
    })

    test('may come without a decision, or not at all', async () => {
      const { lease, run, worker } = await bench.leased()
      await bench.settle([decision(run)], [])
      expect(await bench.place(run.job)).toBe('completed')
      expect(await bench.storage.executions.leases(worker)).toEqual([lease])
      await bench.settle([], spent([{ lease }]))
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      expect(await bench.told(run.job)).toEqual(['0/1 completed'])
    })
  })
}

function settleFence(open: Open): void {
  describe('a fallen lease', () => {
    const bench = new Bench(open)
    const fallen = async (n = 1) => {
      const leased = await bench.leased(n, { options: { finalizer: true } }, { free: 0 })
      await bench.kill(leased.worker)
      await bench.storage.workers.rescueLease(leased.worker, leased.lease, rescueWith(3))
      return leased
    }

    test('is named, and its decisions leave nothing', async () => {
      const { run, lease } = await fallen()
      const next = [
        finalizerOf(run),
        { seq: 0, attempt: 2, care: 0, when: { dueInMs: 1, reason: 'retrying' } },
      ] as const
      const late = decision(run, outcomes.failed, { error: oops, result: '1', next })
      expect(await bench.settle([late])).toEqual([lease])
      expect(await bench.told(run.job)).toEqual([])
      const record = await bench.record(run.job)
      expect(record).toMatchObject({ attempt: 1, error: null, result: null })
      expect(record.facts).toEqual({
        ended: null,
        ready: true,
        waiting: null,
        leased: null,
        finalizing: false,
        aborting: false,
      })
    })

    test('does not hold up the others of its group', async () => {
      const [dead, alive] = [await fallen(2), await bench.leased(2)]
      const decisions = [dead.members[0]!, ...alive.members, dead.members[1]!].map((run) => decision(run))
      expect(await bench.settle(decisions)).toEqual([dead.lease])
      expect(await bench.tally(alive.jobs.map((job) => job.id))).toEqual({ completed: 2 })
      expect(await bench.tally(dead.jobs.map((job) => job.id))).toEqual({ ready: 2 })
      expect(await bench.storage.executions.leases(alive.worker)).toEqual([])
    })

    test('is named for its marks too', async () => {
      const { lease } = await fallen()
      expect(await bench.settle([], standing(lease, [0]))).toEqual([lease])
      expect(await bench.settle([], spent([{ lease }]))).toEqual([lease])
    })

    test('stays fallen when somebody else has the execution now', async () => {
      const { run, lane, lease } = await fallen()
      const next = await bench.take(await bench.worker(), lane)
      expect(await bench.settle([decision(run, outcomes.failed, { error: oops })])).toEqual([lease])
      expect(await bench.place(run.job)).toBe('started')
      expect(await bench.settle([decision(next.members[0]!)])).toEqual([])
      expect(await bench.attempts(run.job)).toMatchObject([
        { outcome: outcomes.completed, lease: next.lease },
      ])
    })

    test('also holds for a lease that never was', async () => {
      const { run } = await bench.leased()
      expect(await bench.settle([decision({ ...run, lease: 2_000_000_000 })])).toEqual([2_000_000_000])
      expect(await bench.place(run.job)).toBe('started')
    })

    test('cannot be re-opened by settling it twice', async () => {
      const { run, lease } = await bench.leased()
      await bench.settle([decision(run)])
      expect(await bench.settle([decision(run, outcomes.failed, { error: oops })])).toEqual([lease])
      expect(await bench.told(run.job)).toEqual(['0/1 completed'])
    })
  })
}

function settleAgain(open: Open): void {
  describe('after a lost answer', () => {
    const bench = new Bench(open)

    test('settled finds what was settled under its lease, and only that', async () => {
      const { members, lease } = await bench.leased(3)
      const decisions = members.map((run) => decision(run))
      expect(await bench.storage.executions.settled(decisions)).toEqual([])
      await bench.settle(decisions.slice(0, 2), standing(lease, [2]))
      const found = await bench.storage.executions.settled(decisions.toReversed())
      expect(sorted(found)).toEqual(sorted(decisions.slice(0, 2).map((one) => one.key)))
    })

    test('settled finds it also when the lease went with it', async () => {
      const { members } = await bench.leased(2)
      const decisions = members.map((run) => decision(run))
      await bench.settle(decisions)
      expect(sorted(await bench.storage.executions.settled(decisions))).toEqual(
        sorted(decisions.map((one) => one.key)),
      )
    })

    test('settled does not take the settle of another lease for ours', async () => {
      const { run, lane, worker, lease } = await bench.leased(1, {}, { free: 0 })
      await bench.kill(worker)
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      const next = (await bench.take(await bench.worker(), lane)).members[0]!
      await bench.settle([decision(next)])
      expect(await bench.storage.executions.settled([decision(run)])).toEqual([])
      expect(await bench.storage.executions.settled([decision(next)])).toEqual([keyOf(next)])
    })

    test('settled does not take what rescue wrote for ours', async () => {
      const { run, worker, lease } = await bench.leased(1)
      await bench.kill(worker)
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      expect((await bench.attempts(run.job))[0]).toMatchObject({ lease, attempt: run.attempt })
      expect(await bench.storage.executions.settled([decision(run)])).toEqual([])
    })

    test('settled has nothing to say of nothing', async () => {
      expect(await bench.storage.executions.settled([])).toEqual([])
    })
  })
}

function finalizers(open: Open): void {
  describe('finalizers', () => {
    const bench = new Bench(open)
    const finalizing = async () => {
      const { run, lane, worker } = await bench.leased(1, { payload: '"x"', options: { finalizer: true } })
      await bench.settle([decision(run, outcomes.failed, { ms: 3, error: oops, next: [finalizerOf(run)] })])
      return { run, lane, worker }
    }

    test('are executions of their own of an ended job', async () => {
      const { run, lane, worker } = await finalizing()
      const ended = { ended: outcomes.failed, ready: false, waiting: null, leased: null }
      expect((await bench.record(run.job)).facts).toMatchObject({ ...ended, finalizing: true })
      const { members } = await bench.take(worker, lane)
      expect(members).toMatchObject([
        { job: run.job, seq: -1, attempt: 1, payload: '"x"', options: { finalizer: true } },
      ])
      expect((await bench.record(run.job)).facts).toMatchObject({ ...ended, finalizing: true })
      await bench.settle([decision(members[0]!, outcomes.succeeded)])
      expect((await bench.record(run.job)).facts).toMatchObject({ ...ended, finalizing: false })
    })

    test('do not touch outcome, error or time of their job, however they end', async () => {
      const { run, lane, worker } = await finalizing()
      const { facts, error, finishedAt, attempt } = await bench.record(run.job)
      const first = (await bench.take(worker, lane)).members[0]!
      await bench.settle([retry(first, 1, { error: { name: 'Error', message: 'finalizer broke' } })])
      expect((await bench.record(run.job)).facts).toMatchObject({
        ended: outcomes.failed,
        finalizing: true,
        waiting: null,
      })
      await bench.awaitHead(lane)
      const second = (await bench.take(worker, lane)).members[0]!
      expect(second).toMatchObject({ seq: -1, attempt: 2 })
      await bench.settle([
        decision(second, outcomes.gaveUp, { error: { name: 'Error', message: 'gave up' } }),
      ])
      expect(await bench.record(run.job)).toMatchObject({ error, finishedAt, attempt })
      expect((await bench.record(run.job)).facts).toEqual({ ...facts, finalizing: false })
      expect(await bench.told(run.job)).toEqual(['0/1 failed', '-1/1 retried', '-1/2 gaveUp'])
      expect((await bench.storage.history.ends([run.job]))[0]).toMatchObject({
        outcome: outcomes.failed,
        error: oops,
      })
    })

    test('are told the attempts they finalize, in the order asked for', async () => {
      const { run } = await finalizing()
      const other = await bench.leased()
      const found = await bench.storage.executions.ended([
        keyOf(other.run),
        keyOf(run),
        { ...keyOf(run), attempt: 2 },
      ])
      expect(found).toEqual([null, { outcome: outcomes.failed, ms: 3, error: oops, deaths: 0 }, null])
      expect(await bench.storage.executions.ended([])).toEqual([])
    })

    test('are told how often the process of that execution died', async () => {
      const { run, lane, worker, lease } = await bench.leased(1)
      await bench.kill(worker)
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      const living = await bench.worker()
      const again = await bench.take(living, lane)
      const second = again.members[0]!
      await bench.settle([decision(second, outcomes.completed)], standing(again.lease))
      const found = await bench.storage.executions.ended([keyOf(run), keyOf(second)])
      expect(found.map((one) => one?.outcome)).toEqual([outcomes.lost, outcomes.completed])
      expect(found.map((one) => one?.deaths)).toEqual([1, 1])
    })
  })
}

const sorted = <T extends { readonly job: string }>(keys: readonly T[]): T[] =>
  [...keys].sort((a, b) => (a.job < b.job ? -1 : 1))
