import { describe, expect, test } from 'vitest'
import { defineBatch, defineQueueable, type WindowOptions } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { until } from './support/until.ts'

const hour = 3_600_000

/** Two hours that begin so far from now, and when that is. */
function hoursFrom(awayMs: number): { window: WindowOptions; opens: number } {
  const opens = Math.floor((Date.now() + awayMs) / 60_000) * 60_000
  const time = (at: number): string => new Date(at).toISOString().slice(11, 16)
  return { window: { from: time(opens), to: time(opens + 2 * hour) }, opens }
}

describe.each(await places())('$kind: the hours and places of a job', (place) => {
  const bench = new Bench(place)

  test('a job outside its window waits until it opens, one inside runs', async () => {
    const { window, opens } = hoursFrom(3 * hour)
    const work = defineQueueable({ name: fresh('work'), window, execute: (_: null, ctx) => note(ctx, 'ran') })
    const mill = await bench.working({ definitions: [work] })
    const held = await mill.enqueue(work, null)
    const urgent = await mill.enqueue(work, null, { window: null })
    const inside = await mill.enqueue(work, null, { window: hoursFrom(-hour).window })
    await Promise.all([urgent.completed(), inside.completed()])
    expect(await mill.jobs.get(held.id)).toMatchObject({
      ...{ status: 'Queued', substatus: 'outsideWindow', reason: { dueAt: opens } },
    })
    const rows = await mill.soql<{
      Id: string
    }>`SELECT Id FROM AsyncApexJob WHERE Substatus = 'outsideWindow'`
    expect(rows.map(({ Id }) => Id)).toContain(held.id)
  })

  test('a worker that meets one in the queue puts it back, uncharged; by the clock of the database', async () => {
    const name = fresh('work')
    const { window, opens } = hoursFrom(3 * hour)
    const anyTime = defineQueueable({ name, execute: (_: null, ctx) => note(ctx, 'ran') })
    const windowed = defineQueueable({ name, window, execute: (_: null, ctx) => note(ctx, 'ran') })
    const producer = await bench.mill({ definitions: [anyTime] })
    const { id } = await producer.enqueue(anyTime, null)
    expect((await producer.jobs.get(id)).substatus).toBe('ready')
    await bench.working({ definitions: [windowed] })
    await until('it waits', async () => (await producer.jobs.get(id)).substatus === 'outsideWindow')
    const view = await producer.jobs.get(id)
    expect(view.attempt).toBe(1)
    expect(Math.abs((view.reason.dueAt ?? 0) - opens)).toBeLessThan(2_000)
    expect(await producer.jobs.attempts(id)).toEqual([])
    expect(await bench.notes(id)).toEqual([])
  })

  test('a batch is held between its chunks', async () => {
    const name = fresh('batch')
    const ran: number[] = []
    const of = (window: WindowOptions | undefined, onChunk: () => void) =>
      defineBatch({
        ...{ name, scope: 1, ...(window === undefined ? {} : { window }) },
        start: (_input: null) => [{ n: 1 }, { n: 2 }],
        execute([record]) {
          ran.push(record?.n ?? 0)
          onChunk()
          if (ran.length === 2) throw new Error('once more')
        },
      })
    let stopping: Promise<void> | undefined
    const open = of(undefined, () => {
      if (ran.length === 2) stopping = first.stop()
    })
    const first = await bench.working({ definitions: [open] })
    const { id } = await first.enqueue(open, null)
    await until('its second chunk failed', () => Promise.resolve(stopping !== undefined))
    await stopping
    const second = await bench.working({ definitions: [of(hoursFrom(3 * hour).window, () => undefined)] })
    await until('it waits', async () => (await second.jobs.get(id)).substatus === 'outsideWindow')
    expect(await second.jobs.get(id)).toMatchObject({ status: 'Processing', attempt: 2 })
    expect(ran).toEqual([1, 2])
  })

  test('what comes to another environment with its database is skipped there', async () => {
    const send = defineQueueable({
      ...{ name: fresh('send'), onlyIn: ['production'] },
      execute: (_: null, ctx) => note(ctx, 'sent'),
    })
    const production = await bench.mill({ definitions: [send], environment: 'production' })
    const job = await production.enqueue(send, null)
    const staging = await bench.working({ definitions: [send], environment: 'staging' })
    expect(await bench.ended(staging, job.id)).toEqual(['1 skipped'])
    expect(await bench.notes(job.id)).toEqual([])
    await staging.stop()
    await production.start()
    const sent = await production.enqueue(send, null)
    await sent.completed()
    expect(await bench.notes(sent.id)).toEqual(['sent'])
  })
})
