import { beforeAll, describe, expect, test } from 'vitest'
import { defineBatch, type Mill } from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { until } from '../support/until.ts'
import { applied, createItems, fill, increment, Item } from './items.ts'

const all = await places()

describe.each(all)('$kind: a chain of batches', (place) => {
  const bench = new Bench(place)
  beforeAll(() => createItems(place))

  /** Links of the chain, the first one first, when so many have ended. */
  const links = async (mill: Mill, name: string, n: number): Promise<readonly string[]> => {
    const read = async () => [...(await mill.jobs.list({ name })).jobs].reverse()
    await until(`${n} links have ended`, async () => {
      const jobs = await read()
      return jobs.length >= n && jobs.every(({ finishedAt }) => finishedAt !== null)
    })
    return (await read()).map(({ status, error }) =>
      status === 'Failed' ? `Failed ${error?.code ?? error?.message ?? ''}` : status,
    )
  }

  test('B-10: a finish that throws after it has enqueued the next one is tried again: one next one, no link is lost', async () => {
    await fill(place, 300)
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 2, initial: '0' },
      start: (_: number, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      execute: increment,
      async finish(link, ctx) {
        if (link < 3) await ctx.enqueue(batch as never, (link + 1) as never)
        if (ctx.attempt === 1) throw new Error('the chain breaks')
      },
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    await mill.enqueue(batch, 1)
    expect(await links(mill, batch.name, 3)).toEqual(['Completed', 'Completed', 'Completed'])
    expect(await applied(place)).toEqual([[3, 300]])
  })

  test('B-10: one that fails for good says so: Failed, nothing enqueued but by onFailed, which mends the chain', async () => {
    await fill(place, 10)
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 1 },
      start: (_: number, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      execute: increment,
      async finish(link, ctx) {
        await ctx.enqueue(batch as never, (link + 10) as never)
        if (link === 1) throw new Error('the chain breaks')
        ctx.skip('enough')
      },
      async onFailed({ input, phase, exception }, ctx) {
        await note(ctx, `${phase}: ${exception?.message}`)
        await ctx.enqueue(last, input + 1)
      },
    })
    const last = defineBatch({
      name: fresh('batch'),
      start: (_: number, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      execute: increment,
      finish: (link) => link,
    })
    const mill = await bench.working({ definitions: [batch, last, Item] })
    const job = await mill.enqueue(batch, 1)
    expect(await links(mill, last.name, 1)).toEqual(['Completed'])
    expect(await links(mill, batch.name, 1)).toEqual(['Failed the chain breaks'])
    expect(await bench.notes(job.id)).toEqual(['finish: the chain breaks'])
    expect(await applied(place)).toEqual([[2, 10]])
  })

  test('B-11: from start, execute and finish alike, as deep as the chain may be', async () => {
    await fill(place, 10)
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 1 },
      start: async (where: string, ctx) => {
        if (where === 'start') await ctx.enqueue(batch as never, 'execute' as never)
        return [{ Id: 1 }]
      },
      async execute(_, ctx) {
        if (ctx.input === 'execute') await ctx.enqueue(batch as never, 'finish' as never)
      },
      async finish(where, ctx) {
        if (where === 'finish') await ctx.enqueue(batch as never, 'too deep' as never)
      },
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    await mill.enqueue(batch, 'start', { maxDepth: 3 })
    await until('the last one has failed', async () => {
      const { jobs } = await mill.jobs.list({ name: batch.name, status: 'Failed' })
      return jobs.length === 1
    })
    expect(await links(mill, batch.name, 3)).toEqual(['Completed', 'Completed', 'Failed MILL_DEPTH_EXCEEDED'])
  })

  test('B-12, B-13: one that is to run later waits, and is Aborted there: no start, and onAborted is told', async () => {
    const batch = defineBatch({
      name: fresh('batch'),
      start: (_: null, ctx) => note(ctx, 'start').then(() => []),
      execute: () => undefined,
      onAborted: ({ phase, exception }, ctx) => note(ctx, `${phase} ${String(exception)}`),
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    const { id } = await mill.enqueue(batch, null, { delay: '1 hour' })
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Queued', substatus: 'scheduled' })
    expect(await mill.jobs.abort(id)).toBe('aborted')
    await until('the hook has run', async () => (await bench.notes(id)).length > 0)
    expect(await bench.notes(id)).toEqual(['start null'])
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Aborted' })
  })
})
