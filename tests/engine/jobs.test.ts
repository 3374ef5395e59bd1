import { describe, expect, test } from 'vitest'
import { defineQueueable } from '../../packages/millrace/src/index.ts'
import { systemClock } from '../../packages/millrace/src/kernel/runtime/system-clock.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { rejection, until } from './support/until.ts'

const all = await places()
const twoDays = 2 * 86_400_000

/** When the clock shows another time than now. */
async function nextMs(): Promise<void> {
  const now = Date.now()
  await until('the clock has moved on', () => Date.now() > now + 1)
}

describe.each(all)('$kind: jobs', (place) => {
  const bench = new Bench(place)
  const work = () =>
    defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      async execute(how: string, ctx) {
        await note(ctx, how)
        if (how === 'fail') throw new Error('no')
        if (how === 'skip') ctx.skip('nothing')
        return how
      },
    })

  test('Q-12: counts by status, each job once, whatever it ran', async () => {
    const one = work()
    const tenant = fresh('tenant')
    const mill = await bench.working({ definitions: [one] })
    for (const how of ['end', 'end', 'fail', 'skip'])
      await bench.ended(mill, (await mill.enqueue(one, how, { tenant })).id)
    await mill.enqueue(one, 'later', { tenant, delay: '1 hour' })
    await mill.jobs.abort((await mill.enqueue(one, 'never', { tenant, delay: '1 hour' })).id)
    expect(await mill.jobs.counts({ tenant })).toEqual({
      Holding: 0,
      Queued: 1,
      Preparing: 0,
      Processing: 0,
      Completed: 3,
      Failed: 1,
      Aborted: 1,
    })
    expect(await mill.jobs.counts({ tenant, name: fresh('nobody') })).toMatchObject({
      Completed: 0,
      Queued: 0,
    })
  })

  test('list from the time of a job finds that job, to it does not', async () => {
    const child = work()
    const tenant = fresh('tenant')
    const parent = defineQueueable({
      name: fresh('parent'),
      async execute(_: null, ctx) {
        const { id } = await ctx.enqueue(child, 'end', { tenant })
        // It is written when the attempt commits, later than its id was made.
        await nextMs()
        return id
      },
    })
    const mill = await bench.working({ definitions: [parent, child] })
    const id = await (await mill.enqueue(parent, null)).completed()
    const { createdAt } = await mill.jobs.get(id)
    expect((await mill.jobs.list({ tenant, from: createdAt })).jobs.map((job) => job.id)).toEqual([id])
    expect((await mill.jobs.list({ tenant, to: createdAt })).jobs).toEqual([])
  })

  test('list: newest first, by status, name, version, queue, tenant, tag and time', async () => {
    const [one, two] = [work(), work()]
    const [tenant, queue] = [fresh('tenant'), fresh('queue')]
    const mill = await bench.working({ definitions: [one, two] })
    const made: string[] = []
    let beforeLast = new Date()
    for (const [definition, how, options] of [
      [one, 'end', { tags: ['red'] }],
      [one, 'fail', { tags: ['red', 'blue'] }],
      [two, 'end', { queue }],
      [two, 'later', { queue, delay: '1 hour', tags: ['blue'] }],
    ] as const) {
      if (how === 'later') {
        await nextMs()
        beforeLast = new Date()
        await nextMs()
      }
      const job = await mill.enqueue(definition, how, { tenant, ...options })
      made.push(job.id)
      if (how !== 'later') await bench.ended(mill, job.id)
    }
    const [a, b, c, d] = made as [string, string, string, string]
    const listed = async (filter: Parameters<typeof mill.jobs.list>[0]) =>
      (await mill.jobs.list({ tenant, ...filter })).jobs.map(({ id }) => id)
    expect(await listed({})).toEqual([d, c, b, a])
    expect(await listed({ status: 'Completed' })).toEqual([c, a])
    expect(await listed({ status: 'Failed' })).toEqual([b])
    expect(await listed({ status: 'Queued' })).toEqual([d])
    expect(await listed({ status: 'Processing' })).toEqual([])
    expect(await listed({ name: two.name })).toEqual([d, c])
    expect(await listed({ name: two.name, version: 2 })).toEqual([])
    expect(await listed({ queue, status: 'Completed' })).toEqual([c])
    expect(await listed({ tag: 'red' })).toEqual([b, a])
    expect(await listed({ tag: 'blue', status: 'Failed' })).toEqual([b])
    expect(await listed({ tag: 'green' })).toEqual([])
    expect(await listed({ from: beforeLast })).toEqual([d])
    expect(await listed({ to: beforeLast })).toEqual([c, b, a])
    expect(await listed({ from: new Date(Date.now() + 60_000) })).toEqual([])
  })

  test('list: pages follow each other without gap or overlap, also while more come', async () => {
    const one = work()
    const tenant = fresh('tenant')
    const mill = await bench.mill({ definitions: [one] })
    const ids = await mill.enqueueMany(
      one,
      Array.from({ length: 23 }, () => 'end'),
      { tenant },
    )
    const seen: string[] = []
    let after: string | null = null
    do {
      const page: Awaited<ReturnType<typeof mill.jobs.list>> = await mill.jobs.list({
        tenant,
        limit: 5,
        ...(after === null ? {} : { after }),
      })
      expect(page.jobs.length).toBeLessThanOrEqual(5)
      seen.push(...page.jobs.map(({ id }) => id))
      after = page.next
      await mill.enqueue(one, 'newer', { tenant })
    } while (after !== null)
    expect(seen).toEqual([...ids].reverse())
  })

  test('list: bad options are refused with a code', async () => {
    const mill = await bench.mill({ definitions: [] })
    for (const options of [{ limit: 0 }, { limit: 1_001 }, { limit: 1.5 }, { status: 'pending' as never }])
      expect(await rejection(mill.jobs.list(options))).toMatchObject({ code: 'MILL_OPTIONS_INVALID' })
    expect(await rejection(mill.jobs.list({ after: 'x' }))).toMatchObject({ code: 'MILL_JOB_UNKNOWN' })
    expect(await rejection(mill.jobs.list({ from: new Date(NaN) }))).toMatchObject({
      code: 'MILL_OPTIONS_INVALID',
    })
  })

  test('retry: an ended job once more under a new id, the old end stays', async () => {
    let broken = true
    const one = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      execute(input: { when: Date }, ctx) {
        if (broken) throw new Error('broken')
        return { input, tags: ctx.tags, tenant: ctx.tenant }
      },
    })
    const tenant = fresh('tenant')
    const mill = await bench.working({ definitions: [one] })
    const input = { when: new Date(0) }
    const job = await mill.enqueue(one, input, { tenant, priority: 3, tags: ['t'], deadline: '1 hour' })
    await bench.ended(mill, job.id)
    broken = false
    const { id } = await mill.jobs.retry(job.id)
    expect(id).not.toBe(job.id)
    expect(await mill.job(id).completed()).toEqual({ input, tags: ['t'], tenant })
    expect(await mill.jobs.get(id)).toMatchObject({ retryOf: job.id, priority: 3, attempt: 1, tags: ['t'] })
    expect(await mill.jobs.get(job.id)).toMatchObject({ status: 'Failed', retryOf: null })
    expect((await mill.jobs.list({ tenant, tag: 't' })).jobs).toHaveLength(2)
    const waiting = await mill.enqueue(one, input, { delay: '1 hour' })
    expect(await rejection(mill.jobs.retry(waiting.id))).toMatchObject({ code: 'MILL_JOB_NOT_ENDED' })
  })

  test('retention: what ended long enough ago goes, with its history; the rest stays', async () => {
    const one = work()
    const past = { ...systemClock, now: () => Date.now() - twoDays }
    const before = await bench.working(
      { definitions: [one], only: ['default'] },
      { clock: past, databaseNow: past.now },
    )
    const ids: Record<string, string> = {}
    for (const how of ['end', 'skip', 'fail']) {
      ids[how] = (await before.enqueue(one, how)).id
      await bench.ended(before, ids[how])
    }
    ids['queued'] = (await before.enqueue(one, 'queued', { queue: 'nobody' })).id
    await before.stop()
    if (place.kind === 'postgres')
      await place.query(`update millrace.done set finished = finished - interval '2 days' where job = any (string_to_array(?, ',')::uuid[])`, [Object.values(ids).join()]) // prettier-ignore
    const now = await bench.mill({
      definitions: [one],
      only: ['default'],
      retention: { completed: '1 day', failed: '5 days' },
    })
    const young = await now.enqueue(one, 'end')
    await now.start()
    await young.completed()
    await until('it has pruned', () => bench.heard(now).events.some(({ kind }) => kind === 'pruned'))
    for (const how of ['end', 'skip'])
      expect(await rejection(now.jobs.get(ids[how]!))).toMatchObject({ code: 'MILL_JOB_UNKNOWN' })
    expect(await now.jobs.attempts(ids['end']!)).toEqual([])
    expect((await now.jobs.get(ids['fail']!)).status).toBe('Failed')
    expect((await now.jobs.get(ids['queued'])).status).toBe('Queued')
    expect((await now.jobs.get(young.id)).status).toBe('Completed')
  })
})
