import { describe, expect, test } from 'vitest'
import {
  cursorStep,
  definePipeline,
  defineQueueable,
  delayStep,
  step,
  type HandlerContext,
  type Mill,
} from '../../../packages/millrace/src/index.ts'
import { createItems, fill, Item } from '../batch/items.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { rejection, signal, until } from '../support/until.ts'

const all = await places()

describe.each(all)('$kind: operating pipelines', (place) => {
  const bench = new Bench(place)

  /** Three steps that note their names and what they find in the state; the second one as it is told. */
  const three = (second: (ctx: HandlerContext) => unknown = () => undefined) =>
    definePipeline({ name: fresh('pipeline'), state: { n: 0 }, retry: { attempts: 1 } }, [
      step({
        name: 'a',
        async execute(_: null, ctx) {
          ctx.state.n += 1
          await note(ctx, `a ${ctx.state.n}`)
        },
      }),
      step({
        name: 'b',
        async execute(_, ctx) {
          // Before it writes: on SQLite an operator waits for the transaction of a step.
          await second(ctx)
          ctx.state.n += 10
          await note(ctx, `b ${ctx.state.n}`)
        },
      }),
      step({ name: 'c', execute: (_, ctx) => note(ctx, `c ${ctx.state.n}`) }),
    ])
  const stands = async (mill: Mill, id: string): Promise<string[]> =>
    (await mill.pipelines.status(id)).steps.map(({ name, status }) => `${name} ${status}`)

  /** One whose second step is at it until it is let go. */
  const blocked = async () => {
    const [running, go] = [signal(), signal()]
    const pipeline = three(async () => {
      running.happen()
      await go.happened
    })
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null)
    await running.happened
    return { mill, id, go }
  }

  test('a pause while a step runs lets it complete, and nothing follows until the resume', async () => {
    const { mill, id, go } = await blocked()
    expect(await stands(mill, id)).toEqual(['a done', 'b running', 'c pending'])
    expect(await mill.pipelines.pause(id, 'op')).toBe('requested')
    go.happen()
    await until('it is held', async () => (await mill.jobs.get(id)).substatus === 'paused')
    expect(await bench.notes(id)).toEqual(['a 1', 'b 11'])
    expect(await mill.pipelines.status(id)).toMatchObject({ paused: true, step: 'c', state: { n: 11 } })
    expect(await mill.explain(id)).toContain('paused by itself')
    expect(await mill.pipelines.pause(id)).toBe('paused')
    expect(await rejection(mill.pipelines.retry(id))).toMatchObject({ code: 'MILL_PIPELINE_MOVE_INVALID' })
    expect(await mill.pipelines.resume(id)).toBe(true)
    await bench.ended(mill, id)
    expect(await bench.notes(id)).toEqual(['a 1', 'b 11', 'c 11'])
    expect(await stands(mill, id)).toEqual(['a done', 'b done', 'c done'])
    expect(await rejection(mill.pipelines.pause(id))).toMatchObject({ code: 'MILL_PIPELINE_MOVE_INVALID' })
  })

  test('retry, skip and restart are refused while a step runs, and change nothing', async () => {
    const { mill, id, go } = await blocked()
    const before = await mill.pipelines.status(id)
    for (const verb of [
      () => mill.pipelines.retry(id),
      () => mill.pipelines.skip(id),
      () => mill.pipelines.restart(id, { from: 'a' }),
    ])
      expect(await rejection(verb())).toMatchObject({
        code: 'MILL_PIPELINE_STEP_RUNNING',
        data: { step: 'b' },
      })
    expect(await mill.pipelines.status(id)).toEqual(before)
    go.happen()
    await bench.ended(mill, id)
    expect(await bench.notes(id)).toEqual(['a 1', 'b 11', 'c 11'])
  })

  test('an abort while a step runs lets it complete, and nothing follows; then it can be continued', async () => {
    const { mill, id, go } = await blocked()
    expect(await mill.pipelines.abort(id)).toBe('requested')
    go.happen()
    await bench.ended(mill, id)
    expect(await bench.notes(id)).toEqual(['a 1', 'b 11'])
    expect((await mill.jobs.get(id)).status).toBe('Aborted')
    expect(await stands(mill, id)).toEqual(['a done', 'b done', 'c aborted'])
    const next = await mill.pipelines.retry(id)
    await bench.ended(mill, next.id)
    expect(await bench.notes(next.id)).toEqual(['c 11'])
  })

  test('one that is paused before it has begun begins when it is resumed, not before its time', async () => {
    const pipeline = three()
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null, { delay: '1 hour' })
    const due = (await mill.jobs.get(id)).reason.dueAt ?? 0
    expect(await mill.pipelines.pause(id)).toBe('paused')
    expect(await mill.pipelines.status(id)).toMatchObject({ paused: true, step: 'a', state: { n: 0 } })
    expect(await mill.pipelines.resume(id)).toBe(true)
    expect(await mill.pipelines.resume(id)).toBe(false)
    expect(Math.abs(((await mill.jobs.get(id)).reason.dueAt ?? 0) - due)).toBeLessThan(1_000)
    await mill.pipelines.skip(id)
    await bench.ended(mill, id)
    expect(await bench.notes(id)).toEqual(['b 10', 'c 10'])
    expect(await stands(mill, id)).toEqual(['a skipped', 'b done', 'c done'])
  })

  test('table 0.2 no. 7: a Failed pipeline goes on where it failed, as another job, once; its own end stays', async () => {
    let mended = false
    const pipeline = three(() => {
      if (!mended) throw new Error('oops')
    })
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null, { tags: ['x'] })
    await bench.ended(mill, id)
    expect(await stands(mill, id)).toEqual(['a done', 'b failed', 'c pending'])
    expect((await mill.pipelines.status(id)).steps[1]).toMatchObject({
      attempts: 1,
      failures: 1,
      error: { message: 'oops' },
    })
    mended = true
    const both = await Promise.allSettled([mill.pipelines.retry(id), mill.pipelines.retry(id)])
    const made = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.id] : []))
    expect(made).toHaveLength(1)
    const next = made[0]!
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'MILL_PIPELINE_CONTINUED', data: { jobId: next } },
    })
    await bench.ended(mill, next)
    expect(await bench.notes(id)).toEqual(['a 1'])
    expect(await bench.notes(next)).toEqual(['b 11', 'c 11'])
    expect(await mill.pipelines.status(id)).toMatchObject({ continuedBy: next, job: { status: 'Failed' } })
    expect(await mill.pipelines.status(next)).toMatchObject({
      continues: id,
      state: { n: 11 },
      job: { status: 'Completed', retryOf: id, tags: ['x'] },
    })
    expect(await stands(mill, next)).toEqual(['a done', 'b done', 'c done'])
  })

  test('one that failed in its first execution can be continued, skipped and restarted too', async () => {
    let fails = true
    const pipeline = definePipeline({ name: fresh('pipeline'), state: { n: 5 }, retry: { attempts: 1 } }, [
      step({
        name: 'a',
        async execute(_: null, ctx) {
          await note(ctx, `a ${ctx.state.n}`)
          if (fails) throw new Error('oops')
        },
      }),
      step({ name: 'b', execute: (_, ctx) => note(ctx, `b ${ctx.state.n}`) }),
    ])
    const mill = await bench.working({ definitions: [pipeline] })
    const failed = async (): Promise<string> => {
      const { id } = await mill.enqueue(pipeline, null)
      await bench.ended(mill, id)
      return id
    }
    const ids = [await failed(), await failed(), await failed()]
    expect(await stands(mill, ids[0]!)).toEqual(['a failed', 'b pending'])
    fails = false
    const next = [
      await mill.pipelines.retry(ids[0]!),
      await mill.pipelines.skip(ids[1]!),
      await mill.pipelines.restart(ids[2]!, { from: 'b', state: { n: 6 } }),
    ]
    const notes: string[][] = []
    for (const { id } of next) {
      await bench.ended(mill, id)
      notes.push(await bench.notes(id))
    }
    expect(notes).toEqual([['a 5', 'b 5'], ['b 5'], ['b 6']])
  })

  test('restart from a step, with the same or another state: paused in place, completed as another job', async () => {
    const { mill, id, go } = await blocked()
    await mill.pipelines.pause(id)
    go.happen()
    await until('it is held', async () => (await mill.jobs.get(id)).substatus === 'paused')
    expect(await rejection(mill.pipelines.restart(id, { from: 'z' }))).toMatchObject({
      code: 'MILL_PIPELINE_STEP_UNKNOWN',
      data: { steps: ['a', 'b', 'c'] },
    })
    const large = { n: 'x'.repeat(1_048_577) }
    expect(await rejection(mill.pipelines.restart(id, { from: 'a', state: large }))).toMatchObject({
      code: 'MILL_STATE_TOO_LARGE',
    })
    expect(await mill.pipelines.restart(id, { from: 'b' })).toEqual({ id })
    expect(await mill.pipelines.status(id)).toMatchObject({ paused: true, step: 'b' })
    await mill.pipelines.resume(id)
    await bench.ended(mill, id)
    expect(await bench.notes(id)).toEqual(['a 1', 'b 11', 'b 21', 'c 21'])
    expect(await rejection(mill.pipelines.skip(id))).toMatchObject({ code: 'MILL_PIPELINE_MOVE_INVALID' })
    const again = await mill.pipelines.restart(id, { from: 'c', state: { n: 100 } })
    expect(again.id).not.toBe(id)
    await bench.ended(mill, again.id)
    expect(await bench.notes(again.id)).toEqual(['c 100'])
  })

  test('a delay is skipped, and a retry that waits for its backoff runs at once', async () => {
    let tries = 0
    const pipeline = definePipeline({ name: fresh('pipeline') }, [
      delayStep({ name: 'long', delay: '1 hour' }),
      step({
        name: 'again',
        retry: { initial: '1 hour', max: '1 hour', jitter: 'none' },
        execute(_: null) {
          tries += 1
          if (tries === 1) throw new Error('first')
        },
      }),
    ])
    const mill = await bench.working({ definitions: [pipeline] })
    const { id } = await mill.enqueue(pipeline, null)
    const waits = (substatus: string) =>
      until(substatus, async () => (await mill.jobs.get(id)).substatus === substatus)
    await waits('scheduled')
    await mill.pipelines.skip(id)
    await waits('retrying')
    expect(await mill.pipelines.retry(id)).toEqual({ id })
    await bench.ended(mill, id)
    expect(await stands(mill, id)).toEqual(['long skipped', 'again done'])
    expect((await mill.pipelines.status(id)).steps[1]).toMatchObject({ attempts: 2, failures: 1 })
  })

  test('a job that is no pipeline, and none at all, are refused', async () => {
    const queueable = defineQueueable({ name: fresh('queueable'), execute: (_: null) => undefined })
    const mill = await bench.working({ definitions: [queueable] })
    const { id } = await mill.enqueue(queueable, null, { delay: '1 hour' })
    for (const [job, code] of [
      [id, 'MILL_PIPELINE_MOVE_INVALID'],
      ['nonsense', 'MILL_JOB_UNKNOWN'],
      ['01890000-0000-7000-8000-000000000000', 'MILL_JOB_UNKNOWN'],
    ] as const)
      for (const verb of ['pause', 'status', 'skip'] as const)
        expect(await rejection(mill.pipelines[verb](job))).toMatchObject({ code })
  })

  test('a running pipeline keeps the steps it began with; one that is gone fails it, and it stays operable', async () => {
    const name = fresh('pipeline')
    const noting = (one: string) => step({ name: one, execute: (_: null, ctx) => note(ctx, one) })
    const wait = delayStep<null, unknown>({ name: 'wait', delay: '1 hour' })
    const old = definePipeline({ name }, [noting('a'), wait, noting('b'), noting('c')])
    const first = await bench.working({ definitions: [old] })
    const { id } = await first.enqueue(old, null)
    await until('it waits', async () => (await first.jobs.get(id)).substatus === 'scheduled')
    await first.stop()
    // Another order, a new one at the front, and b is gone.
    const changed = definePipeline({ name }, [noting('new'), noting('c'), wait, noting('a')])
    const mill = await bench.working({ definitions: [changed] })
    await mill.pipelines.skip(id)
    expect(await bench.ended(mill, id)).toEqual(['1 succeeded', '1 succeeded', '1 failed'])
    expect((await mill.jobs.get(id)).error).toMatchObject({
      code: 'MILL_PIPELINE_STEP_GONE',
      message: expect.stringContaining('a step b, which') as string,
    })
    expect(await stands(mill, id)).toEqual(['a done', 'wait skipped', 'b failed', 'c pending'])
    const next = await mill.pipelines.skip(id)
    await bench.ended(mill, next.id)
    expect(await bench.notes(next.id)).toEqual(['c'])
  })

  test('one that is in the middle of a cursor whose step is of another kind now says so', async () => {
    await createItems(place)
    await fill(place, 30)
    const name = fresh('pipeline')
    const running = signal()
    const go = signal()
    const old = definePipeline({ name }, [
      cursorStep({
        name: 'all',
        size: 10,
        open: (_: null, ctx) => ctx.soql<Item>`SELECT Id FROM Item`,
        async onPage(_items, ctx) {
          await note(ctx, `page ${ctx.page}`)
          running.happen()
          await go.happened
        },
      }),
    ])
    const first = await bench.working({ definitions: [old, Item] })
    const { id } = await first.enqueue(old, null)
    await running.happened
    // On SQLite it waits until the page has committed.
    const paused = first.pipelines.pause(id)
    if (place.kind === 'postgres') await paused
    go.happen()
    await paused
    await until('it is held', async () => (await first.jobs.get(id)).substatus === 'paused')
    const { pages = 0, ...cursor } = (await first.pipelines.status(id)).steps[0] ?? {}
    expect(cursor).toMatchObject({ status: 'waiting', records: pages * 10, total: 30 })
    expect([1, 2]).toContain(pages)
    await first.stop()
    const changed = definePipeline({ name }, [
      step({ name: 'all', execute: (_: null, ctx) => note(ctx, 'plain') }),
    ])
    const mill = await bench.working({ definitions: [changed, Item] })
    await mill.pipelines.resume(id)
    await bench.ended(mill, id)
    expect((await mill.jobs.get(id)).error).toMatchObject({ code: 'MILL_PIPELINE_STEP_CHANGED' })
    const next = await mill.pipelines.restart(id, { from: 'all' })
    await bench.ended(mill, next.id)
    expect(await bench.notes(next.id)).toEqual(['plain'])
  })
})
