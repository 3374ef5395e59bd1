import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  calloutStep,
  definePipeline,
  delayStep,
  step,
  waitUntil,
  type Mill,
  type PipelineDefinition,
} from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { until } from '../support/until.ts'

const all = await places()

/** Answers each call with the next status that was asked for. */
const answers: { status: number; headers?: Record<string, string> }[] = []
const calls: string[] = []
let server: Server
let url: string
beforeAll(async () => {
  server = createServer((request, response) => {
    calls.push(String(request.headers['idempotency-key']))
    const { status, headers = {} } = answers.shift() ?? { status: 200 }
    if (status !== 0) response.writeHead(status, headers).end(JSON.stringify({ rate: 7 }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

describe.each(all)('$kind: what pipelines guard', (place) => {
  const bench = new Bench(place)

  const run = async (pipeline: PipelineDefinition<null>): Promise<[Mill, string, readonly string[]]> => {
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null)
    return [mill, id, await bench.ended(mill, id)]
  }
  const errorOf = async (pipeline: PipelineDefinition<null>): Promise<unknown> => {
    const [mill, id, told] = await run(pipeline)
    expect(told.at(-1)).toBe('1 failed')
    return (await mill.jobs.get(id)).error
  }

  test('ST-09: a restart that has changed nothing fails as no progress, one that wrote or waits does not', async () => {
    const still = definePipeline({ name: fresh('pipeline') }, [
      step({ name: 'still', execute: (_: null) => undefined, shouldRestart: () => true }),
    ])
    expect(await errorOf(still)).toMatchObject({ code: 'MILL_PIPELINE_NO_PROGRESS' })
    const writing = definePipeline({ name: fresh('pipeline') }, [
      step({
        name: 'writing',
        execute: (_: null, ctx) => note(ctx, 'run'),
        shouldRestart: (_, ctx) => ctx.restart < 2,
      }),
      step({
        name: 'polling',
        execute: () => undefined,
        shouldRestart: (_, ctx) => ctx.restart < 2 && { delay: '1 ms' },
      }),
    ])
    const [mill, id] = await run(writing)
    expect(await bench.notes(id)).toEqual(['run', 'run', 'run'])
    expect((await mill.jobs.get(id)).status).toBe('Completed')
  })

  test('more restarts than maxRestarts fail, and undo the last run', async () => {
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      step({
        name: 'on',
        maxRestarts: 2,
        execute: (_: null, ctx) => note(ctx, 'run'),
        shouldRestart: () => true,
      }),
    ])
    const [mill, id] = await run(pipeline)
    expect((await mill.jobs.get(id)).error).toMatchObject({ code: 'MILL_PIPELINE_RESTARTS_EXCEEDED' })
    expect(await bench.notes(id)).toEqual(['run', 'run'])
  })

  test.for([
    ['too large', () => 'x'.repeat(1_048_577), 'MILL_STATE_TOO_LARGE'],
    ['a function', () => () => 1, 'MILL_INPUT_UNSERIALIZABLE'],
  ] as const)('a state that is %s fails the step, and nothing of it is written', async ([, value, code]) => {
    const nothing: { value: unknown } = { value: null }
    const pipeline = definePipeline({ name: fresh('pipeline'), state: nothing }, [
      step({
        name: 'grow',
        async execute(_: null, ctx) {
          await note(ctx, 'never')
          ctx.state.value = value()
        },
      }),
    ])
    const [mill, id] = await run(pipeline)
    expect((await mill.jobs.get(id)).error).toMatchObject({ code })
    expect(await bench.notes(id)).toEqual([])
  })

  test('ST-25: a step whose flag is off, or whose when says no, is a no-op: neither run nor finalized', async () => {
    const named = (name: string, when?: 'on' | 'off') => ({
      name,
      ...(when === undefined ? {} : { when }),
      execute: (_: null, ctx: Parameters<typeof note>[0]) => note(ctx, name),
      finalize: (_: null, ctx: Parameters<typeof note>[0]) => note(ctx, `${name} finalized`),
    })
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      step(named('a', 'off')),
      step(named('b', 'on')),
      step({ name: 'c', when: async () => false, execute: (_: null, ctx) => note(ctx, 'c') }),
      step(named('d')),
    ])
    const mill = await bench.working({ definitions: [pipeline], flags: (flag) => flag === 'on' })
    const { id } = await mill.enqueue(pipeline, null)
    await bench.ended(mill, id)
    expect(await bench.notes(id)).toEqual(['b', 'b finalized', 'd', 'd finalized'])
  })

  test('ctx.skip ends the step and commits; the next one follows', async () => {
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      step({
        name: 'a',
        async execute(_: null, ctx) {
          await note(ctx, 'a')
          ctx.skip('enough')
        },
        finalize: (_, ctx) => note(ctx, 'finalized'),
      }),
      step({ name: 'b', execute: (_, ctx) => note(ctx, 'b') }),
    ])
    const [mill, id] = await run(pipeline)
    expect(await bench.notes(id)).toEqual(['a', 'b'])
    expect((await mill.jobs.get(id)).substatus).toBe('completed')
  })

  test('table 0.2 no. 12, 13: each execution has the scenario, and what it logged comes out although it returned early or threw', async () => {
    const pipeline = definePipeline(
      { name: fresh('pipeline'), scenario: 'Month end', retry: { attempts: 1 } },
      [
        step({
          name: 'early',
          execute(_: null, ctx) {
            ctx.log.info('early')
            ctx.skip('flag off')
          },
        }),
        step({
          name: 'throws',
          execute(_, ctx) {
            ctx.log.info(`in ${ctx.scenario}`)
            throw new Error('oops')
          },
        }),
      ],
    )
    const [mill] = await run(pipeline)
    const logs = bench.heard(mill).logs.filter(({ level }) => level === 'INFO')
    expect(logs.map(({ message }) => message)).toEqual(['early', 'in Month end'])
    expect(logs.map(({ scenario }) => scenario)).toEqual(['Month end', 'Month end'])
  })

  test('a step that finds an input which the new schema refuses says so, and is not tried again', async () => {
    const name = fresh('pipeline')
    const of = (input: z.ZodType<{ n: number }>) =>
      definePipeline({ name, input }, [step({ name: 'a', execute: () => undefined })])
    const old = of(z.object({ n: z.number() }))
    const { id } = await (await bench.mill({ definitions: [old] })).enqueue(old, { n: 1 })
    const mill = await bench.working({ definitions: [of(z.object({ n: z.number().min(2) }))] })
    expect(await bench.ended(mill, id)).toEqual(['1 failed'])
    expect((await mill.jobs.get(id)).error).toMatchObject({ code: 'MILL_INPUT_INVALID' })
  })

  describe('callout', () => {
    const rates = (retry = { attempts: 4, initial: '1 ms' }) =>
      definePipeline({ name: fresh('pipeline'), state: { rate: 0 } }, [
        step({ name: 'first', execute: (_: null, ctx) => note(ctx, 'first') }),
        calloutStep({
          name: 'rates',
          retry,
          timeout: '300 ms',
          callout: (_, ctx) =>
            ctx.fetch(url, { headers: { 'idempotency-key': ctx.idempotencyKey('rates') } }),
          async apply(response, ctx) {
            ctx.state.rate = ((await response.json()) as { rate: number }).rate
            await note(ctx, 'applied')
          },
        }),
      ])

    test('ST-22: tried again on 5xx, 429 and a timeout, with one idempotency key; then applied once', async () => {
      calls.length = 0
      answers.push({ status: 503 }, { status: 429, headers: { 'retry-after': '1' } }, { status: 0 })
      const [mill, id, told] = await run(rates())
      expect(told).toEqual(['1 succeeded', '1 retried', '2 retried', '3 retried', '4 completed'])
      const attempts = await mill.jobs.attempts(id)
      expect(attempts.map(({ error }) => error?.code)).toEqual([
        ...[undefined, 'MILL_CALLOUT_FAILED', 'MILL_CALLOUT_FAILED', 'MILL_TIMEOUT', undefined],
      ])
      expect(attempts[2]?.error?.retryAfterMs).toBe(1_000)
      expect(await bench.notes(id)).toEqual(['first', 'applied'])
      expect((await mill.jobs.get(id)).result).toEqual({ rate: 7 })
      expect(calls).toHaveLength(4)
      expect(new Set(calls).size).toBe(1)
    })

    test('an answer that refuses the call is not tried again', async () => {
      answers.push({ status: 404 })
      const [mill, id, told] = await run(rates())
      expect(told).toEqual(['1 succeeded', '1 failed'])
      expect((await mill.jobs.get(id)).error).toMatchObject({ code: 'MILL_CALLOUT_REFUSED' })
    })

    test('what a callout writes is refused, before another call and after it', async () => {
      const before = definePipeline({ name: fresh('pipeline') }, [
        calloutStep({
          name: 'writes',
          async callout(_: null, ctx) {
            await note(ctx, 'never')
            await ctx.fetch(url)
          },
        }),
      ])
      const after = definePipeline({ name: fresh('pipeline') }, [
        calloutStep({
          name: 'writes',
          async callout(_: null, ctx) {
            await fetch(url)
            await note(ctx, 'never')
          },
        }),
      ])
      for (const pipeline of [before, after])
        expect(await errorOf(pipeline)).toMatchObject({ code: 'MILL_CALLOUT_AFTER_WRITE' })
      expect(await place.query(`select * from effects where note = 'never'`)).toEqual([])
    })
  })

  test('ST-26: a delay and an instant are waited for without a worker; the past waits for nothing', async () => {
    const pipeline = definePipeline({ name: fresh('pipeline'), state: { minutes: 30 } }, [
      delayStep({ name: 'moment', delay: '20 ms', finalize: (_: null, ctx) => note(ctx, 'moment') }),
      waitUntil({ name: 'past', until: new Date(0) }),
      delayStep({ name: 'long', delay: (_, ctx) => `${ctx.state.minutes} minutes` }),
      step({ name: 'never', execute: (_, ctx) => note(ctx, 'never') }),
    ])
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null)
    const job = await until('it waits for long', async () => {
      const view = await mill.jobs.get(id)
      return (view.reason.dueAt ?? 0) > Date.now() + 60_000 && view
    })
    expect(job).toMatchObject({ status: 'Processing', substatus: 'scheduled' })
    expect((job.reason.dueAt ?? 0) - Date.now()).toBeLessThan(1_800_001)
    expect(await mill.jobs.abort(id)).toBe('aborted')
    expect((await mill.jobs.get(id)).status).toBe('Aborted')
    expect(await bench.notes(id)).toEqual(['moment'])
  })

  test('a timeout of a step is its own, shorter or longer than that of the pipeline', async () => {
    const pipeline = definePipeline({ name: fresh('pipeline'), timeout: '100 ms', retry: { attempts: 1 } }, [
      step({
        name: 'long',
        timeout: '1 minute',
        async execute(_: null) {
          const begun = performance.now()
          await until('it has run longer than the pipeline allows', () => performance.now() > begun + 150)
        },
      }),
      step({
        name: 'short',
        timeout: '30 ms',
        execute: (_, ctx) =>
          new Promise((_resolve, reject) =>
            ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error)),
          ),
      }),
    ])
    const [mill, id, told] = await run(pipeline)
    expect(told).toEqual(['1 succeeded', '1 failed'])
    expect((await mill.jobs.get(id)).error).toMatchObject({ code: 'MILL_TIMEOUT' })
  })
})
