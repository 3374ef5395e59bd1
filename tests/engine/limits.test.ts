import { describe, expect, test } from 'vitest'
import { defineQueueable, type Job } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { signal, until } from './support/until.ts'

const all = await places()

/** How many run at once, by key, and the most that ever did. */
class Gauge {
  readonly #now = new Map<string, number>()
  readonly most = new Map<string, number>()

  async during(key: string): Promise<void> {
    const now = (this.#now.get(key) ?? 0) + 1
    this.#now.set(key, now)
    this.most.set(key, Math.max(now, this.most.get(key) ?? 0))
    for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    this.#now.set(key, (this.#now.get(key) ?? 0) - 1)
  }
}

describe.each(all)('$kind: limits', (place) => {
  const bench = new Bench(place)

  test('concurrency per key over all workers: never above the limit, and each effect once', async () => {
    const gauge = new Gauge()
    const work = defineQueueable({
      name: fresh('work'),
      concurrency: { limit: 2, key: (key: string) => key },
      async execute(key: string, ctx) {
        await gauge.during(key)
        await note(ctx, key)
      },
    })
    const mills = [await bench.mill({ definitions: [work] }), await bench.mill({ definitions: [work] })]
    const keys = Array.from({ length: 30 }, (_, i) => ['a', 'b', 'c'][i % 3]!)
    const ids = await mills[0]!.enqueueMany(work, keys)
    await Promise.all(mills.map((mill) => mill.start()))
    await Promise.all(ids.map((id) => mills[0]!.job(id).completed()))
    expect([...gauge.most.keys()].sort()).toEqual(['a', 'b', 'c'])
    expect(Math.max(...gauge.most.values())).toBe(2)
    const notes = await Promise.all(ids.map((id) => bench.notes(id)))
    expect(notes).toEqual(keys.map((key) => [key]))
    await until('all slots are free again', async () => {
      const own = (await mills[0]!.limits()).filter(({ spec }) => spec.name.includes(work.name))
      return own.length === 3 && own.every(({ used, waiting }) => used === 0 && waiting === 0)
    })
  })

  test('concurrency per process: each process has its own', async () => {
    const gauges = [new Gauge(), new Gauge()]
    const name = fresh('work')
    const works = gauges.map((gauge) =>
      defineQueueable({
        name,
        concurrency: { limit: 1, scope: 'process' },
        execute: async (_: number) => gauge.during('all'),
      }),
    )
    const mills = await Promise.all(works.map((work) => bench.mill({ definitions: [work] })))
    const ids = await mills[0]!.enqueueMany(
      works[0]!,
      Array.from({ length: 16 }, (_, i) => i),
    )
    await Promise.all(mills.map((mill) => mill.start()))
    await Promise.all(ids.map((id) => mills[0]!.job(id).completed()))
    for (const gauge of gauges) expect(gauge.most.get('all') ?? 1).toBe(1)
  })

  test('a failed, skipped, snoozed or aborted execution gives its slot back', async () => {
    const running = signal()
    const work = defineQueueable({
      name: fresh('work'),
      concurrency: 1,
      retry: { initial: '1 hour', max: '1 hour', jitter: 'none' },
      async execute(how: string, ctx) {
        if (how === 'fail') throw new Error('no')
        if (how === 'skip') ctx.skip('nothing to do')
        if (how === 'snooze') ctx.snooze('1 hour')
        if (how !== 'hang') return
        running.happen()
        await new Promise(() => undefined)
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const jobs: Job[] = []
    for (const how of ['fail', 'skip', 'snooze', 'hang']) jobs.push(await mill.enqueue(work, how))
    await running.happened
    jobs.push(await mill.enqueue(work, 'end'))
    await until('the last one waits for the slot', async () => {
      const { substatus, reason } = await mill.jobs.get(jobs[4]!.id)
      return substatus === 'concurrencyLimited' && reason.gate?.includes(work.name)
    })
    await mill.jobs.abort(jobs[3]!.id)
    await jobs[4]!.completed()
    const views = await Promise.all(jobs.map(({ id }) => mill.jobs.get(id)))
    expect(views.map(({ substatus }) => substatus)).toEqual([
      'retrying',
      'skipped',
      'snoozed',
      'aborted',
      'completed',
    ])
  })

  test('a finalizer waits for no limit of its job', async () => {
    const end = signal()
    const finalized: number[] = []
    const work = defineQueueable({
      name: fresh('work'),
      concurrency: 1,
      rateLimit: { limit: 2, per: '1 hour' },
      execute: async (n: number) => (n === 2 ? end.happened : undefined),
      finalizer: ({ input }) => void finalized.push(input),
    })
    const mill = await bench.working({ definitions: [work] })
    const ids = await mill.enqueueMany(work, [1, 2, 3])
    // The second job holds the only slot and has the last token.
    await until('the first was finalized', () => finalized.length === 1)
    await until('the second runs', async () => (await mill.jobs.get(ids[1]!)).status === 'Processing')
    const own = (await mill.limits()).filter(({ spec }) => spec.name.includes(work.name))
    expect(own.reduce((sum, { used }) => sum + used, 0)).toBe(own.filter(({ spec }) => spec.slots).length)
    end.happen()
    await until('the second was finalized', () => finalized.length === 2)
    expect(finalized).toEqual([1, 2])
    expect((await mill.jobs.get(ids[2]!)).status).toBe('Queued')
  })

  test('rate: no more starts than tokens, and what waits says so', async () => {
    const starts: number[] = []
    const work = defineQueueable({
      name: fresh('work'),
      rateLimit: { limit: 10, per: '1 second', burst: 2 },
      execute: (_: number) => void starts.push(performance.now()),
    })
    const mill = await bench.mill({ definitions: [work] })
    const ids = await mill.enqueueMany(
      work,
      Array.from({ length: 9 }, (_, i) => i),
    )
    await mill.start()
    await until('one waits for a token', async () => {
      const views = await Promise.all(ids.map((id) => mill.jobs.get(id)))
      return views.some(({ substatus, reason }) => substatus === 'rateLimited' && reason.gate !== undefined)
    })
    await Promise.all(ids.map((id) => mill.job(id).completed()))
    // Two tokens at once, then seven more at one in 100 ms; the first start may be noticed late.
    expect(starts.at(-1)! - starts[0]!).toBeGreaterThan(500)
  })

  test('a limited tenant waits for itself alone', async () => {
    const [limited, free] = [fresh('limited'), fresh('free')]
    const go = signal()
    const order: string[] = []
    const work = defineQueueable({
      name: fresh('work'),
      async execute(_: null, ctx) {
        order.push(ctx.tenant)
        if (ctx.tenant === limited) await go.happened
      },
    })
    const mill = await bench.working({ definitions: [work], tenants: { [limited]: { concurrency: 1 } } })
    const jobs: Job[] = []
    for (let n = 0; n < 12; n += 1) jobs.push(await mill.enqueue(work, null, { tenant: limited }))
    await until('one runs', () => order.length === 1)
    for (let n = 0; n < 5; n += 1) await (await mill.enqueue(work, null, { tenant: free })).completed()
    expect(order).toEqual([limited, free, free, free, free, free])
    const substatus = (await mill.jobs.get(jobs[11]!.id)).substatus
    expect(['concurrencyLimited', 'ready']).toContain(substatus)
    go.happen()
    await Promise.all(jobs.map((job) => job.completed()))
    expect(order).toHaveLength(17)
  })

  test('every tenant without limits of its own has those of "*"', async () => {
    const gauge = new Gauge()
    const work = defineQueueable({
      name: fresh('work'),
      execute: async (_: number, ctx) => gauge.during(ctx.tenant),
    })
    const [one, two] = [fresh('one'), fresh('two')]
    const tenants = { '*': { concurrency: 1 }, [two]: { concurrency: 3 } }
    const mill = await bench.mill({ definitions: [work], tenants, concurrency: 8 })
    const numbers = Array.from({ length: 9 }, (_, i) => i)
    const ids = [
      ...(await mill.enqueueMany(work, numbers, { tenant: one })),
      ...(await mill.enqueueMany(work, numbers, { tenant: two })),
    ]
    await mill.start()
    await Promise.all(ids.map((id) => mill.job(id).completed()))
    expect(gauge.most.get(one)).toBe(1)
    expect(gauge.most.get(two)).toBeLessThanOrEqual(3)
  })

  test('a queue is capped over all workers, or in each process', async () => {
    const gauge = new Gauge()
    const [global, local] = [fresh('global'), fresh('local')]
    const work = defineQueueable({
      name: fresh('work'),
      execute: async (_: number, ctx) => gauge.during(ctx.queue),
    })
    const queues = { [global]: { concurrency: 2 }, [local]: { perProcess: 1 } }
    const mills = [
      await bench.mill({ definitions: [work], queues }),
      await bench.mill({ definitions: [work], queues }),
    ]
    const numbers = Array.from({ length: 12 }, (_, i) => i)
    const ids = [
      ...(await mills[0]!.enqueueMany(work, numbers, { queue: global })),
      ...(await mills[0]!.enqueueMany(work, numbers, { queue: local })),
    ]
    await Promise.all(mills.map((mill) => mill.start()))
    await Promise.all(ids.map((id) => mills[0]!.job(id).completed()))
    expect(gauge.most.get(global)).toBe(2)
    expect(gauge.most.get(local)).toBeLessThanOrEqual(2)
  })
})
