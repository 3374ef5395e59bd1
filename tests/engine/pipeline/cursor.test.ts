import { beforeAll, describe, expect, test } from 'vitest'
import { cursorStep, definePipeline, step } from '../../../packages/millrace/src/index.ts'
import { applied, createItems, fill, increment, Item, numbersOf } from '../batch/items.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'

const all = await places()

describe.each(all)('$kind: cursor step', (place) => {
  const bench = new Bench(place)
  beforeAll(() => createItems(place))

  test('table 0.2 no. 1, 2: all pages of a 1-step pipeline, the last one clamped, finalize once', async () => {
    await fill(place, 450)
    const pages: number[][] = []
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      cursorStep({
        name: 'all',
        size: 200,
        open: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
        async onPage(items, ctx) {
          pages.push([ctx.page, items.length])
          await increment(items, ctx)
        },
        finalize: (_, ctx) => note(ctx, 'all of them'),
      }),
    ])
    const mill = await bench.working({ definitions: [pipeline, Item] })
    const job = await mill.enqueue(pipeline, null)
    await job.completed()
    expect(pages).toEqual([
      [0, 200],
      [1, 200],
      [2, 50],
    ])
    expect(await applied(place)).toEqual([[1, 450]])
    expect(await bench.notes(job.id)).toEqual(['all of them'])
  })

  test('a page has up to 2,000 records where nothing is said (C-04); what is deleted meanwhile is missing, what comes is not in it (C-02)', async () => {
    await fill(place, 2_010)
    const pages: number[] = []
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      cursorStep({
        name: 'all',
        open: async (_: null, ctx) => ({ query: ctx.soql<Item>`SELECT Id FROM Item WHERE Bad = 0` }),
        async onPage(items, ctx) {
          pages.push(items.length)
          await ctx.sql`delete from item where id > 2005`
          await ctx.sql`insert into item (id) values (9000)`
          // It matched when the cursor was opened: it stays in it.
          await ctx.sql`update item set bad = 1 where id = 2001`
        },
      }),
    ])
    const mill = await bench.working({ definitions: [pipeline, Item] })
    await (await mill.enqueue(pipeline, null)).completed()
    expect(pages).toEqual([2_000, 5])
  })

  test('table 0.2 no. 2: zero rows succeed without onPage, finalize runs; a page that was deleted whole calls nothing', async () => {
    await fill(place, 20)
    const seen: number[][] = []
    const over = (from: number, name: string) =>
      cursorStep({
        name,
        size: 10,
        open: (_: null, ctx) => ctx.soql<Item>`SELECT Id FROM Item WHERE Id > ${from}`,
        async onPage(items, ctx) {
          seen.push(numbersOf(items))
          await ctx.sql`delete from item where id > 10`
        },
        finalize: (_, ctx) => note(ctx, name),
      })
    const pipeline = definePipeline({ name: fresh('pipeline') }, [over(100, 'none'), over(0, 'some')])
    const mill = await bench.working({ definitions: [pipeline, Item] })
    const job = await mill.enqueue(pipeline, null)
    await job.completed()
    expect(seen).toHaveLength(1)
    expect(await bench.notes(job.id)).toEqual(['none', 'some'])
  })

  test('table 0.2 no. 3: a page that fails is undone and comes again from the same position, with the same state', async () => {
    await fill(place, 30)
    const tried: string[] = []
    const pipeline = definePipeline({ name: fresh('pipeline'), state: { sum: 0 }, retry: { initial: '0' } }, [
      cursorStep({
        name: 'all',
        size: 10,
        open: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item ORDER BY Id DESC`,
        async onPage(items, ctx) {
          tried.push(
            `${items[0]?.Id} in attempt ${ctx.attempt}, key ${ctx.idempotencyKey('x').split(':').at(-2)}`,
          )
          ctx.state.sum += items.length
          await increment(items, ctx)
          if (ctx.page === 1 && ctx.attempt < 3) throw new Error('not yet')
        },
      }),
    ])
    const mill = await bench.working({ definitions: [pipeline, Item] })
    expect(await (await mill.enqueue(pipeline, null)).completed()).toEqual({ sum: 30 })
    expect(tried).toEqual([
      '30 in attempt 1, key 0',
      ...[1, 2, 3].map((attempt) => `20 in attempt ${attempt}, key 1`),
      '10 in attempt 1, key 2',
    ])
    expect(await applied(place)).toEqual([[1, 30]])
  })

  test.for([
    ['rows', (): unknown => [{ Id: 1 }], 'MILL_PIPELINE_OPEN_INVALID'],
    ['nothing', (): unknown => undefined, 'MILL_PIPELINE_OPEN_INVALID'],
  ] as const)('an open that gives %s fails, and is not tried again', async ([, open, code]) => {
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      step({ name: 'first', execute: () => undefined }),
      cursorStep({ name: 'all', open: open as never, onPage: () => undefined }),
    ])
    const mill = await bench.working({ definitions: [pipeline, Item] })
    const { id } = await mill.enqueue(pipeline, null)
    expect(await bench.ended(mill, id)).toEqual(['1 succeeded', '1 failed'])
    expect(await mill.jobs.get(id)).toMatchObject({ error: { code } })
  })
})
