import fc from 'fast-check'
import { expect, test } from 'vitest'
import { takingTurns } from './taking-turns.ts'

const owner = (item: string): string => item.charAt(0)

test('owners alternate, each with its own order', () => {
  expect(takingTurns(['a1', 'a2', 'a3', 'b1', 'c1', 'c2'], owner)).toEqual([
    'a1',
    'b1',
    'c1',
    'a2',
    'c2',
    'a3',
  ])
  expect(takingTurns(['a1', 'a2'], owner)).toEqual(['a1', 'a2'])
  expect(takingTurns([], owner)).toEqual([])
  expect(takingTurns(['a1', 'a2', 'b1', 'c1'], owner, ['c', 'd', 'b'])).toEqual(['c1', 'b1', 'a1', 'a2'])
})

test('nothing is lost or doubled, no owner waits for two turns of another, and its own order stays', () => {
  const items = fc
    .array(fc.constantFrom('a', 'b', 'c', 'd'))
    .map((all) => all.map((who, i) => `${who}${String(i)}`))
  fc.assert(
    fc.property(items, (given) => {
      const turns = takingTurns(given, owner)
      expect([...turns].sort()).toEqual([...given].sort())
      for (const who of 'abcd') {
        const own = (list: readonly string[]) => list.filter((item) => owner(item) === who)
        expect(own(turns)).toEqual(own(given))
        const first = turns.findIndex((item) => owner(item) === who)
        if (first >= 0) expect(new Set(turns.slice(0, first).map(owner)).size).toBe(first)
      }
    }),
  )
})
