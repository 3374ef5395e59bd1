import { describe, expect, test } from 'vitest'
import type { JobId } from '../../rules/execution.ts'
import { outcomes } from '../../rules/outcome.ts'
import type { Storage } from '../storage.ts'
import {
  Bench,
  claimParams,
  decision,
  handler,
  keyOf,
  newJob,
  placeOf,
  rescueWith,
  retry,
  spent,
  until,
  workerSpec,
  type Leased,
} from './fixtures.ts'
import type { Open } from './subject.ts'

const rounds = 40

export function concurrency(open: Open): void {
  claimers(open)
  races(open)
}

function claimers(open: Open): void {
  describe('several processes at once', () => {
    const bench = new Bench(open)

    test('claim every row exactly once', async () => {
      const lanes = await Promise.all(Array.from({ length: 10 }, () => bench.lane()))
      const jobs = Array.from({ length: 1_000 }, (_, index) => newJob(lanes[index % 10]!))
      await bench.storage.jobs.enqueue(jobs)
      const processes = await bench.several(4)
      const claimed: JobId[] = []
      await Promise.all(
        processes.map(async (storage) => {
          const worker = await storage.workers.register(workerSpec, 60_000)
          await until(async () => {
            const batch = await storage.executions.claim(claimParams(worker, lanes, { quota: 7 }))
            claimed.push(...(batch?.members.map((run) => run.job) ?? []))
            return claimed.length >= jobs.length
          }, 25_000)
        }),
      )
      expect(claimed.toSorted()).toEqual(jobs.map((job) => job.id).sort())
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ started: 1_000 })
    })

    test('enqueue, claim and settle: every job once, none left behind', async () => {
      const lanes = await Promise.all(Array.from({ length: 5 }, () => bench.lane()))
      const jobs = Array.from({ length: 600 }, (_, index) => newJob(lanes[index % 5]!))
      const processes = await bench.several(4)
      const finished: JobId[] = []
      const produce = processes.map(async (storage, index) => {
        const mine = jobs.filter((_, at) => at % 4 === index)
        for (let at = 0; at < mine.length; at += 10) await storage.jobs.enqueue(mine.slice(at, at + 10))
      })
      const consume = processes.map(async (storage) => {
        const worker = await storage.workers.register(workerSpec, 60_000)
        await until(async () => {
          const batch = await storage.executions.claim(claimParams(worker, lanes, { quota: 7 }))
          const members = batch?.members ?? []
          const decisions = members.map((run) => decision(run))
          expect(await storage.executions.settle(decisions, spent(members))).toEqual({ fenced: [] })
          finished.push(...members.map((run) => run.job))
          return finished.length >= jobs.length
        }, 25_000)
      })
      await Promise.all([...produce, ...consume])
      expect(finished.toSorted()).toEqual(jobs.map((job) => job.id).sort())
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ completed: 600 })
      for (const job of jobs.slice(0, 20)) expect(await bench.told(job.id)).toEqual(['0/1 completed'])
    })
  })
}

function races(open: Open): void {
  describe('races', () => {
    const bench = new Bench(open)
    const dead = async (n = 1, free = 1): Promise<Leased> => {
      const leased = await bench.leased(n, {}, { free })
      await bench.kill(leased.worker)
      return leased
    }
    /** Begins both; who comes first alternates, and so does how many round trips the other comes later. */
    const staggered = async <A, B>(
      round: number,
      a: () => Promise<A>,
      b: () => Promise<B>,
    ): Promise<[A, B]> => {
      const later = async <T>(work: () => Promise<T>): Promise<T> => {
        for (let trips = Math.floor(round / 2) % 5; trips > 0; trips -= 1) await bench.storage.now()
        return await work()
      }
      return await (round % 2 === 0 ? Promise.all([a(), later(b)]) : Promise.all([later(a), b()]))
    }
    const pair = async (): Promise<readonly [Storage, Storage]> => {
      const [one, two] = await bench.several(2)
      return [one!, two!]
    }

    test('claim against abort: aborted or claimed, never both', async () => {
      const [one, two] = await pair()
      const lane = await bench.lane()
      const worker = await bench.worker()
      const jobs = await bench.enqueue(lane, rounds)
      const answers = new Map<JobId, string>()
      const claimed: JobId[] = []
      const aborting = (async () => {
        for (const job of jobs.toReversed()) answers.set(job.id, await one.executions.abort(job.id))
      })()
      const claiming = (async () => {
        await until(async () => {
          const batch = await two.executions.claim(claimParams(worker, lane, { quota: 1 }))
          claimed.push(...(batch?.members.map((run) => run.job) ?? []))
          return batch === null && answers.size === jobs.length
        })
      })()
      await Promise.all([aborting, claiming])
      for (const { id } of jobs) {
        const wasClaimed = claimed.includes(id)
        expect([answers.get(id), wasClaimed]).toEqual(wasClaimed ? ['requested', true] : ['aborted', false])
        expect(await bench.place(id)).toBe(wasClaimed ? 'started' : 'aborted')
      }
    })

    test('settle against rescue: settled or lost, never both', async () => {
      const [one, two] = await pair()
      for (let round = 0; round < rounds; round += 1) {
        const { run, worker, lease } = await dead()
        const settle = () => one.executions.settle([decision(run)], spent([run]))
        const rescue = () => two.workers.rescueLease(worker, lease, rescueWith(3))
        const [settled, rescued] = await staggered(round, settle, rescue)
        const told = await bench.told(run.job)
        if (settled.fenced.length === 0) {
          expect(told).toEqual(['0/1 completed'])
          expect(rescued?.lost ?? 0).toBe(0)
          expect(await bench.place(run.job)).toBe('completed')
        } else {
          expect(told).toEqual(['0/1 lost'])
          expect(rescued).toEqual({ lost: 1, handedBack: 0, parked: 0 })
          expect(await bench.place(run.job)).toBe('ready')
        }
      }
    })

    test('a transaction against rescue: its effects stand or the attempt is lost', async () => {
      const [one, two] = await pair()
      for (let round = 0; round < rounds; round += 1) {
        const { run, worker, lease, lane } = await dead()
        const child = newJob(lane, { parent: run.job })
        const work = async (): Promise<'settled' | 'fenced'> => {
          const tx = await one.begin(handler())
          try {
            await tx.enqueue([child])
            const answer = await tx.settle(decision(run))
            if (answer === 'settled') await tx.commit()
            return answer
          } finally {
            await tx.rollback()
          }
        }
        const rescue = () => two.workers.rescueLease(worker, lease, rescueWith(3))
        const [answer] = await staggered(round, work, rescue)
        const settled = answer === 'settled'
        expect(await bench.told(run.job)).toEqual([settled ? '0/1 completed' : '0/1 lost'])
        expect(await bench.places([run.job, child.id])).toEqual(
          settled ? ['completed', 'ready'] : ['ready', 'absent'],
        )
      }
    })

    test('rescue against rescue: one of them does it', async () => {
      const processes = await bench.several(4)
      for (let round = 0; round < 10; round += 1) {
        const { members, worker, lease } = await dead(4, 2)
        const reports = await Promise.all(
          processes.map((storage) => storage.workers.rescueLease(worker, lease, rescueWith(3))),
        )
        expect(reports.filter((report) => report !== null)).toEqual([{ lost: 2, handedBack: 2, parked: 0 }])
        expect(await bench.tally(members.map((run) => run.job))).toEqual({ ready: 4 })
      }
    })

    test('hand-back against rescue: the row is ready once', async () => {
      const [one, two] = await pair()
      for (let round = 0; round < rounds; round += 1) {
        const { run, worker, lease, lane } = await dead(1, 0)
        const handBack = () => one.executions.handBack([{ ...run, wait: null }])
        const rescue = () => two.workers.rescueLease(worker, lease, rescueWith(3))
        await staggered(round, handBack, rescue)
        expect(await bench.place(run.job)).toBe('ready')
        const { members } = await bench.take(await bench.worker(), lane)
        expect(members.map((one) => one.job)).toEqual([run.job])
      }
    })

    test('renew against rescue: a worker that lives again keeps its leases', async () => {
      const [one, two] = await pair()
      for (let round = 0; round < rounds; round += 1) {
        const leased = await bench.leased(1, {}, { free: 0 })
        const { worker, lease, run } = leased
        if (round % 2 === 0) await bench.kill(worker)
        const renew = () => one.workers.renew(worker, 60_000)
        const rescue = () => two.workers.rescueLease(worker, lease, rescueWith(3))
        const [renewed, rescued] = await staggered(round, renew, rescue)
        expect(renewed).toBe(round % 2 === 1)
        expect(rescued === null).toBe(renewed)
        expect(await bench.place(run.job)).toBe(renewed ? 'leased' : 'ready')
      }
    })

    test('abort against settle: the intent does not outlive the job', async () => {
      const [one, two] = await pair()
      for (let round = 0; round < rounds; round += 1) {
        const { run } = await bench.leased(1)
        const settle = () => one.executions.settle([retry(run, 60_000)], spent([run]))
        const [, answer] = await staggered(round, settle, () => two.executions.abort(run.job))
        if (answer === 'requested') {
          expect(await bench.storage.executions.sweepAborts()).not.toContain(run.job)
        }
        expect(await bench.place(run.job)).toBe('aborted')
        expect(await bench.told(run.job)).toEqual(['0/1 retried', '0/2 aborted'])
        expect((await bench.record(run.job)).facts.aborting).toBe(false)
      }
    })

    test('a status read while rows move always finds the job somewhere', async () => {
      const [one, two] = await pair()
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const jobs = await bench.enqueue(lane, 30)
      const ids = jobs.map((job) => job.id)
      const seen = new Set<string>()
      let moving = true
      const moves = (async () => {
        for (let round = 0; round < 30; round += 1) {
          const batch = (await one.executions.claim(claimParams(worker, lane)))!
          await one.executions.handBack(batch.members.map((run) => ({ ...run, wait: null })))
        }
        const batch = (await one.executions.claim(claimParams(worker, lane)))!
        await one.executions.settle(
          batch.members.map((run) => decision(run)),
          spent([batch]),
        )
      })().finally(() => (moving = false))
      const reads = until(async () => {
        for (const record of await two.history.jobs(ids)) seen.add(placeOf(record))
        return !moving
      })
      await Promise.all([moves, reads])
      expect([...seen].filter((place) => !['ready', 'started', 'completed'].includes(place))).toEqual([])
      expect(await bench.tally(ids)).toEqual({ completed: 30 })
    })

    test('a settle whose answer was lost is found, also while it commits', async () => {
      const [one, two] = await pair()
      for (let round = 0; round < 10; round += 1) {
        const { run } = await bench.leased(1)
        const settle = () => one.executions.settle([decision(run)], spent([run]))
        const [, found] = await staggered(0, settle, () => two.executions.settled([decision(run)]))
        if (found.length > 0) expect(found).toEqual([keyOf(run)])
        expect(await two.executions.settled([decision(run)])).toEqual([keyOf(run)])
        expect((await bench.record(run.job)).facts.ended).toBe(outcomes.completed)
      }
    })
  })
}
