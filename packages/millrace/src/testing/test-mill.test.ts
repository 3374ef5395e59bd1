import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineQueueable } from '../tools/queueable/define.ts'
import { createTestMill } from './test-mill.ts'

const now = new Date('2030-01-01T00:00:00Z')
const order = defineQueueable({
  name: 'ship-order',
  input: z.object({ orderId: z.string(), at: z.date().optional() }),
  queue: 'shipping',
  tags: ['shop'],
  async execute({ orderId }, ctx) {
    ctx.log.info('Shipping {0}', [orderId])
    if (await ctx.flags.isEnabled('Notify')) await ctx.enqueue(notify, orderId)
  },
})
const notify = defineQueueable({ name: 'notify', input: z.string(), execute: () => undefined })

test('enqueued tells input, options and state, oldest first, typed by the definition', async () => {
  await using t = await createTestMill({ definitions: [order, notify], now, flags: { Notify: true } })
  const at = new Date('2030-02-01T00:00:00Z')
  await t.enqueue(
    order,
    { orderId: 'a', at },
    { tenant: 'acme', tags: ['first'], priority: 2, scenario: 'Sale', runAs: 'eve' },
  )
  await t.enqueue(notify, 'x')
  await t.enqueue(order, { orderId: 'b' }, { delay: '1 hour' })

  const [first, second] = await t.enqueued(order)
  expect(first).toMatchObject({
    name: 'ship-order',
    input: { orderId: 'a', at },
    status: 'Queued',
    substatus: 'ready',
    tenant: 'acme',
    queue: 'shipping',
    priority: 2,
    tags: ['shop', 'first'],
    scenario: 'Sale',
    runAs: 'eve',
    dueAt: null,
    parentId: null,
    depth: 1,
    createdAt: now,
  })
  expect(first?.input.at?.getFullYear()).toBe(2030)
  expect(second).toMatchObject({ substatus: 'scheduled', dueAt: new Date('2030-01-01T01:00:00Z') })
  expect(await t.enqueued(notify)).toHaveLength(1)
  expect((await t.enqueued()).map(({ name }) => name)).toEqual(['ship-order', 'notify', 'ship-order'])

  await t.drain()
  const children = await t.enqueued(notify)
  expect(children[1]).toMatchObject({
    input: 'a',
    parentId: first?.id,
    tenant: 'acme',
    scenario: 'Sale',
    depth: 2,
    status: 'Completed',
  })
})

test('enqueued has more than one page', async () => {
  await using t = await createTestMill({ definitions: [notify] })
  const texts = Array.from({ length: 2_500 }, (_, n) => String(n))
  await t.enqueueMany(notify, texts)
  expect((await t.enqueued(notify)).map(({ input }) => input)).toEqual(texts)
})

test('flags are an object that the test may change, or a function', async () => {
  const flags = { Notify: false }
  await using t = await createTestMill({ definitions: [order, notify], flags })
  await t.enqueue(order, { orderId: 'a' })
  expect(await t.drain()).toHaveLength(1)
  flags.Notify = true
  await t.enqueue(order, { orderId: 'b' })
  expect(await t.drain()).toHaveLength(2)

  await using other = await createTestMill({
    definitions: [order, notify],
    flags: (flag) => flag === 'Notify',
  })
  await other.enqueue(order, { orderId: 'c' })
  expect(await other.drain()).toHaveLength(2)
})

test('logs holds what handlers logged, with its execution, down to the level asked for', async () => {
  await using t = await createTestMill({ definitions: [order, notify], now })
  const { id } = await t.enqueue(order, { orderId: 'a' }, { tenant: 'acme' })
  await t.drain()
  expect(t.logs).toMatchObject([
    {
      level: 'INFO',
      message: 'Shipping a',
      at: now.getTime(),
      source: { jobId: id, attempt: 1, tenant: 'acme' },
    },
  ])
  await using quiet = await createTestMill({ definitions: [order, notify], logLevel: 'WARN' })
  await quiet.enqueue(order, { orderId: 'a' })
  await quiet.drain()
  expect(quiet.logs).toEqual([])
})

test('time is the real one at the start, and the same for engine, handlers and database', async () => {
  const before = Date.now()
  await using t = await createTestMill()
  expect(t.clock.now()).toBeGreaterThanOrEqual(before)
  expect(t.clock.now()).toBeLessThanOrEqual(Date.now())
  const at = t.clock.now()
  await t.advance('90 seconds')
  expect(t.clock.now()).toBe(at + 90_000)
})

test('two of them know nothing of each other; begun at one time they give the same ids', async () => {
  await using one = await createTestMill({ definitions: [notify], now })
  await using two = await createTestMill({ definitions: [notify], now })
  const { id } = await one.enqueue(notify, 'x')
  expect(await two.enqueued()).toEqual([])
  expect((await two.enqueue(notify, 'y')).id).toBe(id)
})

test('code under test may take the Mill itself', async () => {
  await using t = await createTestMill({ definitions: [notify] })
  const job = await t.mill.enqueue(notify, 'x')
  await t.drain()
  expect(await t.mill.jobs.get(job.id)).toMatchObject({ status: 'Completed' })
})

test('a transaction begun inside a handler is that of the attempt', async () => {
  const outer = defineQueueable({
    name: 'outer',
    retry: { attempts: 2, initial: '0' },
    async execute(_input, ctx) {
      await ctx.sql`insert into effect values (${ctx.attempt})`
      await t.transaction(async (tx) => {
        await tx.sql`insert into effect values (${ctx.attempt + 10})`
        await tx.enqueue(notify, `attempt ${ctx.attempt}`)
      })
      if (ctx.attempt === 1) throw new Error('undone')
      return t.sql`select n from effect order by n`
    },
  })
  await using t = await createTestMill({ definitions: [outer, notify] })
  await t.sql`create table effect (n integer)`
  const { id } = await t.enqueue(outer, null)
  await t.drain()
  expect(await t.jobs.get(id)).toMatchObject({ result: [{ n: 2 }, { n: 12 }] })
  expect(await t.enqueued(notify)).toMatchObject([{ input: 'attempt 2', parentId: id }])
})

test('a definition that was not given is refused', async () => {
  await using t = await createTestMill({ definitions: [notify] })
  await expect(t.enqueue(order, { orderId: 'a' })).rejects.toMatchObject({ code: 'MILL_DEFINITION_UNKNOWN' })
})

test('input is checked as ever', async () => {
  await using t = await createTestMill({ definitions: [order, notify] })
  // @ts-expect-error -- the definition wants a text
  const wrong: { orderId: string } = { orderId: 1 }
  await expect(t.enqueue(order, wrong)).rejects.toMatchObject({ code: 'MILL_INPUT_INVALID' })
})

test('after stop everything is refused; stopping twice is no error', async () => {
  const t = await createTestMill({ definitions: [notify] })
  await t.stop()
  await t.stop()
  await expect(t.enqueue(notify, 'x')).rejects.toMatchObject({ code: 'MILL_STORAGE_CLOSED' })
  await expect(t.drain()).rejects.toMatchObject({ code: 'MILL_STORAGE_CLOSED' })
})
