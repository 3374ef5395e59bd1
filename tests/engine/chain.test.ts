import { describe, expect, test } from 'vitest'
import { defineQueueable, type HandlerContext } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { rejection, until } from './support/until.ts'

const all = await places()

describe.each(all)('$kind: chains', (place) => {
  const bench = new Bench(place)

  /** Enqueues itself until the engine refuses it. */
  const recursive = (refusals: unknown[]) => {
    const name = fresh('recursive')
    const self = defineQueueable({
      name,
      async execute(n: number, ctx: HandlerContext) {
        await note(ctx, `depth ${String(ctx.asyncInfo.getCurrentQueueableStackDepth())}`)
        try {
          await ctx.enqueue(self, n + 1)
        } catch (error) {
          refusals.push(error)
        }
      },
    })
    return self
  }

  test('Q-05, Q-08: maxDepth is inherited down the chain and stops it with a code', async () => {
    const refusals: unknown[] = []
    const self = recursive(refusals)
    const tenant = fresh('tenant')
    const mill = await bench.working({ definitions: [self] })
    await mill.enqueue(self, 1, { maxDepth: 3, tenant })
    await until('the chain has ended', () => refusals.length > 0)
    const { jobs } = await mill.jobs.list({ tenant })
    await Promise.all(jobs.map(({ id }) => bench.ended(mill, id)))
    expect(jobs.map(({ input }) => input)).toEqual([3, 2, 1])
    expect(jobs.map(({ parentId }) => parentId)).toEqual([jobs[1]!.id, jobs[2]!.id, null])
    expect(refusals).toMatchObject([
      {
        code: 'MILL_DEPTH_EXCEEDED',
        message: expect.stringContaining('Maximum stack depth has been reached') as string,
        data: { depth: 4, maxDepth: 3 },
      },
    ])
    expect(await bench.notes(jobs[0]!.id)).toEqual(['depth 3'])
  })

  test('Q-05: a child may tighten the bound it inherits, never loosen it', async () => {
    const bounds: unknown[] = []
    const leaf = defineQueueable({
      name: fresh('leaf'),
      execute: (which: string, ctx) => {
        bounds.push([which, ctx.asyncInfo.getMaximumQueueableStackDepth()])
      },
    })
    const root = defineQueueable({
      name: fresh('root'),
      async execute(_: null, ctx) {
        await ctx.enqueue(leaf, 'same')
        await ctx.enqueue(leaf, 'tighter', { maxDepth: 2 })
        await ctx.enqueue(leaf, 'looser', { maxDepth: 100 })
      },
    })
    const mill = await bench.working({ definitions: [leaf, root], concurrency: 1 })
    await mill.enqueue(root, null, { maxDepth: 9 })
    await until('all three ran', () => bounds.length === 3)
    expect(bounds).toEqual([
      ['same', 9],
      ['tighter', 3],
      ['looser', 9],
    ])
  })

  test('Q-05, Q-06: one execution may enqueue many; tenant, scenario and runAs are inherited', async () => {
    const tenant = fresh('tenant')
    const seen: unknown[] = []
    const child = defineQueueable({
      name: fresh('child'),
      async execute(n: number, ctx) {
        seen.push([ctx.tenant, ctx.scenario, ctx.runAs, ctx.asyncInfo.getCurrentQueueableStackDepth()])
        await note(ctx, String(n))
      },
    })
    const parent = defineQueueable({
      name: fresh('parent'),
      async execute(_: null, ctx) {
        const made = []
        for (let n = 0; n < 120; n += 1) made.push(await ctx.enqueue(child, n))
        return made.map(({ id }) => id)
      },
    })
    const mill = await bench.working({ definitions: [child, parent], concurrency: 10 })
    const job = await mill.enqueue(parent, null, { tenant, scenario: 'S', runAs: 'ada' })
    const ids = await job.completed()
    await Promise.all(ids.map((id) => mill.job(id).completed()))
    expect(seen).toEqual(ids.map(() => [tenant, 'S', 'ada', 2]))
    expect((await Promise.all(ids.map((id) => bench.notes(id)))).flat().sort()).toEqual(
      ids.map((_, n) => String(n)).sort(),
    )
  })

  test('Q-02, Q-05: children leave only if the attempt commits', async () => {
    const tenant = fresh('tenant')
    const child = defineQueueable({ name: fresh('child'), execute: (_: number) => undefined })
    const parent = defineQueueable({
      name: fresh('parent'),
      retry: { attempts: 2, initial: '0' },
      async execute(_: null, ctx) {
        for (let n = 0; n < 5; n += 1) await ctx.enqueue(child, ctx.attempt * 10 + n)
        await note(ctx, `attempt ${String(ctx.attempt)}`)
        if (ctx.attempt === 1) throw new Error('not yet')
      },
    })
    const mill = await bench.working({ definitions: [child, parent] })
    const job = await mill.enqueue(parent, null, { tenant })
    expect(await bench.ended(mill, job.id)).toEqual(['1 retried', '2 completed'])
    const { jobs } = await mill.jobs.list({ tenant, name: child.name })
    expect(jobs.map(({ input }) => input).sort()).toEqual([20, 21, 22, 23, 24])
    expect(await bench.notes(job.id)).toEqual(['attempt 2'])
  })

  test('Q-05: mill.enqueue and mill.transaction inside a handler join its transaction; detached does not', async () => {
    const tenant = fresh('tenant')
    const child = defineQueueable({ name: fresh('child'), execute: (_: string) => undefined })
    const parent = defineQueueable({
      name: fresh('parent'),
      retry: { attempts: 1 },
      async execute(_: null, ctx) {
        await mill.enqueue(child, 'detached', { tenant, detached: true })
        await mill.enqueue(child, 'joined', { tenant })
        await mill.enqueueMany(child, ['joined', 'joined'], { tenant })
        await mill.transaction(async (tx) => {
          await tx.sql`insert into effects (job, note) values (${ctx.jobId}, 'x')`
          await tx.enqueue(child, 'joined', { tenant })
        })
        throw new Error('rolled back')
      },
    })
    const mill = await bench.working({ definitions: [child, parent] })
    const job = await mill.enqueue(parent, null)
    expect(await bench.ended(mill, job.id)).toEqual(['1 failed'])
    const { jobs } = await mill.jobs.list({ tenant })
    expect(jobs.map(({ input }) => input)).toEqual(['detached'])
    expect(await bench.notes(job.id)).toEqual([])
  })

  test('Q-05: a child of a new lane and a statement at the same time do not wait for each other', async () => {
    const child = defineQueueable({ name: fresh('child'), concurrency: 2, execute: () => 'done' })
    const parent = defineQueueable({
      name: fresh('parent'),
      retry: { attempts: 1 },
      async execute(tenant: string, ctx) {
        const [made] = await Promise.all([ctx.enqueue(child, null, { tenant }), note(ctx, 'beside')])
        return made.id
      },
    })
    const mill = await bench.working({ definitions: [child, parent], writeTimeout: '2 seconds' })
    const job = await mill.enqueue(parent, fresh('tenant'))
    const id = await job.completed({ timeout: '10 seconds' })
    expect(await mill.job(id).completed({ timeout: '10 seconds' })).toBe('done')
  })

  test('Q-09: asyncInfo tells the depth, its bound and the delay asked for', async () => {
    const seen: unknown[] = []
    const look = defineQueueable({
      name: fresh('look'),
      execute(_: null, { asyncInfo }) {
        seen.push([
          asyncInfo.hasMaxStackDepth(),
          asyncInfo.getCurrentQueueableStackDepth(),
          asyncInfo.getMaximumQueueableStackDepth(),
          asyncInfo.getMinimumQueueableDelayInMinutes(),
        ])
      },
    })
    const mill = await bench.working({ definitions: [look] })
    await (await mill.enqueue(look, null)).completed()
    await (await mill.enqueue(look, null, { delay: '30 ms', maxDepth: 4 })).completed()
    expect(seen).toEqual([
      [false, 1, undefined, null],
      [true, 1, 4, 30 / 60_000],
    ])
  })

  test('Q-14: a promise left behind cannot write, enqueue or log after the attempt has ended', async () => {
    const late: Promise<unknown>[] = []
    const tenant = fresh('tenant')
    const child = defineQueueable({ name: fresh('child'), execute: (_: null) => undefined })
    const forgetful = defineQueueable({
      name: fresh('forgetful'),
      async execute(_: null, ctx) {
        await note(ctx, 'in time')
        const over = until('the job has ended', async () => {
          const { status } = await mill.jobs.get(ctx.jobId)
          return status === 'Completed'
        })
        const refused = (use: () => unknown) => rejection(over.then(use))
        late.push(
          refused(() => note(ctx, 'too late')),
          refused(() => ctx.enqueue(child, null, { tenant })),
          refused(() => mill.enqueue(child, null, { tenant })),
          refused(() => mill.transaction((tx) => tx.sql`select 1`)),
          refused(() => ctx.callout(async () => 'out')),
          refused(() => ctx.log.info('too late')),
        )
        if (place.kind === 'postgres') {
          const client = (await ctx.pgClient()) as { query(text: string): Promise<unknown> }
          late.push(
            refused(() => client.query(`insert into effects (job, note) values ('${ctx.jobId}', 'x')`)),
          )
        }
      },
    })
    const mill = await bench.working({ definitions: [child, forgetful] })
    const job = await mill.enqueue(forgetful, null)
    await job.completed()
    const errors = await Promise.all(late)
    expect(errors).toHaveLength(place.kind === 'postgres' ? 7 : 6)
    for (const error of errors) expect(error).toMatchObject({ code: 'MILL_CONTEXT_CLOSED' })
    expect(await bench.notes(job.id)).toEqual(['in time'])
    expect((await mill.jobs.list({ tenant })).jobs).toEqual([])
  })

  test('Q-14: a detached enqueue is possible also after the attempt has ended', async () => {
    const tenant = fresh('tenant')
    const late: Promise<unknown>[] = []
    const child = defineQueueable({ name: fresh('child'), execute: (_: null) => undefined })
    const parent = defineQueueable({
      name: fresh('parent'),
      async execute(_: null, ctx) {
        await note(ctx, 'x')
        const over = until('the job has ended', async () => (await bench.notes(ctx.jobId)).length === 1)
        late.push(over.then(() => mill.enqueue(child, null, { tenant, detached: true })))
      },
    })
    const mill = await bench.working({ definitions: [child, parent] })
    await (await mill.enqueue(parent, null)).completed()
    await Promise.all(late)
    expect((await mill.jobs.list({ tenant })).jobs).toHaveLength(1)
  })
})
