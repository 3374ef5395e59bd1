import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { JobId, Lane } from '../../rules/execution.ts'
import { idFloor, idTime } from '../../rules/ids.ts'
import { outcomes, type OutcomeName } from '../../rules/outcome.ts'
import { jobStatuses, type JobStatus } from '../../rules/status.ts'
import type { JobFilter } from '../history.ts'
import {
  Bench,
  decision,
  expectError,
  finalizerOf,
  fresh,
  newJob,
  oops,
  retry,
  standing,
} from './fixtures.ts'
import { nextId } from './ids.ts'
import type { Open } from './subject.ts'

export function history(open: Open): void {
  byKey(open)
  lists(open)
  statuses(open)
}

function byKey(open: Open): void {
  describe('history by key', () => {
    const bench = new Bench(open)

    test('leaves out unknown jobs', async () => {
      const [job] = await bench.enqueue(await bench.lane(), 1)
      const found = await bench.storage.history.jobs([nextId(), job!.id, nextId()])
      expect(found.map((one) => one.id)).toEqual([job!.id])
      expect(await bench.storage.history.jobs([])).toEqual([])
      expect(await bench.storage.history.attempts(nextId())).toEqual([])
      expect(await bench.storage.history.ends([nextId()])).toEqual([])
      expect(await bench.storage.history.ends([])).toEqual([])
    })

    test('tells exactly one place at every step of a life', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const [job] = await bench.enqueue(lane, [{ due: { inMs: 1 } }])
      const seen = [await bench.place(job!.id)]
      const look = async (): Promise<void> => void seen.push(await bench.place(job!.id))
      await bench.awaitReady(job!.id)
      await look()
      const first = await bench.take(worker, lane, { free: 0 })
      await look()
      await bench.settle([], standing(first.lease, [0]))
      await look()
      await bench.settle([retry(first.members[0]!, 1)])
      await look()
      await bench.awaitReady(job!.id)
      const second = await bench.take(worker, lane)
      await look()
      await bench.settle([decision(second.members[0]!)])
      await look()
      expect(seen).toEqual(['waiting', 'ready', 'leased', 'started', 'waiting', 'started', 'completed'])
    })

    test('names the worker that holds a job', async () => {
      const { run, worker } = await bench.leased(1)
      expect((await bench.record(run.job)).facts.leased).toEqual({ started: true, worker })
    })

    test('shows the newest failure while a job goes on, and the end once it ended', async () => {
      const { run, lane, worker } = await bench.leased(1)
      await bench.settle([retry(run, 1, { error: { name: 'Error', message: 'first' } })])
      expect(await bench.record(run.job)).toMatchObject({
        attempt: 2,
        error: { message: 'first' },
        finishedAt: null,
      })
      await bench.awaitReady(run.job)
      const second = (await bench.take(worker, lane)).members[0]!
      await bench.settle([retry(second, 1, { error: { name: 'Error', message: 'second' } })])
      expect(await bench.record(run.job)).toMatchObject({ attempt: 3, error: { message: 'second' } })
      await bench.awaitReady(run.job)
      const third = (await bench.take(worker, lane)).members[0]!
      await bench.settle([decision(third, outcomes.failed, { error: { name: 'Error', message: 'last' } })])
      const record = await bench.record(run.job)
      expect(record).toMatchObject({
        attempt: 3,
        error: { message: 'last' },
        facts: { ended: outcomes.failed },
      })
      const attempts = await bench.attempts(run.job)
      expect(attempts.map((one) => one.error?.message)).toEqual(['first', 'second', 'last'])
      expect(record.finishedAt).toBe(attempts[2]!.finishedAt)
    })

    test('tells ends only of those that ended, with result and error', async () => {
      const [good, bad, going] = [await bench.leased(1), await bench.leased(1), await bench.leased(1)]
      await bench.settle([
        decision(good.run, outcomes.completed, { result: '[1]', next: [finalizerOf(good.run)] }),
        decision(bad.run, outcomes.failed, { error: oops }),
        retry(going.run, 60_000),
      ])
      const ids = [going, bad, good].map((one) => one.run.job)
      const ends = [...(await bench.storage.history.ends(ids))].sort((a, b) => a.outcome - b.outcome)
      expect(ends).toEqual([
        { job: good.run.job, outcome: outcomes.completed, error: null, result: '[1]' },
        { job: bad.run.job, outcome: outcomes.failed, error: oops, result: null },
      ])
    })

    test('answers for a thousand at once', async () => {
      const jobs = await bench.enqueue(await bench.lane(), 1_000)
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 1_000 })
    })
  })
}

function lists(open: Open): void {
  describe('lists', () => {
    const bench = new Bench(open)
    const list = async (filter: JobFilter, limit = 100, before: JobId | null = null) =>
      await bench.storage.history.list(filter, { before, limit })
    const listed = async (filter: JobFilter): Promise<JobId[]> =>
      (await list(filter)).jobs.map((job) => job.id)
    const all = async (filter: JobFilter, limit: number): Promise<JobId[]> => {
      const found: JobId[] = []
      let before: JobId | null = null
      for (let pages = 0; pages < 1_000; pages += 1) {
        const page = await list(filter, limit, before)
        expect(page.jobs.length).toBeLessThanOrEqual(limit)
        found.push(...page.jobs.map((job) => job.id))
        if (page.next === null) return found
        before = page.next
      }
      throw new Error('the pages do not end')
    }
    const newestFirst = (jobs: readonly { readonly id: JobId }[]): JobId[] =>
      jobs.map((job) => job.id).toReversed()

    test('show the newest first, with all that a record has', async () => {
      const lane = await bench.lane()
      const jobs = await bench.enqueue(lane, [{ payload: '1' }, { payload: '2', prio: 0 }, { payload: '3' }])
      const { jobs: found, next } = await list({ tenant: lane.tenant })
      expect(found.map((job) => job.id)).toEqual(newestFirst(jobs))
      expect(next).toBeNull()
      expect(found[1]).toEqual(await bench.record(jobs[1]!.id))
    })

    test('page through the jobs of many lanes without gap or repeat', async () => {
      const tenant = fresh('t')
      const lanes = await Promise.all(['a', 'b', 'c', 'd'].map((name) => bench.lane({ tenant, name })))
      const jobs = Array.from({ length: 53 }, (_, index) => newJob(lanes[(index * index) % 4]!))
      await bench.storage.jobs.enqueue(jobs)
      await bench.enqueue(await bench.lane(), 5)
      for (const limit of [1, 7, 53, 100]) expect(await all({ tenant }, limit)).toEqual(newestFirst(jobs))
    })

    test('page through everything', async () => {
      const [job] = await bench.enqueue(await bench.lane(), 1)
      const found = await all({}, 50)
      expect(found[0]).toBe(job!.id)
      expect(new Set(found).size).toBe(found.length)
      expect(found).toEqual(found.toSorted().toReversed())
    })

    test('filter by what lanes are', async () => {
      const tenant = fresh('t')
      const lanes: Lane[] = []
      for (const change of [{}, { queue: 'mail' }, { name: 'ship' }, { version: 2 }, { gated: true }]) {
        lanes.push(await bench.lane({ tenant, ...change }))
      }
      const jobs = await Promise.all(lanes.map(async (lane) => (await bench.enqueue(lane, 1))[0]!))
      const [plain, mail, ship, two, gated] = jobs.map((job) => job.id)
      const sorted = (ids: (string | undefined)[]) => ids.toSorted().toReversed()
      expect(await listed({ tenant, queue: 'mail' })).toEqual([mail])
      expect(await listed({ tenant, name: 'ship' })).toEqual([ship])
      expect(await listed({ tenant, version: 2 })).toEqual([two])
      expect(await listed({ tenant, queue: 'default', name: 'send', version: 1 })).toEqual(
        sorted([plain, gated]),
      )
      expect(await listed({ tenant, queue: 'mail', name: 'ship' })).toEqual([])
      expect(await listed({ tenant: fresh('nobody') })).toEqual([])
    })

    test('filter by arguments and tags, letter for letter', async () => {
      const lane = await bench.lane()
      const { tenant } = lane
      const order = { path: 'order.id', value: 'ünï "7"' }
      const tag = { path: '#tag', value: 'big' }
      const [a, b, c] = await bench.enqueue(lane, [{ args: [order, tag] }, { args: [tag] }, { args: [] }])
      await bench.enqueue(await bench.lane(), [{ args: [tag] }])
      expect(await listed({ tenant, arg: order })).toEqual([a!.id])
      expect(await listed({ tenant, arg: tag })).toEqual([b!.id, a!.id])
      expect(await all({ tenant, arg: tag }, 1)).toEqual([b!.id, a!.id])
      expect(await listed({ tenant, arg: { path: '#tag', value: 'Big' } })).toEqual([])
      expect(await listed({ tenant, arg: { path: 'order', value: order.value } })).toEqual([])
      expect(await listed({ tenant, status: 'Completed', arg: tag })).toEqual([])
      expect(c).toBeDefined()
    })

    test('find what is as long as it may be, and refuse what is longer', async () => {
      const lane = await bench.lane()
      const { tenant } = lane
      // Random text: what repeats is compressed before it is measured.
      const value = randomBytes(1_000).toString('hex')
      const arg = { path: 'p'.repeat(200), value }
      const [job] = await bench.enqueue(lane, [{ args: [arg] }])
      expect(await listed({ tenant, arg })).toEqual([job!.id])
      const longer = { args: [{ path: 'p', value: `${value}0` }] }
      await expectError(bench.enqueue(lane, [longer]), 'MILL_OPTIONS_INVALID')
      const unique = { key: fresh('key'), until: 'done', on: 'throw' } as const
      await expectError(
        bench.storage.jobs.enqueueAlone(newJob(lane, { ...longer, unique }), 1_000),
        'MILL_OPTIONS_INVALID',
      )
      expect(await listed({ tenant })).toEqual([job!.id])
    })

    test('filter by the time of creation, from its start up to but without its end', async () => {
      const lane = await bench.lane()
      const { tenant } = lane
      const base = Date.now() - 1_000_000
      const at = (ms: number) => ({ id: idFloor(base + ms).replace(/0{11}$/, '00000000042') })
      const [a, b, c] = await bench.enqueue(lane, [at(0), at(10), at(20)])
      expect(idTime(b!.id)).toBe(base + 10)
      expect((await bench.record(b!.id)).createdAt).toBe(base + 10)
      expect(await listed({ tenant, from: base + 10 })).toEqual([c!.id, b!.id])
      expect(await listed({ tenant, from: base + 11 })).toEqual([c!.id])
      expect(await listed({ tenant, to: base + 10 })).toEqual([a!.id])
      expect(await listed({ tenant, from: base + 1, to: base + 11 })).toEqual([b!.id])
      expect(await listed({ tenant, from: base + 21 })).toEqual([])
    })
  })
}

function statuses(open: Open): void {
  describe('jobs by status', () => {
    const bench = new Bench(open)
    const ends: readonly [OutcomeName, JobStatus][] = [
      ['completed', 'Completed'],
      ['completedWithErrors', 'Completed'],
      ['skipped', 'Completed'],
      ['failed', 'Failed'],
      ['expired', 'Failed'],
      ['parked', 'Failed'],
      ['aborted', 'Aborted'],
      ['replaced', 'Aborted'],
    ]
    const zero = Object.fromEntries(jobStatuses.map((status) => [status, 0])) as Record<JobStatus, number>

    /** One job per way to stand, all of one tenant. */
    const zoo = async () => {
      const lane = await bench.lane()
      const worker = await bench.worker()
      const expected = new Map<JobId, JobStatus>()
      const take = async () => (await bench.take(worker, lane)).members[0]!
      for (const [name, status] of ends) {
        await bench.enqueue(lane, 1)
        const run = await take()
        const error = status === 'Completed' ? {} : { error: oops }
        await bench.settle([decision(run, outcomes[name], error)])
        expected.set(run.job, status)
      }
      await bench.enqueue(lane, 2)
      const { lease, members } = await bench.take(worker, lane)
      await bench.settle([], standing(lease, [1]))
      expected.set(members[0]!.job, 'Queued')
      expected.set(members[1]!.job, 'Processing')
      await bench.enqueue(lane, 1)
      const again = await take()
      await bench.settle([retry(again, 60_000)])
      expected.set(again.job, 'Queued')
      for (const job of await bench.enqueue(lane, [{}, { due: { inMs: 60_000 } }]))
        expected.set(job.id, 'Queued')
      return { lane, expected }
    }

    test.for(jobStatuses)('lists those that are %s, page by page', async (status) => {
      const { lane, expected } = await zoo()
      const mine = [...expected].filter(([, one]) => one === status).map(([id]) => id)
      for (const limit of [2, 100]) {
        const found: JobId[] = []
        let before: JobId | null = null
        do {
          const page = await bench.storage.history.list({ tenant: lane.tenant, status }, { before, limit })
          found.push(...page.jobs.map((job) => job.id))
          before = page.next
        } while (before !== null)
        // Queued lists in claim order or by age; nothing is missing, nothing comes twice.
        expect(found.toSorted()).toEqual(mine.toSorted())
      }
    })

    test('counts them', async () => {
      const { lane, expected } = await zoo()
      const counts = { ...zero }
      for (const status of expected.values()) counts[status] += 1
      expect(counts).toEqual({ ...zero, Queued: 4, Processing: 1, Completed: 3, Failed: 3, Aborted: 2 })
      const { tenant, queue, name, version } = lane
      expect(await bench.storage.history.counts({ tenant })).toEqual(counts)
      expect(await bench.storage.history.counts({ tenant, queue, name, version })).toEqual(counts)
      expect(await bench.storage.history.counts({ tenant, version: 2 })).toEqual(zero)
    })

    test('does not count finalizers, nor the attempts of one job, as jobs', async () => {
      const { run, lane, worker } = await bench.leased(1)
      const { tenant } = lane
      await bench.settle([retry(run, 1)])
      await bench.awaitReady(run.job)
      const second = (await bench.take(worker, lane)).members[0]!
      await bench.settle([decision(second, outcomes.failed, { error: oops, next: [finalizerOf(second)] })])
      const failed = { ...zero, Failed: 1 }
      expect(await bench.storage.history.counts({ tenant })).toEqual(failed)
      const finalizer = (await bench.take(worker, lane)).members[0]!
      expect(await bench.storage.history.counts({ tenant })).toEqual(failed)
      await bench.settle([decision(finalizer, outcomes.gaveUp, { error: oops })])
      expect(await bench.storage.history.counts({ tenant })).toEqual(failed)
      const { jobs } = await bench.storage.history.list(
        { tenant, status: 'Failed' },
        { before: null, limit: 10 },
      )
      expect(jobs.map((job) => job.id)).toEqual([run.job])
    })

    test('counts to ten thousand and no further', async () => {
      const lane = await bench.lane()
      await bench.enqueue(lane, 10_050)
      expect(await bench.storage.history.counts({ tenant: lane.tenant })).toEqual({ ...zero, Queued: 10_000 })
    })
  })
}
