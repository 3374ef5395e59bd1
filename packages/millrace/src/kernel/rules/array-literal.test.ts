import { expect, test } from 'vitest'
import { arrayLiteral } from './array-literal.ts'

test.each([
  [[], '{}'],
  [['a', 'null', '', 'b c', '{d},e', 'ünïcödé 🎈'], '{"a","null","","b c","{d},e","ünïcödé 🎈"}'],
  [['a "b"', String.raw`c\d`, '\\"'], String.raw`{"a \"b\"","c\\d","\\\""}`],
  [[null, 'x', undefined], '{null,"x",null}'],
  [[1, -2.5, 9_007_199_254_740_993n, true, false], '{1,-2.5,9007199254740993,true,false}'],
])('an array of values, case %#', (values: readonly unknown[], literal) => {
  expect(arrayLiteral(values)).toBe(literal)
})
