import { expect, test } from 'vitest'
import type { MillConfig } from './config.ts'
import { flexLimitsOf } from './flex-limits.ts'
import { settingsOf } from './settings.ts'

test('every default is filled in, durations in ms', () => {
  expect(settingsOf({})).toEqual({
    storage: 'sqlite:data/millrace.db',
    migrate: true,
    concurrency: 10,
    ...{ leaseMs: 15_000, heartbeatMs: 5_000, blockedLimitMs: 30_000 },
    ...{ timeoutMs: 600_000, writeTimeoutMs: 5_000, shutdownMs: 30_000, abortGraceMs: 10_000 },
    maxDeaths: 3,
    retention: { completedMs: 30 * 86_400_000, failedMs: 90 * 86_400_000 },
    ...{ maxPayloadBytes: 1_048_576, maxResultBytes: 1_048_576 },
    ...{ patienceMs: 10_000, queryTimeoutMs: 30_000, poolSize: 14 },
    environment: 'development',
    flexQueue: { all: { slots: 5, most: 100 }, tenants: {} },
    records: {
      ...{ timeZone: 'UTC', fiscalYearStart: 1, maxRows: 50_000, queryTimeoutMs: 30_000 },
      cursors: {
        ...{ maxRows: 50_000_000, fetchRows: 2_000, paginationRows: 100_000 },
        ...{ ttlMs: 2 * 86_400_000, perDay: null, rowsPerDay: null },
      },
    },
  })
})

test('writeTimeout stays below a short lease, the pool follows the concurrency', () => {
  expect(settingsOf({ lease: '1 second' })).toMatchObject({ heartbeatMs: 333, writeTimeoutMs: 800 })
  expect(settingsOf({ lease: '300 ms' })).toMatchObject({ heartbeatMs: 100, writeTimeoutMs: 240 })
  expect(settingsOf({ concurrency: 100 }).poolSize).toBe(40)
  expect(settingsOf({ concurrency: 1, postgres: { poolSize: 2 } }).poolSize).toBe(2)
})

test.each<[string, MillConfig]>([
  ['did you mean concurrency', { concurency: 2 } as MillConfig],
  ['did you mean poolSize', { postgres: { poolsize: 2 } } as MillConfig],
  ['did you mean sink', { log: { sinc: null } } as MillConfig],
  ['did you mean synchronous', { sqlite: { synchronus: 'FULL' } } as MillConfig],
  ['did you mean completed', { retention: { complete: '1 day' } } as MillConfig],
  ['did you mean perProcess', { queues: { q: { perProces: 1 } } } as MillConfig],
  ['did you mean concurrency', { tenants: { t: { concurency: 1 } } } as MillConfig],
  [
    'did you mean burst',
    { tenants: { t: { rateLimit: { limit: 1, per: '1 s', bursts: 1 } } } } as MillConfig,
  ],
  ['concurrency', { concurrency: 0 }],
  ['concurrency', { concurrency: 1.5 }],
  ['concurrency', { concurrency: 10_001 }],
  ['lease', { lease: '299 ms' }],
  ['lease', { lease: 'soon' }],
  ['writeTimeout', { lease: '1 second', writeTimeout: '1 second' }],
  ['maxDeaths', { maxDeaths: 0 }],
  ['records.fiscalYearStart', { records: { fiscalYearStart: 0 } }],
  ['records.fiscalYearStart', { records: { fiscalYearStart: 13 } }],
  ['retention.completed', { retention: { completed: '59 seconds' } }],
  ['retention.failed', { retention: { failed: '0' } }],
  ['maxPayloadBytes', { maxPayloadBytes: 0 }],
  ['maxResultBytes', { maxResultBytes: 2 ** 30 }],
  ['patience', { patience: '-1 second' }],
  ['poolSize', { postgres: { poolSize: 1 } }],
  ['queryTimeout', { postgres: { queryTimeout: '' } }],
  ['perProcess', { queues: { q: { perProcess: 0 } } }],
  ['queue q', { queues: { q: { concurrency: 0 } } }],
  ['queue', { queues: { 'a queue': {} } }],
  ['tenant t', { tenants: { t: { concurrency: 0.5 } } }],
  ['tenant *', { tenants: { '*': { rateLimit: { limit: 1, per: '0' } } } }],
  ['tenant', { tenants: { '': {} } }],
])('%s: what no installation can mean is refused, and named (%#)', (field, config) => {
  let error: unknown
  try {
    settingsOf(config)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toMatchObject({
    code: expect.stringMatching(/^MILL_(CONFIG|OPTIONS|DURATION|NAME)_INVALID$/) as string,
    message: expect.stringContaining(field) as string,
  })
})

test('the flex queue of a tenant is that of its name, of all others, or of all', () => {
  const flexOf = (config: MillConfig, tenant = 'acme') => flexLimitsOf(settingsOf(config).flexQueue, tenant)
  expect(flexOf({})).toEqual({ slots: 5, most: 100 })
  expect(flexOf({ flexQueue: { active: 2 } })).toEqual({ slots: 2, most: 100 })
  expect(flexOf({ flexQueue: { holding: 'unlimited' } })).toEqual({ slots: 5, most: null })
  expect(flexOf({ flexQueue: false })).toBeNull()
  expect(flexOf({ flexQueue: { active: 'unlimited' } })).toBeNull()
  const tenants = { acme: { flexQueue: { active: 9, holding: 0 } }, '*': { flexQueue: false } } as const
  expect(flexOf({ tenants })).toEqual({ slots: 9, most: 0 })
  expect(flexOf({ tenants }, 'other')).toBeNull()
  expect(flexOf({ flexQueue: { active: 3 }, tenants: { '*': { concurrency: 1 } } })).toMatchObject({
    slots: 3,
  })
  // It goes to the thread that keeps the lease.
  expect(() => structuredClone(settingsOf({ tenants }))).not.toThrow()
})

test.each([
  [{ flexQueue: { active: 0 } }, 'flexQueue.active'],
  [{ flexQueue: { active: 1.5 } }, 'flexQueue.active'],
  [{ flexQueue: { holding: -1 } }, 'flexQueue.holding'],
  [{ flexQueue: { holding: 'many' } }, 'flexQueue.holding'],
  [{ flexQueue: { activ: 1 } }, 'activ'],
  [{ tenants: { acme: { flexQueue: { holding: NaN } } } }, 'tenants.acme.flexQueue.holding'],
])('%j is refused', (config, field) => {
  expect(() => settingsOf(config as MillConfig)).toThrow(
    expect.objectContaining({
      code: 'MILL_CONFIG_INVALID',
      message: expect.stringContaining(field) as string,
    }),
  )
})
