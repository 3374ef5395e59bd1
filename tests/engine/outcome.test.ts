import { describe, expect, test } from 'vitest'
import { defineQueueable } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { rejection, signal, until } from './support/until.ts'

const all = await places()
const atOnce = { initial: '0' } as const

describe.each(all)('$kind: how an attempt ends', (place) => {
  const bench = new Bench(place)

  test('completed() resolves with the result, or rejects with how it ended', async () => {
    class OrderClosed extends Error {
      readonly code = 'ORDER_CLOSED'
    }
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      execute(good: boolean) {
        if (good) return { when: new Date(0), ids: new Set([1]) }
        throw new OrderClosed('closed', { cause: new Error('by the customer') })
      },
    })
    const mill = await bench.working({ definitions: [work] })
    expect(await (await mill.enqueue(work, true)).completed()).toStrictEqual({
      when: new Date(0),
      ids: new Set([1]),
    })
    const failed = await mill.enqueue(work, false)
    const error = await rejection(failed.completed())
    expect(error).toMatchObject({
      code: 'MILL_JOB_FAILED',
      data: { jobId: failed.id, status: 'Failed', substatus: 'failed' },
      cause: {
        name: 'Error',
        message: 'closed',
        code: 'ORDER_CLOSED',
        cause: { message: 'by the customer' },
      },
    })
    expect((await mill.jobs.get(failed.id)).error).toMatchObject({
      message: 'closed',
      code: 'ORDER_CLOSED',
      stack: expect.stringContaining('outcome.test.ts') as string,
    })
  })

  test('completed({ timeout }) gives up, the job does not', async () => {
    const go = signal()
    const work = defineQueueable({ name: fresh('work'), execute: (_: null) => go.happened.then(() => 7) })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    expect(await rejection(job.completed({ timeout: '50 ms' }))).toMatchObject({
      code: 'MILL_WAIT_TIMEOUT',
      data: { jobId: job.id },
    })
    go.happen()
    expect(await job.completed({ timeout: '20 seconds' })).toBe(7)
  })

  test('completed() of what is no job has a code, and does not disturb those who wait for one', async () => {
    const go = signal()
    const work = defineQueueable({ name: fresh('work'), execute: (_: null) => go.happened })
    const mill = await bench.working({ definitions: [work] })
    const waiting = (await mill.enqueue(work, null)).completed()
    expect(await rejection(mill.job('nonsense').completed())).toMatchObject({ code: 'MILL_JOB_UNKNOWN' })
    go.happen()
    await waiting
  })

  test('an attempt past its timeout fails and is retried; what it does later changes nothing', async () => {
    const late: Promise<unknown>[] = []
    const go = signal()
    const work = defineQueueable({
      name: fresh('work'),
      timeout: '150 ms',
      retry: { attempts: 2, ...atOnce },
      async execute(_: null, ctx) {
        await note(ctx, `attempt ${String(ctx.attempt)}`)
        if (ctx.attempt === 1) {
          await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
          expect(ctx.signal.reason).toMatchObject({ code: 'MILL_TIMEOUT' })
          late.push(go.happened.then(() => rejection(note(ctx, 'late'))))
          await go.happened
        }
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    expect(await bench.ended(mill, job.id)).toEqual(['1 retried', '2 completed'])
    go.happen()
    expect(await late[0]).toMatchObject({ code: 'MILL_CONTEXT_CLOSED' })
    expect(await bench.notes(job.id)).toEqual(['attempt 2'])
    expect((await mill.jobs.attempts(job.id))[0]?.error).toMatchObject({ code: 'MILL_TIMEOUT' })
  })

  test('a handler that never settles is ended by its timeout, also by that of the enqueue or the config', async () => {
    const name = fresh('never')
    const options = { name, retry: { attempts: 1 }, execute: (_: null) => new Promise(() => undefined) }
    const never = defineQueueable(options)
    const mill = await bench.working({ definitions: [never], timeout: '100 ms' })
    for (const given of [{}, { timeout: '60 ms' }]) {
      const job = await mill.enqueue(never, null, given)
      expect(await bench.ended(mill, job.id)).toEqual(['1 failed'])
      expect((await mill.jobs.get(job.id)).error).toMatchObject({ code: 'MILL_TIMEOUT' })
    }
  })

  test('a deadline bounds all attempts together: no retry begins after it, and a queued job expires', async () => {
    const failing = defineQueueable({
      name: fresh('failing'),
      retry: { attempts: 1000, initial: '40 ms', jitter: 'none', backoff: 'fixed' },
      deadline: '300 ms',
      execute: () => Promise.reject(new Error('never good')),
    })
    const never = defineQueueable({
      name: fresh('never'),
      deadline: '150 ms',
      execute: () => new Promise(() => undefined),
    })
    const mill = await bench.mill({ definitions: [failing, never] })
    const late = await mill.enqueue(failing, null, { deadline: '1 ms' })
    await until(
      'it has passed',
      async () => Date.now() > (await mill.jobs.get(late.id)).createdAt.getTime() + 5,
    )
    await mill.start()
    const [some, one] = [await mill.enqueue(failing, null), await mill.enqueue(never, null)]
    expect((await bench.ended(mill, some.id)).at(-1)).toMatch(/(failed|expired)$/)
    expect(await bench.ended(mill, one.id)).toEqual(['1 expired'])
    expect(await bench.ended(mill, late.id)).toEqual(['1 expired'])
    expect(await mill.jobs.get(one.id)).toMatchObject({
      status: 'Failed',
      substatus: 'expired',
      error: { code: 'MILL_DEADLINE_EXCEEDED' },
    })
  })

  test.each([
    ['a text', 'just text'],
    ['undefined', undefined],
    ['null', null],
    ['a plain object', { code: 'X', message: 'not an Error' }],
    ['an object that throws when looked at', new Proxy({}, { getPrototypeOf: () => { throw new Error('trap') } })], // prettier-ignore
  ])('what is thrown need not be an Error: %s', async (_, thrown) => {
    const rude = defineQueueable({
      name: fresh('rude'),
      retry: { attempts: 1 },
      async execute(_: null) {
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        throw thrown
      },
    })
    const mill = await bench.working({ definitions: [rude] })
    const job = await mill.enqueue(rude, null)
    expect(await bench.ended(mill, job.id)).toEqual(['1 failed'])
    expect((await mill.jobs.get(job.id)).error).toMatchObject({ code: 'MILL_HANDLER_THREW' })
  })

  test('an error with a message that no database can hold is stored all the same', async () => {
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      execute: () => Promise.reject(new Error('nul \0 and \ud800', { cause: 'also \0' })),
    })
    const skipping = defineQueueable({ name: fresh('skip'), execute: (_: null, ctx) => ctx.skip('nul \0') })
    const mill = await bench.working({ definitions: [work, skipping] })
    const job = await mill.enqueue(work, null)
    expect(await bench.ended(mill, job.id)).toEqual(['1 failed'])
    expect((await mill.jobs.get(job.id)).error?.message).toBe('nul � and �')
    const skipped = await mill.enqueue(skipping, null)
    expect(await bench.ended(mill, skipped.id)).toEqual(['1 skipped'])
  })

  test('a result that cannot be stored fails the attempt with a code', async () => {
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      execute: (what: string): unknown => ({ function: () => 1, large: 'x'.repeat(300), nul: '\0' })[what],
    })
    const mill = await bench.working({ definitions: [work], maxResultBytes: 200 })
    for (const [what, code] of [
      ['function', 'MILL_INPUT_UNSERIALIZABLE'],
      ['large', 'MILL_RESULT_TOO_LARGE'],
      ['nul', 'MILL_TEXT_UNSTORABLE'],
    ] as const) {
      const job = await mill.enqueue(work, what)
      expect(await bench.ended(mill, job.id)).toEqual(['1 failed'])
      expect((await mill.jobs.get(job.id)).error).toMatchObject({ code })
    }
  })

  test('retryOn and abortOn by code, name, class and cause', async () => {
    class Busy extends Error {}
    class VeryBusy extends Busy {}
    const errors: Record<string, () => Error> = {
      code: () => Object.assign(new Error('x'), { code: 'ETIMEDOUT' }),
      causeCode: () => new Error('x', { cause: Object.assign(new Error('y'), { code: 'ETIMEDOUT' }) }),
      class: () => new VeryBusy('x'),
      name: () => Object.assign(new Error('x'), { name: 'Throttled' }),
      other: () => new Error('x'),
      both: () => Object.assign(new VeryBusy('x'), { code: 'FATAL' }),
    }
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 2, ...atOnce, retryOn: ['ETIMEDOUT', Busy, 'Throttled'], abortOn: ['FATAL'] },
      execute: (which: string) => Promise.reject(errors[which]!()),
    })
    const mill = await bench.working({ definitions: [work] })
    const told: Record<string, readonly string[]> = {}
    for (const which of Object.keys(errors))
      told[which] = await bench.ended(mill, (await mill.enqueue(work, which)).id)
    const [twice, once] = [['1 retried', '2 failed'], ['1 failed']]
    expect(told).toEqual({
      code: twice,
      causeCode: twice,
      class: twice,
      name: twice,
      other: once,
      both: once,
    })
  })

  test('retryAfter of the error is waited for, also beyond the policy’s own bound', async () => {
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 2, initial: '1 ms', max: '1 ms' },
      async execute(_: null, ctx) {
        if (ctx.attempt === 1) throw Object.assign(new Error('slow down'), { retryAfter: 3600 })
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const before = Date.now()
    const job = await mill.enqueue(work, null)
    const dueAt = await until('it waits', async () => {
      const { substatus, reason } = await mill.jobs.get(job.id)
      return substatus === 'retrying' ? reason.dueAt : null
    })
    expect(dueAt).toBeGreaterThanOrEqual(before + 3_600_000)
    expect(dueAt).toBeLessThan(Date.now() + 3_600_000 + 1_000)
  })

  test('an enqueue’s retry wins over the definition’s', async () => {
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 9, ...atOnce },
      execute: () => Promise.reject(new Error('no')),
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null, { retry: { attempts: 2, ...atOnce } })
    expect(await bench.ended(mill, job.id)).toEqual(['1 retried', '2 failed'])
  })

  test('ctx.skip: Completed, substatus skipped, what was written commits', async () => {
    const child = defineQueueable({ name: fresh('child'), execute: () => undefined })
    const tenant = fresh('tenant')
    const work = defineQueueable({
      name: fresh('work'),
      async execute(_: null, ctx) {
        await note(ctx, 'looked')
        await ctx.enqueue(child, null, { tenant })
        ctx.skip('nothing to do')
      },
    })
    const mill = await bench.working({ definitions: [work, child] })
    const job = await mill.enqueue(work, null)
    await job.completed()
    expect(await mill.jobs.get(job.id)).toMatchObject({
      status: 'Completed',
      substatus: 'skipped',
      error: { message: 'nothing to do' },
    })
    expect(await bench.notes(job.id)).toEqual(['looked'])
    expect((await mill.jobs.list({ tenant })).jobs).toHaveLength(1)
  })

  test('ctx.snooze: writes and children undone, no attempt charged, comes again later', async () => {
    const runs: number[] = []
    const tenant = fresh('tenant')
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      async execute(_: null, ctx) {
        runs.push(ctx.attempt)
        await note(ctx, `run ${String(runs.length)}`)
        await ctx.enqueue(work, null, { tenant, delay: '1 hour' })
        if (runs.length < 3) ctx.snooze('30 ms')
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    expect(await bench.ended(mill, job.id)).toEqual(['1 completed'])
    expect(runs).toEqual([1, 1, 1])
    expect(await bench.notes(job.id)).toEqual(['run 3'])
    expect((await mill.jobs.list({ tenant })).jobs).toHaveLength(1)
  })
})
