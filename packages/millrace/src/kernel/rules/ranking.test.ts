import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ranking } from './ranking.ts'

type Change = readonly ['set', number, number, string] | readonly ['delete', number]

const change = fc.oneof<[fc.Arbitrary<Change>, fc.Arbitrary<Change>]>(
  fc.tuple(
    fc.constant('set' as const),
    fc.nat(20),
    fc.integer({ min: -3, max: 3 }),
    fc.constantFrom('a', 'b'),
  ),
  fc.tuple(fc.constant('delete' as const), fc.nat(20)),
)

test('whatever is changed in whatever order, it is as a list sorted anew', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), fc.nat(5), (changes, few) => {
      const ranking = new Ranking<number>()
      const model = new Map<number, readonly [number, string]>()
      for (const one of changes) {
        if (one[0] === 'set') {
          ranking.set(one[1], one[2], one[3])
          model.set(one[1], [one[2], one[3]])
        } else {
          ranking.delete(one[1])
          model.delete(one[1])
        }
      }
      const keys = [...model.values()].toSorted(([a, s], [b, t]) => a - b || (s < t ? -1 : s > t ? 1 : 0))
      const found = [...ranking.ascending().map(({ item }) => item)]
      expect(ranking.size).toBe(model.size)
      expect(new Set(found).size).toBe(model.size)
      expect(found.map((item) => model.get(item))).toEqual(keys)
      expect(ranking.first?.rank).toBe(keys[0]?.[0])
      expect([...ranking.ascending().take(few)].map(({ item }) => item)).toEqual(found.slice(0, few))
    }),
  )
})
