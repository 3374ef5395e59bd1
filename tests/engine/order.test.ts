import { describe, expect, test } from 'vitest'
import { defineQueueable, type PauseTarget } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, places } from './support/bench.ts'
import { until } from './support/until.ts'

const all = await places()

describe.each(all)('$kind: order', (place) => {
  const bench = new Bench(place)
  const recording = (order: string[], queue?: string) =>
    defineQueueable({
      name: fresh('work'),
      ...(queue === undefined ? {} : { queue }),
      execute: (text: string) => void order.push(text),
    })

  test('Q-15: priority 0 first, then age', async () => {
    const order: string[] = []
    const work = recording(order)
    const mill = await bench.mill({ definitions: [work], concurrency: 1 })
    for (const [text, priority] of [
      ['late', 9],
      ['usual', undefined],
      ['first', 0],
      ['usual too', 5],
      ['second', 1],
      ['first too', 0],
    ] as const)
      await mill.enqueue(work, text, priority === undefined ? {} : { priority })
    await mill.start()
    await until('all ran', () => order.length === 6)
    expect(order).toEqual(['first', 'first too', 'second', 'usual', 'usual too', 'late'])
  })

  test('Q-15: over all definitions of a tenant, to within one claim', async () => {
    const order: string[] = []
    const [many, few] = [recording(order), recording(order)]
    const mill = await bench.mill({ definitions: [many, few], concurrency: 1 })
    await mill.enqueueMany(
      many,
      Array.from({ length: 300 }, () => 'usual'),
    )
    await mill.enqueue(few, 'urgent', { priority: 0 })
    await mill.start()
    await until('all ran', () => order.length === 301)
    expect(order[0]).toBe('urgent')
  })

  test('Q-15: a definition sets it, an enqueue overrides it', async () => {
    const work = defineQueueable({ name: fresh('work'), priority: 2, execute: () => undefined })
    const mill = await bench.mill({ definitions: [work] })
    const own = await mill.enqueue(work, null)
    const other = await mill.enqueue(work, null, { priority: 7 })
    expect([await mill.jobs.get(own.id), await mill.jobs.get(other.id)]).toMatchObject([
      { priority: 2 },
      { priority: 7 },
    ])
  })

  test('fair: 2,000 queued jobs of one tenant do not delay the first of another', async () => {
    const order: string[] = []
    const work = recording(order)
    const mill = await bench.mill({ definitions: [work], concurrency: 4 })
    const crowd = Array.from({ length: 2_000 }, () => 'crowd')
    await mill.enqueueMany(work, crowd, { tenant: fresh('a-crowd') })
    await mill.enqueue(work, 'small', { tenant: fresh('small') })
    await mill.start()
    await until('the small tenant was served', () => order.includes('small'))
    expect(order.indexOf('small')).toBeLessThan(50)
    await until('all ran', () => order.length === 2_001, 30_000)
  })

  test('fair: ten tenants get equal shares of a claim, whatever they have queued', async () => {
    const order: string[] = []
    const work = recording(order)
    const mill = await bench.mill({ definitions: [work], concurrency: 1 })
    const tenants = Array.from({ length: 10 }, (_, i) => fresh(`t${String(i)}`))
    await Promise.all(
      tenants.map((tenant, i) =>
        mill.enqueueMany(
          work,
          Array.from({ length: 20 * (i + 1) }, () => tenant),
          { tenant },
        ),
      ),
    )
    await mill.start()
    const total = 20 * 55
    await until('all ran', () => order.length === total, 30_000)
    // The smallest tenant has all of its 20 done before the largest has a third of its 200.
    const last = order.lastIndexOf(tenants[0]!)
    expect(order.slice(0, last).filter((tenant) => tenant === tenants[9]).length).toBeLessThan(67)
  })

  test('pause: a queue, a name, a tenant, or all; what is paused says so, and goes on after resume', async () => {
    const order: string[] = []
    const queue = fresh('queue')
    const [paused, other] = [recording(order, queue), recording(order)]
    const tenant = fresh('tenant')
    const mill = await bench.mill({ definitions: [paused, other] })
    const targets: readonly PauseTarget[] = [
      { kind: 'queue', value: queue },
      { kind: 'name', value: paused.name },
      { kind: 'tenant', value: tenant },
      { kind: 'all' },
    ]
    for (const target of targets) {
      expect(await mill.pause(target, 'ada')).toBe(true)
      expect(await mill.pause(target)).toBe(false)
    }
    expect(await mill.pauses()).toHaveLength(4)
    expect(await mill.pauses()).toEqual(
      expect.arrayContaining(
        targets.map((target) => ({ target, since: expect.any(Number) as number, by: 'ada' })),
      ),
    )
    const job = await mill.enqueue(paused, 'paused', { tenant, delay: '50 ms' })
    await mill.start()
    for (const target of targets) {
      // It is due and stands in its queue, so only the pause holds it.
      await until('it says paused', async () => (await mill.jobs.get(job.id)).substatus === 'paused')
      if (target.kind === 'all') await mill.enqueue(other, 'other', { tenant: fresh('tenant') })
      expect(await mill.resume(target)).toBe(true)
      expect(await mill.resume(target)).toBe(false)
    }
    await until('both ran', () => order.length === 2)
    expect([...order].sort()).toEqual(['other', 'paused'])
    expect(await mill.pauses()).toEqual([])
  })

  test('pause: it reaches a worker in another process, and other queues run on', async () => {
    const order: string[] = []
    const queue = fresh('queue')
    const [paused, other] = [recording(order, queue), recording(order)]
    const operator = await bench.mill({ definitions: [paused, other] })
    const worker = await bench.working({ definitions: [paused, other] })
    await (await operator.enqueue(paused, 'before')).completed()
    await operator.pause({ kind: 'queue', value: queue })
    const held = await until('one is held', async () => {
      const job = await operator.enqueue(paused, 'probe')
      await (await operator.enqueue(other, 'other')).completed()
      return (await worker.jobs.get(job.id)).substatus === 'paused' ? job : null
    })
    await (await operator.enqueue(other, 'other')).completed()
    expect((await operator.jobs.get(held.id)).substatus).toBe('paused')
    await operator.resume({ kind: 'queue', value: queue })
    await held.completed()
  })

  test('only: a process serves the queues it is told to', async () => {
    const order: string[] = []
    const [mine, theirs] = [fresh('mine'), fresh('theirs')]
    const work = recording(order)
    const mill = await bench.working({ definitions: [work], only: [mine] })
    const left = await mill.enqueue(work, 'theirs', { queue: theirs })
    await (await mill.enqueue(work, 'mine', { queue: mine })).completed()
    expect(order).toEqual(['mine'])
    expect((await mill.jobs.get(left.id)).status).toBe('Queued')
    expect(await mill.workers()).toMatchObject([{ queues: [mine], alive: true }])
    const other = await bench.working({ definitions: [work] })
    await other.job(left.id).completed()
  })
})
