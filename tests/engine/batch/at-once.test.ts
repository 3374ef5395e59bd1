import { beforeAll, describe, expect, test } from 'vitest'
import { defineBatch, type BatchDefinition, type Mill } from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { rejection, signal, until } from '../support/until.ts'
import { applied, createItems, fill, increment, Item, numbersOf } from './items.ts'

const all = await places()

interface Sums {
  readonly seen: number
  readonly sum: number
}

const none: Sums = { seen: 0, sum: 0 }
const add = (total: Sums, part: Sums): Sums => ({ seen: total.seen + part.seen, sum: total.sum + part.sum })

describe.each(all)('$kind: a batch with several chunks at once', (place) => {
  const bench = new Bench(place)
  beforeAll(() => createItems(place))

  const tracksOf = async (mill: Mill, batch: string): Promise<string[]> =>
    (await mill.jobs.list({ limit: 1_000 })).jobs.filter(({ partOf }) => partOf === batch).map(({ id }) => id)
  const run = async (batch: BatchDefinition<null>, mills = 1): Promise<[Mill, string]> => {
    const all: Mill[] = []
    for (let n = 0; n < mills; n += 1) all.push(await bench.working({ definitions: [batch, Item] }))
    const mill = all[0]!
    const { id } = await mill.enqueue(batch, null)
    await bench.ended(mill, id)
    return [mill, id]
  }

  test.for([1, 2])(
    'B-03, B-04: by %i workers: each record once, states merged, one finish',
    async (mills) => {
      await fill(place, 1_050)
      const seen: object[] = []
      const batch = defineBatch({
        name: fresh('batch'),
        scope: 100,
        concurrency: 3,
        state: none,
        merge: add,
        start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
        async execute(scope, ctx) {
          expect(ctx.state).toEqual({ seen: 0, sum: 0 })
          seen.push({ chunk: ctx.chunk, job: ctx.jobId, track: ctx.childJobId, key: ctx.idempotencyKey('x') })
          ctx.state = { seen: scope.length, sum: numbersOf(scope).reduce((sum, id) => sum + id, 0) }
          await increment(scope, ctx)
        },
        async finish(_, ctx) {
          await note(ctx, 'finish')
          return ctx.state
        },
      })
      const [mill, id] = await run(batch, mills)
      expect(await applied(place)).toEqual([[1, 1_050]])
      expect(await mill.jobs.get(id)).toMatchObject({
        substatus: 'completed',
        result: { seen: 1_050, sum: (1_050 * 1_051) / 2 },
        progress: { phase: 'finish', total: 1_050, processed: 1_050, chunks: 11, totalChunks: 11, errors: 0 },
      })
      expect(await bench.notes(id)).toEqual(['finish'])
      const tracks = await tracksOf(mill, id)
      expect(tracks).toHaveLength(3)
      const inOrder = seen
        .map((one) => one as { chunk: number; track: string | null })
        .sort((a, b) => a.chunk - b.chunk)
      expect(inOrder).toEqual(
        Array.from({ length: 11 }, (_, at) => ({
          chunk: at + 1,
          job: id,
          track: expect.toBeOneOf(tracks) as string,
          key: `${id}:${at + 1}:x`,
        })),
      )
      for (const track of tracks) {
        expect(await mill.jobs.get(track)).toMatchObject({ status: 'Completed', parentId: id, partOf: id })
        expect(await rejection(mill.jobs.retry(track))).toMatchObject({ code: 'MILL_OPTIONS_INVALID' })
      }
      const counted = await mill.soql<{ JobType: string; n: number }>`
      SELECT JobType, COUNT(Id) n FROM AsyncApexJob WHERE Id = ${id} OR ParentJobId = ${id} GROUP BY JobType ORDER BY JobType`
      expect(counted.map(({ JobType, n }) => [JobType, n])).toEqual([
        ['BatchApex', 1],
        ['BatchApexWorker', 3],
      ])
    },
  )

  test('chunks overlap: as many are in their callouts as there are tracks', async () => {
    await fill(place, 600)
    let running = 0
    const full = signal()
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 200,
      concurrency: 3,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        await ctx.callout(async () => {
          running += 1
          if (running === 3) full.happen()
          await full.happened
        })
        await increment(scope, ctx)
      },
    })
    await run(batch)
    expect(running).toBe(3)
    expect(await applied(place)).toEqual([[1, 600]])
  })

  test.for([
    ['set aside whole', false, 100, 1],
    ['bisected', true, 1, 1],
  ] as const)(
    'B-05: a bad chunk, %s, stops no track; what it holds is tried again',
    async ([, bisect, failed, errors]) => {
      await fill(place, 1_000, [333])
      const batch = defineBatch({
        name: fresh('batch'),
        scope: 100,
        concurrency: 4,
        bisect,
        retry: { attempts: 2, initial: '0' },
        state: none,
        merge: add,
        start: (_: null, ctx) => ctx.records.query(Item),
        async execute(scope, ctx) {
          ctx.state = { seen: scope.length, sum: 0 }
          await increment(scope, ctx)
        },
        finish: (_, ctx) => ctx.state.seen,
      })
      const [mill, id] = await run(batch)
      expect(await applied(place)).toEqual([
        [0, failed],
        [1, 1_000 - failed],
      ])
      expect(await mill.jobs.get(id)).toMatchObject({
        substatus: 'completedWithErrors',
        result: 1_000 - failed,
        error: { message: 'record 333 is bad' },
        progress: { processed: 1_000 - failed, failed, errors },
      })
      const [track] = await tracksOf(mill, id)
      expect((await mill.batches.failed(track!)).failed).toMatchObject([{ count: failed }])
      await place.query('update item set bad = 0')
      const again = await mill.batches.retryFailed(id)
      await bench.ended(mill, again.id)
      expect(await mill.jobs.get(again.id)).toMatchObject({ substatus: 'completed', result: failed })
      expect(await applied(place)).toEqual([[1, 1_000]])
      expect((await mill.batches.failed(id)).failed).toEqual([])
    },
  )

  test('rows that the start brings along, one of them twice: it is worked on twice', async () => {
    await fill(place, 100)
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 10,
      concurrency: 4,
      *start(_: null) {
        for (let id = 1; id <= 100; id += 1) yield { Id: id }
        yield { Id: 7 }
      },
      async execute(scope, ctx) {
        await ctx.sql`update item set n = n + 1 where id in ${scope.map(({ Id }) => Id)}`
      },
    })
    const [mill, id] = await run(batch)
    expect(await applied(place)).toEqual([
      [1, 99],
      [2, 1],
    ])
    expect(await mill.jobs.get(id)).toMatchObject({ progress: { total: 101, processed: 101, chunks: 11 } })
  })

  test('over a snapshot, and by range', async () => {
    await fill(place, 300)
    const [ordered, ranged] = [
      defineBatch({
        name: fresh('batch'),
        scope: 40,
        concurrency: 3,
        start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item ORDER BY Id DESC`,
        execute: increment,
      }),
      defineBatch({
        name: fresh('batch'),
        scope: 40,
        concurrency: 3,
        by: 'range',
        start: (_: null, ctx) => ctx.soql<Item>`SELECT Id FROM Item`,
        async execute(_scope, ctx) {
          await ctx.sql`update item set n = n + 1 where id > ${ctx.range?.after ?? 0} and id <= ${ctx.range?.upTo}`
        },
      }),
    ]
    for (const [times, batch] of [ordered, ranged].entries()) {
      const [mill, id] = await run(batch)
      expect(await applied(place)).toEqual([[times + 1, 300]])
      expect(await mill.jobs.get(id)).toMatchObject({ progress: { processed: 300, chunks: 8 } })
    }
  })

  test('with fewer chunks than tracks there is no more than one for each', async () => {
    await fill(place, 150)
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 100,
      concurrency: 8,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      execute: increment,
    })
    const [mill, id] = await run(batch)
    expect(await tracksOf(mill, id)).toHaveLength(2)
    expect(await applied(place)).toEqual([[1, 150]])
  })

  test('a chunk that leaves a state which nobody merges is refused', async () => {
    await fill(place, 400)
    const batch = defineBatch({
      name: fresh('batch'),
      concurrency: 2,
      retry: { attempts: 1 },
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        await increment(scope, ctx)
        ;(ctx as { state: unknown }).state = 1
      },
    })
    const [mill, id] = await run(batch)
    expect(await mill.jobs.get(id)).toMatchObject({
      substatus: 'completedWithErrors',
      error: { code: 'MILL_DEFINITION_INVALID' },
      progress: { failed: 400 },
    })
    expect(await applied(place)).toEqual([[0, 400]])
  })

  test('B-13: an abort: chunks that run complete, nothing follows, onAborted hears of it when they have', async () => {
    await fill(place, 2_000)
    const entered = signal()
    const aborted = signal()
    let running = 0
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 100,
      concurrency: 2,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        await ctx.callout(async () => {
          running += 1
          if (running === 2) entered.happen()
          await aborted.happened
        })
        await increment(scope, ctx)
      },
      finish: (_, ctx) => note(ctx, 'finish'),
      onAborted: ({ processed, phase }, ctx) => note(ctx, `aborted in ${phase} after ${processed}`),
    })
    const mill = await bench.working({ definitions: [batch, Item], abortGrace: '1 minute' })
    const { id } = await mill.enqueue(batch, null)
    await entered.happened
    const tracks = await tracksOf(mill, id)
    await mill.jobs.abort(id)
    aborted.happen()
    await until('the hook has run', async () => (await bench.notes(id)).length > 0)
    expect(await bench.notes(id)).toEqual(['aborted in execute after 200'])
    expect(await applied(place)).toEqual([
      [0, 1_800],
      [1, 200],
    ])
    for (const job of [id, ...tracks]) expect((await mill.jobs.get(job)).status).toBe('Aborted')
  })

  test('a pause holds all tracks; an abort meanwhile ends them all', async () => {
    await fill(place, 1_000)
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 100,
      concurrency: 3,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      execute: increment,
      onAborted: (_, ctx) => note(ctx, 'aborted'),
    })
    const mill = await bench.mill({ definitions: [batch, Item] })
    const { id } = await mill.enqueue(batch, null)
    let chunks = 0
    mill.on((event) => {
      if (event.kind !== 'execution.ended' || event.key.seq === 0) return
      chunks += 1
      if (chunks === 1) void mill.pause({ kind: 'name', value: batch.name }, 'test')
    })
    await mill.start()
    await until('it is paused', async () => {
      const { jobs } = await mill.jobs.list({ name: batch.name })
      return jobs.length === 4 && jobs.every(({ reason }) => reason.paused === true)
    })
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Processing', reason: { paused: true } })
    await mill.jobs.abort(id)
    const { jobs } = await mill.jobs.list({ name: batch.name })
    expect(jobs.map(({ status }) => status)).toEqual(['Aborted', 'Aborted', 'Aborted', 'Aborted'])
    await mill.resume({ kind: 'name', value: batch.name })
    await until('the hook has run', async () => (await bench.notes(id)).length > 0)
  })

  test('a track that somebody aborts: its piece is not done, so the batch does not complete', async () => {
    await fill(place, 600)
    const held = signal()
    const entered = signal()
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 100,
      concurrency: 2,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        if (ctx.chunk === 1)
          await ctx.callout(async (stop) => {
            entered.happen()
            await held.happened
            stop.throwIfAborted()
          })
        await increment(scope, ctx)
      },
      finish: (_, ctx) => note(ctx, 'finish'),
      onAborted: (_, ctx) => note(ctx, 'aborted'),
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    const { id } = await mill.enqueue(batch, null)
    await entered.happened
    const first = (await tracksOf(mill, id)).map((track) => mill.jobs.get(track))
    const track = (await Promise.all(first)).find(
      ({ substatus, progress }) => substatus === 'running' && progress?.chunks === 0,
    )
    await mill.jobs.abort(track!.id)
    held.happen()
    await until('the hook has run', async () => (await bench.notes(id)).length > 0)
    expect(await bench.notes(id)).toEqual(['aborted'])
    expect(await applied(place)).toEqual([
      [0, 100],
      [1, 500],
    ])
  })
})
