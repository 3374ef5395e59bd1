import { expect, test } from 'vitest'
import { checkSearchArgument } from './search-argument.ts'

test('up to 200 bytes of path and 2,000 of value, counted as UTF-8', () => {
  const check = (path: string, value: string) => () => checkSearchArgument({ path, value }, 'job 1')
  expect(check('p'.repeat(200), 'v'.repeat(2_000))).not.toThrow()
  expect(check('é'.repeat(100), '')).not.toThrow()
  expect(check('a', 'v'.repeat(2_001))).toThrow(
    expect.objectContaining({
      code: 'MILL_OPTIONS_INVALID',
      message: 'job 1: the value of the searchable argument a has 2001 bytes; at most 2000 are allowed.',
    }),
  )
  expect(check('a', 'é'.repeat(1_001))).toThrow('has 2002 bytes')
  expect(check('é'.repeat(101), '')).toThrow('job 1: the path of a searchable argument has 202 bytes')
})
