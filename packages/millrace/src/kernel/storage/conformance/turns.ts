import { describe, expect, test } from 'vitest'
import type { Claimed, Lane } from '../../rules/execution.ts'
import { outcomes } from '../../rules/outcome.ts'
import { Bench, decision, finalizerOf, fresh, keyed, pass, until } from './fixtures.ts'
import { limit, usage } from './limits.ts'
import type { Open } from './subject.ts'

/** Tenants behind one limit: how they take turns. */
export function turns(open: Open): void {
  describe('behind a shared limit', () => {
    const bench = new Bench(open)
    const tenantOf = new Map<number, string>()

    async function lane(tenant: string, name = 'send'): Promise<Lane> {
      const made = await bench.lane({ tenant, name, gated: true })
      tenantOf.set(made.id, tenant)
      return made
    }

    /** A key whose slots are all taken, so that whoever comes waits. */
    async function full(slots: number) {
      const [key = 0] = await bench.storage.limits.define([limit({ slots })])
      const worker = await bench.worker()
      const holder = await lane(fresh('holder'))
      await bench.enqueue(
        holder,
        Array.from({ length: slots }, () => keyed([key])),
      )
      const { batch } = await bench.takeGated(worker, holder)
      return { key, worker, members: batch!.members }
    }

    /** Enqueues and claims, so that all of them are parked. */
    async function park(worker: number, key: number, at: Lane, prios: readonly number[]) {
      const jobs = await bench.enqueue(
        at,
        prios.map((prio) => ({ ...keyed([key]), prio })),
      )
      expect((await bench.takeGated(worker, at)).parked).toBe(prios.length)
      return jobs.map(({ id }) => id)
    }

    async function free(key: number, ended: readonly Claimed[]) {
      await bench.settle(ended.map((run) => decision(run)))
      const [{ lease } = { lease: 0 }] = ended
      return await bench.storage.limits.release([{ key, lease, n: ended.length }])
    }

    /** Whoever is let through, in order, until nobody is; each leaves as soon as it came. */
    async function served(key: number, worker: number, lanes: readonly Lane[], first: readonly Claimed[]) {
      const order: Claimed[] = []
      let ended = first
      for (;;) {
        await free(key, ended)
        const { batch } = await bench.takeGated(worker, lanes)
        if (batch === null) return order
        order.push(...batch.members)
        ended = batch.members
      }
    }

    const tenantsOf = (order: readonly Claimed[]) => order.map((run) => tenantOf.get(run.lane))
    const usual = (n: number): number[] => Array.from({ length: n }, () => 5)

    test('tenants take turns, however long one has waited', async () => {
      const { key, worker, members } = await full(1)
      const [crowd, few, one] = [fresh('a'), fresh('b'), fresh('c')]
      const lanes = [await lane(crowd), await lane(few), await lane(one)]
      await park(worker, key, lanes[0]!, usual(30))
      await park(worker, key, lanes[1]!, usual(3))
      await park(worker, key, lanes[2]!, usual(1))
      const order = tenantsOf(await served(key, worker, lanes, members))
      expect(order.slice(0, 7)).toEqual([crowd, few, one, crowd, few, crowd, few])
      expect(order).toHaveLength(34)
    })

    test('the turn goes on where it stopped, so that a newcomer comes within one round', async () => {
      const { key, worker, members } = await full(1)
      const names = ['a', 'b', 'c'].map(fresh)
      const lanes = await Promise.all(names.map((name) => lane(name)))
      for (const each of lanes) await park(worker, key, each, usual(5))
      await free(key, members)
      const first = (await bench.takeGated(worker, lanes)).batch!.members
      const late = fresh('late')
      const lateLane = await lane(late)
      await park(worker, key, lateLane, usual(2))
      const order = tenantsOf(await served(key, worker, [...lanes, lateLane], first))
      expect(tenantsOf(first)).toEqual([names[0]])
      expect(order.slice(0, 4)).toEqual([names[1], names[2], late, names[0]])
    })

    test('several places are shared out, and what a small tenant leaves goes to the others', async () => {
      const { key, worker, members } = await full(10)
      const lanes = [await lane(fresh('a')), await lane(fresh('b'))]
      await park(worker, key, lanes[0]!, usual(100))
      await park(worker, key, lanes[1]!, usual(2))
      expect(await free(key, members)).toMatchObject({ moved: 10 })
      const { batch } = await bench.takeGated(worker, lanes)
      const counts = lanes.map(({ id }) => batch!.members.filter((run) => run.lane === id).length)
      expect(counts).toEqual([8, 2])
      expect((await usage(bench, key)).waiting).toBe(92)
    })

    test('a tenant with many lanes has one turn, and priority holds over all of them', async () => {
      const { key, worker, members } = await full(1)
      const [wide, narrow] = [fresh('a-wide'), fresh('b-narrow')]
      const lanes = await Promise.all(Array.from({ length: 6 }, (_, i) => lane(wide, `work-${i}`)))
      for (const [index, each] of lanes.entries()) await park(worker, key, each, [9 - index])
      const other = await lane(narrow)
      await park(worker, key, other, usual(3))
      const order = await served(key, worker, [...lanes, other], members)
      expect(tenantsOf(order).slice(0, 6)).toEqual([wide, narrow, wide, narrow, wide, narrow])
      expect(order.filter((run) => run.lane !== other.id).map(({ prio }) => prio)).toEqual([4, 5, 6, 7, 8, 9])
    })

    test('more tenants than one wake names are all served before one is served again', async () => {
      const { key, worker, members } = await full(3)
      const lanes = await Promise.all(Array.from({ length: 120 }, (_, i) => lane(fresh(`t${i}`))))
      for (const each of lanes) await bench.enqueue(each, [keyed([key]), keyed([key])])
      expect((await bench.takeGated(worker, lanes)).parked).toBe(240)
      const order = tenantsOf(await served(key, worker, lanes, members))
      expect(new Set(order.slice(0, 120)).size).toBe(120)
      expect(new Set(order.slice(120)).size).toBe(120)
    })

    test('who comes now waits behind those who wait, also when a place is free', async () => {
      const { key, worker, members } = await full(1)
      const [patient, pushing] = [await lane(fresh('b')), await lane(fresh('a'))]
      const [first] = await park(worker, key, patient, usual(2))
      await bench.settle(members.map((run) => decision(run)))
      expect((await usage(bench, key)).used).toBe(0)
      await park(worker, key, pushing, [0])
      await bench.storage.limits.release([{ key, lease: members[0]!.lease, n: 1 }])
      await bench.enqueue(pushing, [{ ...keyed([key]), prio: 0 }])
      const { batch, parked } = await bench.takeGated(worker, [pushing, patient])
      expect([batch?.members.length, parked]).toEqual([1, 1])
      const order = await served(key, worker, [pushing, patient], batch!.members)
      expect(order[0]?.job).toBe(first)
    })

    test('a woken row keeps its right when a newcomer is claimed beside it', async () => {
      const { key, worker, members } = await full(1)
      const [patient, pushing] = [await lane(fresh('b')), await lane(fresh('a'))]
      const [waited] = await park(worker, key, patient, usual(1))
      await free(key, members)
      // Nobody waits any more: older, more urgent and named first, and yet it has not waited.
      await bench.enqueue(pushing, [{ ...keyed([key]), prio: 0 }])
      const { batch, parked } = await bench.takeGated(worker, [pushing, patient])
      expect([batch?.members.map(({ job }) => job), parked]).toEqual([[waited], 1])
    })

    test('tokens of a rate go round as well', async () => {
      const [key = 0] = await bench.storage.limits.define([limit({ rate: { burst: 1, perMs: 0.05 } })])
      const worker = await bench.worker()
      const lanes = [await lane(fresh('a')), await lane(fresh('b'))]
      await bench.enqueue(
        lanes[0]!,
        Array.from({ length: 12 }, () => keyed([key])),
      )
      const order = [...(await bench.takeGated(worker, lanes)).batch!.members]
      await park(worker, key, lanes[1]!, usual(4))
      await until(async () => {
        await bench.storage.waiting.pump()
        const { batch } = await bench.takeGated(worker, lanes)
        order.push(...(batch?.members ?? []))
        return order.length >= 9
      })
      const [a, b] = lanes.map(({ tenant }) => tenant)
      expect(tenantsOf(order).slice(1, 9).sort()).toEqual([a, a, a, a, b, b, b, b])
    })

    test('a finalizer takes no place and no token of its job, and waits for none', async () => {
      const limits = [limit({ slots: 1 }), limit({ rate: { burst: 2, perMs: 0.000_001 } })]
      const keys = [...(await bench.storage.limits.define(limits))].sort((a, b) => a - b)
      const [worker, at] = [await bench.worker(), await lane(fresh('t'))]
      await bench.enqueue(at, [keyed(keys), keyed(keys)])
      const first = (await bench.takeGated(worker, at)).batch!.members[0]!
      const next = { next: [finalizerOf(first)] }
      await bench.settle([decision(first, outcomes.completed, next)])
      for (const key of keys) await bench.storage.limits.release([{ key, lease: first.lease, n: 1 }])
      const { batch, parked } = await bench.takeGated(worker, at)
      expect(batch!.members.map(({ seq }) => seq).sort()).toEqual([-1, 0])
      expect(parked).toBe(0)
      for (const key of keys.slice(0, 1)) expect((await usage(bench, key)).used).toBe(1)
      // Given back, it brings no token that it never took.
      await bench.storage.executions.handBack(batch!.members.map((run) => ({ ...run, wait: null })))
      await bench.enqueue(at, [keyed(keys), keyed(keys)])
      await pass(bench.storage, 1)
      const again = await bench.takeGated(worker, at)
      expect(again.batch!.members.map(({ seq }) => seq).sort()).toEqual([-1, 0])
    })
  })
}
