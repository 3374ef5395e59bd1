import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkDefinitionName, checkPriority, checkQueue, checkTags, checkTenant } from './names.ts'

const invalid = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error

test.each(['a', 'process-accounts', 'AccountCleanupBatch', 'a_1', `a${'b'.repeat(79)}`])(
  'a definition may be %s',
  (name) => {
    expect(checkDefinitionName(name, 'x')).toBe(name)
  },
)

test.each(['', '1a', '-a', 'a b', 'a.b', 'ä', 'a\n', `a${'b'.repeat(80)}`, 1, undefined])(
  'a definition may not be %j',
  (name) => {
    expect(() => checkDefinitionName(name, 'defineQueueable')).toThrow(
      invalid('MILL_NAME_INVALID', /^defineQueueable: the name .* got /),
    )
  },
)

test.each([
  ['tenant', checkTenant],
  ['queue', checkQueue],
])('a %s is 1 to 100 of a small alphabet, by default "default"', (what, check) => {
  expect(check(undefined, 'x')).toBe('default')
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9._\-:@/]{1,100}$/), (name) => {
      expect(check(name, 'x')).toBe(name)
    }),
  )
  for (const bad of ['', 'a b', 'ä', 'a\0', 'a'.repeat(101), 7, null]) {
    expect(() => check(bad, 'enqueue')).toThrow(
      invalid('MILL_NAME_INVALID', new RegExp(`^enqueue: a ${what} must be`)),
    )
  }
})

test('a priority is 0 to 9, by default 5', () => {
  expect(checkPriority(undefined, 'x')).toBe(5)
  for (let priority = 0; priority <= 9; priority++) expect(checkPriority(priority, 'x')).toBe(priority)
  expect(Object.is(checkPriority(-0, 'x'), 0)).toBe(true)
  for (const bad of [-1, 10, 1.5, NaN, '1', null]) {
    expect(() => checkPriority(bad, 'enqueue')).toThrow(
      invalid('MILL_PRIORITY_INVALID', /^enqueue: priority must/),
    )
  }
})

test('tags: at most 20, each 1 to 100 storable characters, no repeats', () => {
  expect(checkTags(undefined, 'x')).toEqual([])
  expect(checkTags(['b', 'a', 'b'], 'x')).toEqual(['b', 'a'])
  const many = Array.from({ length: 20 }, (_, index) => `${index}`)
  expect(checkTags([...many, '0'], 'x')).toEqual(many)
  expect(() => checkTags([...many, 'more'], 'enqueue')).toThrow(
    invalid('MILL_OPTIONS_INVALID', /^enqueue has 21 tags/),
  )
  expect(() => checkTags('a', 'enqueue')).toThrow(invalid('MILL_OPTIONS_INVALID', /tags must be a list/))
  for (const bad of ['', 'a'.repeat(101), 1]) {
    expect(() => checkTags(['a', bad], 'enqueue')).toThrow(
      invalid('MILL_OPTIONS_INVALID', /^enqueue tags\[1\] must be/),
    )
  }
  expect(() => checkTags(['a\0'], 'enqueue')).toThrow(
    invalid('MILL_TEXT_UNSTORABLE', /^enqueue tags\[0\] has a NUL/),
  )
})
