import { describe, expect, test } from 'vitest'
import { waitReasons } from '../../rules/decision.ts'
import { statusOf } from '../../rules/job-status.ts'
import { outcomes } from '../../rules/outcome.ts'
import { flexKeyName } from '../flex-queues.ts'
import { Bench, decision, expectError, newJob, pass, until } from './fixtures.ts'
import type { Open } from './subject.ts'
import { active, define, end, enqueue, holding, jobOf, patient, queueOf, view } from './flex-queue-jobs.ts'

export function flexQueue(open: Open): void {
  enqueues(open)
  waitsForLater(open)
  starts(open)
}

function waitsForLater(open: Open): void {
  // In a database where nobody else waits.
  describe('a job for later in a flex queue', () => {
    const bench = new Bench(open)

    test('does not make the pump look again and again', async () => {
      const queue = await queueOf(bench, 1)
      await bench.storage.jobs.enqueueAlone(jobOf(queue, { due: { inMs: 36_000_000 } }), patient)
      await enqueue(bench, queue, 1)
      await end(bench, queue, 1)
      await bench.storage.limits.wake([queue.key])
      const { nextInMs } = await bench.storage.waiting.pump()
      expect(nextInMs ?? Infinity).toBeGreaterThan(3_600_000)
    })
  })
}

function enqueues(open: Open): void {
  describe('an enqueue in a flex queue', () => {
    const bench = new Bench(open)

    test('starts while a slot is free, and is Holding behind that', async () => {
      const queue = await queueOf(bench, 2)
      expect(await bench.storage.flexQueues.look('nobody')).toBeNull()
      const ids = await enqueue(bench, queue, 4)
      expect(await bench.places(ids)).toEqual(['ready', 'ready', 'waiting', 'waiting'])
      expect(await view(bench.storage, queue)).toEqual({
        ...{ tenant: queue.tenant, slots: 2, most: 100, active: 2, holding: 2 },
        ...{ activeJobs: ids.slice(0, 2), holdingJobs: ids.slice(2) },
      })
      const { activeJobs: _, holdingJobs: __, ...standing } = await view(bench.storage, queue)
      expect(await bench.storage.flexQueues.standing(queue.key)).toEqual(standing)
      expect(await bench.storage.flexQueues.standing(-1)).toBeNull()
      const { facts } = await bench.record(ids[2]!)
      expect(facts.waiting).toEqual({
        reason: waitReasons.holding,
        dueAt: null,
        gate: flexKeyName(queue.tenant),
      })
      expect(statusOf(facts, { paused: false, known: true })).toMatchObject({
        status: 'Holding',
        substatus: 'holding',
      })
      expect((await bench.storage.limits.usage()).find(({ id }) => id === queue.key)).toMatchObject({
        spec: { flex: { most: 100 } },
        used: 2,
        waiting: 2,
      })
    })

    test('is refused beyond the bound, with nothing written', async () => {
      const queue = await queueOf(bench, 1, 2)
      await enqueue(bench, queue, 3)
      const late = jobOf(queue, { args: [{ path: '#tag', value: 'late' }] })
      await expectError(bench.storage.jobs.enqueueAlone(late, patient), 'MILL_FLEX_QUEUE_FULL')
      await expectError(bench.storage.jobs.enqueue([jobOf(queue)]), 'MILL_FLEX_QUEUE_FULL')
      await bench.transaction(async (tx) => {
        await expectError(tx.enqueue([jobOf(queue)]), 'MILL_FLEX_QUEUE_FULL')
      })
      expect(await bench.place(late.id)).toBe('absent')
      expect(await view(bench.storage, queue)).toMatchObject({ active: 1, holding: 2 })
      const unique = { key: `k-${queue.tenant}`, until: 'done', on: 'throw' } as const
      await expectError(
        bench.storage.jobs.enqueueAlone(jobOf(queue, { unique }), patient),
        'MILL_FLEX_QUEUE_FULL',
      )
      // The key was not taken either.
      await end(bench, queue, 1)
      await bench.storage.limits.wake([queue.key])
      expect(await bench.storage.jobs.enqueueAlone(jobOf(queue, { unique }), patient)).toMatchObject({
        kind: 'queued',
      })
    })

    test('of several is refused as a whole where not all find room', async () => {
      const queue = await queueOf(bench, 1, 2)
      const four = Array.from({ length: 4 }, () => jobOf(queue))
      await expectError(bench.storage.jobs.enqueue(four), 'MILL_FLEX_QUEUE_FULL')
      expect(await bench.tally(four.map(({ id }) => id))).toEqual({ absent: 4 })
      await bench.storage.jobs.enqueue(four.slice(1))
      expect(await holding(bench, queue)).toEqual(four.slice(2).map(({ id }) => id))
    })

    test('stands beside plain jobs and those of other queues in one call', async () => {
      const [one, two] = [await queueOf(bench, 1), await queueOf(bench, 1)]
      const plain = newJob(await bench.lane())
      const jobs = [jobOf(two), jobOf(one), plain, jobOf(two), jobOf(one)]
      await bench.storage.jobs.enqueue(jobs)
      expect(await bench.places(jobs.map(({ id }) => id))).toEqual([
        ...['ready', 'ready', 'ready', 'waiting', 'waiting'],
      ])
    })

    test('that is repeated after a lost answer changes nothing, also where the queue is full by then', async () => {
      const queue = await queueOf(bench, 1, 1)
      const [first, second] = [jobOf(queue), jobOf(queue)]
      for (const job of [first, second, first, second])
        await bench.storage.jobs.enqueueAlone(job, patient).catch((error: unknown) => {
          throw new Error(`repeat of ${job.id}`, { cause: error })
        })
      await bench.storage.jobs.enqueue([first, second])
      expect(await view(bench.storage, queue)).toMatchObject({ active: 1, holding: 1 })
    })

    test('tells once that the queue is filling up', async () => {
      const queue = await queueOf(bench, 1, 5)
      const told = []
      for (let i = 0; i < 6; i += 1) told.push(await bench.storage.jobs.enqueueAlone(jobOf(queue), patient))
      expect(told.map(({ filling }) => filling)).toEqual([
        ...[undefined, undefined, undefined, undefined],
        { tenant: queue.tenant, holding: 4, most: 5 },
        undefined,
      ])
      // In a transaction it is told of the job that made it so.
      await end(bench, queue, 1)
      await bench.storage.limits.wake([queue.key])
      await end(bench, queue, 1)
      await bench.storage.limits.wake([queue.key])
      await bench.transaction(async (tx) => {
        expect((await tx.enqueue([jobOf(queue)])).map(({ filling }) => filling)).toEqual([
          { tenant: queue.tenant, holding: 4, most: 5 },
        ])
      })
    })

    test('that is rolled back never was', async () => {
      const queue = await queueOf(bench, 1)
      await bench.transaction((tx) => tx.enqueue([jobOf(queue), jobOf(queue)]))
      expect(await view(bench.storage, queue)).toMatchObject({ active: 0, holding: 0 })
      const tx = await bench.storage.begin({ token: null, idleTimeoutMs: 10_000, writeTimeoutMs: 10_000 })
      const jobs = [jobOf(queue), jobOf(queue)]
      await tx.enqueue(jobs)
      await tx.commit()
      expect(await bench.places(jobs.map(({ id }) => id))).toEqual(['ready', 'waiting'])
    })

    test('for later is Holding when its time has come, beyond the bound if need be', async () => {
      const queue = await queueOf(bench, 1, 1)
      const later = jobOf(queue, { due: { inMs: 20 } })
      await bench.storage.jobs.enqueueAlone(later, patient)
      expect(await view(bench.storage, queue)).toMatchObject({ active: 0, holding: 0 })
      expect((await bench.record(later.id)).facts.waiting).toMatchObject({ reason: waitReasons.scheduled })
      // Whoever looks at the key before its time lets nobody start.
      expect(await bench.storage.limits.wake([queue.key])).toMatchObject({ moved: 0 })
      const ids = await enqueue(bench, queue, 2)
      await pass(bench.storage, 30)
      await bench.storage.waiting.moveDue(100)
      expect(await holding(bench, queue)).toEqual([ids[1], later.id])
      expect((await bench.record(later.id)).facts.waiting).toMatchObject({ reason: waitReasons.holding })
      await expectError(bench.storage.jobs.enqueueAlone(jobOf(queue), patient), 'MILL_FLEX_QUEUE_FULL')
      await end(bench, queue, 1)
      expect(await bench.storage.limits.wake([queue.key])).toEqual({ moved: 1, lanes: [queue.lane.id] })
      expect(await bench.places([ids[1]!, later.id])).toEqual(['ready', 'waiting'])
    })

    test('for later starts by the pump where a slot is free', async () => {
      const queue = await queueOf(bench, 1)
      const later = jobOf(queue, { due: { inMs: 5 } })
      await bench.storage.jobs.enqueueAlone(later, patient)
      await pass(bench.storage, 10)
      await bench.storage.waiting.moveDue(100)
      expect(await bench.storage.waiting.pump()).toMatchObject({ moved: 1 })
      expect(await active(bench, queue)).toEqual([later.id])
    })

    test('of an instant that has passed is one of now', async () => {
      const queue = await queueOf(bench, 1, 0)
      const [first, second] = [{ due: { at: 1_000 } }, { due: { at: 2_000 } }]
      await bench.storage.jobs.enqueueAlone(jobOf(queue, first), patient)
      await expectError(
        bench.storage.jobs.enqueueAlone(jobOf(queue, second), patient),
        'MILL_FLEX_QUEUE_FULL',
      )
    })

    test('of many processes at once fills it to the bound and not beyond', async () => {
      const queue = await queueOf(bench, 3, 10)
      const processes = await bench.several(4)
      const jobs = Array.from({ length: 40 }, () => jobOf(queue))
      const answers = await Promise.allSettled(
        jobs.map((job, index) => processes[index % 4]!.jobs.enqueueAlone(job, patient)),
      )
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(13)
      expect(await view(bench.storage, queue)).toMatchObject({ active: 3, holding: 10 })
      expect(await bench.tally(jobs.map(({ id }) => id))).toEqual({ ready: 3, waiting: 10, absent: 27 })
    })
  })
}

function starts(open: Open): void {
  describe('a flex queue', () => {
    const bench = new Bench(open)

    test('lets exactly the first start for each that has ended, however it did', async () => {
      const queue = await queueOf(bench, 2)
      const ids = await enqueue(bench, queue, 6)
      for (const [at, outcome] of [
        outcomes.completed,
        outcomes.failed,
        outcomes.completedWithErrors,
      ].entries()) {
        await end(bench, queue, 1, outcome)
        expect(await bench.storage.limits.wake([queue.key])).toMatchObject({ moved: 1 })
        expect(await active(bench, queue)).toEqual(ids.slice(at + 1, at + 3))
        expect(await holding(bench, queue)).toEqual(ids.slice(at + 3))
      }
      expect(await bench.storage.limits.wake([queue.key, -1])).toEqual({ moved: 0, lanes: [] })
    })

    test('counts a job from one execution to the next, while it runs and while it waits', async () => {
      const queue = await queueOf(bench, 1)
      const [first, second] = await enqueue(bench, queue, 2)
      for (let seq = 0; seq < 3; seq += 1) {
        const batch = await bench.take(await bench.worker(), queue.lane)
        expect(batch.members).toMatchObject([{ job: first, seq }])
        expect(await bench.storage.limits.wake([queue.key])).toMatchObject({ moved: 0 })
        const next = { seq: seq + 1, attempt: 1, care: 0 }
        const when = seq === 1 ? { dueInMs: 1, reason: 'retrying' as const } : { ready: true as const }
        await bench.settle([decision(batch.members[0]!, outcomes.succeeded, { next: [{ ...next, when }] })])
        expect(await bench.storage.limits.wake([queue.key])).toMatchObject({ moved: 0 })
        if (seq === 1) await bench.awaitReady(first!)
      }
      await end(bench, queue, 1)
      await bench.storage.limits.wake([queue.key])
      expect(await active(bench, queue)).toEqual([second])
    })

    test('is looked at by the pump where nobody told of the end', async () => {
      const queue = await queueOf(bench, 1)
      const [, second] = await enqueue(bench, queue, 2)
      await end(bench, queue, 1)
      await until(async () => {
        await bench.storage.waiting.pump()
        return (await bench.place(second!)) === 'ready'
      })
    })

    test('goes on behind one that is aborted, whether it has started or is Holding', async () => {
      const queue = await queueOf(bench, 1)
      const [first, second, third] = await enqueue(bench, queue, 3)
      expect(await bench.storage.executions.abort(second!)).toBe('aborted')
      expect(await holding(bench, queue)).toEqual([third])
      expect(await bench.storage.executions.abort(first!)).toBe('aborted')
      // The abort has told the pump.
      await bench.storage.waiting.pump()
      expect(await active(bench, queue)).toEqual([third])
    })

    test('goes on behind one that was parked, or pruned', async () => {
      const queue = await queueOf(bench, 1)
      const [first, second, third] = await enqueue(bench, queue, 3)
      await end(bench, queue, 1, outcomes.parked)
      await bench.storage.history.prune({ completedMs: 0, failedMs: 0, page: 1_000 })
      await until(async () => {
        await bench.storage.history.prune({ completedMs: 0, failedMs: 0, page: 1_000 })
        return (await bench.place(first!)) === 'absent'
      })
      await bench.storage.limits.wake([queue.key])
      expect(await active(bench, queue)).toEqual([second])
      expect(await holding(bench, queue)).toEqual([third])
    })

    test('lets a replaced one go, and holds what took its place', async () => {
      const queue = await queueOf(bench, 1)
      await enqueue(bench, queue, 1)
      const unique = { key: `k-${queue.tenant}`, until: 'started', on: 'replace' } as const
      const [first, second] = [jobOf(queue, { unique }), jobOf(queue, { unique })]
      await bench.storage.jobs.enqueueAlone(first, patient)
      expect(await bench.storage.jobs.enqueueAlone(second, patient)).toMatchObject({ kind: 'replaced' })
      expect(await holding(bench, queue)).toEqual([second.id])
      const duplicate = jobOf(queue, { unique: { ...unique, on: 'throw' } })
      expect(await bench.storage.jobs.enqueueAlone(duplicate, patient)).toEqual({
        kind: 'duplicate',
        holder: second.id,
      })
    })

    test('lets more start when it gets more slots, and fewer when it loses some', async () => {
      const queue = await queueOf(bench, 1)
      const ids = await enqueue(bench, queue, 5)
      await define(bench, queue.tenant, 3, 100)
      await bench.storage.waiting.pump()
      expect(await active(bench, queue)).toEqual(ids.slice(0, 3))
      await define(bench, queue.tenant, 1, 100)
      await end(bench, queue, 2)
      expect(await bench.storage.limits.wake([queue.key])).toMatchObject({ moved: 0 })
      await end(bench, queue, 1)
      expect(await bench.storage.limits.wake([queue.key])).toMatchObject({ moved: 1 })
      expect(await active(bench, queue)).toEqual([ids[3]])
    })

    test('never has more under way than it has slots, with many processes at it', async () => {
      const queue = await queueOf(bench, 3, null)
      const processes = await bench.several(3)
      const jobs = Array.from({ length: 30 }, () => jobOf(queue))
      const left = new Set(jobs.map(({ id }) => id))
      await Promise.all(
        processes.map(async (storage, index) => {
          for (const job of jobs.filter((_, at) => at % processes.length === index))
            await storage.jobs.enqueueAlone(job, patient)
          const worker = await bench.worker(60_000, storage)
          while (left.size > 0) {
            const batch = await storage.executions.claim({
              ...{ worker, free: 1 },
              quotas: [{ lane: queue.lane.id, quota: 1, after: null }],
            })
            expect((await view(storage, queue)).active).toBeLessThanOrEqual(3)
            if (batch !== null) {
              const marks = [{ lease: batch.lease, running: [], finished: true }]
              await storage.executions.settle(
                batch.members.map((run) => decision(run)),
                marks,
              )
              for (const { job } of batch.members) left.delete(job)
            }
            await storage.limits.wake([queue.key])
          }
        }),
      )
      expect(await bench.tally(jobs.map(({ id }) => id))).toEqual({ completed: 30 })
      expect(await view(bench.storage, queue)).toMatchObject({ active: 0, holding: 0 })
    })

    test('is not held up by the one of another tenant', async () => {
      const [one, two] = [await queueOf(bench, 1), await queueOf(bench, 1)]
      await enqueue(bench, one, 3)
      const [first] = await enqueue(bench, two, 1)
      expect(await active(bench, two)).toEqual([first])
    })
  })
}
