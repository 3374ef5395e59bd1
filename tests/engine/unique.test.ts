import { describe, expect, test } from 'vitest'
import { defineQueueable, type Mill } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, places } from './support/bench.ts'
import { rejection, signal, until } from './support/until.ts'

const all = await places()

describe.each(all)('$kind: unique', (place) => {
  const bench = new Bench(place)

  /** A definition whose runs are held until they are let go. */
  function gated() {
    const started = signal()
    const go = signal()
    const runs: string[] = []
    const work = defineQueueable({
      name: fresh('work'),
      async execute(text: string) {
        runs.push(text)
        started.happen()
        await go.happened
      },
    })
    return { work, started, go, runs }
  }

  const statuses = async (mill: Mill, ids: readonly string[]) =>
    Promise.all(ids.map(async (id) => (await mill.jobs.get(id)).substatus))

  test('Q-10: throw names the holder; a text is short for { key }, until done', async () => {
    const { work, started, go, runs } = gated()
    const mill = await bench.mill({ definitions: [work] })
    const first = await mill.enqueue(work, 'first', { unique: 'k' })
    const refused = () => rejection(mill.enqueue(work, 'second', { unique: 'k' }))
    const duplicate = {
      code: 'MILL_DUPLICATE',
      message: expect.stringContaining('Attempt to enqueue job with duplicate queueable signature') as string,
      data: { jobId: first.id },
    }
    expect(await refused()).toMatchObject(duplicate)
    await mill.start()
    await started.happened
    expect(await refused()).toMatchObject(duplicate)
    go.happen()
    await first.completed()
    const third = await mill.enqueue(work, 'third', { unique: 'k' })
    expect(third.duplicate).toBe(false)
    await third.completed()
    expect(runs).toEqual(['first', 'third'])
  })

  test('Q-10: until started, a duplicate of a running job is queued: at least one run after the last enqueue', async () => {
    const { work, started, go, runs } = gated()
    const unique = { key: ['k', 1, true, new Date(0)], until: 'started' } as const
    const mill = await bench.mill({ definitions: [work], concurrency: 1 })
    await mill.enqueue(work, 'first', { unique })
    expect(await rejection(mill.enqueue(work, 'second', { unique }))).toMatchObject({
      code: 'MILL_DUPLICATE',
    })
    await mill.start()
    await started.happened
    const second = await mill.enqueue(work, 'second', { unique })
    expect(second.duplicate).toBe(false)
    expect(await rejection(mill.enqueue(work, 'third', { unique }))).toMatchObject({
      data: { jobId: second.id },
    })
    go.happen()
    await second.completed()
    expect(runs).toEqual(['first', 'second'])
  })

  test('Q-10: until a time has passed, whether the job ended or not', async () => {
    const { work, go } = gated()
    go.happen()
    const mill = await bench.working({ definitions: [work] })
    const unique = { key: 'k', until: '700 ms', on: 'return' } as const
    const first = await mill.enqueue(work, 'first', { unique })
    await first.completed()
    expect(await mill.enqueue(work, 'second', { unique })).toMatchObject({ id: first.id, duplicate: true })
    const next = await until('the time has passed', async () => {
      const job = await mill.enqueue(work, 'third', { unique })
      return job.duplicate ? null : job
    })
    expect(next.id).not.toBe(first.id)
  })

  test.each(['started', 'done'] as const)(
    'Q-10: return, until %s, answers the job that is there',
    async (end) => {
      const { work } = gated()
      const mill = await bench.mill({ definitions: [work] })
      const tenant = fresh('tenant')
      const options = { tenant, unique: { key: 'k', until: end, on: 'return' } } as const
      const first = await mill.enqueue(work, 'first', options)
      expect(await mill.enqueue(work, 'second', options)).toMatchObject({ id: first.id, duplicate: true })
      const { jobs } = await mill.jobs.list({ tenant })
      expect(jobs.map(({ input }) => input)).toEqual(['first'])
    },
  )

  test.each(['started', 'done', '1 hour'] as const)(
    'Q-10: replace, until %s, ends the one that has not started and takes its place',
    async (end) => {
      const { work, runs, go } = gated()
      go.happen()
      const unique = { key: 'k', until: end, on: 'replace' } as const
      const mill = await bench.mill({ definitions: [work] })
      const ready = await mill.enqueue(work, 'one', { unique })
      const delayed = await mill.enqueue(work, 'two', { unique, delay: '1 hour' })
      const last = await mill.enqueue(work, 'three', { unique })
      expect([delayed.duplicate, last.duplicate]).toEqual([false, false])
      expect(await statuses(mill, [ready.id, delayed.id, last.id])).toEqual(['replaced', 'replaced', 'ready'])
      expect((await mill.jobs.get(ready.id)).status).toBe('Aborted')
      await mill.start()
      await last.completed()
      expect(runs).toEqual(['three'])
      expect(await rejection(mill.job(ready.id).completed())).toMatchObject({
        code: 'MILL_JOB_FAILED',
        data: { status: 'Aborted', substatus: 'replaced' },
      })
    },
  )

  test('Q-10: replace leaves a job that has started alone', async () => {
    const { work, started, go, runs } = gated()
    const mill = await bench.working({ definitions: [work], concurrency: 1 })
    const tillDone = { key: 'done', until: 'done', on: 'replace' } as const
    const tillStarted = { key: 'started', until: 'started', on: 'replace' } as const
    const first = await mill.enqueue(work, 'first', { unique: tillDone })
    await started.happened
    expect(await rejection(mill.enqueue(work, 'second', { unique: tillDone }))).toMatchObject({
      code: 'MILL_DUPLICATE',
      data: { jobId: first.id },
    })
    const other = await mill.enqueue(work, 'other', { unique: tillStarted })
    const newer = await mill.enqueue(work, 'newer', { unique: tillStarted })
    go.happen()
    await newer.completed()
    expect(runs).toEqual(['first', 'newer'])
    expect(await statuses(mill, [first.id, other.id])).toEqual(['completed', 'replaced'])
  })

  test('Q-10: a key belongs to one definition and tenant, and parts differ by type', async () => {
    const [one, two] = [gated().work, gated().work]
    const mill = await bench.mill({ definitions: [one, two] })
    await mill.enqueue(one, '', { unique: { key: ['1'] } })
    for (const [work, key, tenant] of [
      [two, ['1'], undefined],
      [one, ['1'], 'other'],
      [one, [1], undefined],
      [one, ['1', ''], undefined],
    ] as const) {
      const options = { unique: { key }, ...(tenant === undefined ? {} : { tenant }) }
      expect((await mill.enqueue(work, '', options)).duplicate).toBe(false)
    }
    expect(await rejection(mill.enqueue(one, '', { unique: '1' }))).toMatchObject({ code: 'MILL_DUPLICATE' })
  })

  test.each(['started', 'done', '1 hour'] as const)(
    'Q-10: of 20 concurrent enqueues, until %s, from two processes’ worth of mills, one is queued',
    async (end) => {
      const { work } = gated()
      const tenant = fresh('tenant')
      const mills = [await bench.mill({ definitions: [work] }), await bench.mill({ definitions: [work] })]
      const options = { tenant, unique: { key: 'k', until: end, on: 'return' } } as const
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => mills[i % 2]!.enqueue(work, String(i), options)),
      )
      expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1)
      expect((await mills[0]!.jobs.list({ tenant })).jobs).toHaveLength(1)
    },
  )

  test('Q-10: until started, a duplicate whose transaction is open does not free the key for others', async () => {
    const { work } = gated()
    const tenant = fresh('tenant')
    const options = { tenant, unique: { key: 'k', until: 'started', on: 'return' } } as const
    const mill = await bench.mill({ definitions: [work] })
    const holder = await mill.enqueue(work, 'holder', options)
    const found = signal()
    const end = signal()
    const open = mill.transaction(async (tx) => {
      expect(await tx.enqueue(work, 'one', options)).toEqual({ id: holder.id, duplicate: true })
      found.happen()
      await end.happened
    })
    await found.happened
    const second = mill.enqueue(work, 'two', options)
    if (place.kind === 'sqlite') end.happen()
    const { id, duplicate } = await second
    end.happen()
    await open
    expect({ id, duplicate }).toEqual({ id: holder.id, duplicate: true })
  })

  test('Q-10: right when the rival rolls back: its key was never taken', async () => {
    const { work } = gated()
    const tenant = fresh('tenant')
    const options = { tenant, unique: { key: 'k', on: 'return' } } as const
    const mill = await bench.mill({ definitions: [work] })
    const written = signal()
    const end = signal()
    const rival = rejection(
      mill.transaction(async (tx) => {
        await tx.enqueue(work, 'rival', options)
        written.happen()
        await end.happened
        throw new Error('no')
      }),
    )
    await written.happened
    const mine = mill.enqueue(work, 'mine', options)
    end.happen()
    await rival
    const job = await mine
    expect(job.duplicate).toBe(false)
    expect((await mill.jobs.list({ tenant })).jobs.map(({ id }) => id)).toEqual([job.id])
  })

  test('Q-10: inside a handler the answer is there at once, and belongs to its transaction', async () => {
    const { work } = gated()
    const tenant = fresh('tenant')
    const answers: unknown[] = []
    const parent = defineQueueable({
      name: fresh('parent'),
      retry: { attempts: 2, initial: '0' },
      async execute(_: null, ctx) {
        const options = { tenant, delay: '1 hour', unique: { key: 'k', on: 'return' } } as const
        const one = await ctx.enqueue(work, 'one', options)
        const two = await ctx.enqueue(work, 'two', options)
        answers.push([one.duplicate, two.duplicate, one.id === two.id])
        if (ctx.attempt === 1) throw new Error('undone')
      },
    })
    const mill = await bench.working({ definitions: [work, parent] })
    await (await mill.enqueue(parent, null)).completed()
    expect(answers).toEqual([
      [false, true, true],
      [false, true, true],
    ])
    expect((await mill.jobs.list({ tenant })).jobs).toHaveLength(1)
  })
})
