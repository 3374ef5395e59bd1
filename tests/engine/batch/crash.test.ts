import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import { defineBatch } from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { until } from '../support/until.ts'
import { countingBatch } from './counting.ts'
import { applied, createItems, fill, Item, numbersOf } from './items.ts'
import { runPoison } from './poison.ts'
import { runVictim } from './victim.ts'

const all = await places()

/** Start, five chunks and the finish: seven claims, seven settles. */
const moments = ['before-commit', 'after-commit', 'after-ack'] as const
const cases = (['claim', 'settle'] as const).flatMap((step) =>
  moments.flatMap((moment) => {
    // What a claim is acknowledged with is the start of the execution.
    const point: FaultPoint = `${step}:${moment}`
    return [1, 2, 4, 7].map((time) => [point, time] as const)
  }),
)

/** Start, three tracks, five chunks and the finish: at least five claims, ten settles. */
const atOnce = moments.flatMap((moment) =>
  (
    [
      ['claim', 2],
      ['claim', 4],
      ['settle', 2],
      ['settle', 5],
      ['settle', 9],
      ['settle', 10],
    ] as const
  ).map(([step, time]): readonly [FaultPoint, number] => [`${step}:${moment}`, time]),
)

describe.each(all)('$kind: a batch whose process is killed', (place) => {
  const bench = new Bench(place, 'as created')
  beforeAll(() => createItems(place))
  beforeEach(() => fill(place, 500))

  test.for(cases)('at %s, time %i: each record once, finish once, the state right', async ([point, time]) => {
    const batch = countingBatch(fresh('batch'))
    expect(await runVictim({ storage: place.url, name: batch.name, point, time })).toBe(true)
    const mill = await bench.working({ definitions: [batch, Item], lease: '2 seconds' })
    const [job] = (await mill.jobs.list({ name: batch.name })).jobs
    await bench.ended(mill, job!.id)
    expect(await mill.jobs.get(job!.id)).toMatchObject({
      substatus: 'completed',
      progress: { processed: 500, chunks: 5, errors: 0 },
    })
    expect(await applied(place)).toEqual([[1, 500]])
    expect(await bench.notes(job!.id)).toEqual(['seen 500, sum 125250'])
  })

  test.for(atOnce)(
    'with three chunks at once, at %s, time %i: each record once, finish once, all parts merged',
    async ([point, time]) => {
      const batch = countingBatch(fresh('batch'), 3)
      const order = { storage: place.url, name: batch.name, point, time, concurrency: 3 }
      expect(await runVictim(order)).toBe(true)
      const mill = await bench.working({ definitions: [batch, Item], lease: '2 seconds' })
      const jobs = (await mill.jobs.list({ name: batch.name })).jobs
      const job = jobs.find(({ partOf }) => partOf === null)!
      await bench.ended(mill, job.id)
      expect(await mill.jobs.get(job.id)).toMatchObject({
        substatus: 'completed',
        progress: { processed: 500, chunks: 5, errors: 0 },
      })
      expect(await applied(place)).toEqual([[1, 500]])
      expect(await bench.notes(job.id)).toEqual(['seen 500, sum 125250'])
    },
  )

  test('a chunk that kills its process each time is set aside whole after three deaths, the others go on', async () => {
    const name = fresh('batch')
    const batch = defineBatch({
      name,
      scope: 100,
      start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async execute(scope, ctx) {
        await ctx.sql`update item set n = n + 1 where id in ${numbersOf(scope)}`
      },
      finish: (_, ctx) => note(ctx, 'finish'),
    })
    const first = await bench.mill({ definitions: [batch, Item], lease: '2 seconds' })
    const job = await first.enqueue(batch, null)
    for (const death of [1, 2, 3])
      expect([death, await runPoison({ storage: place.url, name })]).toEqual([death, true])
    const mill = await bench.working({ definitions: [batch, Item], lease: '2 seconds' })
    await until('the batch has ended', async () => (await mill.jobs.get(job.id)).status === 'Completed')
    expect(await applied(place)).toEqual([
      [0, 100],
      [1, 400],
    ])
    expect(await mill.jobs.get(job.id)).toMatchObject({
      substatus: 'completedWithErrors',
      error: { code: 'MILL_PARKED' },
      progress: { processed: 400, failed: 100, errors: 1 },
    })
    expect((await mill.batches.failed(job.id)).failed).toMatchObject([{ count: 100, chunk: 2 }])
    expect(await bench.notes(job.id)).toEqual(['finish'])
    const again = await mill.batches.retryFailed(job.id)
    await bench.ended(mill, again.id)
    expect(await applied(place)).toEqual([[1, 500]])
  })
})
