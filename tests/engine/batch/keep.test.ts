import { beforeAll, describe, expect, test } from 'vitest'
import {
  defineBatch,
  defineQueueable,
  type BatchContext,
  type Mill,
} from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { signal, until } from '../support/until.ts'
import { applied, createItems, fill, Item } from './items.ts'

const all = await places()

/** However slow the machine: a job goes on as long as nobody else waits. */
const forLong = { keepMs: 60_000 }

describe.each(all)('$kind: the next chunk of a batch', (place) => {
  const bench = new Bench(place)
  beforeAll(() => createItems(place))

  const done = place.kind === 'sqlite' ? 'millrace_done' : 'millrace.done'
  /** Under how many leases the executions of a job ran. */
  const leases = async (job: string): Promise<number> => {
    const [row] = await place.query(
      `select cast(count(distinct lease) as integer) as n from ${done} where job = ?`,
      [job],
    )
    return Number(row?.['n'])
  }
  const attempts = async (mill: Mill, job: string): Promise<string[]> =>
    (await mill.jobs.attempts(job)).map(({ seq, attempt, outcome }) => `${seq}/${attempt} ${outcome}`)
  /** Of ten chunks; `chunk` is called in each. */
  const counting = (chunk: (ctx: BatchContext<undefined, null>) => unknown = () => undefined) =>
    defineBatch({
      name: fresh('batch'),
      by: 'range',
      scope: 10,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id FROM Item`,
      async execute(_none, ctx) {
        const { after, upTo } = ctx.range!
        await ctx.sql`update item set n = n + 1 where id > ${after ?? 0} and id <= ${upTo}`
        await chunk(ctx as BatchContext<undefined, null>)
      },
    })
  const through = [...Array.from({ length: 11 }, (_, seq) => `${seq}/1 succeeded`), '11/1 completed']

  test('runs under the lease of the one before it, and is Processing to everybody', async () => {
    await fill(place, 100)
    const [reached, looked] = [signal(), signal()]
    const batch = counting(async ({ chunk }) => {
      if (chunk !== 5) return
      reached.happen()
      await looked.happened
    })
    const mill = await bench.working({ definitions: [batch, Item] }, forLong)
    const job = await mill.enqueue(batch, null)
    await reached.happened
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Processing', progress: { processed: 40 } })
    const { jobs } = await mill.jobs.list({ name: batch.name, status: 'Processing' })
    expect(jobs.map(({ id }) => id)).toEqual([job.id])
    looked.happen()
    await job.completed()
    expect(await attempts(mill, job.id)).toEqual(through)
    expect(await leases(job.id)).toBe(1)
    expect(await applied(place)).toEqual([[1, 100]])
  })

  test('takes its turn like any other when the time for that is over', async () => {
    await fill(place, 100)
    const batch = counting()
    const mill = await bench.working({ definitions: [batch, Item] }, { keepMs: 0 })
    const job = await mill.enqueue(batch, null)
    await job.completed()
    expect(await attempts(mill, job.id)).toEqual(through)
    expect(await leases(job.id)).toBe(12)
  })

  test('lets another tenant go first that waits for the slot', async () => {
    await fill(place, 1_000)
    const other = defineQueueable({ name: fresh('other'), execute: (_: null, ctx) => note(ctx, 'ran') })
    const reached = signal()
    const batch = counting(({ chunk }) => {
      if (chunk === 3) reached.happen()
    })
    const mill = await bench.working({ definitions: [batch, other, Item], concurrency: 1 }, forLong)
    const job = await mill.enqueue(batch, null, { tenant: 'one' })
    await reached.happened
    const late = await mill.enqueue(other, null, { tenant: 'two' })
    await bench.ended(mill, late.id)
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Processing' })
    await job.completed()
    expect(await leases(job.id)).toBeGreaterThan(1)
    expect(await leases(job.id)).toBeLessThan(30)
  })

  test('goes on when others of its own tenant wait, for a while', async () => {
    await fill(place, 100)
    const batch = counting()
    const mill = await bench.mill({ definitions: [batch, Item], concurrency: 1 }, forLong)
    const [one] = [await mill.enqueue(batch, null), await mill.enqueue(batch, null)]
    await mill.start()
    await one.completed()
    expect(await attempts(mill, one.id)).toEqual(through)
    await until('both have ended', async () => (await applied(place))[0]?.[0] === 2)
  })

  test('does not run while the batch is paused', async () => {
    await fill(place, 1_000)
    const reached = signal()
    const batch = counting(({ chunk }) => {
      if (chunk === 2) reached.happen()
    })
    const mill = await bench.working({ definitions: [batch, Item] }, forLong)
    const job = await mill.enqueue(batch, null)
    await reached.happened
    await mill.pause({ kind: 'name', value: batch.name })
    const ready = place.kind === 'sqlite' ? 'millrace_ready' : 'millrace.ready'
    const queued = async () => (await place.query(`select 1 from ${ready} where job = ?`, [job.id])).length
    await until('it stands in the queue', async () => (await queued()) === 1)
    const rest = await applied(place)
    expect(rest[0]![0]).toBe(0)
    await mill.resume({ kind: 'name', value: batch.name })
    await job.completed()
    expect(await applied(place)).toEqual([[1, 1_000]])
  })

  test('hears of an abort', async () => {
    await fill(place, 1_000)
    const reached = signal()
    const batch = counting(({ chunk }) => {
      if (chunk === 2) reached.happen()
    })
    const mill = await bench.working({ definitions: [batch, Item] }, forLong)
    const job = await mill.enqueue(batch, null)
    await reached.happened
    await mill.jobs.abort(job.id)
    await bench.ended(mill, job.id)
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Aborted' })
    const [, once] = await applied(place)
    expect((await job.progress())?.processed).toBe(once![1])
  })

  test("is another worker's when this one stops", async () => {
    await fill(place, 1_000)
    const reached = signal()
    const batch = counting(({ chunk }) => {
      if (chunk === 3) reached.happen()
    })
    const first = await bench.working({ definitions: [batch, Item] }, forLong)
    const job = await first.enqueue(batch, null)
    await reached.happened
    await first.stop()
    expect((await applied(place))[0]![0]).toBe(0)
    const second = await bench.working({ definitions: [batch, Item] }, forLong)
    await bench.ended(second, job.id)
    expect(await applied(place)).toEqual([[1, 1_000]])
    expect((await second.jobs.attempts(job.id)).every(({ attempt }) => attempt === 1)).toBe(true)
    expect(await leases(job.id)).toBe(2)
  })

  test('takes its limits anew', async () => {
    await fill(place, 100)
    const batch = defineBatch({
      name: fresh('batch'),
      scope: 50,
      rateLimit: { limit: 1_000, per: '1 minute' },
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id FROM Item`,
      execute: () => undefined,
    })
    const mill = await bench.working({ definitions: [batch, Item] }, forLong)
    const job = await mill.enqueue(batch, null)
    await job.completed()
    expect(await leases(job.id)).toBe(4)
  })
})
