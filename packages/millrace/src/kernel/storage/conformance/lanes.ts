import { describe, expect, test } from 'vitest'
import type { Lane, LaneSpec } from '../../rules/execution.ts'
import type { LaneFilter } from '../lanes.ts'
import { Bench, fresh } from './fixtures.ts'
import type { Open } from './subject.ts'

const spec = (change: Partial<LaneSpec> = {}): LaneSpec => ({
  tenant: 'acme',
  queue: 'default',
  name: 'send',
  version: 1,
  gated: false,
  ...change,
})

export function lanes(open: Open): void {
  describe('lanes', () => {
    const bench = new Bench(open)
    const intern = async (...specs: LaneSpec[]): Promise<readonly Lane[]> =>
      await bench.storage.lanes.intern(specs)

    test('are answered in the order asked for, with what they are', async () => {
      const specs = ['c', 'a', 'b'].map((name) => spec({ tenant: fresh('t'), name }))
      const interned = await intern(...specs)
      expect(interned.map(({ id: _, ...rest }) => rest)).toEqual(specs)
      expect(new Set(interned.map((lane) => lane.id)).size).toBe(3)
    })

    test('have one id for ever, also when one call names them twice', async () => {
      const [one, two] = [spec({ tenant: fresh('t') }), spec({ tenant: fresh('t') })]
      const [a, b, again] = await intern(one, two, one)
      expect(again).toEqual(a)
      expect(await intern(two, one)).toEqual([b, a])
    })

    test('differ when any of the five differs', async () => {
      const tenant = fresh('t')
      const specs = [
        spec({ tenant }),
        spec({ tenant, queue: 'mail' }),
        spec({ tenant, name: 'sent' }),
        spec({ tenant, version: 2 }),
        spec({ tenant, gated: true }),
        spec({ tenant: `${tenant}x` }),
      ]
      expect(new Set((await intern(...specs)).map((lane) => lane.id)).size).toBe(specs.length)
    })

    test('take names letter for letter: case, accents, blanks and quotes tell them apart', async () => {
      const base = fresh('Zoë')
      const tenants = [
        base,
        base.toLowerCase(),
        base.normalize('NFD'),
        `${base} `,
        `${base}'";--`,
        `${base}%`,
        '',
      ]
      const interned = await intern(...tenants.map((tenant) => spec({ tenant })))
      expect(new Set(interned.map((lane) => lane.id)).size).toBe(tenants.length)
      expect(interned.map((lane) => lane.tenant)).toEqual(tenants)
    })

    test('need no lane to answer', async () => {
      expect(await intern()).toEqual([])
      expect(await bench.storage.lanes.read([])).toEqual([])
    })

    test('can be read by id, unknown ids left out', async () => {
      const interned = await intern(spec({ tenant: fresh('t') }), spec({ tenant: fresh('t'), gated: true }))
      const read = await bench.storage.lanes.read([...interned.map((lane) => lane.id), 2_000_000_000])
      expect(byId(read)).toEqual(byId(interned))
    })

    test.for<[string, LaneFilter, readonly number[]]>([
      ['name', { name: 'ship' }, [1]],
      ['queue', { queue: 'mail' }, [2]],
      ['version, both twins', { version: 2 }, [3, 4]],
      ['nothing else', {}, [0, 1, 2, 3, 4]],
      ['all at once', { queue: 'default', name: 'send', version: 1 }, [0]],
      ['what is not there', { name: 'ship', queue: 'mail' }, []],
    ])('are found by tenant and %s', async ([, filter, expected]) => {
      const tenant = fresh('t')
      const interned = await intern(
        spec({ tenant }),
        spec({ tenant, name: 'ship' }),
        spec({ tenant, queue: 'mail' }),
        spec({ tenant, version: 2 }),
        spec({ tenant, version: 2, gated: true }),
      )
      await intern(spec({ tenant: fresh('t'), name: 'ship', queue: 'mail', version: 2 }))
      const found = await bench.storage.lanes.find({ tenant, ...filter })
      expect(byId(found)).toEqual(byId(expected.map((index) => interned[index]!)))
    })

    test('are all found without a filter', async () => {
      const [lane] = await intern(spec({ tenant: fresh('t') }))
      expect(await bench.storage.lanes.find({})).toContainEqual(lane)
    })

    test('are one for all processes, interned at once and in opposite orders', async () => {
      const tenant = fresh('t')
      const specs = Array.from({ length: 200 }, (_, index) => spec({ tenant, name: `n${index}` }))
      const processes = await bench.several(4)
      const answers = await Promise.all(
        processes.map(async (storage, index) => {
          const mine = index % 2 === 0 ? specs : specs.toReversed()
          return await storage.lanes.intern(mine)
        }),
      )
      expect(byId(answers[0]!)).toHaveLength(200)
      for (const answer of answers) expect(byId(answer)).toEqual(byId(answers[0]!))
    })
  })

  describe('lane heads', () => {
    const bench = new Bench(open)
    const heads = async (): Promise<Map<number, string>> =>
      new Map((await bench.storage.lanes.heads()).map((head) => [head.lane, `${head.prio} ${head.job}`]))

    test('are the first rows of the lanes that have any', async () => {
      const [empty, one, two] = [await bench.lane(), await bench.lane(), await bench.lane()]
      const [first] = await bench.enqueue(one, 3)
      const [, urgent] = await bench.enqueue(two, [{ prio: 5 }, { prio: 0 }, { prio: 0 }])
      const found = await heads()
      expect(found.get(empty.id)).toBeUndefined()
      expect(found.get(one.id)).toBe(`5 ${first!.id}`)
      expect(found.get(two.id)).toBe(`0 ${urgent!.id}`)
    })

    test('move on with claims and vanish with the last row', async () => {
      const [lane, worker] = [await bench.lane(), await bench.worker()]
      const [, second] = await bench.enqueue(lane, 2)
      await bench.take(worker, lane, { quota: 1 })
      expect((await heads()).get(lane.id)).toBe(`5 ${second!.id}`)
      await bench.take(worker, lane)
      expect((await heads()).has(lane.id)).toBe(false)
    })

    test('do not see rows that wait', async () => {
      const lane = await bench.lane()
      await bench.enqueue(lane, [{ due: { inMs: 60_000 } }])
      expect((await heads()).has(lane.id)).toBe(false)
    })

    test('name each of many lanes once', async () => {
      const tenant = fresh('t')
      const many = await bench.storage.lanes.intern(
        Array.from({ length: 300 }, (_, index) => spec({ tenant, name: `n${index}` })),
      )
      for (const lane of [many[0]!, many[150]!, many[299]!]) await bench.enqueue(lane, 2)
      const mine = new Set(many.map((lane) => lane.id))
      const found = (await bench.storage.lanes.heads()).filter((head) => mine.has(head.lane))
      expect(found.map((head) => head.lane).sort((a, b) => a - b)).toEqual([
        many[0]!.id,
        many[150]!.id,
        many[299]!.id,
      ])
    })
  })
}

const byId = (found: readonly Lane[]): Lane[] => [...found].sort((a, b) => a.id - b.id)
