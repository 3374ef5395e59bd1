import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  order as orderTenants,
  type ClaimRoom,
  type LaneQuota,
  type LaneView,
  type OrderBounds,
  type TenantView,
} from './fair-order.ts'
import { LaneQueue } from './lane-queue.ts'
import { createVirtualTimes, type VirtualTimes } from './virtual-times.ts'

interface ViewParts {
  readonly tenant?: string
  readonly queue?: string
  readonly prio?: number
  readonly job?: string
  readonly dense?: boolean
}

/** `dense`: the lane filled its last claim. */
function view(
  id: number,
  { tenant = 'a', queue = 'default', prio = 5, job = `${1000 + id}`, dense = false }: ViewParts,
): LaneView {
  return {
    lane: { id, tenant, queue, name: `n${id}`, version: 1, gated: false },
    head: { prio, job },
    after: dense ? { prio, job, seq: 0 } : null,
  }
}

const room = (total: number, queues: Record<string, number> = {}): ClaimRoom => ({
  total,
  queues: new Map(Object.entries(queues)),
})
type Times = Pick<VirtualTimes, 'tag' | 'cost'>
const level: Times = { tag: () => 0, cost: () => 1 }

/** The tenants of the lanes as the engine keeps them: least served first, among equals by their oldest. */
function tenantsOf(lanes: readonly LaneView[], times: Times): TenantView[] {
  const oldest = ({ lanes: own }: { lanes: LaneView[] }): string => own.map(({ head }) => head.job).sort()[0]!
  return Object.entries(Object.groupBy(lanes, ({ lane }) => lane.tenant))
    .map(([tenant, own = []]) => ({ lanes: own, tag: times.tag(tenant), cost: times.cost(tenant) }))
    .sort((a, b) => a.tag - b.tag || (oldest(a) < oldest(b) ? -1 : 1))
}
const order = (
  lanes: readonly LaneView[],
  times: Times,
  space: ClaimRoom,
  bounds?: OrderBounds,
): LaneQuota[] => orderTenants(tenantsOf(lanes, times), space, bounds)
const quotas = (...parameters: Parameters<typeof order>): [number, number][] =>
  order(...parameters).map(({ lane, quota }) => [lane, quota])

describe('between tenants', () => {
  test('a tenant alone gets all the room', () => {
    expect(quotas([view(1, {})], level, room(100))).toEqual([[1, 100]])
  })

  test('without room or lanes there is nothing to claim', () => {
    expect(order([view(1, {})], level, room(0))).toEqual([])
    expect(order([], level, room(10))).toEqual([])
  })

  test('the least served comes first; among equals the one whose work is oldest', () => {
    const lanes = [
      view(1, { tenant: 'c', job: '3' }),
      view(2, { tenant: 'b', job: '2' }),
      view(3, { tenant: 'a', job: '4' }),
      view(4, { tenant: 'a', job: '1' }),
    ]
    const tag = (tenant: string): number => (tenant === 'c' ? 1 : 2)
    expect(quotas(lanes, { tag, cost: () => 1 }, room(90)).map(([lane]) => lane)).toEqual([1, 4, 3, 2])
  })

  test('shares bring the tenants to one level, in time and not in rows', () => {
    const lanes = ['a', 'b', 'c'].map((tenant, index) => view(index, { tenant }))
    const had = new Map([
      ['a', 0],
      ['b', 60],
      ['c', 200],
    ])
    const cost = (): number => 1
    expect(quotas(lanes, { tag: (tenant) => had.get(tenant)!, cost }, room(100))).toEqual([
      [0, 80],
      [1, 20],
    ])
    const slow = (tenant: string): number => (tenant === 'a' ? 4 : 1)
    expect(quotas(lanes, { ...level, cost: slow }, room(90))).toEqual([
      [0, 10],
      [1, 40],
      [2, 40],
    ])
  })

  test('equal shares, none of the room left over', () => {
    const lanes = ['a', 'b', 'c'].map((tenant, index) => view(index, { tenant }))
    expect(quotas(lanes, level, room(100)).map(([, quota]) => quota)).toEqual([33, 33, 34])
  })

  test('with many tenants no share is smaller than minRows where there is room for many rows', () => {
    const lanes = Array.from({ length: 100 }, (_, index) => view(index, { tenant: `t${100 + index}` }))
    const inAll = (total: number): number[] => quotas(lanes, level, room(total)).map(([, quota]) => quota)
    expect(inAll(25)).toEqual(Array(25).fill(1))
    expect(inAll(500)).toEqual(Array(50).fill(10))
    expect(order(lanes, level, room(500), { maxLanes: 500, minRows: 10 })).toHaveLength(100)
    expect(order(lanes.slice(0, 30), level, room(1000), { maxLanes: 50, minRows: 10 })).toHaveLength(30)
    expect(order(lanes, level, room(10_000))).toHaveLength(50)
    expect(order(lanes, level, room(10_000), { maxLanes: 500, minRows: 10 })).toHaveLength(100)
  })

  test('those that are named do not go far ahead of those that cannot be', () => {
    const lanes = Array.from({ length: 60 }, (_, index) => view(index, { tenant: `t${100 + index}` }))
    const rows = (cost: number): number[] =>
      quotas(lanes, { ...level, cost: () => cost }, room(5_000)).map(([, quota]) => quota)
    expect(rows(0.1)).toEqual(Array(50).fill(100))
    expect(rows(1)).toEqual(Array(50).fill(20))
    expect(rows(10)).toEqual(Array(50).fill(2))
    expect(rows(100)).toEqual(Array(50).fill(1))
    const tag = (tenant: string): number => (tenant > 't149' ? 35 : 0)
    expect(quotas(lanes, { tag, cost: () => 1 }, room(5_000))[0]).toEqual([0, 35])
    expect(quotas(lanes.slice(0, 50), level, room(5_000))[0]).toEqual([0, 100])
  })

  test('a queue that is full here does not use up the turn of its tenants', () => {
    const lanes = [
      view(1, { tenant: 'a', queue: 'mail' }),
      view(2, { tenant: 'b', queue: 'mail' }),
      view(3, { tenant: 'c', queue: 'free' }),
    ]
    expect(quotas(lanes, level, room(100, { mail: 0 }))).toEqual([[3, 100]])
    expect(quotas(lanes, level, room(100, { mail: 4 }))).toEqual([
      [1, 4],
      [3, 96],
    ])
  })
})

describe('inside a tenant', () => {
  test('priority rules: a lower one is not named beside a higher one', () => {
    expect(
      quotas([view(1, { prio: 9, job: '1' }), view(2, { prio: 0, job: '2' })], level, room(100)),
    ).toEqual([[2, 100]])
  })

  test('unless the queue of the higher one has no more room', () => {
    const lanes = [view(1, { prio: 0, queue: 'mail' }), view(2, { prio: 5 }), view(3, { prio: 9 })]
    expect(quotas(lanes, level, room(100, { mail: 3 }))).toEqual([
      [1, 3],
      [2, 97],
    ])
  })

  test('the older head first; further lanes get a little each, the first one what is left', () => {
    const lanes = [view(1, { job: '3' }), view(2, { job: '1' }), view(3, { job: '2' })]
    expect(quotas(lanes, level, room(100))).toEqual([
      [2, 80],
      [3, 10],
      [1, 10],
    ])
    expect(quotas(lanes, level, room(10))).toEqual([[2, 10]])
  })

  test('a lane that filled its last claim gets all that is left, so that its backlog stays ahead of newer lanes', () => {
    const lanes = [view(1, { job: '1', dense: true }), view(2, { job: '2' }), view(3, { job: '3' })]
    expect(quotas(lanes, level, room(100))).toEqual([[1, 100]])
    expect(quotas([view(0, { job: '0' }), ...lanes], level, room(100))).toEqual([
      [0, 50],
      [1, 50],
    ])
  })

  test('the place reached goes along', () => {
    const after = { prio: 5, job: '7', seq: 0 }
    expect(order([{ ...view(1, {}), after }], level, room(5))).toEqual([{ lane: 1, quota: 5, after }])
  })

  test('what is left over never breaks the cap of a queue', () => {
    const lanes = [view(1, { job: '1', queue: 'mail' }), view(2, { job: '2' })]
    expect(quotas(lanes, level, room(100, { mail: 60 }))).toEqual([
      [1, 60],
      [2, 40],
    ])
  })
})

const views = fc
  .array(
    fc.record({
      tenant: fc.constantFrom('a', 'b', 'c', 'd'),
      queue: fc.constantFrom('free', 'capped'),
      prio: fc.integer({ min: 0, max: 9 }),
      job: fc.integer({ min: 1000, max: 9999 }).map(String),
      dense: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((list) => list.map((parts, index) => view(index, parts)))

test('quotas keep to the room in all, to the room of each queue and to the number of lanes', () => {
  fc.assert(
    fc.property(
      views,
      fc.nat(200),
      fc.nat(30),
      fc.integer({ min: 1, max: 20 }),
      (lanes, total, capped, maxLanes) => {
        const named = order(lanes, level, room(total, { capped }), { maxLanes, minRows: 10 })
        const sum = (list: typeof named): number => list.reduce((all, { quota }) => all + quota, 0)
        expect(named.length).toBeLessThanOrEqual(maxLanes)
        expect(named.every(({ quota }) => Number.isInteger(quota) && quota > 0)).toBe(true)
        expect(new Set(named.map(({ lane }) => lane)).size).toBe(named.length)
        expect(sum(named)).toBeLessThanOrEqual(total)
        expect(sum(named.filter(({ lane }) => lanes[lane]?.lane.queue === 'capped'))).toBeLessThanOrEqual(
          capped,
        )
        if (total > 0 && lanes.some(({ lane }) => lane.queue === 'free'))
          expect(named.length).toBeGreaterThan(0)
      },
    ),
  )
})

test('no lane of lower priority is served while its tenant has a better one that could be', () => {
  fc.assert(
    fc.property(views, fc.integer({ min: 1, max: 200 }), (lanes, total) => {
      for (const { lane } of order(lanes, level, room(total))) {
        const { head, lane: own } = lanes[lane]!
        const best = lanes.filter((each) => each.lane.tenant === own.tenant).map((each) => each.head.prio)
        expect(head.prio).toBe(Math.min(...best))
      }
    }),
  )
})

/** A worker that claims, runs everything and charges it, `claims` times; returns rows served per tenant. */
function simulate(
  costs: ReadonlyMap<string, number>,
  total: number,
  claims: number,
  arriving?: { tenant: string; at: number },
) {
  const times = createVirtualTimes()
  const queue = new LaneQueue(times)
  const served = new Map<string, number>()
  const firstServed = new Map<string, number>()
  const tenants = [...costs.keys()]
  for (let claim = 0; claim < claims; claim++) {
    tenants.forEach((tenant, index) => {
      if (claim === (tenant === arriving?.tenant ? arriving.at : 0))
        queue.put(view(index, { tenant, dense: true }))
    })
    for (const { lane, quota } of orderTenants(queue.tenants(), room(total))) {
      const tenant = tenants[lane]!
      if (!firstServed.has(tenant)) firstServed.set(tenant, claim)
      served.set(tenant, (served.get(tenant) ?? 0) + quota)
      times.charge(tenant, quota * costs.get(tenant)!)
    }
  }
  return { served, firstServed }
}

describe('over many claims', () => {
  const tenants = Array.from({ length: 101 }, (_, index) => `t${1000 + index}`)

  test('among 100 heavy tenants the first job of a light one is in its next claim', () => {
    const costs = new Map([
      ...tenants.slice(1).map((tenant) => [tenant, 50] as const),
      ['z-light', 1] as const,
    ])
    for (const at of [10, 11, 17, 500]) {
      expect(simulate(costs, 100, at + 1, { tenant: 'z-light', at }).firstServed.get('z-light')).toBe(at)
    }
  })

  test('handler time is shared evenly, whatever a job costs (Jain index above 0.99)', () => {
    const costs = new Map(tenants.map((tenant, index) => [tenant, 1 + (index % 10)]))
    const { served } = simulate(costs, 100, 2000)
    const had = tenants.map((tenant) => (served.get(tenant) ?? 0) * costs.get(tenant)!)
    const sum = had.reduce((a, b) => a + b, 0)
    const squares = had.reduce((a, b) => a + b * b, 0)
    expect((sum * sum) / (had.length * squares)).toBeGreaterThan(0.99)
  })

  test('who was idle for long gets no more than its share afterwards', () => {
    const costs = new Map([
      ...tenants.slice(0, 9).map((tenant) => [tenant, 10] as const),
      ['z-idle', 10] as const,
    ])
    const { served } = simulate(costs, 20, 3000, { tenant: 'z-idle', at: 2000 })
    expect(served.get('z-idle')).toBeLessThan((1000 * 20) / 10 + 40)
    expect(served.get('z-idle')).toBeGreaterThan((1000 * 20) / 10 - 40)
  })

  test('nobody with ready work is passed over for ever, even at no measurable cost', () => {
    const some = fc.uniqueArray(fc.constantFrom(...tenants), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(
        some,
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(0, 1, 1000),
        (names, total, cost) => {
          const costs = new Map(names.map((name, index) => [name, index === 0 ? cost * 100 : cost]))
          expect(simulate(costs, total, names.length).served.size).toBe(names.length)
        },
      ),
      { numRuns: 50 },
    )
  })
})
