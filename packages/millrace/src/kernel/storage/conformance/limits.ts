import { describe, expect, test } from 'vitest'
import { admit } from '../../rules/admit.ts'
import { waitReasons } from '../../rules/decision.ts'
import type { Lane } from '../../rules/execution.ts'
import type { Admit, LimitSpec } from '../../rules/limits.ts'
import type { ClaimedBatch } from '../executions.ts'
import type { LimitUsage } from '../limits.ts'
import {
  Bench,
  decision,
  fresh,
  keyed,
  pass,
  standing,
  until,
  type JobChange,
  rescueWith,
} from './fixtures.ts'
import type { Open } from './subject.ts'

export const limit = (change: Partial<LimitSpec> = {}): LimitSpec => ({
  name: fresh('limit'),
  slots: null,
  rate: null,
  perProcess: false,
  ...change,
})

/** A gated lane whose jobs need the keys of these limits, ascending. */
export async function gated(
  bench: Bench,
  specs: readonly LimitSpec[],
  jobs: number | readonly JobChange[] = 0,
) {
  const keys = [...(await bench.storage.limits.define(specs))].sort((a, b) => a - b)
  const lane = await bench.lane({ gated: true })
  const changes = typeof jobs === 'number' ? Array.from({ length: jobs }, () => ({})) : jobs
  const made = await bench.enqueue(
    lane,
    changes.map((change) => ({ ...keyed(keys), ...change })),
  )
  return { keys, key: keys[0]!, lane, jobs: made, ids: made.map((job) => job.id) }
}

export async function usage(bench: Bench, key: number): Promise<LimitUsage> {
  const found = (await bench.storage.limits.usage()).find((one) => one.id === key)
  if (found === undefined) throw new Error(`limit ${key} is not defined`)
  return found
}

export function limits(open: Open): void {
  definitions(open)
  gatedClaims(open)
  releases(open)
  rates(open)
  manyClaimers(open)
}

function definitions(open: Open): void {
  describe('limits', () => {
    const bench = new Bench(open)

    test('are defined by name, answered in order, and the latest definition wins', async () => {
      const [a, b] = [limit({ slots: 3 }), limit({ rate: { burst: 10, perMs: 0.5 } })]
      const [idA, idB] = await bench.storage.limits.define([a, b])
      expect(idA).not.toBe(idB)
      expect(await bench.storage.limits.define([b, a])).toEqual([idB, idA])
      expect(await usage(bench, idA!)).toEqual({ id: idA, spec: a, used: 0, waiting: 0 })
      expect(await usage(bench, idB!)).toEqual({ id: idB, spec: b, used: 0, waiting: 0 })
      const changed = { ...a, slots: 1, rate: { burst: 2, perMs: 0.25 }, perProcess: true }
      expect(await bench.storage.limits.define([changed])).toEqual([idA])
      expect((await usage(bench, idA!)).spec).toEqual(changed)
    })

    test('may be none', async () => {
      expect(await bench.storage.limits.define([])).toEqual([])
      expect(await bench.storage.limits.release([])).toMatchObject({ moved: 0 })
    })

    test('are one for all processes that define them at once', async () => {
      const specs = Array.from({ length: 20 }, () => limit({ slots: 1 }))
      const processes = await bench.several(4)
      const answers = await Promise.all(
        processes.map(async (storage, index) => {
          const mine = index % 2 === 0 ? specs : specs.toReversed()
          const ids = await storage.limits.define(mine)
          return index % 2 === 0 ? ids : ids.toReversed()
        }),
      )
      for (const answer of answers) expect(answer).toEqual(answers[0])
      expect(new Set(answers[0]).size).toBe(20)
    })
  })
}

function gatedClaims(open: Open): void {
  describe('a gated claim', () => {
    const bench = new Bench(open)

    test('takes what has room and parks the rest, in claim order', async () => {
      const spec = limit({ slots: 2 })
      const { key, lane, ids } = await gated(bench, [spec], [{}, {}, { prio: 1 }, {}, {}])
      const worker = await bench.worker()
      const { batch, parked } = await bench.takeGated(worker, lane)
      expect(parked).toBe(3)
      expect(batch!.members).toMatchObject([
        { job: ids[2], position: 0, prio: 1, lease: batch!.lease, marked: true, options: { keys: [key] } },
        { job: ids[0], position: 1, prio: 5, lease: batch!.lease, marked: true },
      ])
      expect(await bench.places(ids)).toEqual(['started', 'waiting', 'started', 'waiting', 'waiting'])
      for (const id of [ids[1]!, ids[3]!, ids[4]!]) {
        const { waiting } = (await bench.record(id)).facts
        expect(waiting).toMatchObject({ reason: waitReasons.concurrencyLimited, gate: spec.name })
      }
      expect(await usage(bench, key)).toEqual({ id: key, spec, used: 2, waiting: 3 })
    })

    test('marks only the free positions', async () => {
      const { lane, ids } = await gated(bench, [limit({ slots: 5 })], 3)
      const { batch } = await bench.takeGated(await bench.worker(), lane, { free: 1 })
      expect(batch!.members.map((one) => one.marked)).toEqual([true, false, false])
      expect(await bench.places(ids)).toEqual(['started', 'leased', 'leased'])
    })

    test('keeps to quota and place', async () => {
      const { lane, ids } = await gated(bench, [limit({ slots: 5 })], 4)
      const after = { prio: 5, job: ids[1]!, seq: 0 }
      const { batch, parked } = await bench.takeGated(await bench.worker(), lane, { quota: 1, after })
      expect(batch!.members.map((one) => one.job)).toEqual([ids[2]])
      expect(parked).toBe(0)
    })

    test('makes no lease when all are parked, or none is there', async () => {
      const { lane, ids } = await gated(bench, [limit({ slots: 0 })], 2)
      const worker = await bench.worker()
      expect(await bench.takeGated(worker, lane)).toEqual({ batch: null, parked: 2 })
      expect(await bench.takeGated(worker, lane)).toEqual({ batch: null, parked: 0 })
      expect(await bench.storage.executions.leases(worker)).toEqual([])
      expect(await bench.tally(ids)).toEqual({ waiting: 2 })
    })

    test('asks with the rows in claim order and all their keys, locked and ascending', async () => {
      const [a, b] = [limit({ slots: 4 }), limit({ rate: { burst: 9, perMs: 0.001 }, slots: 2 })]
      const { keys, lane, ids } = await gated(bench, [b, a], 2)
      const worker = await bench.worker()
      await bench.takeGated(worker, lane, { quota: 1 })
      const asked: Parameters<Admit>[] = []
      const clock = await bench.storage.now()
      await bench.takeGated(worker, lane, {}, (...question) => {
        asked.push(question)
        return admit(...question)
      })
      const [rows, states, now] = asked[0]!
      expect(asked).toHaveLength(1)
      expect(rows).toMatchObject([{ job: ids[1], seq: 0, attempt: 1, prio: 5, care: 0, lane: lane.id, keys }])
      expect(states.map((state) => state.id)).toEqual(keys)
      expect(states.map((state) => state.used)).toEqual([1, 1])
      expect(states.find((state) => state.burst !== null)).toMatchObject({
        slots: 2,
        burst: 9,
        perMs: 0.001,
        tokens: 8,
      })
      expect(states.find((state) => state.burst === null)).toMatchObject({ slots: 4, perMs: null })
      expect(Math.abs(now - clock)).toBeLessThan(5_000)
    })

    test('needs all keys of a row or takes none of them', async () => {
      const [free, full] = [limit({ slots: 5 }), limit({ slots: 0 })]
      const { keys, lane, ids } = await gated(bench, [free, full], 2)
      expect(await bench.takeGated(await bench.worker(), lane)).toEqual({ batch: null, parked: 2 })
      expect(await usage(bench, keys[0]!)).toMatchObject({ used: 0, waiting: 0 })
      expect(await usage(bench, keys[1]!)).toMatchObject({ used: 0, waiting: 2 })
      expect((await bench.record(ids[0]!)).facts.waiting?.gate).toBe(full.name)
    })

    test('lets other keys of the same claim run on', async () => {
      const full = await gated(bench, [limit({ slots: 1 })], 3)
      const free = await gated(bench, [limit({ slots: 3 })], 3)
      const { batch, parked } = await bench.takeGated(await bench.worker(), [full.lane, free.lane])
      expect(parked).toBe(2)
      expect(await bench.tally(free.ids)).toEqual({ started: 3 })
      expect(batch!.members.map((one) => one.job)).toEqual([full.ids[0], ...free.ids])
    })

    test('counts per worker where a key says so', async () => {
      const { key, lane, ids } = await gated(bench, [limit({ slots: 1, perProcess: true })], 2)
      const [one, two] = [await bench.worker(), await bench.worker()]
      expect((await bench.takeGated(one, lane, { quota: 1 })).batch?.members).toHaveLength(1)
      expect((await bench.takeGated(two, lane, { quota: 1 })).batch?.members).toHaveLength(1)
      expect(await bench.tally(ids)).toEqual({ started: 2 })
      await bench.enqueue(lane, [keyed([key]), keyed([key])])
      expect(await bench.takeGated(one, lane)).toEqual({ batch: null, parked: 2 })
      expect((await usage(bench, key)).used).toBe(2)
    })

    test('is not for the dead, who park nothing either', async () => {
      const { key, lane, ids } = await gated(bench, [limit({ slots: 1 })], 3)
      const worker = await bench.worker()
      await bench.kill(worker)
      expect(await bench.takeGated(worker, lane)).toEqual({ batch: null, parked: 0 })
      expect(await bench.tally(ids)).toEqual({ ready: 3 })
      expect(await usage(bench, key)).toMatchObject({ used: 0, waiting: 0 })
    })

    test('changes nothing when the rules throw', async () => {
      const { key, lane, ids } = await gated(bench, [limit({ slots: 1 })], 3)
      const worker = await bench.worker()
      const broken: Admit = () => {
        throw new Error('broken rule')
      }
      await expect(bench.takeGated(worker, lane, {}, broken)).rejects.toThrow()
      expect(await bench.tally(ids)).toEqual({ ready: 3 })
      expect(await usage(bench, key)).toMatchObject({ used: 0, waiting: 0 })
      expect((await bench.takeGated(worker, lane)).parked).toBe(2)
    })
  })
}

function releases(open: Open): void {
  describe('release', () => {
    const bench = new Bench(open)
    const full = async (slots: number, jobs: number | readonly JobChange[]) => {
      const made = await gated(bench, [limit({ slots })], jobs)
      const worker = await bench.worker()
      const { batch } = await bench.takeGated(worker, made.lane)
      return { ...made, worker, lease: batch!.lease, members: batch!.members }
    }

    test('lowers the permits of a standing lease and wakes exactly as many', async () => {
      const { key, lane, ids, lease, members } = await full(3, 8)
      await bench.settle([decision(members[0]!), decision(members[1]!)], standing(lease, [2]))
      expect((await usage(bench, key)).used).toBe(3)
      const moved = await bench.storage.limits.release([{ key, lease, n: 2 }])
      expect(moved).toEqual({ moved: 2, lanes: [lane.id] })
      expect(await usage(bench, key)).toMatchObject({ used: 1, waiting: 3 })
      expect(await bench.tally(ids)).toEqual({ completed: 2, started: 1, ready: 2, waiting: 3 })
    })

    test('wakes for a lease that went with its last settle', async () => {
      const { key, ids, lease, members } = await full(1, 3)
      await bench.settle([decision(members[0]!)])
      expect((await usage(bench, key)).used).toBe(0)
      expect(await bench.storage.limits.release([{ key, lease, n: 1 }])).toMatchObject({ moved: 1 })
      expect(await bench.tally(ids)).toEqual({ completed: 1, ready: 1, waiting: 1 })
    })

    test('wakes the first by priority, then by age, unchanged', async () => {
      const { key, lane, ids, lease, worker, members } = await full(1, [
        { prio: 0 },
        { prio: 5 },
        { prio: 5 },
        { prio: 3 },
      ])
      await bench.settle([decision(members[0]!)])
      await bench.storage.limits.release([{ key, lease, n: 1 }])
      const second = (await bench.takeGated(worker, lane)).batch!
      expect(second.members).toMatchObject([{ job: ids[3], seq: 0, attempt: 1, prio: 3, care: 0 }])
      await bench.settle([decision(second.members[0]!)])
      await bench.storage.limits.release([{ key, lease: second.lease, n: 1 }])
      expect((await bench.takeGated(worker, lane)).batch!.members).toMatchObject([{ job: ids[1] }])
    })

    test('takes nothing from others for a permit it does not know', async () => {
      const { key, ids, lease, worker, lane, members } = await full(2, 4)
      await bench.settle([decision(members[0]!)], standing(lease, [1]))
      await bench.storage.limits.release([{ key, lease, n: 1 }])
      await bench.takeGated(worker, lane)
      expect((await usage(bench, key)).used).toBe(2)
      await bench.storage.limits.release([{ key: 2_000_000_000, lease, n: 1 }])
      expect((await usage(bench, key)).used).toBe(2)
      expect((await bench.tally(ids)).started).toBe(2)
    })

    test('wakes nobody when it is repeated: the permit is known no more', async () => {
      const { key, ids, lease, members } = await full(1, 4)
      await bench.settle([decision(members[0]!)])
      expect(await bench.storage.limits.release([{ key, lease, n: 1 }])).toMatchObject({ moved: 1 })
      expect(await bench.storage.limits.release([{ key, lease, n: 1 }])).toEqual({ moved: 0, lanes: [] })
      expect(await bench.tally(ids)).toEqual({ completed: 1, ready: 1, waiting: 2 })
    })

    test('wakes for rows that were handed back, which also left their slot', async () => {
      const { key, ids, lease, members } = await full(2, 5)
      const [first, second] = members.map((run) => ({ ...run, wait: null }))
      await bench.storage.executions.handBack([first!])
      expect(await bench.storage.limits.release([{ key, lease, n: 1 }])).toMatchObject({ moved: 1 })
      expect(await usage(bench, key)).toMatchObject({ used: 1, waiting: 2 })
      await bench.storage.executions.handBack([second!])
      expect((await usage(bench, key)).used).toBe(0)
      expect(await bench.storage.limits.release([{ key, lease, n: 1 }])).toMatchObject({ moved: 1 })
      expect(await bench.tally(ids)).toEqual({ ready: 4, waiting: 1 })
    })

    test('leaves nobody asleep and none too many, to the last', async () => {
      const { key, lane, ids, worker, lease, members } = await full(2, 9)
      let batch: ClaimedBatch | null = { lease, members }
      while (batch !== null) {
        expect(batch.members.length).toBeLessThanOrEqual(2)
        await bench.settle(batch.members.map((run) => decision(run)))
        await bench.storage.limits.release([{ key, lease: batch.lease, n: batch.members.length }])
        batch = (await bench.takeGated(worker, lane)).batch
      }
      expect(await bench.tally(ids)).toEqual({ completed: 9 })
      expect(await usage(bench, key)).toMatchObject({ used: 0, waiting: 0 })
    })

    test('is not needed after a rescue: the fallen lease held nothing any more, and the next pump wakes', async () => {
      const { key, ids, lease, worker } = await full(2, 5)
      await bench.kill(worker)
      expect((await usage(bench, key)).used).toBe(2)
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      expect(await usage(bench, key)).toMatchObject({ used: 0, waiting: 3 })
      await bench.storage.waiting.pump()
      expect(await usage(bench, key)).toMatchObject({ used: 0, waiting: 1 })
      expect(await bench.tally(ids)).toEqual({ ready: 4, waiting: 1 })
    })

    test('may find its permits pruned: then too the next pump wakes', async () => {
      const { key, ids, lease, members } = await full(1, 3)
      await bench.settle([decision(members[0]!)])
      const params = { completedMs: 3_600_000, failedMs: 3_600_000, page: 1_000 }
      while (!(await bench.storage.history.prune(params)).wrapped);
      expect(await bench.storage.limits.release([{ key, lease, n: 1 }])).toMatchObject({ moved: 0 })
      await bench.storage.waiting.pump()
      expect(await bench.tally(ids)).toEqual({ completed: 1, ready: 1, waiting: 1 })
    })
  })
}

function rates(open: Open): void {
  describe('a rate', () => {
    const bench = new Bench(open)

    test('lets its burst through and parks the rest as rate limited', async () => {
      const spec = limit({ rate: { burst: 2, perMs: 0.000_001 } })
      const { key, lane, ids } = await gated(bench, [spec], 4)
      const worker = await bench.worker()
      const { batch, parked } = await bench.takeGated(worker, lane)
      expect([batch!.members.length, parked]).toEqual([2, 2])
      expect((await bench.record(ids[2]!)).facts.waiting).toMatchObject({
        reason: waitReasons.rateLimited,
        gate: spec.name,
      })
      expect((await usage(bench, key)).waiting).toBe(2)
      await bench.settle(batch!.members.map((run) => decision(run)))
      await bench.enqueue(lane, [keyed([key])])
      expect(await bench.takeGated(worker, lane)).toEqual({ batch: null, parked: 1 })
    })

    test('is pumped as tokens come, and says when to look again', async () => {
      const { lane, ids } = await gated(bench, [limit({ rate: { burst: 1, perMs: 0.02 } })], 4)
      const worker = await bench.worker()
      let started = (await bench.takeGated(worker, lane)).batch!.members.length
      expect(started).toBe(1)
      await until(async () => {
        const { nextInMs } = await bench.storage.waiting.pump()
        if (started < 3) expect(nextInMs).not.toBeNull()
        const { batch } = await bench.takeGated(worker, lane)
        if (batch !== null) expect(batch.members).toHaveLength(1)
        started += batch?.members.length ?? 0
        return started === 4
      })
      expect(await bench.tally(ids)).toEqual({ started: 4 })
    })

    test('wakes no more than the tokens that are there', async () => {
      const { key, lane, ids } = await gated(bench, [limit({ rate: { burst: 3, perMs: 0.2 } })], 10)
      await bench.takeGated(await bench.worker(), lane)
      expect(await bench.tally(ids)).toEqual({ started: 3, waiting: 7 })
      await pass(bench.storage, 60)
      let moved = 0
      await until(async () => (moved += (await bench.storage.waiting.pump()).moved) > 0)
      expect(moved).toBeLessThanOrEqual(3)
      expect((await usage(bench, key)).waiting).toBe(7 - moved)
    })

    test('does not wake what has no slot', async () => {
      const { lane, ids } = await gated(bench, [limit({ slots: 1, rate: { burst: 10, perMs: 1 } })], 3)
      await bench.takeGated(await bench.worker(), lane)
      await pass(bench.storage, 20)
      const { nextInMs } = await bench.storage.waiting.pump()
      expect(nextInMs).not.toBeNull()
      expect(await bench.tally(ids)).toEqual({ started: 1, waiting: 2 })
    })
  })
}

function manyClaimers(open: Open): void {
  describe('several claimers of one key', () => {
    const bench = new Bench(open)

    test('never use more than its slots, and finish every job once', async () => {
      const slots = 3
      const { key, lane, ids } = await gated(bench, [limit({ slots })], 60)
      const processes = await bench.several(4)
      const used: number[] = []
      const finished: string[] = []
      await Promise.all(
        processes.map(async (storage) => {
          const worker = await storage.workers.register(
            { host: 'h', pid: 1, release: '1', knows: [], queues: null },
            60_000,
          )
          await until(async () => {
            await storage.waiting.pump()
            const one = await storage.executions.claimGated(
              { worker, free: 9, quotas: [{ lane: lane.id, quota: 2, after: null }] },
              admit,
            )
            used.push((await usage(bench, key)).used)
            if (one.batch !== null) {
              const { lease, members } = one.batch
              await storage.executions.settle(
                members.map((run) => decision(run)),
                [{ lease, running: [], finished: true }],
              )
              finished.push(...members.map((run) => run.job))
              await storage.limits.release([{ key, lease, n: members.length }])
            }
            return finished.length >= ids.length
          }, 25_000)
        }),
      )
      expect(Math.max(...used)).toBeLessThanOrEqual(slots)
      expect(finished.toSorted()).toEqual([...ids].sort())
      expect(await bench.tally(ids)).toEqual({ completed: 60 })
      expect(await usage(bench, key)).toMatchObject({ used: 0, waiting: 0 })
    })

    test('do not deadlock over keys named in opposite orders', async () => {
      const [a, b] = [limit({ slots: 4 }), limit({ slots: 4 })]
      const keys = [...(await bench.storage.limits.define([a, b]))].sort((x, y) => x - y)
      const lanes: Lane[] = [await bench.lane({ gated: true }), await bench.lane({ gated: true })]
      const jobs = [
        ...(await bench.enqueue(
          lanes[0]!,
          Array.from({ length: 40 }, (_, i) => keyed(i % 2 === 0 ? keys : [keys[0]!])),
        )),
        ...(await bench.enqueue(
          lanes[1]!,
          Array.from({ length: 40 }, (_, i) => keyed(i % 2 === 0 ? [keys[1]!] : keys)),
        )),
      ]
      const processes = await bench.several(4)
      const claimed = await Promise.all(
        processes.map(async (storage, index) => {
          const worker = await bench.worker()
          const order = index % 2 === 0 ? lanes : lanes.toReversed()
          const quotas = order.map((lane) => ({ lane: lane.id, quota: 10, after: null }))
          return await storage.executions.claimGated({ worker, free: 9, quotas }, admit)
        }),
      )
      const members = claimed.flatMap((one) => one.batch?.members ?? [])
      for (const key of keys) {
        const holders = members.filter((run) => run.options?.keys?.includes(key))
        expect(holders.length).toBeLessThanOrEqual(4)
        expect((await usage(bench, key)).used).toBe(holders.length)
      }
      const tally = await bench.tally(jobs.map((job) => job.id))
      expect(tally.started).toBe(members.length)
      expect((tally.ready ?? 0) + (tally.waiting ?? 0) + members.length).toBe(80)
    })
  })
}
