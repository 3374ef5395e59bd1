import fc from 'fast-check'
import { expect, test } from 'vitest'
import { normalizeUnique, type UniquePart } from './unique-key.ts'

const signature = (key: unknown): string => normalizeUnique({ key }, 'unique').signature

test('defaults: until done, on throw', () => {
  expect(normalizeUnique({ key: 'a' }, 'unique')).toEqual({ signature: '["a"]', until: 'done', on: 'throw' })
})

test('reads every field', () => {
  expect(normalizeUnique({ key: ['a', 1], until: 'started', on: 'return' }, 'unique')).toEqual({
    signature: '["a",1]',
    until: 'started',
    on: 'return',
  })
  expect(normalizeUnique({ key: 'a', until: 'done', on: 'replace' }, 'unique')).toMatchObject({
    until: 'done',
    on: 'replace',
  })
  expect(normalizeUnique({ key: 'a', until: '10 minutes' }, 'unique').until).toEqual({ ms: 600_000 })
})

test('a text is the list of that text', () => {
  expect(signature('a')).toBe(signature(['a']))
})

test('keys are the same exactly when their parts are the same in type and value', () => {
  const date = new Date(0)
  expect(signature([1])).not.toBe(signature(['1']))
  expect(signature([true])).not.toBe(signature(['true']))
  expect(signature([date])).not.toBe(signature([date.toISOString()]))
  expect(signature([date])).not.toBe(signature([0]))
  const part: fc.Arbitrary<UniquePart> = fc.oneof(
    fc.constantFrom<UniquePart>('1', 1, true, 'true', date, date.toISOString(), '', 'a","b'),
    fc.string(),
    fc.integer(),
  )
  const tagged = (parts: readonly UniquePart[]) =>
    parts.map((each) => [each instanceof Date ? 'date' : typeof each, String(each)])
  const key = fc.array(part, { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(signature(a) === signature(b)).toBe(JSON.stringify(tagged(a)) === JSON.stringify(tagged(b)))
    }),
    { numRuns: 500 },
  )
})

test.each<[object, string]>([
  [{}, 'unique.key[0] must be a text, a finite number, a boolean or a Date; got undefined.'],
  [{ key: '' }, 'unique.key must be a text, or a list of 1 to 20 parts; got "".'],
  [{ key: [] }, 'unique.key must be'],
  [{ key: Array(21).fill(1) }, 'unique.key must be'],
  [{ key: ['a', NaN] }, 'unique.key[1] must be'],
  [{ key: ['a', null] }, 'unique.key[1] must be'],
  [{ key: [new Date(NaN)] }, 'unique.key[0] must be'],
  [{ key: [1n] }, 'unique.key[0] must be'],
  [{ key: 'x'.repeat(10_000) }, 'unique.key is longer than 10000 characters'],
  [{ key: 'a', until: '0' }, 'unique.until must be longer than nothing'],
  [{ key: 'a', on: 'ignore' }, "unique.on must be one of 'throw', 'return', 'replace'"],
  [{ key: 'a', unti: 'done' }, 'unique has no option "unti"'],
])('refuses %#', (options, message) => {
  expect(() => normalizeUnique(options, 'unique')).toThrow(
    expect.objectContaining({
      code: 'MILL_OPTIONS_INVALID',
      message: expect.stringContaining(message) as string,
    }),
  )
})

test('an until that is no duration', () => {
  expect(() => normalizeUnique({ key: 'a', until: 'end' }, 'unique')).toThrow(
    /^unique\.until: the duration "end" cannot be read/,
  )
})
