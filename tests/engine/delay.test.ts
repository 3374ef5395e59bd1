import { describe, expect, test } from 'vitest'
import { defineQueueable } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, places } from './support/bench.ts'
import { until } from './support/until.ts'

const all = await places()
const day = 86_400_000

describe.each(all)('$kind: delays', (place) => {
  const bench = new Bench(place)
  const clock = () => {
    const starts: number[] = []
    const tick = defineQueueable({ name: fresh('tick'), execute: (_: null) => void starts.push(Date.now()) })
    return { tick, starts }
  }

  test('Q-07: a delay is waited for, and the job says so', async () => {
    const { tick, starts } = clock()
    const mill = await bench.working({ definitions: [tick] })
    const before = Date.now()
    const job = await mill.enqueue(tick, null, { delay: '400 ms' })
    const view = await mill.jobs.get(job.id)
    expect(view).toMatchObject({ status: 'Queued', substatus: 'scheduled', attempt: 1 })
    expect(view.reason.dueAt).toBeGreaterThanOrEqual(before + 400)
    expect(view.reason.dueAt).toBeLessThan(before + 5_000)
    await job.completed()
    expect(starts).toHaveLength(1)
    expect(starts[0]).toBeGreaterThanOrEqual(view.reason.dueAt!)
  })

  test('Q-07: runAt too; what is past, or delay 0, means now', async () => {
    const { tick, starts } = clock()
    const mill = await bench.working({ definitions: [tick] })
    const runAt = new Date(Date.now() + 300)
    await (await mill.enqueue(tick, null, { runAt })).completed()
    expect(starts[0]).toBeGreaterThanOrEqual(runAt.getTime())
    await (await mill.enqueue(tick, null, { runAt: '2001-01-01T00:00:00Z' })).completed()
    await (await mill.enqueue(tick, null, { delay: '0' })).completed()
    expect(starts).toHaveLength(3)
  })

  test('Q-07: delays beyond 2^31 ms are accepted, kept exactly, and not run early', async () => {
    const { tick, starts } = clock()
    const mill = await bench.working({ definitions: [tick] })
    const before = Date.now()
    const long = await mill.enqueue(tick, null, { delay: '60 days' })
    const instant = new Date(before + 99 * 365 * day)
    const longer = await mill.enqueue(tick, null, { runAt: instant })
    await (await mill.enqueue(tick, null, { delay: '30 ms' })).completed()
    const [first, second] = [await mill.jobs.get(long.id), await mill.jobs.get(longer.id)]
    expect(first.substatus).toBe('scheduled')
    expect(first.reason.dueAt).toBeGreaterThanOrEqual(before + 60 * day)
    expect(first.reason.dueAt).toBeLessThan(Date.now() + 60 * day + 1)
    expect(second).toMatchObject({ substatus: 'scheduled', reason: { dueAt: instant.getTime() } })
    expect(starts).toHaveLength(1)
  })

  test('Q-07: a timeout beyond 2^31 ms does not fire at once', async () => {
    const slow = defineQueueable({
      name: fresh('slow'),
      timeout: '60 days',
      execute: (_: null) => 'not timed out',
    })
    const mill = await bench.working({ definitions: [slow] })
    const job = await mill.enqueue(slow, null, { timeout: '90 days', deadline: '5000 weeks' })
    expect(await job.completed()).toBe('not timed out')
  })

  test('Q-07: the nearer of two due times is not held up by the farther, whichever came first', async () => {
    const { tick } = clock()
    const order: string[] = []
    const named = defineQueueable({ name: fresh('named'), execute: (name: string) => void order.push(name) })
    const mill = await bench.working({ definitions: [tick, named] })
    await mill.enqueue(named, 'third', { delay: '700 ms' })
    await mill.enqueue(named, 'first', { delay: '150 ms' })
    await mill.enqueue(named, 'second', { delay: '400 ms' })
    await until('all ran', () => order.length === 3)
    expect(order).toEqual(['first', 'second', 'third'])
  })

  test('Q-07: a delayed job outlives the process that enqueued it', async () => {
    const { tick, starts } = clock()
    const first = await bench.working({ definitions: [tick] })
    const { id } = await first.enqueue(tick, null, { delay: '300 ms' })
    await first.stop()
    expect(starts).toEqual([])
    const second = await bench.working({ definitions: [tick] })
    await second.job(id).completed()
    expect(starts).toHaveLength(1)
  })
})
