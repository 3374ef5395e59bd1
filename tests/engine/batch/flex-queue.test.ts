import { beforeAll, describe, expect, test } from 'vitest'
import {
  defineBatch,
  defineQueueable,
  type BatchDefinition,
  type Mill,
  type MillConfig,
} from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { rejection, signal, until, type Signal } from '../support/until.ts'
import { createItems } from './items.ts'

const all = await places()

describe.each(all)('$kind: flex queue', (place) => {
  const bench = new Bench(place)
  beforeAll(() => createItems(place))

  /** A batch whose jobs run until they are let go, and what each did. */
  const held = () => {
    const gates = new Map<string, Signal>()
    const gateOf = (id: string) => gates.get(id) ?? gates.set(id, signal()).get(id)!
    const started: string[] = []
    const batch = defineBatch({
      name: fresh('nightly'),
      // Not in execute, which on SQLite holds the one write transaction.
      async start(_input: null, ctx) {
        started.push(ctx.jobId)
        await gateOf(ctx.jobId).happened
        return []
      },
      execute: () => undefined,
    })
    const free = (id: string | undefined) => gateOf(id ?? '').happen()
    return { batch, started, free }
  }
  const statuses = async (mill: Mill, ids: readonly string[]) =>
    Promise.all(ids.map(async (id) => (await mill.jobs.get(id)).status))
  const holding = async (mill: Mill, tenant: string) =>
    (await mill.flexQueue.list({ tenant })).holding.map(({ id }) => id)
  const enqueue = async (mill: Mill, batch: BatchDefinition<null>, n: number, tenant: string) => {
    const ids: string[] = []
    for (let i = 0; i < n; i += 1) ids.push((await mill.enqueue(batch, null, { tenant })).id)
    return ids
  }
  const limits = (active: number, most: number): Pick<MillConfig, 'flexQueue'> => ({
    flexQueue: { active, holding: most },
  })

  test('B-08: five run, a hundred are Holding, the next is refused, and the log warned at eighty', async () => {
    const { batch } = held()
    const tenant = fresh('tenant')
    const mill = await bench.mill({ definitions: [batch] })
    const ids = await enqueue(mill, batch, 105, tenant)
    const error = await rejection(mill.enqueue(batch, null, { tenant }))
    expect(error).toMatchObject({
      code: 'MILL_FLEX_QUEUE_FULL',
      data: { tenant, slots: 5, most: 100, active: 5, holding: 100 },
    })
    const queue = await mill.flexQueue.list({ tenant })
    expect(queue).toMatchObject({ tenant, slots: 5, most: 100 })
    expect(queue.active.map(({ id }) => id)).toEqual(ids.slice(0, 5))
    expect(queue.holding.map(({ id }) => id)).toEqual(ids.slice(5))
    expect(await mill.jobs.counts({ tenant })).toMatchObject({ Holding: 100, Queued: 5 })
    const warnings = bench
      .heard(mill)
      .logs.filter(({ message }) => message.includes('MILL_FLEX_QUEUE_FILLING'))
    expect(warnings.map(({ message }) => message)).toEqual([
      `millrace MILL_FLEX_QUEUE_FILLING: 80 of at most 100 batches of tenant ${tenant} are Holding`,
    ])
    expect(await mill.explain(ids[50]!)).toContain(
      'It is Holding in the flex queue of its tenant: 5 of 5 batches are under way, 100 are Holding.',
    )
    const other = fresh('tenant')
    expect(await statuses(mill, await enqueue(mill, batch, 1, other))).toEqual(['Queued'])
    for (const id of ids) await mill.jobs.abort(id)
  })

  test('each end lets exactly the first start; a move changes who that is', async () => {
    const { batch, started, free } = held()
    const tenant = fresh('tenant')
    const mill = await bench.working({ definitions: [batch], ...limits(2, 10) })
    const ids = await enqueue(mill, batch, 5, tenant)
    const [a, b, c, d, e] = ids as [string, string, string, string, string]
    await until('two have started', () => started.length === 2)
    expect(await statuses(mill, ids)).toEqual([
      ...['Preparing', 'Preparing', 'Holding', 'Holding', 'Holding'],
    ])
    expect(await mill.flexQueue.moveToFront(e)).toBe(true)
    expect(await mill.flexQueue.moveToFront(e)).toBe(false)
    expect(await mill.flexQueue.moveAfter(c, d)).toBe(true)
    expect(await mill.flexQueue.moveBefore(c, d)).toBe(true)
    expect(await mill.flexQueue.moveToEnd(c)).toBe(true)
    expect(await holding(mill, tenant)).toEqual([e, d, c])
    expect(await rejection(mill.flexQueue.moveToEnd(a))).toMatchObject({ code: 'MILL_JOB_NOT_HOLDING' })
    expect(await rejection(mill.flexQueue.moveAfter(c, b))).toMatchObject({ code: 'MILL_JOB_NOT_HOLDING' })
    expect(await rejection(mill.flexQueue.moveToEnd('x'))).toMatchObject({ code: 'MILL_JOB_UNKNOWN' })
    for (const [at, id] of [b, a, e].entries()) {
      free(id)
      await until('the next has started', () => started.length === at + 3)
      expect(started[at + 2]).toBe([e, d, c][at])
      expect((await mill.flexQueue.list({ tenant })).active).toHaveLength(2)
    }
    for (const id of [d, c]) free(id)
    for (const id of ids) await bench.ended(mill, id)
    expect(await mill.flexQueue.list({ tenant })).toMatchObject({ active: [], holding: [] })
  })

  test('the queue is an object', async () => {
    const { batch } = held()
    const tenant = fresh('tenant')
    const mill = await bench.mill({ definitions: [batch], ...limits(1, 10) })
    const ids = await enqueue(mill, batch, 4, tenant)
    await mill.flexQueue.moveToFront(ids[3]!)
    const { soql } = mill.records.as({ tenant })
    expect(
      await soql`SELECT AsyncApexJobId, JobPosition, JobType FROM FlexQueueItem ORDER BY JobPosition`,
    ).toEqual(
      [ids[3], ids[1], ids[2]].map((id, at) => ({
        ...{ AsyncApexJobId: id, JobPosition: at + 1, JobType: 'BatchApex' },
      })),
    )
    expect(await soql`SELECT AsyncApexJob.Status FROM FlexQueueItem WHERE JobPosition = 1`).toMatchObject([
      { AsyncApexJob: { Status: 'Holding' } },
    ])
    const found = await soql<{ Id: string }>`SELECT Id FROM AsyncApexJob WHERE Status = 'Holding' ORDER BY Id`
    expect(found.map(({ Id }) => Id)).toEqual(ids.slice(1))
    expect(await soql`SELECT Status, Substatus FROM AsyncApexJob WHERE Id = ${ids[1]}`).toEqual([
      { Status: 'Holding', Substatus: 'holding' },
    ])
    for (const id of ids) await mill.jobs.abort(id)
  })

  test('in a transaction and in a handler; what is refused there leaves nothing', async () => {
    const { batch, free } = held()
    const tenant = fresh('tenant')
    const chain = defineQueueable({
      name: fresh('chain'),
      retry: { attempts: 1 },
      async execute(n: number, ctx) {
        await note(ctx, `wants ${n}`)
        for (let i = 0; i < n; i += 1) await ctx.enqueue(batch, null)
      },
    })
    const mill = await bench.working({ definitions: [batch, chain], ...limits(1, 2) })
    const undone = await rejection(
      mill.transaction(async (tx) => {
        await tx.enqueue(batch, null, { tenant })
        throw new Error('undone')
      }),
    )
    expect(undone).toMatchObject({ message: 'undone' })
    expect(await mill.flexQueue.list({ tenant })).toMatchObject({ active: [], holding: [] })
    const failed = await mill.enqueue(chain, 4, { tenant })
    expect(await rejection(failed.completed())).toMatchObject({ cause: { code: 'MILL_FLEX_QUEUE_FULL' } })
    expect(await bench.notes(failed.id)).toEqual([])
    expect(await mill.flexQueue.list({ tenant })).toMatchObject({ active: [], holding: [] })
    await (await mill.enqueue(chain, 3, { tenant })).completed()
    const full = await rejection(mill.transaction((tx) => tx.enqueue(batch, null, { tenant })))
    expect(full).toMatchObject({ code: 'MILL_FLEX_QUEUE_FULL' })
    // It is told at the call, before the handler goes on.
    const late = await mill.enqueue(chain, 1, { tenant })
    expect(await rejection(late.completed())).toMatchObject({ cause: { code: 'MILL_FLEX_QUEUE_FULL' } })
    const { active, holding: waiting } = await mill.flexQueue.list({ tenant })
    for (const { id } of [...active, ...waiting]) free(id)
    for (const { id } of [...active, ...waiting]) await bench.ended(mill, id)
  })

  test('a schedule sees a job that is Holding as one that has not ended (standards 0.2, row 5)', async () => {
    const { batch } = held()
    const tenant = fresh('tenant')
    const mill = await bench.mill({ definitions: [batch], ...limits(1, 1) })
    const [running] = await enqueue(mill, batch, 1, tenant)
    const name = fresh('nightly')
    await mill.schedules.create({
      name,
      runs: batch,
      tenant,
      input: null,
      cron: '0 0 2 * * ?',
      overlap: 'skip',
    })
    const first = await mill.schedules.run(name, { tenant })
    expect(first.state).toBe('fired')
    expect(await holding(mill, tenant)).toEqual([first.jobId])
    expect(await mill.schedules.run(name, { tenant })).toMatchObject({ state: 'skipped', jobId: null })
    // A fire that was decided upon is Holding beyond the bound.
    const another = fresh('another')
    await mill.schedules.create({ name: another, runs: batch, tenant, input: null, cron: '0 0 3 * * ?' })
    const second = await mill.schedules.run(another, { tenant })
    expect(await holding(mill, tenant)).toEqual([first.jobId, second.jobId])
    for (const id of [running, second.jobId, first.jobId]) await mill.jobs.abort(id!)
  })

  test('an abort of a job that is Holding, or has started and not run, frees its place', async () => {
    const ends: string[] = []
    const batch = defineBatch({
      name: fresh('nightly'),
      start: (_input: null) => [],
      execute: () => undefined,
      onAborted: (_end, ctx) => void ends.push(ctx.jobId),
    })
    const tenant = fresh('tenant')
    const idle = await bench.mill({ definitions: [batch], ...limits(1, 10) })
    const [a, b, c] = await enqueue(idle, batch, 3, tenant)
    expect(await idle.jobs.abort(b!)).toBe('aborted')
    expect(await idle.jobs.abort(a!)).toBe('aborted')
    const mill = await bench.working({ definitions: [batch], ...limits(1, 10) })
    await bench.ended(mill, c!)
    await until('both were told', () => ends.length === 2)
    expect(ends.sort()).toEqual([a, b].sort())
    expect(await statuses(mill, [a!, b!, c!])).toEqual(['Aborted', 'Aborted', 'Completed'])
  })

  test('two workers keep the bound, and all are done in their order', async () => {
    let running = 0
    let most = 0
    const order: string[] = []
    const batch = defineBatch({
      name: fresh('nightly'),
      start: (_input: null, ctx) => {
        order.push(ctx.jobId)
        running += 1
        most = Math.max(most, running)
        return [{ n: 1 }, { n: 2 }]
      },
      scope: 1,
      execute: () => undefined,
      finish: () => {
        running -= 1
      },
    })
    const tenant = fresh('tenant')
    const config = { definitions: [batch], ...limits(1, 100) }
    const [mill] = await Promise.all([bench.working(config), bench.working(config)])
    const ids = await mill.enqueueMany(batch, Array<null>(12).fill(null), { tenant })
    for (const id of ids) await bench.ended(mill, id)
    expect(most).toBe(1)
    expect(order).toEqual(ids)
  })

  test('delayed batches, retries of failed records, and none at all', async () => {
    const tenant = fresh('tenant')
    const batch = defineBatch({
      name: fresh('nightly'),
      retry: { attempts: 1 },
      start: (_input: null) => [{ n: 1 }],
      execute() {
        throw new Error('bad')
      },
    })
    const mill = await bench.working({ definitions: [batch], ...limits(1, 1) })
    const tomorrow = await mill.enqueue(batch, null, { tenant, delay: '1 day' })
    expect(await mill.jobs.get(tomorrow.id)).toMatchObject({ status: 'Queued', substatus: 'scheduled' })
    const later = await mill.enqueue(batch, null, { tenant, delay: '30 ms' })
    await bench.ended(mill, later.id)
    const blocker = held()
    const both = await bench.mill({ definitions: [batch, blocker.batch], ...limits(1, 1) })
    const [first] = await enqueue(both, blocker.batch, 1, tenant)
    const { id } = await mill.batches.retryFailed(later.id)
    expect(await statuses(mill, [first!, id])).toEqual(['Queued', 'Holding'])
    expect(await rejection(mill.batches.retryFailed(later.id))).toMatchObject({
      code: 'MILL_FLEX_QUEUE_FULL',
    })
    await mill.jobs.abort(first!)
    await bench.ended(mill, id)

    const free = await bench.mill({
      definitions: [batch],
      ...limits(1, 0),
      tenants: { [tenant]: { flexQueue: false } },
    })
    const many = await enqueue(free, batch, 8, tenant)
    expect(await statuses(free, many)).not.toContain('Holding')
    for (const one of many) await bench.ended(mill, one)
  })
})
