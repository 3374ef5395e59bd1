import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createVirtualTimes, type VirtualTimes } from './virtual-times.ts'

const names = 'a b c d e f g h i j k l m n o p'.split(' ')
const activeOf = new WeakMap<VirtualTimes, readonly string[]>()

/** Who has ready work now. */
function observe(times: VirtualTimes, active: readonly string[]): void {
  for (const tenant of activeOf.get(times) ?? []) if (!active.includes(tenant)) times.rests(tenant)
  for (const tenant of active) times.stands(tenant, tenant)
  activeOf.set(times, [...active])
  times.observe()
}

test('charges by measured time and weight; what is too short to measure is not free', () => {
  const times = createVirtualTimes()
  times.charge('a', 10)
  times.charge('a', 10, 2)
  times.charge('b', 0)
  expect(times.tag('a')).toBe(15)
  expect(times.tag('b')).toBe(0.05)
  times.charge('a', -5)
  expect(times.tag('a')).toBe(10)
})

test('who joins is put just before the least served of those that stayed', () => {
  const times = createVirtualTimes()
  observe(times, ['a', 'b'])
  times.charge('a', 100)
  times.charge('b', 300)
  observe(times, ['a', 'b', 'new'])
  expect(times.tag('new')).toBe(99.95)
})

test('when nobody stayed, with the one served last', () => {
  const times = createVirtualTimes()
  observe(times, ['a'])
  times.charge('a', 100)
  times.charge('a', 50)
  observe(times, ['b'])
  expect(times.tag('b')).toBe(100)
})

test('idle time is no credit', () => {
  const times = createVirtualTimes()
  observe(times, ['idle', 'busy'])
  observe(times, ['busy'])
  for (let i = 0; i < 10; i++) times.charge('busy', 1000)
  observe(times, ['busy', 'idle'])
  expect(times.tag('idle')).toBe(9999.95)
})

test('a debt outlasts idle time', () => {
  const times = createVirtualTimes()
  observe(times, ['a', 'b'])
  times.charge('a', 5000)
  times.charge('b', 10)
  observe(times, ['b'])
  observe(times, ['a', 'b'])
  expect(times.tag('a')).toBe(5000)
  expect(times.tag('b')).toBe(10)
})

test('those who join one after the other do not push each other down', () => {
  const times = createVirtualTimes()
  const active = ['steady']
  observe(times, active)
  times.charge('steady', 100)
  for (let i = 0; i < 10; i++) {
    active.push(`new-${i}`)
    observe(times, active)
  }
  expect(times.tag('new-9')).toBe(99.95)
})

test('leaving and joining again is no way to the front', () => {
  const times = createVirtualTimes()
  observe(times, ['steady'])
  times.charge('steady', 100)
  const before: boolean[] = []
  for (let i = 0; i < 4; i++) {
    observe(times, ['steady', 'restless'])
    before.push(times.tag('restless') < times.tag('steady'))
    times.charge('restless', 0)
    observe(times, ['steady'])
  }
  expect(before).toEqual([true, false, false, false])
})

test('memory is bounded by who is active or owes', () => {
  const times = createVirtualTimes()
  observe(times, ['steady'])
  for (let i = 0; i < 1000; i++) {
    times.charge(`t${i}`, 1)
    times.charge('steady', 10)
    observe(times, ['steady'])
  }
  expect(times.size).toBeLessThan(5)
  observe(times, [])
  expect(times.size).toBeLessThan(5)
})

test('who joins never stands more than a least cost below those that stayed, and nobody who stayed is moved', () => {
  const tenant = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.record({ active: fc.uniqueArray(tenant), charges: fc.array(fc.tuple(tenant, fc.nat(100))) })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const times = createVirtualTimes()
      let before = new Set<string>()
      for (const { active, charges } of steps) {
        const stayed = active.filter((each) => before.has(each))
        const tags = stayed.map((each) => times.tag(each))
        observe(times, active)
        expect(stayed.map((each) => times.tag(each))).toEqual(tags)
        const least = Math.min(...tags)
        if (stayed.length > 0)
          for (const each of active) expect(times.tag(each)).toBeGreaterThan(least - 0.051)
        for (const [each, ms] of charges) times.charge(each, ms)
        before = new Set(active)
      }
    }),
  )
})

test('what was taken counts with its expected cost until it leaves', () => {
  const times = createVirtualTimes()
  times.charge('a', 10)
  times.charge('b', 30)
  expect([times.cost('a'), times.cost('b'), times.cost('new')]).toEqual([10, 21, 20])
  times.took('a', 3)
  expect(times.tag('a')).toBe(40)
  times.left('a', 2)
  expect(times.tag('a')).toBe(20)
  times.left('a', 5)
  times.left('unknown', 1)
  times.rests('unknown')
  expect(times.size).toBe(2)
  expect(times.tag('a')).toBe(10)
})

test('who has taken work is remembered while it is under way', () => {
  const times = createVirtualTimes()
  observe(times, ['a'])
  times.took('a', 1)
  observe(times, [])
  expect(times.size).toBe(1)
  times.left('a', 1)
  observe(times, [])
  expect(times.size).toBe(0)
})

test('a stream of newcomers does not keep waiting who had one execution already', () => {
  const times = createVirtualTimes()
  const waiting = Array.from({ length: 10 }, (_, i) => `w${i}`)
  observe(times, waiting)
  for (const tenant of waiting) times.charge(tenant, 10)
  let turn = 0
  for (let served = ''; !waiting.includes(served); turn += 1) {
    expect(turn).toBeLessThan(100)
    const active = [...waiting, `n${turn}`]
    observe(times, active)
    ;[served = ''] = active.toSorted((a, b) => times.tag(a) - times.tag(b))
    times.charge(served, 10)
  }
})

test('an execution of a tenant without history is expected to cost what all cost on average', () => {
  const times = createVirtualTimes()
  times.charge('a', 10)
  expect([times.cost('unknown'), times.tag('unknown')]).toEqual([10, 0])
})

test('those who stand come least served first, then by their oldest, as far as they are asked for', () => {
  const tenants = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 16 })
  const step = fc.record({
    active: tenants,
    charges: fc.array(fc.tuple(fc.constantFrom(...names), fc.integer({ min: -5, max: 50 }))),
    taken: tenants,
    left: tenants,
  })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const times = createVirtualTimes()
      for (const { active, charges, taken, left } of steps) {
        for (const tenant of left) times.left(tenant, 1)
        for (const [tenant, ms] of charges) times.charge(tenant, ms)
        for (const tenant of active) times.took(tenant, 0)
        observe(times, active)
        // Its own average may have moved with the others' since it was ranked.
        const standing = Array.from(times.standing(), ({ tenant }) => tenant)
        expect(standing.toSorted()).toEqual(active.toSorted())
        const expected = active.toSorted((a, b) => times.tag(a) - times.tag(b) || (a < b ? -1 : 1))
        expect(standing).toEqual(expected)
        for (const tenant of taken) times.took(tenant, 1)
      }
    }),
  )
})

test('tags rise in the order of those who stand, also when the average of all has moved since', () => {
  const times = createVirtualTimes()
  times.took('new', 10)
  observe(times, ['new', 'old'])
  times.charge('old', 1)
  for (let n = 0; n < 50; n += 1) times.charge('other', 1_000)
  times.observe()
  const tags = Array.from(times.standing(), ({ tag }) => tag)
  expect(tags).toEqual(tags.toSorted((a, b) => a - b))
})
