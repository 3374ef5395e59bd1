import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDuration, MAX_DURATION_MS, parseDuration } from './duration.ts'

test.each([
  ['10 minutes', 600_000],
  ['1.5 hours', 5_400_000],
  ['2 days', 172_800_000],
  ['1 week', 604_800_000],
  ['90s', 90_000],
  ['500ms', 500],
  ['1h 30m', 5_400_000],
  ['1h30m', 5_400_000],
  [' 1 second ', 1000],
  ['0', 0],
  ['0 ms', 0],
  ['1.4ms', 1],
  ['0.1 s 0.1 s 0.1 s', 300],
  ['36525 days', MAX_DURATION_MS],
])('%j is %d ms', (text, ms) => {
  expect(parseDuration(text, 'x')).toBe(ms)
})

test.each<[unknown, string]>([
  [1000, 'is no text'],
  [undefined, 'is no text'],
  ['', 'cannot be read'],
  ['5', 'cannot be read'],
  ['1h 5', 'cannot be read'],
  ['-1 s', 'cannot be read'],
  ['1e3 s', 'has the unknown unit "e"'],
  ['NaN s', 'cannot be read'],
  ['.5 s', 'cannot be read'],
  ['1 month', 'has the unknown unit "month"'],
  ['1 M', 'has the unknown unit "M"'],
  ['1h, 5m', 'cannot be read'],
  ['36525.1 days', 'is longer than 100 years'],
  [`${'9'.repeat(90)} weeks`, 'is longer than 100 years'],
  [`1 s${' '.repeat(99)}1 s`, 'cannot be read'],
])('%j: %s', (value, what) => {
  expect(() => parseDuration(value, 'retry.initial')).toThrow(
    expect.objectContaining({
      code: 'MILL_DURATION_INVALID',
      message: expect.stringContaining(what) as string,
    }),
  )
  expect(() => parseDuration(value, 'retry.initial')).toThrow(/^retry\.initial: .*Write it as '10 minutes'/)
})

test('any text is read as whole ms in range, or refused with the code', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^(\d{1,4}(\.\d)? ?(ms|s|h|weeks|x) ?){0,4}$/)),
      (text) => {
        try {
          const ms = parseDuration(text, 'x')
          return Number.isInteger(ms) && ms >= 0 && ms <= MAX_DURATION_MS
        } catch (error) {
          return (error as { code?: string }).code === 'MILL_DURATION_INVALID'
        }
      },
    ),
  )
})

test.each([
  [0, '0 ms'],
  [-5, '0 ms'],
  [1, '1 ms'],
  [1500, '1 second 500 ms'],
  [60_000, '1 minute'],
  [5_400_000, '1 hour 30 minutes'],
  [86_400_000 + 5, '1 day 5 ms'],
  [90_061_001, '1 day 1 hour'],
  [14 * 86_400_000, '2 weeks'],
])('%d ms shows as %j', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('what is shown reads back, never as more, and loses less than a tenth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (ms) => {
      const back = parseDuration(formatDuration(ms), 'x')
      expect(back).toBeLessThanOrEqual(ms)
      expect(ms - back).toBeLessThanOrEqual(ms / 10)
    }),
  )
})
