import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_DURATION_MS } from './duration.ts'
import type { StoredError } from './outcome.ts'
import {
  DEFAULT_RETRY,
  isRetryable,
  normalizeRetry,
  retryDelayMs,
  retryPolicyOf,
  type RetryPolicy,
} from './retry.ts'

class LockError extends Error {}

const policies = fc.record<RetryPolicy>({
  attempts: fc.integer({ min: 1, max: 1000 }),
  backoff: fc.constantFrom('exponential', 'linear', 'fixed'),
  initialMs: fc.integer({ min: 0, max: MAX_DURATION_MS }),
  maxMs: fc.integer({ min: 0, max: MAX_DURATION_MS }),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  jitter: fc.constantFrom('full', 'none'),
  retryOn: fc.constant(null),
  abortOn: fc.constant([]),
})

describe('normalizeRetry', () => {
  test('defaults: five attempts, exponential from 1 s, cap 10 minutes, full jitter', () => {
    expect(normalizeRetry(undefined, 'retry')).toEqual(DEFAULT_RETRY)
    expect(normalizeRetry({}, 'retry')).toEqual({
      attempts: 5,
      backoff: 'exponential',
      initialMs: 1000,
      maxMs: 600_000,
      factor: 2,
      jitter: 'full',
      retryOn: null,
      abortOn: [],
    })
  })

  test('reads every field; classes become names and all of it survives JSON', () => {
    const policy = normalizeRetry(
      {
        attempts: 7,
        backoff: 'linear',
        initial: '2 s',
        max: '1 m',
        factor: 3,
        jitter: 'none',
        retryOn: ['ETIMEDOUT', LockError],
        abortOn: [TypeError],
      },
      'retry',
    )
    expect(policy).toEqual({
      attempts: 7,
      backoff: 'linear',
      initialMs: 2000,
      maxMs: 60_000,
      factor: 3,
      jitter: 'none',
      retryOn: ['ETIMEDOUT', 'LockError'],
      abortOn: ['TypeError'],
    })
    expect(JSON.parse(JSON.stringify(policy))).toEqual(policy)
  })

  test('what is left out comes from the base', () => {
    const base = normalizeRetry({ attempts: 2, retryOn: ['A'], abortOn: ['B'], jitter: 'none' }, 'retry')
    expect(normalizeRetry({ initial: '1 hour' }, 'retry', base)).toEqual({
      ...base,
      initialMs: 3_600_000,
      maxMs: 3_600_000,
    })
    expect(normalizeRetry({ attempts: 9 }, 'retry', base)).toEqual({ ...base, attempts: 9 })
  })

  test.each<[object, string]>([
    [{ attempts: 0 }, 'retry.attempts must be a whole number from 1 to 1000; got 0.'],
    [{ attempts: 1001 }, 'retry.attempts must'],
    [{ attempts: 1.5 }, 'retry.attempts must'],
    [{ attempts: '3' }, 'retry.attempts must'],
    [{ backoff: 'quadratic' }, "retry.backoff must be one of 'exponential', 'linear', 'fixed'"],
    [{ jitter: 'half' }, 'retry.jitter must be one of'],
    [{ factor: 0.5 }, 'retry.factor must be a number from 1 to 100'],
    [{ factor: NaN }, 'retry.factor must'],
    [{ factor: '2' }, 'retry.factor must'],
    [{ max: '1 s', initial: '2 s' }, 'retry.max is shorter than the first wait (2 seconds).'],
    [{ retryOn: 'E' }, 'retry.retryOn must be a list'],
    [{ retryOn: [''] }, 'retry.retryOn[0] must be a code'],
    [{ abortOn: ['E', 1] }, 'retry.abortOn[1] must be a code'],
    [{ abortOn: [class extends Error {}] }, 'retry.abortOn[0] must be'],
    [{ attempt: 3 }, 'retry has no option "attempt"'],
  ])('refuses %j', (options, message) => {
    expect(() => normalizeRetry(options, 'retry')).toThrow(
      expect.objectContaining({
        code: 'MILL_OPTIONS_INVALID',
        message: expect.stringContaining(message) as string,
      }),
    )
  })

  test('refuses a bad duration with its own code', () => {
    expect(() => normalizeRetry({ initial: 1000 }, 'retry')).toThrow(/^retry\.initial: the duration/)
    expect(() => normalizeRetry({ max: 'soon' }, 'retry')).toThrow(/^retry\.max: the duration/)
  })
})

test('a stored policy wins; what it lacks comes from the definition', () => {
  expect(retryPolicyOf(undefined, DEFAULT_RETRY)).toBe(DEFAULT_RETRY)
  expect(retryPolicyOf({ attempts: 1 }, DEFAULT_RETRY)).toEqual({ ...DEFAULT_RETRY, attempts: 1 })
})

describe('isRetryable', () => {
  const error: StoredError = {
    name: 'HttpError',
    message: '',
    code: 'E503',
    cause: { name: 'Deep', message: '', code: 'ECONNRESET' },
  }
  const classes = ['HttpError', 'NetworkError', 'Error']
  const retryable = (part: Partial<RetryPolicy>): boolean =>
    isRetryable({ ...DEFAULT_RETRY, ...part }, error, classes)

  test('every error, unless retryOn names others', () => {
    expect(retryable({})).toBe(true)
    expect(retryable({ retryOn: [] })).toBe(false)
    expect(retryable({ retryOn: ['ETIMEDOUT'] })).toBe(false)
  })

  test.each(['E503', 'HttpError', 'NetworkError', 'ECONNRESET'])('matches %s', (match) => {
    expect(retryable({ retryOn: ['other', match] })).toBe(true)
    expect(retryable({ abortOn: ['other', match] })).toBe(false)
  })

  test('of causes only the code counts', () => {
    expect(retryable({ retryOn: ['Deep'] })).toBe(false)
  })

  test('abortOn wins over retryOn', () => {
    expect(retryable({ retryOn: ['E503'], abortOn: ['NetworkError'] })).toBe(false)
  })

  test('a plain error without code or classes', () => {
    expect(isRetryable({ ...DEFAULT_RETRY, retryOn: ['X'] }, { name: 'X', message: '' }, [])).toBe(true)
  })
})

describe('retryDelayMs', () => {
  const none: RetryPolicy = { ...DEFAULT_RETRY, jitter: 'none' }

  test.each<[RetryPolicy['backoff'], number[]]>([
    ['exponential', [1000, 2000, 4000, 8000, 16_000]],
    ['linear', [1000, 2000, 3000, 4000, 5000]],
    ['fixed', [1000, 1000, 1000, 1000, 1000]],
  ])('%s', (backoff, delays) => {
    expect([1, 2, 3, 4, 5].map((failed) => retryDelayMs({ ...none, backoff }, failed, 0.5))).toEqual(delays)
  })

  test('no wait is longer than max, however many attempts failed', () => {
    expect(retryDelayMs(none, 11, 0)).toBe(600_000)
    expect(retryDelayMs({ ...none, factor: 100 }, 1000, 0)).toBe(600_000)
    expect(retryDelayMs({ ...none, initialMs: 0, factor: 100 }, 1000, 0)).toBe(0)
  })

  test('full jitter spreads from nothing to the whole wait', () => {
    expect(retryDelayMs(DEFAULT_RETRY, 3, 0)).toBe(0)
    expect(retryDelayMs(DEFAULT_RETRY, 3, 0.25)).toBe(1000)
    expect(retryDelayMs(DEFAULT_RETRY, 3, 0.999999)).toBe(4000)
  })

  test('never sooner than the error asks, also beyond max', () => {
    expect(retryDelayMs(DEFAULT_RETRY, 1, 0, 5000)).toBe(5000)
    expect(retryDelayMs(none, 3, 0, 5)).toBe(4000)
    expect(retryDelayMs(none, 1, 0, 3_600_000)).toBe(3_600_000)
    expect(retryDelayMs(none, 1, 0, Infinity)).toBe(MAX_DURATION_MS)
  })

  test('always a whole number of ms between the error asked for and the larger of both bounds', () => {
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 0, max: MAX_DURATION_MS }),
        (policy, failed, chance, retryAfterMs) => {
          const delay = retryDelayMs(policy, failed, chance, retryAfterMs)
          expect(Number.isInteger(delay)).toBe(true)
          expect(delay).toBeGreaterThanOrEqual(retryAfterMs)
          expect(delay).toBeLessThanOrEqual(Math.max(policy.maxMs, retryAfterMs))
        },
      ),
    )
  })

  test('without jitter waits never shrink', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 999 }), (policy, failed) => {
        const still: RetryPolicy = { ...policy, jitter: 'none' }
        return retryDelayMs(still, failed, 0) <= retryDelayMs(still, failed + 1, 0)
      }),
    )
  })
})

test('a mistake that no other attempt mends is not tried again, unless retryOn names it', () => {
  const mistake = { name: 'MillraceError', message: 'no', code: 'MILL_INPUT_INVALID' }
  expect(isRetryable(normalizeRetry(undefined, 'r'), mistake, [])).toBe(false)
  expect(isRetryable(normalizeRetry({ retryOn: ['MILL_INPUT_INVALID'] }, 'r'), mistake, [])).toBe(true)
  expect(isRetryable(normalizeRetry(undefined, 'r'), { ...mistake, code: 'MILL_TIMEOUT' }, [])).toBe(true)
})
