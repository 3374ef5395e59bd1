import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkStorable, checkStorableJson, isStorable, makeStorable } from './text.ts'

const units = fc
  .array(fc.oneof(fc.constantFrom(0, 0x5c, 0x75, 0x30, 0xd83d, 0xde00), fc.integer({ min: 0, max: 0xffff })))
  .map((codes) => String.fromCharCode(...codes))

const unstorable = (index: number) =>
  expect.objectContaining({ code: 'MILL_TEXT_UNSTORABLE', data: { where: 'input', index } }) as Error

test.each([
  ['a\0', 1],
  ['\ud83d', 0],
  ['ok 😀 \ude00', 6],
  ['😀\ud83d', 2],
])('%j is unstorable at %d', (text, index) => {
  expect(isStorable(text)).toBe(false)
  expect(() => checkStorable(text, 'input')).toThrow(unstorable(index))
})

test('the message says what, where and what to do', () => {
  expect(() => checkStorable('a\0', 'input.name')).toThrow(
    /^input\.name has a NUL character at index 1,.* Clean the text/,
  )
  expect(() => checkStorable('\ud83d', 'x')).toThrow('a lone surrogate (U+D83D)')
})

test('made storable, a text is storable, of the same length, and unchanged if it was', () => {
  fc.assert(
    fc.property(units, (text) => {
      const made = makeStorable(text)
      expect(isStorable(made)).toBe(true)
      expect(made).toHaveLength(text.length)
      if (isStorable(text)) expect(made).toBe(text)
    }),
  )
})

test.each([
  ['{"a":"plain \\n 😀"}'],
  ['["\\ud83d\\ude00"]'],
  ['["\\u001f"]'],
  ['["\\\\u0000"]'],
  ['["\\\\\\\\ud83d"]'],
])('JSON %j is storable', (json) => {
  expect(checkStorableJson(json, 'input')).toBe(json)
})

test.each([
  ['["\\u0000"]', 2],
  ['["\\\\\\u0000"]', 4],
  ['["\\ud83d"]', 2],
  ['["\\uD83D\\ud83d\\ude00"]', 2],
  ['["\\ud83d x\\ude00"]', 2],
  ['["\\ud83d\\n"]', 2],
  ['["\\ude00"]', 2],
  ['["\\ud83d\\ude00\\ude00"]', 14],
  ['["\0"]', 2],
])('JSON %j is unstorable at %d', (json, index) => {
  expect(() => checkStorableJson(json, 'input')).toThrow(unstorable(index))
})

test('JSON is storable exactly when every text in it is', () => {
  const storable = (text: string): boolean => {
    try {
      checkStorableJson(text, 'input')
      return true
    } catch {
      return false
    }
  }
  fc.assert(
    fc.property(units, units, (key, value) => {
      expect(storable(JSON.stringify({ [key]: value }))).toBe(isStorable(key) && isStorable(value))
    }),
    { numRuns: 1000 },
  )
})
