import { expect, test } from 'vitest'
import { checkDate, choiceOf, optionFields, wholeOf } from './option-fields.ts'

test.each<[unknown, RegExp]>([
  [null, /^retry must be an object with a, b; got null\.$/],
  ['a', /got "a"/],
  [[1], /got \[1\]/],
  [{ a: 1, c: 1 }, /^retry has no option "c"; it knows a, b\.$/],
  [{ cause: 1 }, /^retry has no option "cause"; it knows a, b\.$/],
])('refuses %j', (options, message) => {
  expect(() => optionFields(options, ['a', 'b'], 'retry')).toThrow(
    expect.objectContaining({
      code: 'MILL_OPTIONS_INVALID',
      message: expect.stringMatching(message) as string,
    }),
  )
})

test('names what is spelled like it, under the code asked for', () => {
  expect(() =>
    optionFields({ atempts: 1 }, ['initial', 'attempts'], 'config', 'MILL_CONFIG_INVALID'),
  ).toThrow(
    expect.objectContaining({
      code: 'MILL_CONFIG_INVALID',
      message: 'config has no option "atempts" (did you mean attempts?); it knows initial, attempts.',
    }),
  )
})

test('gives the fields of an object', () => {
  expect(optionFields({ a: 1 }, ['a', 'b'], 'retry')).toEqual({ a: 1 })
})

test('choiceOf: one of the choices, or the fallback', () => {
  expect(choiceOf('x', ['x', 'y'], 'y', 'o.f')).toBe('x')
  expect(choiceOf(undefined, ['x', 'y'], 'y', 'o.f')).toBe('y')
  expect(() => choiceOf('z', ['x', 'y'], 'y', 'o.f')).toThrow("o.f must be one of 'x', 'y'; got \"z\".")
})

test('a Date, and nothing that only looks like one', () => {
  const date = new Date(0)
  expect(checkDate(date, 'from')).toBe(date)
  for (const bad of ['2030-01-01', 0, null, undefined, new Date(NaN)])
    expect(() => checkDate(bad, 'from')).toThrow(/^from must be a valid Date/)
})

test('a whole number within its bounds', () => {
  for (const good of [1, 2, 3]) expect(wholeOf(good, 1, 3, 'limit')).toBe(good)
  for (const bad of [0, 4, 1.5, NaN, '2', null])
    expect(() => wholeOf(bad, 1, 3, 'limit')).toThrow(/^limit must be a whole number from 1 to 3/)
})
