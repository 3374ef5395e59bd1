import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allOf, parseFilterLogic, type FilterLogic } from './filter-logic.ts'

const filters = 4
const one = fc.integer({ min: 1, max: filters }).map((number): FilterLogic => ({ kind: 'filter', number }))
const logics = fc.letrec<{ any: FilterLogic; chain: FilterLogic; not: FilterLogic; one: FilterLogic }>(
  (tie) => ({
    one,
    not: tie('any').map((of): FilterLogic => ({ kind: 'not', of })),
    chain: fc
      .tuple(
        fc.constantFrom('and' as const, 'or' as const),
        fc.array(tie('any'), { minLength: 2, maxLength: 4 }),
      )
      .map(([kind, of]): FilterLogic => ({ kind, of })),
    any: fc.oneof({ maxDepth: 3 }, tie('one'), tie('not'), tie('chain')),
  }),
).any
/** Whichever numbers a logic leaves out are added, since all must be there. */
const whole = logics.map((logic): FilterLogic => ({ kind: 'and', of: [logic, allOf(filters)!] }))

/** By its truth table, filter by filter. */
function holds(logic: FilterLogic, facts: readonly boolean[]): boolean {
  switch (logic.kind) {
    case 'filter':
      return facts[logic.number - 1]!
    case 'not':
      return !holds(logic.of, facts)
    case 'and':
      return logic.of.every((part) => holds(part, facts))
    case 'or':
      return logic.of.some((part) => holds(part, facts))
  }
}

/** The logic as text, with as few parentheses as it needs. */
function printFilterLogic(logic: FilterLogic): string {
  switch (logic.kind) {
    case 'filter':
      return String(logic.number)
    case 'not':
      return `NOT ${printInside(logic.of)}`
    default:
      return logic.of.map(printInside).join(logic.kind === 'and' ? ' AND ' : ' OR ')
  }
}

function printInside(logic: FilterLogic): string {
  const text = printFilterLogic(logic)
  return logic.kind === 'and' || logic.kind === 'or' ? `(${text})` : text
}

describe('filter logic', () => {
  test('is read back as it was printed', () => {
    fc.assert(
      fc.property(whole, (logic) => {
        const text = printFilterLogic(logic)
        fc.pre(text.length <= 1_000)
        expect(parseFilterLogic(text, filters).logic).toEqual(logic)
        const spaced = text.toLowerCase().replaceAll('(', ' (  ').replaceAll(')', '\n)')
        fc.pre(spaced.length <= 1_000)
        expect(parseFilterLogic(spaced, filters).logic).toEqual(logic)
      }),
    )
  })

  test('never throws, whatever it is given', () => {
    const words = fc.array(fc.constantFrom('1', '2', 'and', 'OR', 'not', '(', ')', '3', ' ', 'x', "'"), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(
        fc.oneof(
          words.map((parts) => parts.join(' ')),
          fc.string(),
        ),
        (text) => {
          const { logic, problem } = parseFilterLogic(text, 2)
          expect((logic === undefined) !== (problem === undefined)).toBe(true)
          if (logic !== undefined) expect(parseFilterLogic(printFilterLogic(logic), 2).logic).toEqual(logic)
        },
      ),
      { numRuns: 500 },
    )
  })

  test.for([
    ['1 AND (2 OR 3)', [true, false, true], true],
    ['1 AND (2 OR 3)', [false, true, true], false],
    ['(1 and 2) or 3', [false, true, true], true],
    ['NOT 1 AND NOT (2 OR 3)', [false, false, false], true],
    ['NOT 1 AND NOT (2 OR 3)', [false, false, true], false],
    ['not(1 or 2) or 3', [false, false, false], true],
  ] as const)('%s of %j is %s', ([text, facts, answer]) => {
    expect(holds(parseFilterLogic(text, 3).logic!, facts)).toBe(answer)
  })

  test.for([
    ['', 1, /the end, where the number of a filter/],
    ['1 AND', 1, /the end, where/],
    ['1 AND 2 OR 3', 3, /mixes AND and OR at 9/],
    ['1 AND (2 OR 5)', 3, /names filter 5; there are 1 to 3/],
    ['1 AND 0', 1, /names filter 0/],
    ['1', 0, /names filter 1; there are none/],
    ['1 OR 3', 4, /leaves out filter 2, 4/],
    ['(1 OR 2', 2, /parenthesis at 1 and does not close/],
    ['1 OR 2)', 2, /has \) at 7, where AND, OR or the end/],
    ['1 2', 2, /has 2 at 3, where AND, OR or the end/],
    ['1 XOR 2', 2, /has "X" at 3/],
    ['1; drop table x', 1, /has ";" at 2/],
    ['AND 1', 1, /has AND at 1, where the number/],
    ['('.repeat(2_000), 1, /2000 characters; at most 1000/],
  ] as const)('%s of %d filters is refused', ([text, count, problem]) => {
    expect(parseFilterLogic(text, count).problem).toMatch(problem)
  })
})
