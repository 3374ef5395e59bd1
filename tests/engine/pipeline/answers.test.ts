import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  approvalStep,
  definePipeline,
  signalStep,
  step,
  type ApprovalStepOptions,
  type Mill,
} from '../../../packages/millrace/src/index.ts'
import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { rejection, signal, until } from '../support/until.ts'
import { answeredPipeline } from './answered.ts'
import { runVictim } from './victim.ts'

const all = await places()
const points: readonly FaultPoint[] = ['settle:before-commit', 'settle:after-commit']

describe.each(all)('$kind: steps that wait for an answer', (place) => {
  const bench = new Bench(place)

  const waiting = (mill: Mill, id: string) =>
    until('it waits', async () => (await mill.pipelines.status(id)).waitsFor)

  /** One whose approval step is as told, between two that note their names. */
  const approving = async (options: Partial<ApprovalStepOptions<null, unknown, unknown>> = {}) => {
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      approvalStep<null, unknown>({
        name: 'ask',
        apply: ({ approved, form, by }, ctx) =>
          note(ctx, `${approved ? 'yes' : 'no'} ${JSON.stringify(form)} ${by}`),
        ...options,
      }),
      step({ name: 'end', execute: (_, ctx) => note(ctx, 'end') }),
    ])
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null)
    return { mill, id, token: async () => (await waiting(mill, id)).token! }
  }

  test('an approval: the token that notify and status tell, once; what comes with it reaches apply', async () => {
    const pipeline = answeredPipeline(fresh('pipeline'))
    const mill = await bench.working({ definitions: [pipeline] })
    const job = await mill.enqueue(pipeline, null)
    const { token, ...rest } = await waiting(mill, job.id)
    expect(rest).toEqual({ step: 'release', kind: 'approval', job: null, until: null })
    expect(await bench.notes(job.id)).toEqual([`token ${token}`])
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Processing', substatus: 'awaiting' })
    expect(await mill.explain(job.id)).toContain('waits for an answer')
    expect((await mill.pipelines.status(job.id)).paused).toBe(false)
    const both = await Promise.allSettled([
      mill.pipelines.approve(token!, undefined, 'ann'),
      mill.pipelines.approve(token!, undefined, 'ann'),
    ])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'MILL_PIPELINE_TOKEN_USED' },
    })
    expect(await waiting(mill, job.id)).toEqual({
      ...{ step: 'landed', kind: 'signal', token: null, job: null, until: null },
    })
    await mill.pipelines.signal(job.id, 'landed', 4)
    expect(await job.completed()).toEqual({ by: 'ann', n: 4 })
    expect(await bench.notes(job.id)).toEqual([`token ${token}`, 'approved', 'finalized', 'signal 4'])
  })

  test('wrong, used and expired tokens are refused, and change nothing', async () => {
    const { mill, id, token } = await approving({ form: z.object({ sum: z.number() }) })
    const good = await token()
    const before = await mill.pipelines.status(id)
    for (const bad of ['', 'x', id, `${id}.`, `${good}x`, good.slice(0, -1), `f${good.slice(1)}`])
      expect(await rejection(mill.pipelines.approve(bad))).toMatchObject({
        code: 'MILL_PIPELINE_TOKEN_UNKNOWN',
      })
    expect(await rejection(mill.pipelines.approve(good, { sum: 'x' }))).toMatchObject({
      code: 'MILL_INPUT_INVALID',
    })
    expect(await rejection(mill.pipelines.signal(id, 'ask'))).toMatchObject({
      code: 'MILL_PIPELINE_MOVE_INVALID',
    })
    expect(await mill.pipelines.status(id)).toEqual(before)
    await mill.pipelines.approve(good, { sum: 3 }, 'ann')
    await bench.ended(mill, id)
    expect(await bench.notes(id)).toEqual(['yes {"sum":3} ann', 'end'])
    expect(await rejection(mill.pipelines.reject(good))).toMatchObject({ code: 'MILL_PIPELINE_TOKEN_USED' })

    for (const verb of ['skip', 'abort'] as const) {
      const other = await approving()
      const old = await other.token()
      await other.mill.pipelines[verb](other.id)
      await bench.ended(other.mill, other.id)
      expect(await rejection(other.mill.pipelines.approve(old))).toMatchObject({
        code: 'MILL_PIPELINE_TOKEN_EXPIRED',
      })
    }
  })

  test('a rejection fails the step at once, or is told to apply; a retry asks anew, with another token', async () => {
    const { mill, id, token } = await approving()
    const first = await token()
    await mill.pipelines.reject(first, 'too dear', 'bob')
    await bench.ended(mill, id)
    expect((await mill.jobs.get(id)).error).toMatchObject({
      code: 'MILL_PIPELINE_REJECTED',
      message: expect.stringContaining('by bob') as string,
    })
    const next = await mill.pipelines.retry(id)
    const { token: second } = await waiting(mill, next.id)
    expect(second).not.toBe(first)
    await mill.pipelines.approve(second!)
    await bench.ended(mill, next.id)
    expect(await bench.notes(next.id)).toEqual(['yes undefined null', 'end'])
    const other = await approving({ onReject: 'goOn' })
    await other.mill.pipelines.reject(await other.token(), 'too dear', 'bob')
    await bench.ended(other.mill, other.id)
    expect(await bench.notes(other.id)).toEqual(['no "too dear" bob', 'end'])
  })

  test('a timeout fails the step, goes on, or runs a function first', async () => {
    const failing = await approving({ timeout: '10 ms' })
    await bench.ended(failing.mill, failing.id)
    expect(await failing.mill.jobs.get(failing.id)).toMatchObject({
      status: 'Failed',
      error: { code: 'MILL_PIPELINE_TIMED_OUT' },
    })
    const goingOn = await approving({ timeout: '10 ms', onTimeout: 'goOn' })
    await bench.ended(goingOn.mill, goingOn.id)
    expect(await bench.notes(goingOn.id)).toEqual(['end'])
    const told = await approving({ timeout: '10 ms', onTimeout: (_, ctx) => note(ctx, 'late') })
    await bench.ended(told.mill, told.id)
    expect(await bench.notes(told.id)).toEqual(['late', 'end'])
  })

  test('approvals that come as the time is over: each pipeline has the one or the other', async () => {
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      approvalStep<null, unknown>({
        name: 'ask',
        timeout: '300 ms',
        onTimeout: (_, ctx) => note(ctx, 'late'),
        apply: (_, ctx) => note(ctx, 'yes'),
      }),
    ])
    const mill = await bench.working({ definitions: [pipeline] })
    const ids = await mill.enqueueMany(
      pipeline,
      Array.from({ length: 8 }, () => null),
    )
    const race = async (id: string, early: number): Promise<void> => {
      const { token, until: end } = await waiting(mill, id)
      await until('the time', () => Date.now() >= end!.getTime() - early)
      const both = await Promise.allSettled([mill.pipelines.approve(token!), mill.pipelines.approve(token!)])
      const taken = both.filter(({ status }) => status === 'fulfilled').length
      await bench.ended(mill, id)
      expect([taken, await bench.notes(id)]).toEqual(taken === 1 ? [1, ['yes']] : [0, ['late']])
    }
    await Promise.all(ids.map((id, index) => race(id, index * 5 - 10)))
  })

  test('a signal is refused before its step waits, and once it has come', async () => {
    const [running, go] = [signal(), signal()]
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      step({
        name: 'before',
        async execute(_: null) {
          running.happen()
          await go.happened
        },
      }),
      signalStep({ name: 'wait', data: z.number(), apply: (n, ctx) => note(ctx, `got ${n + 1}`) }),
      signalStep({ name: 'more', timeout: '1 hour' }),
    ])
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null)
    const refused = async (data: unknown, name = 'wait'): Promise<unknown> =>
      rejection(mill.pipelines.signal(id, name, data))
    await running.happened
    expect(await refused(1)).toMatchObject({ code: 'MILL_PIPELINE_NOT_WAITING', retryable: true })
    go.happen()
    await waiting(mill, id)
    expect(await refused('x')).toMatchObject({ code: 'MILL_INPUT_INVALID' })
    expect(await refused(1, 'more')).toMatchObject({ code: 'MILL_PIPELINE_NOT_WAITING' })
    expect(await refused(1, 'nope')).toMatchObject({ code: 'MILL_PIPELINE_STEP_UNKNOWN' })
    expect(await refused(1, 'before')).toMatchObject({ code: 'MILL_PIPELINE_MOVE_INVALID' })
    await mill.pipelines.signal(id, 'wait', 1)
    const again = await refused(2)
    expect(again).toMatchObject({ code: 'MILL_PIPELINE_MOVE_INVALID' })
    await until('the next one waits', async () => (await mill.pipelines.status(id)).waitsFor?.step === 'more')
    expect(await bench.notes(id)).toEqual(['got 2'])
  })

  test('a paused one takes its answer, and goes on with it when it is resumed; one that has none waits on', async () => {
    const { mill, id, token } = await approving({ timeout: '1 hour' })
    const good = await token()
    await mill.pipelines.pause(id)
    await mill.pipelines.resume(id)
    expect(await token()).toBe(good)
    await mill.pipelines.retry(id)
    await until('it waits again', async () => (await mill.jobs.get(id)).substatus === 'awaiting')
    await mill.pipelines.pause(id)
    await mill.pipelines.approve(good)
    expect(await mill.pipelines.status(id)).toMatchObject({ paused: true, waitsFor: null })
    await mill.pipelines.resume(id)
    await bench.ended(mill, id)
    expect(await bench.notes(id)).toEqual(['yes undefined null', 'end'])
  })

  test.for(points)('killed at %s of notify, of apply, of finalize: each of them once', async (point) => {
    const pipeline = answeredPipeline(fresh('pipeline'))
    const { name } = pipeline
    const order = { storage: place.url, name, point } as const
    expect(await runVictim({ ...order, time: 2, what: 'answered' })).toBe(true)
    const config = { definitions: [pipeline], lease: '2 seconds' } as const
    const first = await bench.working(config)
    const { id } = (await first.jobs.list({ name })).jobs[0]!
    const { token } = await waiting(first, id)
    await first.stop()
    const idle = await bench.mill(config)
    await idle.pipelines.approve(token!)
    expect(await runVictim({ ...order, time: 1, what: 'enqueued' })).toBe(true)
    expect(await runVictim({ ...order, time: 1, what: 'enqueued' })).toBe(true)
    const last = await bench.working(config)
    await until('the signal', async () => (await last.pipelines.status(id)).waitsFor?.kind === 'signal')
    await last.pipelines.signal(id, 'landed', 1)
    await bench.ended(last, id)
    expect(await bench.notes(id)).toEqual([`token ${token}`, 'approved', 'finalized', 'signal 1'])
  })
})
