import { expect, test } from 'vitest'
import { cursorLimits, defaultCursorLimits, type CursorLimits } from './limits.ts'

test('what is not given is the default', () => {
  expect(cursorLimits()).toEqual(defaultCursorLimits)
  expect(cursorLimits({ maxRows: 7, perDay: 3 })).toEqual({ ...defaultCursorLimits, maxRows: 7, perDay: 3 })
  expect(cursorLimits({ perDay: null }).perDay).toBeNull()
})

test.for<[keyof CursorLimits, unknown]>([
  ['maxRows', 0],
  ['maxRows', 2 ** 31],
  ['fetchRows', 1.5],
  ['ttlMs', null],
  ['rowsPerDay', '9'],
])('%s of %s is refused', ([name, value]) => {
  expect(() => cursorLimits({ [name]: value })).toThrow(`cursors.${name} must be a whole number`)
})

test('a misspelled one is refused, with what was meant', () => {
  expect(() => cursorLimits({ maxRow: 1 } as object)).toThrow(/maxRows/)
})
