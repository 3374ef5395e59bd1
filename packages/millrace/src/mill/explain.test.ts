import { describe, expect, test } from 'vitest'
import { createTestMill } from '../testing/index.ts'
import { defineQueueable } from '../tools/queueable/define.ts'
import { explain, type Surroundings } from './explain.ts'
import type { JobView } from './job-view.ts'

const now = Date.parse('2030-01-01T00:00:00Z')
const worker = {
  id: 7,
  host: 'h',
  pid: 1,
  release: '0.1.0',
  knows: ['work@1'],
  queues: null,
  startedAt: now,
  until: now + 15_000,
  alive: true,
}
const calm: Surroundings = { now, pauses: [], workers: [worker], limits: [] }

function job(change: Partial<JobView>): JobView {
  return {
    id: '01b8dac5-b400-71d5-9758-4f231a716c91',
    name: 'work',
    version: 1,
    tenant: 'acme',
    queue: 'default',
    priority: 5,
    attempt: 1,
    createdAt: new Date(now),
    finishedAt: null,
    parentId: null,
    retryOf: null,
    partOf: null,
    tags: [],
    input: null,
    result: undefined,
    error: null,
    progress: null,
    status: 'Queued',
    substatus: 'ready',
    reason: {},
    ...change,
  }
}

const error = { name: 'Error', message: 'no luck' }

describe('every state has its sentence', () => {
  test.for<[change: Partial<JobView>, says: string]>([
    [{}, 'It may run now and waits for a worker with room.'],
    [
      { reason: { nowhere: true } },
      'Nothing of it stands in any queue, which must not be: please report it.',
    ],
    [
      { substatus: 'scheduled', reason: { dueAt: now + 600_000 } },
      'It was enqueued for later and is due in 10 minutes, at 2030-01-01T00:10:00.000Z.',
    ],
    [
      { substatus: 'scheduled', reason: { dueAt: now - 2_200 } },
      'It was enqueued for later and is due since 2 seconds, at 2029-12-31T23:59:57.800Z.',
    ],
    [
      { substatus: 'retrying', attempt: 3, error, reason: { dueAt: now + 4_000 } },
      'Attempt 2 failed: no luck. Attempt 3 is due in 4 seconds, at 2030-01-01T00:00:04.000Z.',
    ],
    [
      { substatus: 'snoozed', reason: { dueAt: now + 500 } },
      'Its handler put it off; it comes again in 500 ms, at 2030-01-01T00:00:00.500Z.',
    ],
    [
      { substatus: 'outsideWindow', reason: { dueAt: now + 60_000 } },
      'It is outside its hours, which begin in 1 minute, at 2030-01-01T00:01:00.000Z.',
    ],
    [
      { substatus: 'awaiting' },
      'A step of it waits for an answer: `waitsFor` of its status tells for which.',
    ],
    [
      { substatus: 'awaiting', reason: { dueAt: now + 500 } },
      'A step of it waits for an answer or a job; it looks again in 500 ms, at 2030-01-01T00:00:00.500Z.',
    ],
    [{ substatus: 'snoozed' }, 'Its handler put it off; it comes again later.'],
    [
      { substatus: 'rateLimited', reason: { gate: 'r:tenant:acme' } },
      'It waits for the rate limit of tenant acme.',
    ],
    [{ substatus: 'rateLimited' }, 'It waits for the rate limit.'],
    [
      { substatus: 'concurrencyLimited', reason: { gate: 'c:key:a:b' } },
      'It waits for the concurrency limit of key a:b.',
    ],
    [
      { substatus: 'concurrencyLimited', reason: { gate: 'c:hash:00' } },
      'It waits for the concurrency limit of a long key.',
    ],
    [
      { substatus: 'claimed', reason: { worker: 7 } },
      'Worker 7 has taken it and starts it as soon as a slot is free.',
    ],
    [{ substatus: 'finalizing' }, 'Attempt 1 has ended; its finalizer runs before the next one begins.'],
    [
      { status: 'Processing', substatus: 'running', reason: { worker: 7 }, attempt: 2 },
      'Worker 7 runs attempt 2.',
    ],
    [{ status: 'Processing', substatus: 'aborting' }, 'It was asked to stop and has not yet.'],
    [{ status: 'Completed', substatus: 'completed', attempt: 2, error }, 'It completed in attempt 2.'],
    [{ status: 'Completed', substatus: 'completedWithErrors' }, 'It completed in attempt 1, with errors.'],
    [{ status: 'Completed', substatus: 'skipped', error }, 'It was skipped: no luck.'],
    [{ status: 'Failed', substatus: 'failed', error }, 'It failed in attempt 1: no luck'],
    [{ status: 'Failed', substatus: 'expired', error }, 'Its deadline passed: no luck'],
    [{ status: 'Failed', substatus: 'lost' }, 'It lost its process several times and was parked.'],
    [{ status: 'Aborted', substatus: 'aborted' }, 'It was aborted.'],
    [
      { status: 'Aborted', substatus: 'replaced' },
      'A newer job with the same unique key took its place before it started.',
    ],
  ])('%j: %s', ([change, says]) => {
    expect(explain(job(change), calm)).toBe(says)
  })
})

describe('what holds a queued job back is told, all of it', () => {
  const tail = (around: Partial<Surroundings>, change: Partial<JobView> = {}): string =>
    explain(job(change), { ...calm, ...around }).replace(/^It may run[^.]*\. ?/, '')

  test('pauses that apply', () => {
    const since = now - 90_000
    const pauses = [
      { target: { kind: 'all' }, since, by: 'eve@host' },
      { target: { kind: 'queue', value: 'default' }, since, by: null },
      { target: { kind: 'name', value: 'other' }, since, by: null },
      { target: { kind: 'tenant', value: 'acme' }, since, by: null },
    ] as const
    expect(tail({ pauses }, { substatus: 'paused', reason: { paused: true } })).toBe(
      'Everything was paused by eve@host 1 minute 30 seconds ago. Queue default was paused 1 minute 30 seconds ago. Tenant acme was paused 1 minute 30 seconds ago.',
    )
    expect(explain(job({ substatus: 'paused' }), calm)).toBe(
      'It was paused by itself and goes on when it is resumed.',
    )
    expect(explain(job({ status: 'Completed', substatus: 'completed' }), { ...calm, pauses })).toBe(
      'It completed in attempt 1.',
    )
  })

  test('workers that are missing, dead, too old, or busy with other queues', () => {
    expect(tail({ workers: [] })).toBe('No worker is running.')
    expect(tail({ workers: [{ ...worker, alive: false }] })).toBe('No worker is running.')
    expect(tail({}, { version: 2 })).toBe('None of the 1 running workers knows work, version 2.')
    expect(tail({ workers: [{ ...worker, queues: ['slow'] }] })).toBe(
      'None of the running workers serves queue default.',
    )
  })

  test('how full a limit is', () => {
    const spec = { name: 'c:definition:work', slots: 2, rate: null, perProcess: false }
    const limits = [{ id: 1, spec, used: 2, waiting: 5 }]
    expect(
      explain(job({ substatus: 'concurrencyLimited', reason: { gate: spec.name } }), { ...calm, limits }),
    ).toBe(
      'It waits for the concurrency limit of definition work: 2 of 2 slots are taken. 5 jobs wait for it.',
    )
  })
})

test('mill.explain gathers it from the database', async () => {
  const limited = defineQueueable({
    name: 'limited',
    rateLimit: { limit: 1, per: '1 minute' },
    execute: () => 1,
  })
  await using t = await createTestMill({ definitions: [limited], now: new Date(now) })
  const [first = '', second = ''] = await t.enqueueMany(limited, [null, null])
  expect(await t.mill.explain(first)).toBe(
    'It may run now and waits for a worker with room. No worker is running.',
  )
  await t.drain()
  expect(await t.mill.explain(first)).toBe('It completed in attempt 1.')
  expect(await t.mill.explain(second)).toBe(
    'It waits for the rate limit of definition limited. No worker is running.',
  )
  await expect(t.mill.explain('nonsense')).rejects.toMatchObject({ code: 'MILL_JOB_UNKNOWN' })
})
