import { describe, expect, test } from 'vitest'
import {
  definePipeline,
  defineQueueable,
  isMillraceError,
  queueableStep,
  step,
  type Mill,
} from '../../../packages/millrace/src/index.ts'
import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { until } from '../support/until.ts'
import { runningPipeline } from './children.ts'
import { runVictim } from './victim.ts'

const all = await places()
const points: readonly FaultPoint[] = ['settle:before-commit', 'settle:after-commit']
const noted = ['doubles 3', 'got 6', 'sums 21', 'end 21']

describe.each(all)('$kind: steps that run other tools', (place) => {
  const bench = new Bench(place)

  const childOf = (mill: Mill, id: string) =>
    until('its child', async () => (await mill.pipelines.status(id)).steps.at(0)?.child)

  test('a queueable and a batch: once each, as children of the pipeline, their results applied', async () => {
    const { pipeline, definitions } = runningPipeline(fresh('pipeline'))
    const mill = await bench.working({ definitions })
    const job = await mill.enqueue(pipeline, null)
    expect(await job.completed()).toEqual({ n: 21 })
    expect(await bench.notes(job.id)).toEqual(noted)
    const { steps } = await mill.pipelines.status(job.id)
    for (const { child } of steps)
      expect(await mill.jobs.get(child!)).toMatchObject({ parentId: job.id, status: 'Completed' })
  })

  test.for(points.flatMap((point) => [1, 2, 3].map((time) => [point, time] as const)))(
    'killed at %s, time %i: each child once, each result once',
    async ([point, time]) => {
      const { pipeline, definitions } = runningPipeline(fresh('pipeline'))
      const { name } = pipeline
      expect(await runVictim({ storage: place.url, name, point, time, what: 'running' })).toBe(true)
      const mill = await bench.working({ definitions, lease: '2 seconds' })
      const [job] = (await mill.jobs.list({ name })).jobs
      await bench.ended(mill, job!.id)
      expect(await bench.notes(job!.id)).toEqual(noted)
      for (const child of [`${name}-one`, `${name}-many`])
        expect((await mill.jobs.list({ name: child })).jobs).toHaveLength(1)
    },
  )

  /** Whose first step runs a queueable that fails until it is told otherwise, or is for tomorrow. */
  const running = async (options: { readonly delay?: '1 day' } = {}) => {
    const told = { fails: true, applyFails: false }
    const child = defineQueueable({
      name: fresh('child'),
      retry: { attempts: 1 },
      execute(_: null) {
        if (told.fails) throw new Error('no luck')
      },
    })
    const pipeline = definePipeline({ name: fresh('pipeline'), retry: { attempts: 1 } }, [
      queueableStep({
        name: 'run',
        run: child,
        input: (input: null) => input,
        options,
        async apply(_, ctx) {
          if (told.applyFails) throw new Error('not applied')
          await note(ctx, 'applied')
        },
      }),
      step({ name: 'end', execute: (_, ctx) => note(ctx, 'end') }),
    ])
    const mill = await bench.working({ definitions: [child, pipeline] })
    const { id } = await mill.enqueue(pipeline, null)
    return { mill, id, told, childId: await childOf(mill, id) }
  }

  test('a child that failed fails the step, with its error; a retry runs another one, of an apply that failed none', async () => {
    const { mill, id, told, childId } = await running()
    await bench.ended(mill, id)
    expect((await mill.jobs.get(id)).error).toMatchObject({
      code: 'MILL_PIPELINE_CHILD_FAILED',
      message: expect.stringContaining('no luck') as string,
    })
    Object.assign(told, { fails: false, applyFails: true })
    const second = await mill.pipelines.retry(id)
    await bench.ended(mill, second.id)
    const child = await childOf(mill, second.id)
    expect(child).not.toBe(childId)
    expect((await mill.jobs.get(second.id)).error).toMatchObject({ message: 'not applied' })
    told.applyFails = false
    const third = await mill.pipelines.retry(second.id)
    await bench.ended(mill, third.id)
    expect(await childOf(mill, third.id)).toBe(child)
    expect(await bench.notes(third.id)).toEqual(['applied', 'end'])
  })

  test('an abort, a skip and a restart abort the child; until then the pipeline waits for it', async () => {
    for (const verb of ['abort', 'skip', 'restart'] as const) {
      const { mill, id, childId } = await running({ delay: '1 day' })
      await until('it waits', async () => (await mill.jobs.get(id)).substatus === 'awaiting')
      expect((await mill.pipelines.status(id)).waitsFor).toEqual({
        ...{ step: 'run', kind: 'job', token: null, job: childId, until: null },
      })
      if (verb === 'abort') expect(await mill.pipelines.abort(id)).toBe('aborted')
      else
        await until('between two looks', () =>
          mill.pipelines[verb](id, { from: 'run' }).catch((error: unknown) => {
            if (!isMillraceError(error, 'MILL_PIPELINE_STEP_RUNNING')) throw error
            return null
          }),
        )
      expect((await mill.jobs.get(childId)).status).toBe('Aborted')
      if (verb === 'restart') {
        const other = await until('another child', async () => {
          const child = await childOf(mill, id)
          return child !== childId && child
        })
        expect((await mill.jobs.get(other)).substatus).toBe('scheduled')
        await mill.pipelines.abort(id)
      }
      await bench.ended(mill, id)
      expect(await bench.notes(id)).toEqual(verb === 'skip' ? ['end'] : [])
    }
  })
})
