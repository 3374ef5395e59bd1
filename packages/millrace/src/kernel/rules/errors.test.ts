import { expect, test } from 'vitest'
import { errorRegistry, isMillraceError, MillraceError } from './errors.ts'

test('every entry is one line of meaning and one of what to do', () => {
  for (const [code, { meaning, fix }] of Object.entries(errorRegistry)) {
    expect(code).toMatch(/^MILL_[A-Z_]+$/)
    expect(meaning).toMatch(/^[^\n]+\.$/)
    expect(fix).toMatch(/^[^\n]+\.$/)
  }
})

test('an error carries its code, data, cause and what the registry says', () => {
  const cause = new Error('x')
  const error = new MillraceError('MILL_UNIQUE_BUSY', 'Busy.', { cause, data: { id: 1 } })
  expect(error).toMatchObject({
    name: 'MillraceError',
    code: 'MILL_UNIQUE_BUSY',
    message: 'Busy.',
    cause,
    data: { id: 1 },
  })
  expect(error.retryable).toBe(true)
  expect(error.fix).toBe(errorRegistry.MILL_UNIQUE_BUSY.fix)
  const plain = new MillraceError('MILL_FENCED', 'x')
  expect(plain.data).toEqual({})
  expect('cause' in plain).toBe(false)
})

test('isMillraceError', () => {
  const error = new MillraceError('MILL_FENCED', 'x')
  expect(isMillraceError(error)).toBe(true)
  expect(isMillraceError(error, 'MILL_FENCED')).toBe(true)
  expect(isMillraceError(error, 'MILL_TIMEOUT')).toBe(false)
  expect(isMillraceError(new Error('x'))).toBe(false)
})
