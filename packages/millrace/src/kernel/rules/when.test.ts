import { expect, test } from 'vitest'
import { MAX_DURATION_MS } from './duration.ts'
import { normalizeWhen } from './when.ts'

const now = Date.parse('2030-01-01T00:00:00Z')
const later = Date.parse('2030-01-31T08:00:00Z')

test.each<[object, unknown]>([
  [{}, null],
  [{ delay: undefined, runAt: undefined }, null],
  [{ delay: '0' }, null],
  [{ delay: '5 minutes' }, { inMs: 300_000 }],
  [{ runAt: new Date(later) }, { at: later }],
  [{ runAt: '2030-01-31T08:00:00Z' }, { at: later }],
  [{ runAt: '2030-01-31T09:00+01:00' }, { at: later }],
  [{ runAt: '2030-01-31T08:00:00.123456-00:00' }, { at: later + 123 }],
  [{ runAt: new Date(now) }, { at: now }],
  [{ runAt: '1999-01-01T00:00:00Z' }, { at: Date.parse('1999-01-01T00:00:00Z') }],
  [{ runAt: new Date(now + MAX_DURATION_MS) }, { at: now + MAX_DURATION_MS }],
])('%j', (options, due) => {
  expect(normalizeWhen(options, now, 'enqueue')).toEqual(due)
})

test.each([
  '2030-01-31',
  '2030-01-31T08:00:00',
  '2030-02-30T08:00:00Z',
  '2030-13-01T08:00:00Z',
  '2030-01-31T25:00:00Z',
  'tomorrow',
  now,
  null,
  new Date(NaN),
])('runAt %j is refused', (runAt) => {
  expect(() => normalizeWhen({ runAt }, now, 'enqueue')).toThrow(
    expect.objectContaining({
      code: 'MILL_RUN_AT_INVALID',
      message: expect.stringMatching(
        /^enqueue\.runAt must be a valid Date, or an ISO 8601 text with zone/,
      ) as string,
    }),
  )
})

test('more than 100 years away, both at once, or no duration', () => {
  expect(() => normalizeWhen({ runAt: new Date(now + MAX_DURATION_MS + 1) }, now, 'enqueue')).toThrow(
    'enqueue.runAt is more than 100 years away',
  )
  expect(() => normalizeWhen({ delay: '0', runAt: new Date(now) }, now, 'enqueue')).toThrow(
    expect.objectContaining({
      code: 'MILL_OPTIONS_INVALID',
      message: 'enqueue has both delay and runAt; give one of them.',
    }),
  )
  expect(() => normalizeWhen({ delay: 5 }, now, 'enqueue')).toThrow(
    /^enqueue\.delay: the duration 5 is no text/,
  )
})
