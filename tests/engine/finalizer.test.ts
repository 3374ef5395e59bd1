import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineQueueable, type FinalizerOutcome } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { signal, until } from './support/until.ts'

const all = await places()

describe.each(all)('$kind: finalizer', (place) => {
  const bench = new Bench(place)

  test('F-01, F-02: runs after every ended attempt, with its result, exception and what follows', async () => {
    const outcomes: FinalizerOutcome<string>[] = []
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 3, initial: '0' },
      execute(_: string, ctx) {
        if (ctx.attempt === 1)
          throw Object.assign(new TypeError('first', { cause: new Error('deep') }), { code: 'E1' })
        if (ctx.attempt === 2) throw new Error('second')
      },
      finalizer: (outcome) => void outcomes.push(outcome),
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, 'input')
    await until('all three finalizers ran', async () => (await bench.told(mill, job.id)).length === 6)
    const common = { jobId: job.id, input: 'input', durationMs: expect.any(Number) as number }
    expect(outcomes).toMatchObject([
      { ...common, result: 'UNHANDLED_EXCEPTION', attempt: 1, willRetry: true },
      { ...common, result: 'UNHANDLED_EXCEPTION', attempt: 2, willRetry: true },
      { ...common, result: 'SUCCESS', attempt: 3, willRetry: false, exception: null },
    ])
    const [first, second] = outcomes.map(({ exception }) => exception)
    expect(first).toBeInstanceOf(Error)
    expect(first).toMatchObject({
      name: 'TypeError',
      message: 'first',
      code: 'E1',
      cause: { message: 'deep' },
    })
    expect(second?.message).toBe('second')
    expect(await bench.told(mill, job.id)).toEqual([
      '1 retried',
      'finalizer of 1, 1 succeeded',
      '2 retried',
      'finalizer of 2, 1 succeeded',
      '3 completed',
      'finalizer of 3, 1 succeeded',
    ])
  })

  test('F-02: the last failure says that no retry follows; skipped is SUCCESS', async () => {
    const heard: unknown[] = []
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      execute(how: string, ctx) {
        if (how === 'skip') ctx.skip('nothing to do')
        throw new Error(how)
      },
      finalizer: ({ result, willRetry, exception }) =>
        void heard.push([result, willRetry, exception?.message]),
    })
    const mill = await bench.working({ definitions: [work], concurrency: 1 })
    await mill.enqueue(work, 'fail')
    await until('it ran', () => heard.length === 1)
    await mill.enqueue(work, 'skip')
    await until('it ran', () => heard.length === 2)
    expect(heard).toEqual([
      ['UNHANDLED_EXCEPTION', false, 'fail'],
      ['SUCCESS', false, undefined],
    ])
  })

  test('F-03: its own transaction: committed though the job was rolled back, and the other way round', async () => {
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      async execute(how: string, ctx) {
        await note(ctx, `job ${how}`)
        if (how === 'fails') throw new Error('no')
      },
      finalizerRetry: { attempts: 1 },
      async finalizer({ input }, ctx) {
        await note(ctx, `finalizer of one that ${input}`)
        if (input === 'works') throw new Error('finalizer fails')
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const [fails, works] = [await mill.enqueue(work, 'fails'), await mill.enqueue(work, 'works')]
    for (const { id } of [fails, works])
      await until('both ran', async () => (await bench.told(mill, id)).length === 2)
    expect(await bench.notes(fails.id)).toEqual(['finalizer of one that fails'])
    expect(await bench.notes(works.id)).toEqual(['job works'])
    expect(await bench.told(mill, fails.id)).toEqual(['1 failed', 'finalizer of 1, 1 succeeded'])
    expect(await bench.told(mill, works.id)).toEqual(['1 completed', 'finalizer of 1, 1 gaveUp'])
    expect(await mill.jobs.get(works.id)).toMatchObject({ status: 'Completed', error: null })
  })

  test('F-03, F-06: its failure is retried by its own policy and never touches the job', async () => {
    const attempts: number[] = []
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      execute: (_: null) => 'result',
      finalizerRetry: { attempts: 3, initial: '0' },
      async finalizer(_outcome, ctx) {
        attempts.push(ctx.attempt)
        await note(ctx, `finalizer ${String(ctx.attempt)}`)
        if (ctx.attempt < 3) throw new Error('not yet')
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    expect(await job.completed()).toBe('result')
    await until('the finalizer is through', async () => (await bench.told(mill, job.id)).length === 4)
    expect(attempts).toEqual([1, 2, 3])
    expect(await bench.notes(job.id)).toEqual(['finalizer 3'])
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Completed', attempt: 1, result: 'result' })
  })

  test('F-04: buffered logs of both parts carry what they belong to', async () => {
    const work = defineQueueable({
      name: fresh('work'),
      execute: (_: null, ctx) => ctx.log.info('in the job'),
      finalizer: (_outcome, ctx) => ctx.log.info('in the finalizer'),
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    const { logs } = bench.heard(mill)
    const own = await until('both logged', () => {
      const found = logs.filter(({ source }) => source?.jobId === job.id)
      return found.length === 2 ? found : null
    })
    expect(own.map(({ message }) => message)).toEqual(['in the job', 'in the finalizer'])
  })

  test('F-05: it may enqueue, and the children leave only if it commits', async () => {
    const tenant = fresh('tenant')
    const child = defineQueueable({ name: fresh('child'), execute: (_: string) => undefined })
    const work = defineQueueable({
      name: fresh('work'),
      execute: (_: null) => undefined,
      finalizerRetry: { attempts: 2, initial: '0' },
      async finalizer(_outcome, ctx) {
        await ctx.enqueue(child, `attempt ${String(ctx.attempt)}`)
        if (ctx.attempt === 1) throw new Error('once more')
      },
    })
    const mill = await bench.working({ definitions: [work, child] })
    const job = await mill.enqueue(work, null, { tenant })
    const child1 = await until('the child is there', async () => {
      const { jobs } = await mill.jobs.list({ tenant, name: child.name })
      return jobs.length > 0 ? jobs : null
    })
    expect(child1).toMatchObject([{ input: 'attempt 2', parentId: job.id, tenant }])
  })

  test('F-06: five attempts by default', async () => {
    const attempts: number[] = []
    const work = defineQueueable({
      name: fresh('work'),
      retry: { initial: '0' },
      execute: () => Promise.reject(new Error('always')),
      finalizer: ({ attempt }) => void attempts.push(attempt),
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    await until('all ran', async () => (await bench.told(mill, job.id)).length === 10)
    expect(attempts).toEqual([1, 2, 3, 4, 5])
    expect((await mill.jobs.get(job.id)).status).toBe('Failed')
  })

  test('F-09: the job has ended before its finalizer runs, and a retry waits for the finalizer', async () => {
    const order: string[] = []
    const [began, go] = [signal(), signal()]
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 2, initial: '0' },
      execute(_: null, ctx) {
        order.push(`job ${String(ctx.attempt)}`)
        if (ctx.attempt === 1) throw new Error('again')
      },
      async finalizer({ attempt, jobId }) {
        order.push(`finalizer ${String(attempt)}`)
        if (attempt === 1) {
          began.happen()
          await go.happened
        } else order.push((await mill.jobs.get(jobId)).status)
        order.push(`end of finalizer ${String(attempt)}`)
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    await began.happened
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Queued', substatus: 'finalizing' })
    expect(order).toEqual(['job 1', 'finalizer 1'])
    go.happen()
    await until('all ran', () => order.length === 7)
    expect(order).toEqual([
      'job 1',
      'finalizer 1',
      'end of finalizer 1',
      'job 2',
      'finalizer 2',
      'Completed',
      'end of finalizer 2',
    ])
  })

  test('F-09: a job that is aborted while its finalizer runs is not retried', async () => {
    const [began, go] = [signal(), signal()]
    const runs: number[] = []
    const work = defineQueueable({
      name: fresh('work'),
      retry: { initial: '1 hour', jitter: 'none', max: '1 hour' },
      execute(_: null, ctx) {
        runs.push(ctx.attempt)
        throw new Error('again')
      },
      async finalizer() {
        began.happen()
        await go.happened
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    await began.happened
    expect(await mill.jobs.abort(job.id)).toBe('requested')
    go.happen()
    await until('it is aborted', async () => (await mill.jobs.get(job.id)).status === 'Aborted')
    expect(runs).toEqual([1])
  })

  test('F-02: no deadline holds a finalizer back', async () => {
    const heard: unknown[] = []
    const work = defineQueueable({
      name: fresh('work'),
      deadline: '150 ms',
      execute: () => new Promise(() => undefined),
      async finalizer({ result, exception, willRetry }, ctx) {
        await note(ctx, 'heard')
        heard.push({ result, exception, willRetry })
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    await until('the finalizer is through', async () => (await bench.told(mill, job.id)).length === 2)
    expect(await bench.told(mill, job.id)).toEqual(['1 expired', 'finalizer of 1, 1 succeeded'])
    expect(heard).toMatchObject([
      { result: 'UNHANDLED_EXCEPTION', exception: { code: 'MILL_DEADLINE_EXCEEDED' }, willRetry: false },
    ])
    expect(await bench.notes(job.id)).toEqual(['heard'])
  })

  test('F-02: the finalizer of an input that no longer fits hears of it', async () => {
    const heard: unknown[] = []
    const name = fresh('work')
    const before = defineQueueable({
      name,
      execute: (_: { old: number }) => undefined,
      finalizer: () => undefined,
    })
    const after = defineQueueable({
      name,
      input: z.object({ fresh: z.string() }),
      retry: { attempts: 1 },
      execute: () => undefined,
      finalizer: ({ result, exception, input }) => void heard.push({ result, exception, input }),
    })
    const old = await bench.mill({ definitions: [before] })
    const { id } = await old.enqueue(before, { old: 1 })
    const mill = await bench.working({ definitions: [after] })
    expect(await bench.ended(mill, id)).toContain('1 failed')
    await until('the finalizer ran', () => heard.length === 1)
    expect(heard).toMatchObject([
      { result: 'UNHANDLED_EXCEPTION', exception: { code: 'MILL_INPUT_INVALID' }, input: { old: 1 } },
    ])
  })
})
