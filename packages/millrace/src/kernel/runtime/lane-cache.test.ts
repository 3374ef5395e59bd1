import { expect, test } from 'vitest'
import type { Lane, LaneSpec } from '../rules/execution.ts'
import type { Lanes } from '../storage/lanes.ts'
import { LaneCache } from './lane-cache.ts'

const spec = (name: string, change: Partial<LaneSpec> = {}): LaneSpec => ({
  tenant: 't',
  queue: 'q',
  name,
  version: 1,
  gated: false,
  ...change,
})

function cached() {
  const interned: (readonly LaneSpec[])[] = []
  const read: (readonly number[])[] = []
  const stored: Lane[] = []
  let failing = false
  const lanes: Lanes = {
    async intern(specs) {
      interned.push(specs)
      await Promise.resolve()
      if (failing) throw new Error('away')
      return specs.map((one) => {
        const lane = { ...one, id: stored.length + 1 }
        stored.push(lane)
        return lane
      })
    },
    async read(ids) {
      read.push(ids)
      return stored.filter(({ id }) => ids.includes(id))
    },
    find: async () => [],
    heads: async () => [],
  }
  return { cache: new LaneCache(lanes), interned, read, stored, fail: (is: boolean) => (failing = is) }
}

test('a lane is asked for once, also by callers at the same time, each answered in its order', async () => {
  const { cache, interned } = cached()
  const [one, two] = await Promise.all([
    cache.intern([spec('a'), spec('b')]),
    cache.intern([spec('b'), spec('a'), spec('b')]),
  ])
  expect(one.map(({ name }) => name)).toEqual(['a', 'b'])
  expect(two).toEqual([one[1], one[0], one[1]])
  expect(await cache.intern([spec('a')])).toEqual([one[0]])
  expect(interned).toEqual([[spec('a'), spec('b')]])
  expect(cache.get(1)).toBe(one[0])
  expect(cache.known(spec('a'))).toBe(one[0])
})

test('lanes differ in each of their five parts', async () => {
  const { cache } = cached()
  const specs = [
    spec('a'),
    spec('a', { tenant: 'u' }),
    spec('a', { queue: 'r' }),
    spec('a', { version: 2 }),
    spec('a', { gated: true }),
  ]
  expect(new Set((await cache.intern(specs)).map(({ id }) => id)).size).toBe(5)
})

test('a failure reaches all who wait, and is not kept', async () => {
  const { cache, fail } = cached()
  fail(true)
  const both = [cache.intern([spec('a')]), cache.intern([spec('a'), spec('b')])]
  for (const one of both) await expect(one).rejects.toThrow('away')
  expect(cache.known(spec('a'))).toBeUndefined()
  fail(false)
  expect(await cache.intern([spec('a')])).toHaveLength(1)
})

test('load reads what is not known, and leaves out what does not exist', async () => {
  const { cache, read, stored } = cached()
  await cache.intern([spec('a')])
  stored.push({ ...spec('other'), id: 9 })
  await cache.load([1, 9, 77])
  await cache.load([1, 9])
  expect(read).toEqual([[9, 77]])
  expect(cache.get(9)?.name).toBe('other')
  expect(cache.get(77)).toBeUndefined()
})
