import type pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { admit } from '../rules/admit.ts'
import type { JobId } from '../rules/execution.ts'
import { createRescue } from '../rules/rescue.ts'
import { decision, keyed, newJob, spent, standing } from '../storage/conformance/fixtures.ts'
import { hasPostgres, PostgresBench, type PostgresStorage } from './conformance/opened.ts'
import { interleave, interleavings, SteppedSession } from './conformance/stepped.ts'

const rescue = createRescue({ maxDeaths: 3 })

describe.skipIf(!hasPostgres)('two sessions in every order', { timeout: 120_000 }, () => {
  const bench = new PostgresBench()
  let admin: pg.Client

  beforeAll(async () => {
    admin = await bench.client()
    await bench.sql('create table effect (job uuid not null, word text not null)')
  })

  /** Works of two processes, each its own storage, in each order of their statements. */
  async function permute<A, B, T>(
    { a, b }: { readonly a: number; readonly b: number },
    scene: () => Promise<T>,
    works: { a(storage: PostgresStorage, on: T): Promise<A>; b(storage: PostgresStorage, on: T): Promise<B> },
    judge: (on: T, a: PromiseSettledResult<A>, b: PromiseSettledResult<B>, order: string) => Promise<void>,
  ): Promise<void> {
    const [one, two] = [await bench.open({ url: named('a') }), await bench.open({ url: named('b') })]
    await Promise.all([one, two].map((storage) => storage.now()))
    for (const schedule of interleavings(a, b)) {
      const on = await scene()
      const sessions = { a: new SteppedSession('a', admin), b: new SteppedSession('b', admin) }
      try {
        const [first, second] = await interleave(
          schedule,
          { session: sessions.a, work: () => works.a(one, on) },
          { session: sessions.b, work: () => works.b(two, on) },
        )
        await judge(on, first, second, schedule.join(''))
      } finally {
        sessions.a.end()
        sessions.b.end()
      }
    }
    await Promise.all([one, two].map((storage) => storage.close()))
  }

  const named = (name: string): string => bench.urlWith('application_name', name)
  const effects = async (job: JobId): Promise<number> =>
    (await bench.sql('select from effect where job = $1', [job])).length

  test('a handler that settles in its transaction against the rescue of its lease: once, whoever wins', async () => {
    const scene = async () => {
      const leased = await bench.leased(1)
      await bench.kill(leased.worker)
      return leased
    }
    await permute(
      { a: 3, b: 5 },
      scene,
      {
        a: async (storage, { run }) => {
          const tx = await storage.begin({ token: 'token', idleTimeoutMs: 10_000, writeTimeoutMs: 0 })
          try {
            await tx.query(['insert into effect values (', ", 'a')"], [run.job])
            if ((await tx.settle(decision(run))) === 'fenced') return 'fenced'
            await tx.commit()
            return 'settled'
          } finally {
            await tx.rollback()
          }
        },
        b: (storage, { worker, lease }) => storage.workers.rescueLease(worker, lease, rescue),
      },
      async ({ run }, settled, rescued, order) => {
        expect(settled.status, order).toBe('fulfilled')
        expect(rescued.status, order).toBe('fulfilled')
        const kept = settled.status === 'fulfilled' && settled.value === 'settled'
        const report = rescued.status === 'fulfilled' ? rescued.value : null
        expect(report, order).toEqual({ lost: kept ? 0 : 1, handedBack: 0, parked: 0 })
        expect(await effects(run.job), order).toBe(kept ? 1 : 0)
        expect(await bench.told(run.job), order).toEqual([kept ? '0/1 completed' : '0/1 lost'])
        expect(await bench.place(run.job), order).toBe(kept ? 'completed' : 'ready')
      },
    )
  })

  test('a group settle against the rescue of its lease: settled or lost, never both', async () => {
    const scene = async () => {
      const leased = await bench.leased(3, {}, { free: 2 })
      await bench.kill(leased.worker)
      return leased
    }
    await permute(
      { a: 1, b: 5 },
      scene,
      {
        a: (storage, { members }) => {
          const decisions = members.map((run) => decision(run))
          return storage.executions.settle(decisions, spent(decisions))
        },
        b: (storage, { worker, lease }) => storage.workers.rescueLease(worker, lease, rescue),
      },
      async ({ members, lease }, settled, rescued, order) => {
        expect(settled.status, order).toBe('fulfilled')
        expect(rescued.status, order).toBe('fulfilled')
        const fenced = settled.status === 'fulfilled' ? settled.value.fenced : []
        const report = rescued.status === 'fulfilled' ? rescued.value : null
        const places = await bench.places(members.map((run) => run.job))
        if (fenced.length === 0) {
          expect(report, order).toBeNull()
          expect(places, order).toEqual(['completed', 'completed', 'completed'])
        } else {
          expect(fenced, order).toEqual([lease])
          expect(report, order).toEqual({ lost: 2, handedBack: 1, parked: 0 })
          expect(places, order).toEqual(['ready', 'ready', 'ready'])
        }
      },
    )
  })

  test('two claims of one lane: every row once', async () => {
    await permute(
      { a: 1, b: 1 },
      async () => {
        const lane = await bench.lane()
        const jobs = await bench.enqueue(lane, 10)
        return { lane, jobs, workers: [await bench.worker(), await bench.worker()] as const }
      },
      {
        a: (storage, { lane, workers }) => claimSome(storage, workers[0], lane.id, 7),
        b: (storage, { lane, workers }) => claimSome(storage, workers[1], lane.id, 7),
      },
      async ({ jobs }, a, b, order) => {
        const taken = [a, b].flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
        expect(taken.toSorted(), order).toEqual(jobs.map((job) => job.id))
      },
    )
  })

  test('a claim against an abort: aborted or claimed, never both', async () => {
    await permute(
      { a: 1, b: 4 },
      async () => {
        const lane = await bench.lane()
        const [job] = await bench.enqueue(lane, 1)
        return { lane, job: job!.id, worker: await bench.worker() }
      },
      {
        a: (storage, { lane, worker }) => claimSome(storage, worker, lane.id, 1),
        b: (storage, { job }) => storage.executions.abort(job),
      },
      async ({ job }, claimed, aborted, order) => {
        expect(aborted.status, order).toBe('fulfilled')
        const answer = aborted.status === 'fulfilled' ? aborted.value : null
        const taken = claimed.status === 'fulfilled' ? claimed.value.length : -1
        expect([answer, taken], order).toBeOneOf([
          ['aborted', 0],
          ['requested', 1],
        ])
        expect(await bench.place(job), order).toBe(answer === 'aborted' ? 'aborted' : 'started')
        expect((await bench.record(job)).facts.aborting, order).toBe(answer === 'requested')
      },
    )
  })

  test('a unique key against a rival that rolls back or commits: the key is never lost, nor held twice', async () => {
    for (const end of ['commit', 'rollback'] as const) {
      await permute(
        { a: 4, b: 5 },
        async () => {
          const lane = await bench.lane()
          const unique = { key: `race ${lane.id}`, until: 'done', on: 'return' } as const
          return { lane, mine: newJob(lane, { unique }), theirs: newJob(lane, { unique }) }
        },
        {
          a: async (storage, { theirs }) => {
            const tx = await storage.begin({ token: null, idleTimeoutMs: 10_000, writeTimeoutMs: 0 })
            try {
              const [outcome] = await tx.enqueue([theirs])
              await tx[end]()
              return outcome
            } finally {
              await tx.rollback()
            }
          },
          b: (storage, { mine }) => storage.jobs.enqueueUnique(mine, 20_000),
        },
        async ({ mine, theirs }, rival, own, order) => {
          expect([rival.status, own.status], order).toEqual(['fulfilled', 'fulfilled'])
          const theirsQueued =
            rival.status === 'fulfilled' && rival.value?.kind === 'queued' && end === 'commit'
          const places = await bench.places([mine.id, theirs.id])
          const mineQueued = own.status === 'fulfilled' && own.value.kind === 'queued'
          expect(places, order).toEqual([mineQueued ? 'ready' : 'absent', theirsQueued ? 'ready' : 'absent'])
          expect(
            places.filter((place) => place === 'ready'),
            order,
          ).toHaveLength(1)
        },
      )
    }
  })

  test('a while-queued duplicate against the claim of its holder: the holder runs after it, or both are queued', async () => {
    await permute(
      { a: 1, b: 5 },
      async () => {
        const lane = await bench.lane()
        const unique = { key: `queued ${lane.id}`, until: 'started', on: 'return' } as const
        const holder = newJob(lane, { unique })
        await bench.storage.jobs.enqueueUnique(holder, 1_000)
        return { lane, holder, next: newJob(lane, { unique }), worker: await bench.worker() }
      },
      {
        a: (storage, { lane, worker }) => claimSome(storage, worker, lane.id, 1),
        b: (storage, { next }) => storage.jobs.enqueueUnique(next, 20_000),
      },
      async ({ holder, next, lane, worker }, claimed, enqueued, order) => {
        expect([claimed.status, enqueued.status], order).toEqual(['fulfilled', 'fulfilled'])
        const taken = claimed.status === 'fulfilled' ? claimed.value : []
        if (enqueued.status === 'fulfilled' && enqueued.value.kind === 'duplicate') {
          // Nothing was started before this answer, or the holder came back; it is still to be run.
          const later = taken.length === 1 ? taken : await claimSome(bench.storage, worker, lane.id, 1)
          expect(later, order).toEqual([holder.id])
        } else {
          expect(await bench.place(next.id), order).toBe('ready')
        }
      },
    )
  })

  test('a release against a gated claim that parks: whoever is parked is woken', async () => {
    await permute(
      { a: 5, b: 5 },
      async () => {
        const lane = await bench.lane({ gated: true })
        const [key] = await bench.storage.limits.define([
          { name: `slots ${lane.id}`, slots: 1, rate: null, perProcess: false },
        ])
        const worker = await bench.worker()
        const [first, second] = await bench.enqueue(lane, [keyed([key!]), keyed([key!])])
        const quotas = [{ lane: lane.id, quota: 1, after: null }]
        const { batch } = await bench.storage.executions.claimGated({ worker, quotas, free: 1 }, admit)
        expect(batch?.members.map((run) => run.job)).toEqual([first!.id])
        const { lease, members } = batch!
        await bench.storage.executions.settle([decision(members[0]!)], standing(lease))
        return { lane, key: key!, worker, second: second!.id, lease }
      },
      {
        a: (storage, { lease, key }) => storage.limits.release([{ key, lease, n: 1 }]),
        b: (storage, { worker, lane }) =>
          storage.executions.claimGated(
            { worker, quotas: [{ lane: lane.id, quota: 1, after: null }], free: 1 },
            admit,
          ),
      },
      async ({ second }, released, claimed, order) => {
        expect([released.status, claimed.status], order).toEqual(['fulfilled', 'fulfilled'])
        const parked = claimed.status === 'fulfilled' ? claimed.value.parked : -1
        expect(await bench.place(second), order).toBe(parked === 1 ? 'ready' : 'started')
      },
    )
  })
})

async function claimSome(
  storage: PostgresStorage | PostgresBench['storage'],
  worker: number,
  lane: number,
  quota: number,
) {
  const batch = await storage.executions.claim({
    worker,
    quotas: [{ lane, quota, after: null }],
    free: quota,
  })
  return batch?.members.map((run) => run.job) ?? []
}
