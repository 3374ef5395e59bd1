import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineQueueable, type HandlerContext } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { rejection, until } from './support/until.ts'

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const all = await places()

describe.each(all)('$kind: enqueue', (place) => {
  const bench = new Bench(place, 'as created')
  const write = (name = fresh('write')) =>
    defineQueueable({ name, execute: (text: string, ctx: HandlerContext) => note(ctx, text) })

  test('Q-01: resolves with an id at once, before anything runs', async () => {
    const send = write()
    const mill = await bench.mill({ definitions: [send] })
    const job = await mill.enqueue(send, 'hello')
    expect(job.id).toMatch(uuidV7)
    expect(job.duplicate).toBe(false)
    expect(await mill.jobs.get(job.id)).toMatchObject({
      status: 'Queued',
      substatus: 'ready',
      name: send.name,
      version: 1,
      tenant: 'default',
      queue: 'default',
      priority: 5,
      attempt: 1,
      input: 'hello',
      parentId: null,
      finishedAt: null,
    })
    await mill.start()
    await job.completed()
    expect(await bench.notes(job.id)).toEqual(['hello'])
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Completed', substatus: 'completed' })
  })

  test('Q-01: enqueueMany takes an array or a stream, answers ids in input order, and each runs once', async () => {
    const send = write()
    const mill = await bench.mill({ definitions: [send], concurrency: 10 })
    const words = Array.from({ length: 60 }, (_, i) => `w${String(i)}`)
    const ids = [
      ...(await mill.enqueueMany(send, words.slice(0, 30))),
      ...(await mill.enqueueMany(
        send,
        (async function* () {
          yield* words.slice(30)
        })(),
      )),
    ]
    expect(new Set(ids).size).toBe(words.length)
    expect([...ids].sort()).toEqual(ids)
    await mill.start()
    await Promise.all(ids.map((id) => mill.job(id).completed()))
    const notes = await Promise.all(ids.map((id) => bench.notes(id)))
    expect(notes).toEqual(words.map((word) => [word]))
  })

  test('Q-01: an input that is refused ends enqueueMany; those before it are queued, and the stream is read little further', async () => {
    const work = defineQueueable({ name: fresh('work'), execute: (_: unknown) => undefined })
    const mill = await bench.mill({ definitions: [work] })
    let read = 0
    const inputs = (function* () {
      for (; read < 5_000; read += 1) yield read === 1_000 ? () => undefined : read
    })()
    expect(await rejection(mill.enqueueMany(work, inputs))).toMatchObject({
      code: 'MILL_INPUT_UNSERIALIZABLE',
    })
    expect(read).toBeLessThan(3_000)
    expect((await mill.jobs.counts({ name: work.name })).Queued).toBeGreaterThanOrEqual(1_000)
  })

  test('Q-01: refused as a whole before anything is written, with a code', async () => {
    const tenant = fresh('tenant')
    const strict = defineQueueable({
      name: fresh('strict'),
      input: z.object({ id: z.number() }),
      execute: () => undefined,
    })
    const foreign = write()
    const mill = await bench.mill({ definitions: [strict], maxPayloadBytes: 100 })
    const good = { id: 1 }
    const attempts: [string, () => Promise<unknown>][] = [
      ['MILL_DEFINITION_UNKNOWN', () => mill.enqueue(foreign, 'x', { tenant })],
      ['MILL_INPUT_INVALID', () => mill.enqueue(strict, { id: 'one' } as never, { tenant })],
      ['MILL_PRIORITY_INVALID', () => mill.enqueue(strict, good, { tenant, priority: 10 })],
      ['MILL_NAME_INVALID', () => mill.enqueue(strict, good, { tenant: 'with space' })],
      ['MILL_NAME_INVALID', () => mill.enqueue(strict, good, { tenant, queue: '' })],
      ['MILL_DURATION_INVALID', () => mill.enqueue(strict, good, { tenant, delay: '-1 second' })],
      ['MILL_DURATION_INVALID', () => mill.enqueue(strict, good, { tenant, delay: '101 years' })],
      ['MILL_RUN_AT_INVALID', () => mill.enqueue(strict, good, { tenant, runAt: 'tomorrow' })],
      ['MILL_DURATION_INVALID', () => mill.enqueue(strict, good, { tenant, timeout: '0' })],
      ['MILL_DURATION_INVALID', () => mill.enqueue(strict, good, { tenant, deadline: '0' })],
      ['MILL_OPTIONS_INVALID', () => mill.enqueue(strict, good, { tenant, maxDepth: 0 })],
      ['MILL_OPTIONS_INVALID', () => mill.enqueue(strict, good, { tenant, unique: '' })],
      ['MILL_OPTIONS_INVALID', () => mill.enqueue(strict, good, { tenant, retry: { attempts: 0 } })],
      ['MILL_OPTIONS_INVALID', () => mill.enqueue(strict, good, { tenant, tags: [''] })],
    ]
    for (const [code, work] of attempts) expect(await rejection(work())).toMatchObject({ code })
    const large = { id: 1, more: 'x'.repeat(100) }
    expect(await rejection(mill.enqueue(strict, large, { tenant }))).toMatchObject({
      code: 'MILL_PAYLOAD_TOO_LARGE',
      data: { maxBytes: 100 },
    })
    expect((await mill.jobs.list({ tenant })).jobs).toEqual([])
    expect((await mill.jobs.list({ name: strict.name })).jobs).toEqual([])
  })

  test('Q-02: inside mill.transaction it commits with the application’s rows, or neither is there', async () => {
    const send = write()
    const tenant = fresh('tenant')
    const mill = await bench.working({ definitions: [send] })
    const error = await rejection(
      mill.transaction(async (tx) => {
        await tx.sql`insert into effects (job, note) values (${tenant}, 'lost')`
        await tx.enqueue(send, 'never', { tenant })
        throw new Error('changed my mind')
      }),
    )
    expect(error).toMatchObject({ message: 'changed my mind' })
    const kept = await mill.transaction(async (tx) => {
      await tx.sql`insert into effects (job, note) values (${tenant}, 'kept')`
      const [row] = await tx.sql<{ note: string }>`select note from effects where job = ${tenant}`
      expect(row).toEqual({ note: 'kept' })
      return tx.enqueue(send, 'later', { tenant })
    })
    await mill.job(kept.id).completed()
    expect(await bench.notes(tenant)).toEqual(['kept'])
    expect((await mill.jobs.list({ tenant })).jobs.map((job) => job.id)).toEqual([kept.id])
  })

  test('Q-02: a transaction that has ended refuses everything', async () => {
    const send = write()
    const mill = await bench.mill({ definitions: [send] })
    const leaked = await mill.transaction(async (tx) => tx)
    expect(await rejection(leaked.enqueue(send, 'x'))).toMatchObject({ code: 'MILL_CONTEXT_CLOSED' })
    expect(await rejection(leaked.sql`select 1`)).toMatchObject({ code: 'MILL_CONTEXT_CLOSED' })
  })

  test('Q-02: no transaction can be ended by hand', async () => {
    const mill = await bench.mill({ definitions: [] })
    const job = fresh('by-hand')
    const error = await rejection(
      mill.transaction(async (tx) => {
        await tx.sql`insert into effects (job, note) values (${job}, 'x')`
        await tx.sql`commit`
      }),
    )
    expect(error).toMatchObject({ code: 'MILL_TRANSACTION_STATEMENT' })
    expect(await bench.notes(job)).toEqual([])
  })

  test('Q-03: what the handler gets deep-equals what was enqueued, and it may change its copy', async () => {
    const input = {
      when: new Date('2030-01-31T08:00:00.123Z'),
      big: 2n ** 80n,
      map: new Map([['a', new Set([1, 2])]]),
      bytes: new Uint8Array([0, 255]),
      nothing: undefined,
      numbers: [NaN, Infinity, -0],
      text: 'ünïcödé 🎈 "quoted" \\ and \n lines',
      nested: [{ deep: [{ 'key.with.dots': null }] }],
    }
    const echo = defineQueueable({
      name: fresh('echo'),
      retry: { attempts: 2, initial: '0' },
      execute(given: typeof input, ctx) {
        const copy = structuredClone(given)
        given.text = 'changed'
        if (ctx.attempt === 1) throw new Error('once more')
        return copy
      },
    })
    const mill = await bench.working({ definitions: [echo] })
    const job = await mill.enqueue(echo, input)
    expect(await job.completed()).toStrictEqual(input)
    expect((await mill.jobs.get(job.id)).input).toStrictEqual(input)
    expect((await mill.jobs.get(job.id)).result).toStrictEqual(input)
  })

  test('Q-03: what is stored is the input of the moment of the call', async () => {
    const send = write()
    const keep = defineQueueable({ name: fresh('keep'), execute: (input: { n: number }) => input.n })
    const outer = defineQueueable({
      name: fresh('outer'),
      async execute(_: null, ctx) {
        const input = { n: 0 }
        const made = [1, 2, 3].map((n) => ctx.enqueue(keep, Object.assign(input, { n })))
        return (await Promise.all(made)).map(({ id }) => id)
      },
    })
    const mill = await bench.working({ definitions: [send, keep, outer] })
    const input = { n: 0 }
    const made = await Promise.all([1, 2, 3].map((n) => mill.enqueue(keep, Object.assign(input, { n }))))
    expect(await Promise.all(made.map((job) => job.completed()))).toEqual([1, 2, 3])
    const inner = await (await mill.enqueue(outer, null)).completed()
    expect(await Promise.all(inner.map((id) => mill.job(id).completed()))).toEqual([1, 2, 3])
  })

  test('Q-03: the handler gets what the schema makes of the input', async () => {
    const typed = defineQueueable({
      name: fresh('typed'),
      input: z.object({ n: z.string().transform(Number), unit: z.string().default('kg') }),
      execute: ({ n, unit }) => ({ twice: n * 2, unit }),
    })
    const mill = await bench.working({ definitions: [typed] })
    expect(await (await mill.enqueue(typed, { n: '21' })).completed()).toEqual({ twice: 42, unit: 'kg' })
  })

  test('Q-04: ctx says who, where and which attempt', async () => {
    const tenant = fresh('tenant')
    const queue = fresh('queue')
    const seen: unknown[] = []
    const look = defineQueueable({
      name: fresh('look'),
      queue,
      tags: ['a'],
      scenario: 'Month end',
      retry: { attempts: 2, initial: '0' },
      execute(_: null, ctx) {
        const { jobId, attempt, name, tags, scenario, runAs, deaths } = ctx
        const open = !ctx.signal.aborted
        seen.push({
          jobId,
          attempt,
          name,
          tenant: ctx.tenant,
          queue: ctx.queue,
          tags,
          scenario,
          runAs,
          deaths,
        })
        seen.push(ctx.idempotencyKey('mail'), open)
        ctx.log.info('Attempt {0}', [attempt])
        if (attempt === 1) throw new Error('again')
      },
    })
    const mill = await bench.working({ definitions: [look] })
    const job = await mill.enqueue(look, null, { tenant, tags: ['b', 'a'], runAs: 'ada' })
    await job.completed()
    const same = {
      jobId: job.id,
      name: look.name,
      tenant,
      queue,
      tags: ['a', 'b'],
      scenario: 'Month end',
      runAs: 'ada',
      deaths: 0,
    }
    expect(seen).toEqual([
      { ...same, attempt: 1 },
      `${job.id}:0:mail`,
      true,
      { ...same, attempt: 2 },
      `${job.id}:0:mail`,
      true,
    ])
    expect(bench.heard(mill).logs.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['Attempt 1', 'Attempt 2']),
    )
  })
})

describe.each(all.filter(({ kind }) => kind === 'postgres'))('$kind: enqueue', (place) => {
  const bench = new Bench(place, 'as created')
  const write = () =>
    defineQueueable({ name: fresh('write'), execute: (text: string, ctx) => note(ctx, text) })

  async function connected<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client(place.url)
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }

  test('Q-02: with the application’s own pg client it is queued if that commits, and only then', async () => {
    const send = write()
    const tenant = fresh('tenant')
    const mill = await bench.working({ definitions: [send] })
    await connected(async (pg) => {
      await pg.query('begin')
      await mill.enqueue(send, 'never', { pg, tenant })
      await pg.query('rollback')
      await pg.query('begin')
      await pg.query(`insert into effects (job, note) values ('${tenant}', 'mine')`)
      const job = await mill.enqueue(send, 'with yours', { pg, tenant })
      expect((await mill.jobs.list({ tenant })).jobs).toEqual([])
      await pg.query('commit')
      await job.completed({ timeout: '10 seconds' })
      expect(await bench.notes(job.id)).toEqual(['with yours'])
    })
    expect((await mill.jobs.list({ tenant })).jobs).toHaveLength(1)
  })

  test('Q-02: the SQL function millrace.enqueue belongs to the caller’s transaction', async () => {
    const send = write()
    const tenant = fresh('tenant')
    const mill = await bench.working({ definitions: [send] })
    const statement = `select millrace.enqueue('${send.name}', '"from SQL"', tenant => '${tenant}') as id`
    const id = await connected(async (client) => {
      await client.query('begin')
      await client.query(statement)
      await client.query('rollback')
      return (await client.query<{ id: string }>(statement)).rows[0]!.id
    })
    expect(id).toMatch(uuidV7)
    await until('the job has ended', async () => (await mill.jobs.get(id)).status === 'Completed')
    expect(await bench.notes(id)).toEqual(['from SQL'])
    expect((await mill.jobs.list({ tenant })).jobs).toHaveLength(1)
  })
})

describe.each(all.filter(({ kind }) => kind === 'sqlite'))('$kind: enqueue', (place) => {
  const bench = new Bench(place, 'as created')

  test('Q-02: a pg client is refused', async () => {
    const send = defineQueueable({ name: fresh('send'), execute: () => undefined })
    const mill = await bench.mill({ definitions: [send] })
    expect(await rejection(mill.enqueue(send, null, { pg: {} }))).toMatchObject({
      code: 'MILL_NOT_ON_SQLITE',
    })
  })
})
