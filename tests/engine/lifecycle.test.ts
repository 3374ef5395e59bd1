import { describe, expect, test } from 'vitest'
import { defineQueueable } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { rejection, signal, until } from './support/until.ts'

const all = await places()

describe.each(all)('$kind: life of a mill', (place) => {
  const bench = new Bench(place, 'as created')

  test('a definition nobody here knows waits for a worker that does, and says so', async () => {
    const work = defineQueueable({ name: fresh('work'), execute: (_: null) => 'known' })
    const other = defineQueueable({ name: fresh('other'), execute: (_: null) => 'other' })
    const enqueuing = await bench.mill({ definitions: [work, other] })
    const job = await enqueuing.enqueue(work, null)
    const ignorant = await bench.working({ definitions: [other] })
    await (await enqueuing.enqueue(other, null)).completed()
    expect(await ignorant.jobs.get(job.id)).toMatchObject({
      status: 'Queued',
      substatus: 'unknownDefinition',
      reason: { unknownDefinition: true },
    })
    await bench.working({ definitions: [work] })
    expect(await job.completed()).toBe('known')
  })

  test('two versions side by side: each worker runs its own', async () => {
    const name = fresh('work')
    const old = defineQueueable({ name, version: 1, execute: (_: null) => 'old' })
    const young = defineQueueable({ name, version: 2, execute: (_: null) => 'young' })
    const oldMill = await bench.mill({ definitions: [old] })
    const youngMill = await bench.mill({ definitions: [young] })
    const [first, second] = [await oldMill.enqueue(old, null), await youngMill.enqueue(young, null)]
    await youngMill.start()
    expect(await second.completed()).toBe('young')
    expect((await youngMill.jobs.get(first.id)).substatus).toBe('unknownDefinition')
    await oldMill.start()
    expect(await first.completed()).toBe('old')
  })

  test('both versions in one process, too', async () => {
    const name = fresh('work')
    const old = defineQueueable({ name, version: 1, execute: (_: null) => 'old' })
    const young = defineQueueable({ name, version: 2, execute: (_: null) => 'young' })
    const mill = await bench.working({ definitions: [old, young] })
    const jobs = [await mill.enqueue(old, null), await mill.enqueue(young, null)]
    expect(await Promise.all(jobs.map((job) => job.completed()))).toEqual(['old', 'young'])
  })

  test('stop lets what runs finish, and it may still enqueue; what has not begun is handed back uncharged', async () => {
    const [began, go] = [signal(), signal()]
    const tenant = fresh('tenant')
    const child = defineQueueable({ name: fresh('child'), execute: (_: null) => undefined })
    const work = defineQueueable({
      name: fresh('work'),
      async execute(n: number, ctx) {
        if (n === 0) {
          began.happen()
          await go.happened
          await note(ctx, 'finished')
          await ctx.enqueue(child, null, { tenant })
          await first.enqueue(child, null, { tenant })
        }
        return ctx.attempt
      },
    })
    const config = { definitions: [work, child], concurrency: 1, shutdown: '30 seconds' }
    const first = await bench.working(config)
    const jobs = []
    for (let n = 0; n < 5; n += 1) jobs.push((await first.enqueue(work, n)).id)
    await began.happened
    const stopped = first.stop()
    go.happen()
    await stopped
    const second = await bench.mill(config)
    expect((await second.jobs.get(jobs[0]!)).status).toBe('Completed')
    expect(await bench.notes(jobs[0]!)).toEqual(['finished'])
    expect((await second.jobs.list({ tenant })).jobs).toHaveLength(2)
    expect(await second.workers()).toEqual([])
    for (const id of jobs.slice(1))
      expect(await second.jobs.get(id)).toMatchObject({ status: 'Queued', attempt: 1 })
    await second.start()
    const attempts = await Promise.all(jobs.slice(1).map((id) => second.job(id).completed()))
    expect(attempts).toEqual([1, 1, 1, 1])
  })

  test('what is not through by `shutdown` is asked by its signal, undone, and handed back uncharged', async () => {
    const began = signal()
    const runs: unknown[] = []
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      async execute(how: 'heeds' | 'deaf', ctx) {
        await note(ctx, `run ${String(runs.push(how))}`)
        if (runs.length > 1) return ctx.attempt
        began.happen()
        return new Promise<number>((_, reject) => {
          if (how === 'heeds') ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))
        })
      },
    })
    for (const how of ['heeds', 'deaf'] as const) {
      runs.length = 0
      const config = { definitions: [work], shutdown: '50 ms', abortGrace: '50 ms' }
      const first = await bench.working(config)
      const job = await first.enqueue(work, how)
      await until('it runs', () => runs.length === 1)
      await began.happened
      await first.stop()
      expect(bench.heard(first).events.map(({ kind }) => kind)).toContain('execution.handedBack')
      const second = await bench.working(config)
      expect(await second.job(job.id).completed()).toBe(1)
      expect(await bench.told(second, job.id)).toEqual(['1 completed'])
      expect(await bench.notes(job.id)).toEqual(['run 2'])
      await second.stop()
    }
  })

  test('a stopped mill answers everything with a code, and whoever waits for a job is told', async () => {
    const work = defineQueueable({ name: fresh('work'), execute: (_: null) => undefined })
    const mill = await bench.mill({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    const waiting = rejection(job.completed())
    await Promise.all([mill.stop(), mill.stop()])
    await mill.stop()
    const code = 'MILL_STORAGE_CLOSED'
    expect(await waiting).toMatchObject({ code })
    const uses: (() => Promise<unknown>)[] = [
      () => mill.enqueue(work, null),
      () => mill.enqueueMany(work, [null]),
      () => mill.transaction(async () => 1),
      () => job.completed(),
      () => mill.job(job.id).completed({ timeout: '1 minute' }),
      () => mill.jobs.get(job.id),
      () => mill.jobs.list(),
      () => mill.jobs.counts(),
      () => mill.jobs.attempts(job.id),
      () => mill.jobs.abort(job.id),
      () => mill.jobs.retry(job.id),
      () => mill.explain(job.id),
      () => mill.pause(),
      () => mill.resume(),
      () => mill.pauses(),
      () => mill.workers(),
      () => mill.limits(),
      () => mill.start(),
    ]
    for (const use of uses) expect(await rejection(use())).toMatchObject({ code })
  })

  test('a job that ends while its mill stops is still answered', async () => {
    const [began, go] = [signal(), signal()]
    const work = defineQueueable({
      name: fresh('work'),
      async execute(_: null) {
        began.happen()
        await go.happened
        return 'in time'
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const answer = (await mill.enqueue(work, null)).completed()
    await began.happened
    const stopped = mill.stop()
    go.happen()
    expect(await answer).toBe('in time')
    await stopped
  })

  test('start is idempotent: one worker', async () => {
    const work = defineQueueable({ name: fresh('work'), execute: (_: null) => undefined })
    const mill = await bench.mill({ definitions: [work] })
    await Promise.all([mill.start(), mill.start()])
    await mill.start()
    expect(await mill.workers()).toHaveLength(1)
    expect(await mill.workers()).toMatchObject([{ alive: true, pid: process.pid, knows: [`${work.name}@1`] }])
  })

  test('start may be tried again after the database was away', async () => {
    const work = defineQueueable({ name: fresh('work'), execute: (_: null) => 'ran' })
    let away = true
    const mill = await bench.mill(
      { definitions: [work] },
      {
        wrapStorage(storage) {
          const workers = Object.create(storage.workers) as typeof storage.workers
          workers.register = (...given) =>
            away ? Promise.reject(new Error('away')) : storage.workers.register(...given)
          for (const name of [
            'renew',
            'leave',
            'list',
            'expired',
            'expire',
            'leasesOf',
            'rescueLease',
            'bury',
          ] as const)
            Object.defineProperty(workers, name, { value: storage.workers[name].bind(storage.workers) })
          return new Proxy(storage, {
            get: (target, key) => {
              if (key === 'workers') return workers
              const value: unknown = Reflect.get(target, key)
              return typeof value === 'function' ? (value.bind(target) as unknown) : value
            },
          })
        },
      },
    )
    expect(await rejection(mill.start())).toMatchObject({ message: 'away' })
    away = false
    await mill.start()
    expect(await (await mill.enqueue(work, null)).completed()).toBe('ran')
  })
})
