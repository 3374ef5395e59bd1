import { beforeAll, describe, expect, test } from 'vitest'
import {
  defineBatch,
  MillraceError,
  type BatchDefinition,
  type Mill,
} from '../../../packages/millrace/src/index.ts'
import { systemClock } from '../../../packages/millrace/src/kernel/runtime/system-clock.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { applied, createItems, fill, increment, Item, numbersOf } from './items.ts'

const all = await places()

describe.each(all)('$kind: sources of a batch', (place) => {
  const bench = new Bench(place)
  beforeAll(() => createItems(place))

  const run = async (batch: BatchDefinition<null>): Promise<[Mill, string]> => {
    const mill = await bench.working({ definitions: [batch, Item] })
    const { id } = await mill.enqueue(batch, null)
    await bench.ended(mill, id)
    return [mill, id]
  }

  test('over a snapshot: the set of the start, in its order; records that are gone are passed over', async () => {
    await fill(place, 100)
    const seen: number[] = []
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 30,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item ORDER BY Id DESC LIMIT 90`,
      async execute(scope, ctx) {
        seen.push(...numbersOf(scope))
        if (ctx.chunk === 1) await ctx.sql`delete from item where id = 50`
        await ctx.sql`update item set n = n + 1 where id in ${numbersOf(scope)}`
      },
    })
    const [mill, id] = await run(batch)
    expect(seen).toEqual(Array.from({ length: 90 }, (_, at) => 100 - at).filter((one) => one !== 50))
    expect(await mill.jobs.get(id)).toMatchObject({ progress: { total: 90, processed: 89, chunks: 3 } })
  })

  test('over a snapshot that has expired: Failed, with what its chunks have written', async () => {
    await fill(place, 100)
    const expired =
      place.kind === 'sqlite'
        ? 'update millrace_snapshot set expires = 0'
        : `update millrace.snapshot set expires = now() - interval '1 s'`
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 50,
      retry: { attempts: 1 },
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item ORDER BY Id`,
      async execute(scope, ctx) {
        // As if it had rested for so long.
        await ctx.callout(() => place.query(expired))
        await increment(scope, ctx)
      },
      finish: (_, ctx) => note(ctx, 'finish'),
    })
    const [mill, id] = await run(batch)
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Failed', error: { code: 'MILL_CURSOR_FATAL' } })
    expect(await applied(place)).toEqual([
      [0, 50],
      [1, 50],
    ])
    expect(await bench.notes(id)).toEqual([])
  })

  test('by range: no record leaves the database', async () => {
    await fill(place, 1_000)
    const ranges: unknown[] = []
    const batch = defineBatch({
      name: fresh('batch'),
      by: 'range',
      scope: 400,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id FROM Item`,
      async execute(scope, ctx) {
        ranges.push([scope.length, ctx.range?.after, ctx.range?.upTo])
        await ctx.sql`update item set n = n + 1 where id > ${ctx.range?.after ?? 0} and id <= ${ctx.range?.upTo}`
      },
    })
    const [mill, id] = await run(batch)
    expect(ranges).toEqual([
      [0, null, 400],
      [0, 400, 800],
      [0, 800, 1_000],
    ])
    expect(await applied(place)).toEqual([[1, 1_000]])
    expect(await mill.jobs.get(id)).toMatchObject({ progress: { processed: 1_000 } })
  })

  test.for([
    ['without bisecting', false, { after: 100, upTo: 200 }, 100],
    ['with it', true, { after: 176, upTo: 177 }, 1],
  ] as const)(
    'by range, a bad record, %s: whatever is set aside, halved or tried again is given by its range',
    async ([, bisect, range, count]) => {
      await fill(place, 250, [177])
      const given: unknown[] = []
      const batch = defineBatch({
        name: fresh('batch'),
        by: 'range',
        scope: 100,
        bisect,
        retry: { attempts: 1 },
        start: (_: null, ctx) => ctx.soql<Item>`SELECT Id FROM Item`,
        async execute(scope, ctx) {
          if (scope.length > 0 || ctx.range === null) throw new Error('no range')
          const { after, upTo } = ctx.range
          if (ctx.retryOf !== null) given.push(ctx.range)
          await ctx.sql`update item set n = n + 1 where id > ${after ?? 0} and id <= ${upTo}`
          const bad =
            await ctx.sql`select id from item where id > ${after ?? 0} and id <= ${upTo} and bad = 1`
          if (bad.length > 0) throw new Error(`record ${String(bad[0]?.['id'])} is bad`)
        },
      })
      const [mill, id] = await run(batch)
      const aside = { ids: null, records: null, range, count, error: { message: 'record 177 is bad' } }
      expect((await mill.batches.failed(id)).failed).toMatchObject([aside])
      expect(await mill.jobs.get(id)).toMatchObject({
        substatus: 'completedWithErrors',
        progress: { processed: 250 - count, failed: count, errors: 1 },
      })

      const again = await mill.batches.retryFailed(id)
      await bench.ended(mill, again.id)
      expect((await mill.batches.failed(id)).failed).toMatchObject([aside])
      expect(await applied(place)).toEqual([
        [0, count],
        [1, 250 - count],
      ])

      await place.query('update item set bad = 0')
      given.length = 0
      const mended = await mill.batches.retryFailed(id)
      expect((await bench.ended(mill, mended.id)).at(-1)).toBe('1 completed')
      expect(given).toEqual([range])
      expect(await applied(place)).toEqual([[1, 250]])
      expect(await mill.jobs.get(mended.id)).toMatchObject({
        substatus: 'completed',
        progress: { processed: count },
      })
      expect((await mill.batches.failed(id)).failed).toEqual([])
    },
  )

  test('rows of SQL by a key: bounds, values, a bad one that is tried again, in order of the key', async () => {
    await fill(place, 1_000, [444])
    const seen: unknown[] = []
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 300,
      bisect: true,
      retry: { attempts: 1 },
      start: (input: { from: number }, ctx) =>
        ctx.sqlBy<{ key: string | number; id: number; bad: number }>(
          'key',
        )`select 'k' || (10000 + id) as key, id, bad from item where id > ${input.from} and id not in ${[7, 600]} -- all`,
      async execute(scope, ctx) {
        if (ctx.retryOf === null && scope.length > 1) seen.push([scope[0]?.key, scope.length])
        await ctx.sql`update item set n = n + 1 where id in ${scope.map(({ id }) => id)}`
        if (scope.some(({ bad }) => bad === 1)) throw new Error('bad')
      },
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    const { id } = await mill.enqueue(batch, { from: 100 })
    await bench.ended(mill, id)
    expect(seen.slice(0, 3)).toEqual([
      ['k10101', 300],
      ['k10401', 300],
      ['k10702', 299],
    ])
    expect(await applied(place)).toEqual([
      [0, 102],
      [1, 898],
    ])
    expect(await mill.jobs.get(id)).toMatchObject({
      substatus: 'completedWithErrors',
      progress: { total: 899, processed: 898, failed: 1, errors: 1 },
    })
    expect((await mill.batches.failed(id)).failed).toMatchObject([{ ids: ['k10444'], count: 1 }])
    await place.query('update item set bad = 0')
    const again = await mill.batches.retryFailed(id)
    await bench.ended(mill, again.id)
    expect(await applied(place)).toEqual([
      [0, 101],
      [1, 899],
    ])
  })

  test('rows of SQL by range, several chunks at once; a key that is not unique parts no rows', async () => {
    await fill(place, 500)
    const ranges: unknown[] = []
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 60,
      concurrency: 3,
      by: 'range',
      start: async (_: null, ctx) => {
        await Promise.resolve()
        return ctx.sqlBy('ten')`select (id + 9) / 10 as ten from item`
      },
      async execute(_, ctx) {
        const { after, upTo } = ctx.range!
        ranges.push([after, upTo])
        await ctx.sql`update item set n = n + 1 where (id + 9) / 10 > ${after ?? 0} and (id + 9) / 10 <= ${upTo}`
      },
    })
    const [mill, id] = await run(batch)
    expect(await applied(place)).toEqual([[1, 500]])
    expect(ranges).toHaveLength(9)
    expect(await mill.jobs.get(id)).toMatchObject({ substatus: 'completed', progress: { total: 500 } })
  })

  test.for<[string, string, string, boolean?]>([
    ['a key that it does not give', 'nothing', 'select id from item'],
    ['a select that the database refuses', 'id', 'select id frm item'],
    ['a key that may be null', 'maybe', 'select case when id = 3 then null else id end as maybe from item'],
    ['a key that cannot be', 'a b', 'select id from item'],
    ['a snapshot', 'id', 'select id from item', true],
  ])('rows of SQL are refused for %s, before anything is stored', async ([, key, text, snapshot]) => {
    await fill(place, 10)
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 1 },
      ...(snapshot === undefined ? {} : { snapshot }),
      start: (_: null, ctx) => ctx.sqlBy(key)([text] as unknown as TemplateStringsArray),
      execute: (_, ctx) => note(ctx, 'never'),
    })
    const [mill, id] = await run(batch)
    expect(await mill.jobs.get(id)).toMatchObject({
      status: 'Failed',
      error: { code: 'MILL_BATCH_START_INVALID' },
      progress: null,
    })
    expect(await bench.notes(id)).toEqual([])
  })

  test.for([1, 2])(
    "scope 'auto', %i chunks at once: grows while chunks are fast, shrinks on a conflict, and says what it has come to",
    async (concurrency) => {
      await fill(place, 5_000)
      const sizes: number[] = []
      const batch = defineBatch({
        name: fresh('batch'),
        scope: 'auto',
        concurrency,
        retry: { attempts: 2, initial: '0' },
        start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
        async execute(scope, ctx) {
          await increment(scope, ctx)
          if (ctx.attempt === 1 && scope.length === 800)
            throw new MillraceError('MILL_STORAGE_BUSY', 'locked')
          sizes.push(scope.length)
        },
      })
      // By this clock all chunks are fast, however slow the machine.
      const clock = { ...systemClock, monotonic: () => systemClock.monotonic() / 1_000 }
      const mill = await bench.working({ definitions: [batch, Item] }, { clock })
      const { id } = await mill.enqueue(batch, null)
      await bench.ended(mill, id)
      if (concurrency === 1) expect(sizes).toEqual([200, 400, 800, 400, 800, 400, 800, 400, 800])
      expect(sizes).toContain(800)
      expect(Math.max(...sizes)).toBe(800)
      expect(await applied(place)).toEqual([[1, 5_000]])
      expect(await mill.jobs.get(id)).toMatchObject({
        progress: { totalChunks: null, processed: 5_000, scope: expect.toBeOneOf([400, 800]) as number },
      })
    },
  )
})
