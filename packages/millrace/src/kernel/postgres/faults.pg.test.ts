import { describe, expect, test } from 'vitest'
import { outcomes } from '../rules/outcome.ts'
import { createRescue } from '../rules/rescue.ts'
import { faultSteps, type FaultPoint } from '../rules/fault-point.ts'
import {
  application,
  claimParams,
  decision,
  finalizerOf,
  handler,
  newJob,
} from '../storage/conformance/fixtures.ts'
import { hasPostgres, PostgresBench, thrownBy, type PostgresStorage } from './conformance/opened.ts'

const rescue = createRescue({ maxDeaths: 3 })

describe.skipIf(!hasPostgres)('fault points', () => {
  const bench = new PostgresBench()

  test('stand around every commit', async () => {
    const hits = new Set<string>()
    const storage = await bench.open({ faults: { hit: (point) => void hits.add(point) }, schema: 'faults' })
    await storage.schema.migrate()
    const [lane] = await storage.lanes.intern([
      { tenant: 't', queue: 'q', name: 'n', version: 1, gated: false },
    ])
    const worker = await storage.workers.register(
      { host: 'h', pid: 1, release: '0.1.0', knows: [], queues: null },
      60_000,
    )
    await storage.jobs.enqueue([
      newJob(lane!, { options: { finalizer: true } }),
      newJob(lane!),
      newJob(lane!),
    ])
    const claim = async () => (await storage.executions.claim(claimParams(worker, lane!)))!
    const [first, second, third] = (await claim()).members
    await storage.executions.settle(
      [decision(first!, outcomes.completed, { next: [finalizerOf(first!)] })],
      [],
    )
    await storage.executions.handBack([{ ...second!, wait: null }])
    const tx = await storage.begin(handler())
    const [finalizer] = (await claim()).members
    expect(finalizer!.seq).toBe(-1)
    await tx.settle(decision(finalizer!, outcomes.succeeded))
    await tx.commit()
    await storage.workers.expire(worker)
    await storage.workers.rescueLease(worker, third!.lease, rescue)
    await storage.history.prune({ completedMs: 0, failedMs: 0, page: 10 })
    const expected = faultSteps.flatMap((step) => [`${step}:before-commit`, `${step}:after-commit`])
    expect([...hits].toSorted()).toEqual(expected.toSorted())
  })

  /** A storage whose next hit of the point throws, once. */
  async function failing(point: FaultPoint): Promise<PostgresStorage> {
    let armed = true
    return bench.open({
      faults: {
        hit(at) {
          if (at !== point || !armed) return
          armed = false
          throw new Error(`fault at ${point}`)
        },
      },
    })
  }

  test('before the commit nothing is there, after it everything', async () => {
    for (const moment of ['before-commit', 'after-commit'] as const) {
      const isThere = moment === 'after-commit'
      const lane = await bench.lane()
      const job = newJob(lane)
      expect(await thrownBy((await failing(`enqueue:${moment}`)).jobs.enqueue([job]))).toBeInstanceOf(Error)
      expect(await bench.place(job.id)).toBe(isThere ? 'ready' : 'absent')

      const unique = newJob(lane, { unique: { key: `k ${moment}`, until: 'done', on: 'throw' } })
      expect(
        await thrownBy((await failing(`enqueue:${moment}`)).jobs.enqueueAlone(unique, 100)),
      ).toBeDefined()
      expect(await bench.place(unique.id)).toBe(isThere ? 'ready' : 'absent')
      expect(await bench.storage.jobs.enqueueAlone(unique, 100)).toEqual({ kind: 'queued', id: unique.id })

      const { run, worker, lease } = await bench.leased(1)
      const storage = await failing(`settle:${moment}`)
      const tx = await storage.begin(handler())
      await tx.settle(decision(run))
      expect(await thrownBy(tx.commit())).toBeDefined()
      await tx.rollback()
      expect(await bench.place(run.job)).toBe(isThere ? 'completed' : 'started')
      expect(await thrownBy(tx.commit())).toBeDefined()

      await bench.kill(worker)
      const rescuer = await failing(`rescue:${moment}`)
      expect(await thrownBy(rescuer.workers.rescueLease(worker, lease, rescue))).toBeDefined()
      expect(await bench.storage.executions.leases(worker)).toEqual(isThere ? [] : [lease])
      const again = await bench.storage.workers.rescueLease(worker, lease, rescue)
      expect(again).toEqual(isThere ? null : { lost: 1, handedBack: 0, parked: 0 })
    }
  })

  test('a claim whose answer is lost is found and handed back whole', async () => {
    const lane = await bench.lane()
    const worker = await bench.worker()
    const jobs = await bench.enqueue(lane, 3)
    const storage = await failing('claim:after-commit')
    expect(await thrownBy(storage.executions.claim(claimParams(worker, lane)))).toBeDefined()
    const leases = await storage.executions.leases(worker)
    expect(leases).toHaveLength(1)
    await storage.executions.handBackLease(worker, leases[0]!)
    expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 3 })
  })

  test('an enqueue of an application is part of its commit', async () => {
    const lane = await bench.lane()
    const job = newJob(lane)
    const storage = await failing('enqueue:before-commit')
    const tx = await storage.begin(application)
    await tx.enqueue([job])
    expect(await thrownBy(tx.commit())).toBeDefined()
    await tx.rollback()
    expect(await bench.place(job.id)).toBe('absent')
  })
})
