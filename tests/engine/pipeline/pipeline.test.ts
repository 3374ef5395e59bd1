import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { definePipeline, step, type PipelineEnd } from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'

const all = await places()

describe.each(all)('$kind: pipeline', (place) => {
  const bench = new Bench(place)

  test('ST-01, ST-04: steps in order, each with its transaction, state handed on, finalize once; the result is the state', async () => {
    const pipeline = definePipeline(
      {
        name: fresh('pipeline'),
        input: z.object({ from: z.number() }),
        state: { sum: 0, seen: [] as string[], at: new Date(0) },
      },
      [
        step({
          name: 'one',
          async execute({ from }, ctx) {
            ctx.state.sum += from
            ctx.state.seen.push(`${ctx.step} ${ctx.restart}`)
            await note(ctx, 'one')
          },
          async finalize(_, ctx) {
            ctx.state.seen.push('finalize')
            await note(ctx, 'finalize one')
          },
        }),
        step({
          name: 'two',
          execute(_, ctx) {
            ctx.state.sum *= 2
            ctx.state.at = new Date(5)
          },
        }),
        step({
          name: 'three',
          execute: async (_, ctx) => note(ctx, `sum ${ctx.state.sum}, at ${ctx.state.at.getTime()}`),
        }),
      ],
    )
    const mill = await bench.working({ definitions: [pipeline] })
    const job = await mill.enqueue(pipeline, { from: 21 })
    const result = await job.completed()
    expect(result).toEqual({ sum: 42, seen: ['one 0', 'finalize'], at: new Date(5) })
    expect(result.sum satisfies number).toBe(42)
    expect(await bench.notes(job.id)).toEqual(['one', 'finalize one', 'sum 42, at 5'])
    expect((await mill.jobs.attempts(job.id)).map(({ seq, outcome }) => `${seq} ${outcome}`)).toEqual([
      ...['0 succeeded', '1 succeeded', '2 succeeded', '3 completed'],
    ])
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Completed', substatus: 'completed' })
  })

  test.for([0, 1, 2, 3])('table 0.2 no. 1: of %i steps each runs, the last one too', async (count) => {
    const steps = Array.from({ length: count }, (_, index) =>
      step({ name: `s${index}`, execute: (_: null, ctx) => note(ctx, ctx.step) }),
    )
    const pipeline = definePipeline({ name: fresh('pipeline') }, steps)
    const mill = await bench.working({ definitions: [pipeline] })
    const job = await mill.enqueue(pipeline, null)
    expect(await job.completed()).toBeUndefined()
    expect(await bench.notes(job.id)).toEqual(steps.map(({ name }) => name))
  })

  test('table 0.2 no. 1: a last step restarts until it no longer asks, and is finalized once (ST-08, ST-09)', async () => {
    const pipeline = definePipeline({ name: fresh('pipeline'), state: { left: 3 } }, [
      step({
        name: 'drain',
        async execute(_: null, ctx) {
          await note(ctx, `run ${ctx.restart}`)
          ctx.state.left -= 1
        },
        shouldRestart: (_, ctx) => (ctx.state.left > 1 ? true : ctx.state.left > 0 && { delay: '10 ms' }),
        finalize: (_, ctx) => note(ctx, `finalize after ${ctx.restart}`),
      }),
    ])
    const mill = await bench.working({ definitions: [pipeline] })
    const job = await mill.enqueue(pipeline, null)
    expect(await job.completed()).toEqual({ left: 0 })
    expect(await bench.notes(job.id)).toEqual(['run 0', 'run 1', 'run 2', 'finalize after 2'])
  })

  test('table 0.2 no. 6, 7: a step is tried again by its policy, then the pipeline is Failed and onFailed is told', async () => {
    const told: PipelineEnd<null>[] = []
    const pipeline = definePipeline(
      {
        name: fresh('pipeline'),
        retry: { attempts: 1 },
        state: { tries: 0 },
        onFailed: async (end, ctx) => {
          told.push(end)
          await note(ctx, `failed ${end.step} with ${ctx.state.tries}`)
        },
      },
      [
        step({ name: 'first', execute: (_: null, ctx) => void (ctx.state.tries = 7) }),
        step({
          name: 'second',
          retry: { attempts: 7, initial: '0' },
          async execute(_: null, ctx) {
            ctx.state.tries += 1
            await note(ctx, 'never')
            throw new Error(`attempt ${ctx.attempt}`)
          },
        }),
        step({ name: 'third', execute: (_: null, ctx) => note(ctx, 'third') }),
      ],
    )
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null)
    expect(await bench.ended(mill, id)).toContain('7 failed')
    expect(await mill.jobs.get(id)).toMatchObject({
      status: 'Failed',
      error: { message: 'attempt 7' },
    })
    await expect.poll(() => bench.notes(id)).toEqual(['failed second with 7'])
    expect(told).toMatchObject([{ jobId: id, step: 'second', exception: { message: 'attempt 7' } }])
  })
})
