import { describe, expect, test } from 'vitest'
import type { Lane } from '../../rules/execution.ts'
import type { Storage } from '../storage.ts'
import type { Wake } from '../wakeups.ts'
import { Bench, decision, fresh, newJob, retry, until } from './fixtures.ts'
import { gated, limit } from './limits.ts'
import type { Open } from './subject.ts'

/** What a storage says while the work runs, until it has said what is awaited. */
async function heard(
  storage: Storage,
  work: () => Promise<unknown>,
  awaited: (wake: Wake) => boolean,
): Promise<Wake[]> {
  const wakes: Wake[] = []
  const stop = storage.wakeups.subscribe((wake) => wakes.push(wake))
  try {
    await work()
    await until(async () => wakes.some(awaited))
  } finally {
    stop()
  }
  return wakes
}

const names = (topic: 'new' | 'back', lane: Lane) => (wake: Wake) =>
  wake.topic === topic && wake.lanes.includes(lane.id)

export function wakeups(open: Open): void {
  describe('wake-ups in one process', () => {
    const bench = new Bench(open)
    const says = async (work: () => Promise<unknown>, awaited: (wake: Wake) => boolean): Promise<Wake[]> =>
      await heard(bench.storage, work, awaited)

    test('say where jobs came to the end of a lane', async () => {
      const lane = await bench.lane()
      await says(async () => await bench.enqueue(lane, 2), names('new', lane))
      const unique = { key: fresh('key'), until: 'done', on: 'return' } as const
      const work = async () => await bench.storage.jobs.enqueueAlone(newJob(lane, { unique }), 5_000)
      await says(work, names('new', lane))
    })

    test('say it of a transaction once it has committed', async () => {
      const lane = await bench.lane()
      const work = async () =>
        await bench.transaction(async (tx) => {
          await tx.enqueue([newJob(lane)])
          await tx.commit()
        })
      await says(work, names('new', lane))
    })

    test('say where jobs came before the place reached: other priorities', async () => {
      const lane = await bench.lane()
      await says(async () => await bench.enqueue(lane, [{ prio: 1 }]), names('back', lane))
    })

    test('say when a retry comes back', async () => {
      const { run, lane } = await bench.leased(1)
      await says(
        async () => {
          await bench.settle([retry(run, 1)])
          await bench.awaitReady(run.job)
        },
        names('back', lane),
      )
    })

    test('say when a lease is handed back', async () => {
      const { lane, worker, lease } = await bench.leased(1)
      await says(async () => await bench.storage.executions.handBackLease(worker, lease), names('back', lane))
    })

    test('say when a limit lets rows go on', async () => {
      const { key, lane } = await gated(bench, [limit({ slots: 1 })], 2)
      const { batch } = await bench.takeGated(await bench.worker(), lane)
      await bench.settle(batch!.members.map((run) => decision(run)))
      const work = async () => await bench.storage.limits.release([{ key, lease: batch!.lease, n: 1 }])
      await says(work, names('back', lane))
    })

    test('say how soon a delayed job is due', async () => {
      const lane = await bench.lane()
      const wakes = await says(
        async () => await bench.enqueue(lane, [{ due: { inMs: 40_000 } }]),
        (wake) => wake.topic === 'due',
      )
      const due = wakes.find((wake) => wake.topic === 'due')!
      expect(due.topic === 'due' && due.inMs).toBeLessThanOrEqual(40_000)
      expect(wakes.some(names('new', lane))).toBe(false)
    })

    test('name a job to be aborted', async () => {
      const { run } = await bench.leased(1)
      await says(
        async () => await bench.storage.executions.abort(run.job),
        (wake) => wake.topic === 'abort' && wake.jobs.includes(run.job),
      )
    })

    test('say that pauses or settings changed', async () => {
      const config = (wake: Wake): boolean => wake.topic === 'config'
      const target = { kind: 'queue', value: fresh('q') } as const
      await says(async () => await bench.storage.controls.pause(target, null), config)
      await says(async () => await bench.storage.controls.resume(target), config)
      await says(async () => await bench.storage.controls.setSetting(fresh('s'), 'x'), config)
    })

    test('reach every listener until it stops, also when one of them throws', async () => {
      const lane = await bench.lane()
      const [gone, deaf]: [Wake[], Wake[]] = [[], []]
      bench.storage.wakeups.subscribe((wake) => gone.push(wake))()
      const stop = bench.storage.wakeups.subscribe((wake) => {
        deaf.push(wake)
        throw new Error('a listener that throws')
      })
      await says(async () => await bench.enqueue(lane, 1), names('new', lane))
      stop()
      expect(deaf.some(names('new', lane))).toBe(true)
      expect(gone).toEqual([])
      expect(await bench.claim(await bench.worker(), lane)).not.toBeNull()
    })
  })
}

export function wakeupsBetweenProcesses(open: Open): void {
  describe('wake-ups between processes', () => {
    const bench = new Bench(open)

    test('tell of work, or at least that there is something', async () => {
      const other = await bench.another()
      await other.wakeups.start()
      const lane = await bench.lane()
      const something = (wake: Wake): boolean => names('new', lane)(wake) || wake.topic === 'rescan'
      for (let round = 0; round < 3; round += 1) {
        await heard(other, async () => await bench.enqueue(lane, 1), something)
      }
      await other.wakeups.stop()
    })

    test('tell of aborts and of config', async () => {
      const other = await bench.another()
      await other.wakeups.start()
      const { run } = await bench.leased(1)
      const rescan = (wake: Wake): boolean => wake.topic === 'rescan'
      await heard(
        other,
        async () => await bench.storage.executions.abort(run.job),
        (wake) => rescan(wake) || (wake.topic === 'abort' && wake.jobs.includes(run.job)),
      )
      await heard(
        other,
        async () => await bench.storage.controls.pause({ kind: 'tenant', value: fresh('t') }, null),
        (wake) => rescan(wake) || wake.topic === 'config',
      )
      await other.wakeups.stop()
      await other.wakeups.stop()
    })
  })
}
