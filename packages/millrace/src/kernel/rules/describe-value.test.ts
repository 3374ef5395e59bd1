import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeValue } from './describe-value.ts'

test.each<[unknown, string]>([
  ['a "b"', '"a \\"b\\""'],
  [1, '1'],
  [NaN, 'NaN'],
  [1n, '1n'],
  [null, 'null'],
  [undefined, 'undefined'],
  [Symbol('s'), 'Symbol(s)'],
  [() => 1, 'a function'],
  [{ a: [1] }, '{"a":[1]}'],
  [new Date(0), '1970-01-01T00:00:00.000Z'],
  [new Date(NaN), 'an invalid Date'],
  [{ toJSON: () => undefined }, 'an object'],
  [{ a: 1n }, 'an object'],
])('describeValue %#', (value, shown) => {
  expect(describeValue(value)).toBe(shown)
})

test('is short whatever is shown', () => {
  expect(describeValue('x'.repeat(1000))).toHaveLength(80)
  expect(describeValue('x'.repeat(1000)).endsWith('…')).toBe(true)
  fc.assert(
    fc.property(
      fc.anything(),
      fc.integer({ min: 1, max: 20 }),
      (value, limit) => describeValue(value, limit).length <= limit,
    ),
  )
})
