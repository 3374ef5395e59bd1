import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineBatch } from '../tools/batch/define.ts'
import { defineQueueable } from '../tools/queueable/define.ts'
import { createTestMill, type TestMill, type TestMillOptions } from './test-mill.ts'

let t: TestMill

async function testMill(options: TestMillOptions): Promise<TestMill> {
  t = await createTestMill({ now: new Date('2030-01-01T00:00:00Z'), ...options })
  await t.sql`create table effect (n integer not null)`
  return t
}

afterEach(() => t.stop())

const write = defineQueueable({
  name: 'write',
  input: z.object({ n: z.number() }),
  async execute({ n }, ctx) {
    await ctx.sql`insert into effect values (${n})`
    return n * 2
  },
})

async function effects(): Promise<number[]> {
  const rows = await t.sql<{ n: number }>`select n from effect order by n`
  return rows.map(({ n }) => n)
}

describe('drain', () => {
  test('runs nothing before it is called, and everything then', async () => {
    await testMill({ definitions: [write] })
    const job = await t.enqueue(write, { n: 1 })
    await t.enqueueMany(write, [{ n: 2 }, { n: 3 }])
    expect(await effects()).toEqual([])

    const found = await t.drain()

    expect(await effects()).toEqual([1, 2, 3])
    expect(found).toHaveLength(3)
    expect(found[0]).toEqual({
      job: job.id,
      name: 'write',
      status: 'Completed',
      substatus: 'completed',
      attempts: 1,
      result: 2,
      error: null,
      finalizerError: null,
    })
    expect(await job.completed()).toBe(2)
  })

  test('without work it resolves at once, any number of times', async () => {
    await testMill({ definitions: [write] })
    expect(await t.drain()).toEqual([])
    expect(await t.drain()).toEqual([])
  })

  test('reports each job in the drain in which it ran', async () => {
    await testMill({ definitions: [write] })
    await t.enqueue(write, { n: 1 })
    await t.drain()
    await t.enqueue(write, { n: 2 })
    expect((await t.drain()).map(({ result }) => result)).toEqual([4])
  })

  test('runs children of children, and finalizers', async () => {
    const ended: string[] = []
    const chain = defineQueueable({
      name: 'chain',
      input: z.object({ left: z.number() }),
      async execute({ left }, ctx) {
        if (left > 0) await ctx.enqueue(chain, { left: left - 1 })
      },
      finalizer: ({ result, input }) => void ended.push(`${result} ${input.left}`),
    })
    await testMill({ definitions: [chain] })
    await t.enqueue(chain, { left: 3 })
    expect(await t.drain()).toHaveLength(4)
    expect(ended).toEqual(['SUCCESS 3', 'SUCCESS 2', 'SUCCESS 1', 'SUCCESS 0'])
  })

  test('runs what waits for a slot, one after the other', async () => {
    let running = 0
    let most = 0
    const narrow = defineQueueable({
      name: 'narrow',
      concurrency: 2,
      async execute() {
        running += 1
        most = Math.max(most, running)
        await new Promise((resolve) => setImmediate(resolve))
        running -= 1
      },
    })
    await testMill({ definitions: [narrow] })
    await t.enqueueMany(narrow, Array(25).fill(null))
    expect(await t.drain()).toHaveLength(25)
    expect(most).toBe(2)
  })

  test('waits for real I/O of a handler', async () => {
    const server = createServer((_, response) => void response.end('"served"'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const fetcher = defineQueueable({
      name: 'fetcher',
      async execute(_input, ctx) {
        const response = await ctx.fetch(`http://127.0.0.1:${port}/`)
        return response.json()
      },
    })
    await testMill({ definitions: [fetcher] })
    const job = await t.enqueue(fetcher, null)
    await t.drain()
    expect(await job.completed()).toBe('served')
    server.close()
  })

  test('leaves alone what is paused, and what another queue serves', async () => {
    await testMill({ definitions: [write], only: ['default'] })
    await t.enqueue(write, { n: 1 })
    await t.enqueue(write, { n: 2 }, { queue: 'elsewhere' })
    await t.mill.pause({ kind: 'name', value: 'write' })
    expect(await t.drain()).toEqual([])
    await t.mill.resume({ kind: 'name', value: 'write' })
    await t.drain()
    expect(await effects()).toEqual([1])
  })

  test('a job enqueued in a transaction that rolled back never was', async () => {
    await testMill({ definitions: [write] })
    const failing = t.transaction(async (tx) => {
      await tx.sql`insert into effect values (100)`
      await tx.enqueue(write, { n: 1 })
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await t.enqueued()).toEqual([])
    await t.drain()
    expect(await effects()).toEqual([])
  })

  test('several at once wait for each other', async () => {
    await testMill({ definitions: [write] })
    const first = t.drain()
    await t.enqueue(write, { n: 1 })
    const both = await Promise.all([first, t.drain()])
    expect(both.flat()).toHaveLength(1)
    expect(await effects()).toEqual([1])
  })

  test('a chain without end is named instead of running for ever', async () => {
    const again = defineQueueable({
      name: 'again',
      async execute(_input, ctx) {
        await ctx.enqueue(again, null)
      },
    })
    await testMill({ definitions: [again] })
    await t.enqueue(again, null)
    await expect(t.drain({ maxExecutions: 50 })).rejects.toMatchObject({ code: 'MILL_DEPTH_EXCEEDED' })
  })

  test('ten thousand rows in one job, and ten thousand jobs', { timeout: 30_000 }, async () => {
    const bulk = defineQueueable({
      name: 'bulk',
      input: z.array(z.number()),
      async execute(ns, ctx) {
        for (const n of ns) await ctx.sql`insert into effect values (${n})`
      },
    })
    await testMill({ definitions: [bulk, write] })
    const ns = Array.from({ length: 10_000 }, (_, n) => n)
    await t.enqueue(bulk, ns)
    await t.drain()
    expect(await effects()).toEqual(ns)
    await t.enqueueMany(
      write,
      ns.map((n) => ({ n })),
    )
    expect(await t.drain()).toHaveLength(10_000)
  })
})

describe('a failure', () => {
  class LateError extends Error {}
  const error = new LateError('always', { cause: new Error('deeper') })
  const bad = defineQueueable({
    name: 'bad',
    retry: { attempts: 1 },
    execute() {
      throw error
    },
  })

  test('rejects the drain with the very object that was thrown, after the rest has run', async () => {
    await testMill({ definitions: [bad, write] })
    await t.enqueue(bad, null)
    await t.enqueue(write, { n: 1 })
    await expect(t.drain()).rejects.toBe(error)
    expect(await effects()).toEqual([1])
    expect(await t.drain()).toEqual([])
  })

  test('is an outcome with throwOnFailure: false', async () => {
    await testMill({ definitions: [bad] })
    await t.enqueue(bad, null)
    const [outcome] = await t.drain({ throwOnFailure: false })
    expect(outcome).toMatchObject({ status: 'Failed', substatus: 'failed', attempts: 1 })
    expect(outcome?.error).toBe(error)
    expect(outcome?.result).toBeUndefined()
  })

  test('also counts while its retry has yet to come, so that a bug is not mistaken for a delay', async () => {
    const retried = defineQueueable({ name: 'retried', execute: () => Promise.reject(error) })
    await testMill({ definitions: [retried] })
    await t.enqueue(retried, null)
    await expect(t.drain()).rejects.toBe(error)
    expect(await t.enqueued()).toMatchObject([{ status: 'Queued', substatus: 'retrying', attempt: 2 }])
    const [outcome] = await t.advance('1 second', { throwOnFailure: false })
    expect(outcome).toMatchObject({ status: 'Queued', substatus: 'retrying', attempts: 2 })
  })

  test('that a retry due at once made good is none', async () => {
    const flaky = defineQueueable({
      name: 'flaky',
      retry: { initial: '0' },
      execute(_input, ctx) {
        if (ctx.attempt < 3) throw error
      },
    })
    await testMill({ definitions: [flaky] })
    await t.enqueue(flaky, null)
    expect(await t.drain()).toMatchObject([{ status: 'Completed', attempts: 3, error: null }])
  })

  test('of a finalizer leaves the job as it is, and rejects too', async () => {
    const unfinished = defineQueueable({
      name: 'unfinished',
      execute: () => 1,
      finalizer: () => Promise.reject(error),
      finalizerRetry: { attempts: 1 },
    })
    await testMill({ definitions: [unfinished] })
    await t.enqueue(unfinished, null)
    await expect(t.drain()).rejects.toBe(error)
    await t.enqueue(unfinished, null)
    const [outcome] = await t.drain({ throwOnFailure: false })
    expect(outcome).toMatchObject({ status: 'Completed', error: null })
    expect(outcome?.finalizerError).toBe(error)
  })

  test('that is no Error is told as the coded error that history keeps', async () => {
    const odd = defineQueueable({
      name: 'odd',
      retry: { attempts: 1 },
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what a careless handler does
      execute: () => Promise.reject('a text'),
    })
    await testMill({ definitions: [odd] })
    await t.enqueue(odd, null)
    await expect(t.drain()).rejects.toMatchObject({ code: 'MILL_HANDLER_THREW' })
  })

  test('an aborted or skipped job is none', async () => {
    const skipper = defineQueueable({ name: 'skipper', execute: (_input, ctx) => ctx.skip('flag off') })
    await testMill({ definitions: [skipper, write] })
    await t.enqueue(skipper, null)
    const { id } = await t.enqueue(write, { n: 1 })
    expect(await t.jobs.abort(id)).toBe('aborted')
    expect(await t.drain()).toMatchObject([{ name: 'skipper', status: 'Completed', substatus: 'skipped' }])
    expect(await effects()).toEqual([])
  })
})

test('what ended at the same instant is told in the order in which it ran', async () => {
  const batch = defineBatch({
    name: 'nightly',
    scope: 1,
    start: (_: null) => [{ n: 1 }, { n: 2 }, { n: 3 }],
    execute: () => undefined,
  })
  await using t = await createTestMill({ definitions: [batch] })
  const { id } = await t.enqueue(batch, null)
  await t.drain()
  const outcomes = (await t.jobs.attempts(id)).map(({ outcome }) => outcome)
  expect(outcomes).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded', 'completed'])
})
