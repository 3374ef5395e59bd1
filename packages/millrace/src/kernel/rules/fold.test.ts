import { expect, test } from 'vitest'
import { fold } from './fold.ts'

test.for([
  ['ACME Ünïcode', 'acme ünïcode'],
  ['İ', 'i̇'],
  ['ΑΣ', 'ας'],
  ['', ''],
  [12, '12'],
  [12n, '12'],
  [1e21, '1e+21'],
  [new TextEncoder().encode('ÄB'), 'äb'],
  [null, null],
] as const)('%s', ([value, expected]) => {
  expect(fold(value)).toBe(expected)
})
