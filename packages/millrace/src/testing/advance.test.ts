import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { defineQueueable } from '../tools/queueable/define.ts'
import { createTestMill, type TestMill, type TestMillOptions } from './test-mill.ts'

const start = new Date('2030-01-01T00:00:00Z')
let t: TestMill

async function testMill(options: TestMillOptions): Promise<TestMill> {
  return (t = await createTestMill({ now: start, ...options }))
}

afterEach(() => t.stop())

/** Seconds since the start of the test. */
const seconds = (): number => (t.clock.now() - start.getTime()) / 1000

const ran: [unknown, number][] = []
const note = defineQueueable({
  name: 'note',
  input: z.string(),
  execute: (name) => void ran.push([name, seconds()]),
})
afterEach(() => void ran.splice(0))

test('a delayed job stays until its time has come, and runs exactly then', async () => {
  await testMill({ definitions: [note] })
  await t.enqueue(note, 'delayed', { delay: '10 minutes' })
  await t.enqueue(note, 'dated', { runAt: new Date('2030-01-01T00:05:00Z') })
  expect(await t.drain()).toEqual([])
  await t.advance('9 minutes 59 seconds')
  expect(ran).toEqual([['dated', 300]])
  await t.advance('1 hour')
  expect(ran).toEqual([
    ['dated', 300],
    ['delayed', 600],
  ])
  expect(seconds()).toBe(9 * 60 + 59 + 3600)
})

test('what a job enqueues for later within the time runs within it, each at its own instant', async () => {
  const hourly = defineQueueable({
    name: 'hourly',
    async execute(_input, ctx) {
      ran.push(['hourly', seconds()])
      await ctx.enqueue(hourly, null, { delay: '1 hour' })
    },
  })
  await testMill({ definitions: [hourly] })
  await t.enqueue(hourly, null)
  expect(await t.advance('1 day')).toHaveLength(25)
  expect(ran.map(([, at]) => at)).toEqual(Array.from({ length: 25 }, (_, hour) => hour * 3600))
})

test('retries come after exactly the longest time their policy allows', async () => {
  const failing = defineQueueable({
    name: 'failing',
    retry: { attempts: 4, initial: '1 second', max: '3 seconds' },
    execute(_input, ctx) {
      ran.push([ctx.attempt, seconds()])
      throw new Error(`attempt ${ctx.attempt}`)
    },
  })
  await testMill({ definitions: [failing] })
  await t.enqueue(failing, null)
  await expect(t.advance('1 minute')).rejects.toThrow('attempt 4')
  expect(ran).toEqual([
    [1, 0],
    [2, 1],
    [3, 3],
    [4, 6],
  ])
})

test('a failure that a retry within the time made good is none', async () => {
  const flaky = defineQueueable({
    name: 'flaky',
    execute(_input, ctx) {
      if (ctx.attempt < 3) throw new Error('not yet')
      return 'at last'
    },
  })
  await testMill({ definitions: [flaky] })
  await t.enqueue(flaky, null)
  expect(await t.advance('1 minute')).toMatchObject([{ attempts: 3, result: 'at last', error: null }])
})

test('a rate limit lets through what its tokens allow', async () => {
  const limited = defineQueueable({
    name: 'limited',
    rateLimit: { limit: 2, per: '1 minute' },
    execute: () => void ran.push(['limited', seconds()]),
  })
  await testMill({ definitions: [limited] })
  await t.enqueueMany(limited, Array(5).fill(null))
  expect(await t.drain()).toHaveLength(2)
  expect(
    (await t.enqueued()).map(({ substatus }) => substatus).filter((one) => one === 'rateLimited'),
  ).toHaveLength(3)
  await t.advance('2 minutes')
  expect(ran.map(([, at]) => at)).toEqual([0, 0, 30, 60, 90])
})

test('a snoozed job comes again, uncharged', async () => {
  const patient = defineQueueable({
    name: 'patient',
    execute(_input, ctx) {
      ran.push([ctx.attempt, seconds()])
      if (seconds() < 120) ctx.snooze('1 minute')
    },
  })
  await testMill({ definitions: [patient] })
  await t.enqueue(patient, null)
  expect(await t.drain()).toMatchObject([{ status: 'Queued', substatus: 'snoozed', attempts: 0 }])
  expect(await t.advance('5 minutes')).toMatchObject([{ status: 'Completed', attempts: 1 }])
  expect(ran).toEqual([
    [1, 0],
    [1, 60],
    [1, 120],
  ])
})

test('a hanging handler meets its timeout when time passes during the drain', async () => {
  let reached: () => void = () => undefined
  const begun = new Promise<void>((resolve) => (reached = resolve))
  const hanging = defineQueueable({
    name: 'hanging',
    timeout: '2 minutes',
    retry: { attempts: 1 },
    async execute(_input, ctx) {
      await ctx.sql`select 1`
      reached()
      await new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))
      })
    },
  })
  await testMill({ definitions: [hanging, note] })
  await t.enqueue(hanging, null)
  await t.enqueue(note, 'later', { delay: '5 minutes' })
  const draining = t.drain({ throwOnFailure: false })
  await begun
  await t.advance('10 minutes')
  expect(await draining).toMatchObject([
    { name: 'hanging', status: 'Failed', error: { code: 'MILL_TIMEOUT' } },
  ])
  expect(ran).toEqual([['later', 300]])
  expect(seconds()).toBe(600)
})

test('a running job can be aborted, and a deadline ends a job that waited too long', async () => {
  let reached: () => void = () => undefined
  const begun = new Promise<void>((resolve) => (reached = resolve))
  const long = defineQueueable({
    name: 'long',
    async execute(_input, ctx) {
      reached()
      await new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))
      })
    },
  })
  await testMill({ definitions: [long, note] })
  const { id } = await t.enqueue(long, null)
  await t.enqueue(note, 'too late', { delay: '1 hour', deadline: '30 minutes' })
  const draining = t.drain()
  await begun
  expect(await t.jobs.abort(id)).toBe('requested')
  expect(await draining).toMatchObject([{ status: 'Aborted' }])
  const [late] = await t.advance('1 hour', { throwOnFailure: false })
  expect(late).toMatchObject({
    status: 'Failed',
    substatus: 'expired',
    error: { code: 'MILL_DEADLINE_EXCEEDED' },
  })
  expect(ran).toEqual([])
})

test('who waits for a job is told in virtual time', async () => {
  await testMill({ definitions: [note] })
  const job = await t.enqueue(note, 'later', { delay: '2 minutes' })
  const impatient = job.completed({ timeout: '1 minute' })
  const patient = job.completed({ timeout: '3 minutes' })
  const expected = expect(impatient).rejects.toMatchObject({ code: 'MILL_WAIT_TIMEOUT' })
  await t.advance('2 minutes')
  await expected
  expect(await patient).toBeUndefined()
})

test('a key that is unique for a time is free again after it', async () => {
  await testMill({ definitions: [note] })
  const unique = { key: 'k', until: '10 minutes', on: 'return' } as const
  const first = await t.enqueue(note, 'once', { unique })
  await t.drain()
  expect(await t.enqueue(note, 'once', { unique })).toMatchObject({ id: first.id, duplicate: true })
  await t.advance('10 minutes')
  expect(await t.enqueue(note, 'once', { unique })).toMatchObject({ duplicate: false })
})

test('old history is deleted as it would be', async () => {
  await testMill({ definitions: [note] })
  await t.enqueue(note, 'old')
  await t.drain()
  await t.advance('31 days')
  await t.enqueue(note, 'new')
  await t.drain()
  expect((await t.enqueued()).map(({ input }) => input)).toEqual(['new'])
})

test('a hundred days pass at once', async () => {
  await testMill({ definitions: [note] })
  await t.enqueue(note, 'far', { delay: '99 days' })
  await t.advance('100 days')
  expect(ran).toEqual([['far', 99 * 86_400]])
})

test('refuses what is no duration', async () => {
  await testMill({ definitions: [note] })
  await expect(t.advance('a while')).rejects.toMatchObject({ code: 'MILL_DURATION_INVALID' })
})
