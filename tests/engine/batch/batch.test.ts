import { beforeAll, describe, expect, test } from 'vitest'
import {
  defineBatch,
  defineRole,
  type BatchDefinition,
  type BatchEnd,
  type Mill,
} from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { rejection, signal, until } from '../support/until.ts'
import { applied, createItems, fill, increment, Item, numbersOf } from './items.ts'

const all = await places()

describe.each(all)('$kind: batch', (place) => {
  const bench = new Bench(place)
  beforeAll(() => createItems(place))

  const run = async (batch: BatchDefinition<null>): Promise<[Mill, string]> => {
    const mill = await bench.working({ definitions: [batch, Item] })
    const { id } = await mill.enqueue(batch, null)
    await bench.ended(mill, id)
    return [mill, id]
  }
  const ids = async (where: string): Promise<number[]> =>
    (await place.query(`select id from item where ${where} order by id`)).map((row) => Number(row['id']))

  test('B-01, B-02, B-04: start, chunks of scope, finish, in order, with state, each record once', async () => {
    await fill(place, 1_050)
    const seen: number[][] = []
    const batch = defineBatch({
      name: fresh('batch'),
      state: { chunks: 0, started: '' },
      start(input: { from: number }, ctx) {
        ctx.state.started = `from ${input.from}`
        return ctx.soql<Item>`SELECT Id, Bad FROM Item WHERE Id > ${input.from}`
      },
      async execute(scope, ctx) {
        seen.push([ctx.chunk, scope.length])
        ctx.state.chunks += 1
        await increment(scope, ctx)
      },
      finish: (_input, ctx) => ctx.state,
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    const job = await mill.enqueue(batch, { from: 50 })
    expect(await job.completed()).toEqual({ chunks: 5, started: 'from 50' })
    expect(seen).toEqual([1, 2, 3, 4, 5].map((chunk) => [chunk, 200]))
    expect(await applied(place)).toEqual([
      [0, 50],
      [1, 1_000],
    ])
    expect(await job.progress()).toMatchObject({
      phase: 'finish',
      total: 1_000,
      processed: 1_000,
      failed: 0,
      chunks: 5,
      totalChunks: 5,
      errors: 0,
      timeLeft: { fromMs: 0, toMs: 0 },
    })
    expect(await mill.jobs.get(job.id)).toMatchObject({
      status: 'Completed',
      substatus: 'completed',
      error: null,
    })
    const { jobs } = await mill.jobs.list({ name: batch.name })
    expect(jobs.map(({ id }) => id)).toEqual([job.id])
    expect((await mill.jobs.attempts(job.id)).map(({ seq, outcome }) => `${seq} ${outcome}`)).toEqual([
      ...[0, 1, 2, 3, 4, 5].map((seq) => `${seq} succeeded`),
      '6 completed',
    ])
    const [record] = await mill.soql<{ JobType: string; JobItemsProcessed: number; TotalJobItems: number }>`
      SELECT JobType, JobItemsProcessed, TotalJobItems, NumberOfErrors FROM AsyncApexJob WHERE Id = ${job.id}`
    expect(record).toEqual({
      JobType: 'BatchApex',
      JobItemsProcessed: 5,
      TotalJobItems: 5,
      NumberOfErrors: 0,
    })
  })

  test.for([
    ['without bisecting', false, 19_800, 200],
    ['with it', true, 19_999, 1],
  ] as const)(
    'B-05: one bad record in 20,000, %s; the rest after it was mended',
    async ([, bisect, good, failed]) => {
      await fill(place, 20_000, [7_777])
      const batch = defineBatch({
        name: fresh('batch'),
        bisect,
        retry: { attempts: 1 },
        start: (_: null, ctx) => ctx.records.query(Item),
        execute: increment,
      })
      const [mill, id] = await run(batch)
      expect(await applied(place)).toEqual([
        [0, failed],
        [1, good],
      ])
      expect(await mill.jobs.get(id)).toMatchObject({
        status: 'Completed',
        substatus: 'completedWithErrors',
        error: { message: 'record 7777 is bad' },
        progress: { processed: good, failed, errors: 1 },
      })
      const page = await mill.batches.failed(id)
      expect(page.failed).toMatchObject([
        { count: failed, error: { message: 'record 7777 is bad' }, retryJobId: null },
      ])
      expect(page.failed[0]?.ids?.map(Number)).toEqual(await ids('n = 0'))
      expect(
        bench.heard(mill).logs.filter(({ message }) => message.startsWith('MILL_BATCH_CHUNK_FAILED')),
      ).toHaveLength(1)

      const again = await mill.batches.retryFailed(id)
      await bench.ended(mill, again.id)
      // It is still bad.
      expect(await applied(place)).toEqual([
        [0, failed],
        [1, good],
      ])
      expect((await mill.batches.failed(id)).failed).toMatchObject([{ count: failed, retryJobId: null }])

      await place.query('update item set bad = 0')
      const mended = await mill.batches.retryFailed(again.id)
      expect((await bench.ended(mill, mended.id)).at(-1)).toBe('1 completed')
      expect(await applied(place)).toEqual([[1, 20_000]])
      expect(await mill.jobs.get(mended.id)).toMatchObject({
        substatus: 'completed',
        progress: { processed: failed },
      })
      expect((await mill.batches.failed(id)).failed).toEqual([])
      expect(await rejection(mill.batches.retryFailed(id))).toMatchObject({
        code: 'MILL_BATCH_NOTHING_FAILED',
      })
    },
  )

  test('B-05: a chunk is tried again by policy before it is set aside, and what it wrote is undone each time', async () => {
    await fill(place, 600)
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 3, initial: '0' },
      state: { attempts: 0 },
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        ctx.state.attempts += 1
        await increment(scope, ctx)
        if (ctx.chunk === 2 && ctx.attempt < 3) throw new Error('not yet')
      },
      finish: (_, ctx) => ctx.state.attempts,
    })
    const [mill, id] = await run(batch)
    expect(await mill.jobs.get(id)).toMatchObject({ substatus: 'completed', result: 3 })
    expect(await bench.told(mill, id)).toEqual([
      ...[
        '1 succeeded',
        '1 succeeded',
        '1 retried',
        '2 retried',
        '3 succeeded',
        '1 succeeded',
        '1 completed',
      ],
    ])
    expect(await applied(place)).toEqual([[1, 600]])
  })

  test('rows that the start brings along, of an async generator, rich values and all; the bad ones come back whole', async () => {
    await fill(place, 500)
    const retried: unknown[] = []
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 150,
      retry: { attempts: 1 },
      async *start(_: null) {
        for (let id = 1; id <= 500; id += 1) {
          await Promise.resolve()
          yield { Id: id, at: new Date(id) }
        }
      },
      async execute(scope, ctx) {
        if (ctx.retryOf !== null) retried.push(...scope)
        for (const { Id, at } of scope) if (at.getTime() !== Id) throw new Error('changed on its way')
        await ctx.sql`update item set n = n + 1 where id in ${scope.map(({ Id }) => Id)}`
        if (ctx.retryOf === null && scope[0]?.Id === 151) throw new Error('bad page')
      },
    })
    const [mill, id] = await run(batch)
    expect(await applied(place)).toEqual([
      [0, 150],
      [1, 350],
    ])
    expect((await mill.batches.failed(id)).failed).toMatchObject([{ ids: null, count: 150 }])
    const again = await mill.batches.retryFailed(id)
    await bench.ended(mill, again.id)
    expect(await applied(place)).toEqual([[1, 500]])
    expect(retried).toHaveLength(150)
    expect(retried[0]).toEqual({ Id: 151, at: new Date(151) })
  })

  test.for(['nonsense', '01890000-0000-7000-8000-000000000000'])(
    'what is set aside of %s, which is no job, is refused',
    async (id) => {
      const mill = await bench.working({ definitions: [Item] })
      const unknown = { code: 'MILL_JOB_UNKNOWN' }
      expect(await rejection(mill.batches.failed(id))).toMatchObject(unknown)
      expect(await rejection(mill.batches.retryFailed(id))).toMatchObject(unknown)
    },
  )

  test.for(['', ' WITH SYSTEM_MODE', ' ORDER BY Id DESC LIMIT 90'])(
    'over a text that somebody typed, with the rights of runAs:%s',
    async (end) => {
      await fill(place, 10)
      const reader = defineRole({
        name: 'reader',
        objects: { Item: { read: true, fields: { Bad: { read: false } } } },
      })
      const batchOf = (fields: string) =>
        defineBatch({
          name: fresh('batch'),
          retry: { attempts: 1 },
          start: (_: null, ctx) => ctx.records.queryText<Item>(`SELECT ${fields} FROM Item${end}`),
          execute: async (scope, ctx) => {
            await ctx.sql`update item set n = n + 1 where id in ${numbersOf(scope)}`
          },
        })
      const [open, closed] = [batchOf('Id'), batchOf('Id, Bad')]
      const mill = await bench.working({ definitions: [open, closed, Item, reader] })
      const ended = async (batch: BatchDefinition<null>, runAs: string) => {
        const { id } = await mill.enqueue(batch, null, { runAs })
        await bench.ended(mill, id)
        const { error } = await mill.jobs.get(id)
        return error?.code ?? 'ok'
      }
      expect(await ended(open, 'nobody')).toBe('MILL_ACCESS_DENIED')
      expect(await ended(closed, 'reader')).toBe('MILL_ACCESS_DENIED')
      expect(await applied(place)).toEqual([[0, 10]])
      expect(await ended(open, 'reader')).toBe('ok')
      expect(await applied(place)).toEqual([[1, 10]])
    },
  )

  test('a skip ends the function alone: the chunk counts as processed, the job is Completed without a result', async () => {
    await fill(place, 500)
    const batch = defineBatch({
      name: fresh('batch'),
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        await increment(scope, ctx)
        if (ctx.chunk === 2) ctx.skip('enough')
      },
      finish: (_, ctx) => ctx.skip('no result'),
    })
    const [mill, id] = await run(batch)
    expect(await mill.jobs.get(id)).toMatchObject({
      status: 'Completed',
      substatus: 'completed',
      progress: { processed: 500, chunks: 3, failed: 0 },
    })
    expect((await mill.jobs.get(id)).result).toBeUndefined()
    expect(await applied(place)).toEqual([[1, 500]])
  })

  test.for([
    ['a query with no rows', []],
    ['an empty list', null],
  ])('nothing to do, %s: finish runs once', async ([, empty]) => {
    await fill(place, 0)
    let finished = 0
    const batch = defineBatch({
      name: fresh('batch'),
      start: (_: null, ctx) => (empty === null ? [] : ctx.soql<Item>`SELECT Id FROM Item`),
      execute: () => undefined,
      finish: () => (finished += 1),
    })
    const [mill, id] = await run(batch)
    expect(await mill.jobs.get(id)).toMatchObject({ substatus: 'completed', result: 1 })
  })

  test('B-06: a start that fails: the job is Failed, no finish, onFailed is told once', async () => {
    await fill(place, 10)
    const heard: BatchEnd<unknown>[] = []
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 2, initial: '0' },
      *start(_: null) {
        yield { Id: 1 }
        throw new Error('in the middle')
      },
      execute: () => Promise.reject(new Error('must not run')),
      finish: () => heard.push({} as never),
      onFailed: (end) => void heard.push(end),
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    const job = await mill.enqueue(batch, null)
    await until('the hook ran', () => heard.length > 0)
    await until('it is told', async () => (await bench.told(mill, job.id)).length === 3)
    expect(await bench.told(mill, job.id)).toEqual(['1 retried', '2 failed', 'finalizer of 2, 1 succeeded'])
    expect(heard).toMatchObject([
      { jobId: job.id, phase: 'start', exception: { message: 'in the middle' }, processed: 0 },
    ])
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Failed' })
  })

  test.for([[5], [null], [{ query: 1 }]])(
    'a start that gives %o is refused with its code',
    async ([given]) => {
      const batch = defineBatch({
        name: fresh('batch'),
        retry: { attempts: 1 },
        start: (_: null) => given as unknown as [],
        execute: () => undefined,
      })
      const [mill, id] = await run(batch)
      expect(await mill.jobs.get(id)).toMatchObject({
        status: 'Failed',
        error: { code: 'MILL_BATCH_START_INVALID' },
      })
    },
  )

  test('B-10: a finish that fails for good: Failed, the chunks stay, the hook is told', async () => {
    await fill(place, 300)
    const told = signal<BatchEnd<unknown>>()
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 2, initial: '0' },
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      execute: increment,
      finish: () => Promise.reject(new Error('no end')),
      onFailed: (end) => told.happen(end),
    })
    const [mill, id] = await run(batch)
    expect(await told.happened).toMatchObject({
      phase: 'finish',
      processed: 300,
      exception: { message: 'no end' },
    })
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Failed', error: { message: 'no end' } })
    expect(await applied(place)).toEqual([[1, 300]])
  })

  test('B-13: an abort: the chunk that runs completes, nothing follows, no finish; onAborted is told', async () => {
    await fill(place, 1_000)
    const [running, goOn, told] = [signal(), signal(), signal<BatchEnd<unknown>>()]
    const batch = defineBatch({
      name: fresh('batch'),
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        if (ctx.chunk === 2) {
          running.happen()
          await goOn.happened
        }
        await increment(scope, ctx)
      },
      finish: (_, ctx) => note(ctx, 'finish'),
      onAborted: (end) => told.happen(end),
    })
    const mill = await bench.working({ definitions: [batch, Item], abortGrace: '10 seconds' })
    const job = await mill.enqueue(batch, null)
    await running.happened
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Processing' })
    // On SQLite its intent waits for the transaction of the chunk.
    const asked = mill.jobs.abort(job.id)
    goOn.happen()
    expect(await asked).toBe('requested')
    await bench.ended(mill, job.id)
    expect(await told.happened).toMatchObject({ phase: 'execute', processed: 400, jobId: job.id })
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Aborted' })
    expect(await applied(place)).toEqual([
      [0, 600],
      [1, 400],
    ])
    expect(await bench.notes(job.id)).toEqual([])
  })

  test('an abort between two chunks, while the next waits: Aborted at once', async () => {
    await fill(place, 1_000)
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 2, initial: '1 hour', jitter: 'none' },
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        await increment(scope, ctx)
        if (ctx.chunk === 3) throw new Error('later')
      },
      finish: (_, ctx) => note(ctx, 'finish'),
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    const job = await mill.enqueue(batch, null)
    await until('chunk 3 waits', async () => (await mill.jobs.get(job.id)).substatus === 'retrying')
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Processing', progress: { processed: 400 } })
    expect(await mill.explain(job.id)).toContain('400 of 1000')
    expect(await mill.jobs.abort(job.id)).toBe('aborted')
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Aborted' })
    expect(await applied(place)).toEqual([
      [0, 600],
      [1, 400],
    ])
  })

  test('a state that grows too large fails its chunk with a code, and the others go on', async () => {
    await fill(place, 600)
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 1 },
      state: { text: '' },
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        await increment(scope, ctx)
        ctx.state.text = ctx.chunk === 1 ? 'x'.repeat(1_048_577) : 'small'
      },
      finish: (_, ctx) => ctx.state.text,
    })
    const [mill, id] = await run(batch)
    expect(await mill.jobs.get(id)).toMatchObject({
      result: 'small',
      error: { code: 'MILL_STATE_TOO_LARGE' },
    })
    expect(await applied(place)).toEqual([
      [0, 200],
      [1, 400],
    ])
  })
})
