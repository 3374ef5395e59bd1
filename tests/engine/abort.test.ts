import { describe, expect, test } from 'vitest'
import {
  defineQueueable,
  type FinalizerOutcome,
  type HandlerContext,
} from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { rejection, signal, until } from './support/until.ts'

const all = await places()

describe.each(all)('$kind: abort', (place) => {
  const bench = new Bench(place)

  /** Runs until its signal fires, then throws what the signal says. */
  function heeding() {
    const started = signal()
    const work = defineQueueable({
      name: fresh('work'),
      async execute(_: null, { signal: stop }: HandlerContext) {
        started.happen()
        await new Promise((_, reject) => stop.addEventListener('abort', () => reject(stop.reason as Error)))
      },
    })
    return { work, started }
  }

  test('Q-13: a queued or delayed job is Aborted at once and never runs', async () => {
    const ran: string[] = []
    const work = defineQueueable({ name: fresh('work'), execute: (text: string) => void ran.push(text) })
    const mill = await bench.mill({ definitions: [work] })
    const queued = await mill.enqueue(work, 'queued')
    const delayed = await mill.enqueue(work, 'delayed', { delay: '100 ms' })
    for (const { id } of [queued, delayed]) {
      expect(await mill.jobs.abort(id)).toBe('aborted')
      expect(await mill.jobs.get(id)).toMatchObject({
        status: 'Aborted',
        substatus: 'aborted',
      })
    }
    await mill.start()
    await (await mill.enqueue(work, 'last', { delay: '300 ms' })).completed()
    expect(ran).toEqual(['last'])
    expect(await rejection(queued.completed())).toMatchObject({
      code: 'MILL_JOB_FAILED',
      data: { status: 'Aborted' },
    })
  })

  test('Q-13: a running job is asked by its signal', async () => {
    const { work, started } = heeding()
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    await started.happened
    expect(await mill.jobs.abort(job.id)).toBe('requested')
    expect(await bench.ended(mill, job.id)).toEqual(['1 aborted'])
    expect(await mill.jobs.abort(job.id)).toBe('ended')
  })

  test('Q-13: also by another process', async () => {
    const { work, started } = heeding()
    const worker = await bench.working({ definitions: [work] })
    const other = await bench.mill({ definitions: [] })
    const job = await worker.enqueue(work, null)
    await started.happened
    expect(await other.jobs.abort(job.id)).toBe('requested')
    expect(await bench.ended(other, job.id)).toEqual(['1 aborted'])
  })

  test('Q-13: it says aborting meanwhile, writes are undone, and it is not retried', async () => {
    const started = signal()
    const go = signal()
    const work = defineQueueable({
      name: fresh('work'),
      async execute(_: null, ctx) {
        await note(ctx, 'undone')
        started.happen()
        await go.happened
        throw new Error('stopped in the middle')
      },
    })
    const mill = await bench.working({ definitions: [work], abortGrace: '10 seconds' })
    const job = await mill.enqueue(work, null)
    await started.happened
    // On SQLite the intent waits for the transaction of the handler, its signal does not.
    const asked = mill.jobs.abort(job.id)
    if (place.kind === 'postgres') {
      expect(await asked).toBe('requested')
      expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Processing', substatus: 'aborting' })
    }
    go.happen()
    expect(await asked).toBe('requested')
    expect(await bench.ended(mill, job.id)).toEqual(['1 aborted'])
    expect(await bench.notes(job.id)).toEqual([])
  })

  test('Q-13: one that never ends is ended without it after abortGrace', async () => {
    const started = signal()
    const deaf = defineQueueable({
      name: fresh('deaf'),
      async execute(_: null) {
        started.happen()
        await new Promise(() => undefined)
      },
    })
    const mill = await bench.working({ definitions: [deaf] })
    const job = await mill.enqueue(deaf, null)
    await started.happened
    await mill.jobs.abort(job.id)
    expect(await bench.ended(mill, job.id)).toEqual(['1 aborted'])
  })

  test('Q-13: one that completes all the same is Completed', async () => {
    const started = signal()
    const go = signal()
    const stubborn = defineQueueable({
      name: fresh('stubborn'),
      async execute(_: null) {
        started.happen()
        await go.happened
        return 'done'
      },
    })
    const mill = await bench.working({ definitions: [stubborn], abortGrace: '10 seconds' })
    const job = await mill.enqueue(stubborn, null)
    await started.happened
    await mill.jobs.abort(job.id)
    go.happen()
    expect(await job.completed()).toBe('done')
    expect(await mill.jobs.abort(job.id)).toBe('ended')
  })

  test('Q-13: one that waits for its retry is Aborted', async () => {
    const work = defineQueueable({
      name: fresh('work'),
      retry: { initial: '1 hour', max: '1 hour', jitter: 'none' },
      execute: () => Promise.reject(new Error('no')),
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    await until('it waits', async () => (await mill.jobs.get(job.id)).substatus === 'retrying')
    expect(await mill.jobs.abort(job.id)).toBe('aborted')
    expect(await bench.ended(mill, job.id)).toEqual(['1 retried', '2 aborted'])
  })

  test('Q-13, F-02: the finalizer of an aborted job hears ABORTED, queued or running', async () => {
    const heard: Pick<FinalizerOutcome<string>, 'result' | 'willRetry' | 'attempt' | 'input'>[] = []
    const started = signal()
    const work = defineQueueable({
      name: fresh('work'),
      async execute(_: string, { signal: stop }: HandlerContext) {
        started.happen()
        await new Promise((_, reject) => stop.addEventListener('abort', () => reject(stop.reason as Error)))
      },
      finalizer: ({ result, willRetry, attempt, input }) =>
        void heard.push({ result, willRetry, attempt, input }),
    })
    const mill = await bench.working({ definitions: [work], concurrency: 1 })
    const running = await mill.enqueue(work, 'running')
    await started.happened
    const queued = await mill.enqueue(work, 'queued')
    expect(await mill.jobs.abort(queued.id)).toBe('aborted')
    expect(await mill.jobs.abort(running.id)).toBe('requested')
    await until('both finalizers ran', () => heard.length === 2)
    expect(heard.sort((a, b) => (a.input < b.input ? -1 : 1))).toEqual([
      { result: 'ABORTED', willRetry: false, attempt: 1, input: 'queued' },
      { result: 'ABORTED', willRetry: false, attempt: 1, input: 'running' },
    ])
    await until('both are told', async () => (await bench.told(mill, queued.id)).length === 2)
    expect(await bench.told(mill, queued.id)).toEqual(['1 aborted', 'finalizer of 1, 1 succeeded'])
  })

  test('Q-13: a handler may retry another job within its transaction, but not abort or pause beside it on SQLite', async () => {
    const failing = defineQueueable({
      name: fresh('failing'),
      retry: { attempts: 1 },
      execute: () => Promise.reject(new Error('no')),
    })
    const errors: unknown[] = []
    const operator = defineQueueable({
      name: fresh('operator'),
      retry: { attempts: 2, initial: '0' },
      async execute(id: string, ctx) {
        await note(ctx, 'open')
        const { id: again } = await mill.jobs.retry(id)
        if (ctx.attempt === 1) throw new Error('undone, with the retry')
        if (place.kind === 'sqlite') {
          errors.push(await rejection(mill.jobs.abort(again)))
          errors.push(await rejection(mill.pause({ kind: 'name', value: failing.name })))
          errors.push(await rejection(mill.resume({ kind: 'name', value: failing.name })))
        }
        return again
      },
    })
    const mill = await bench.working({ definitions: [failing, operator] })
    const tenant = fresh('tenant')
    const first = await mill.enqueue(failing, null, { tenant })
    await bench.ended(mill, first.id)
    const again = await (await mill.enqueue(operator, first.id)).completed()
    await bench.ended(mill, again)
    expect((await mill.jobs.list({ tenant })).jobs.map(({ id, retryOf }) => [id, retryOf])).toEqual([
      [again, first.id],
      [first.id, null],
    ])
    for (const error of errors) expect(error).toMatchObject({ code: 'MILL_OPTIONS_INVALID' })
  })

  test('Q-13: an unknown id has a code', async () => {
    const mill = await bench.mill({ definitions: [] })
    for (const id of ['01890000-0000-7000-8000-000000000000', 'nonsense', '']) {
      const code = 'MILL_JOB_UNKNOWN'
      expect(await rejection(mill.jobs.abort(id))).toMatchObject({ code })
      expect(await rejection(mill.jobs.get(id))).toMatchObject({ code })
      expect(await rejection(mill.jobs.retry(id))).toMatchObject({ code })
    }
  })
})
