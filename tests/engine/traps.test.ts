import { describe, expect, test } from 'vitest'
import { defineQueueable, MillraceError } from '../../packages/millrace/src/index.ts'
import type { FaultPoint, Faults } from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { rejection, signal, until } from './support/until.ts'

const all = await places()

/** At its first visits to `point` the answer is lost: done or not, nobody is told. */
function losing(point: FaultPoint, times = 1): Faults & { readonly hits: () => number } {
  let hits = 0
  return {
    hits: () => hits,
    hit(at) {
      if (at !== point || hits >= times) return
      hits += 1
      throw new MillraceError('MILL_STORAGE_UNAVAILABLE', `no answer at ${point}`, {
        data: { unknown: true },
      })
    },
  }
}

describe.each(all)('$kind: traps', (place) => {
  const bench = new Bench(place)

  test.each(['commit', 'rollback', '  /* x */ COMMIT', 'begin', 'end'])(
    'trap 3: a handler cannot commit or roll back by hand: %s',
    async (statement) => {
      const errors: unknown[] = []
      const work = defineQueueable({
        name: fresh('work'),
        retry: { attempts: 1 },
        async execute(_: null, ctx) {
          await note(ctx, 'before')
          errors.push(await rejection(ctx.sql([statement] as unknown as TemplateStringsArray)))
          await note(ctx, 'after')
          throw new Error('all undone')
        },
      })
      const mill = await bench.working({ definitions: [work] })
      const job = await mill.enqueue(work, null)
      expect(await bench.ended(mill, job.id)).toEqual(['1 failed'])
      expect(errors).toMatchObject([{ code: 'MILL_TRANSACTION_STATEMENT' }])
      expect(await bench.notes(job.id)).toEqual([])
    },
  )

  test('trap 2: a swallowed database error', async () => {
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 1 },
      async execute(_: null, ctx) {
        await note(ctx, 'before')
        expect(await rejection(ctx.sql`select * from nowhere`)).toMatchObject({ code: 'MILL_STORAGE_QUERY' })
        return 'swallowed'
      },
    })
    const mill = await bench.working({ definitions: [work] })
    const job = await mill.enqueue(work, null)
    const told = await bench.ended(mill, job.id)
    // PostgreSQL cannot commit after it, whatever the handler thinks; on SQLite a failed statement undoes itself alone.
    if (place.kind === 'postgres') {
      expect(told).toEqual(['1 failed'])
      expect((await mill.jobs.get(job.id)).error).toMatchObject({ code: 'MILL_TRANSACTION_LOST' })
      expect(await bench.notes(job.id)).toEqual([])
    } else {
      expect(told).toEqual(['1 completed'])
      expect(await bench.notes(job.id)).toEqual(['before'])
    }
  })

  test('trap 1, 5: a transaction left open for too long is ended by the database, and what follows does not commit alone', async () => {
    const [idle, go] = [signal(), signal()]
    const errors: unknown[] = []
    const work = defineQueueable({
      name: fresh('work'),
      retry: { attempts: 2, initial: '0' },
      async execute(_: null, ctx) {
        await note(ctx, `attempt ${String(ctx.attempt)}`)
        if (ctx.attempt === 2) return
        idle.happen()
        await go.happened
        errors.push(await rejection(note(ctx, 'late')), await rejection(note(ctx, 'later')))
      },
    })
    // SQLite after writeTimeout, PostgreSQL after a lease.
    const mill = await bench.working({ definitions: [work], lease: '600 ms', writeTimeout: '300 ms' })
    const job = await mill.enqueue(work, null)
    await idle.happened
    if (place.kind === 'sqlite')
      await mill.transaction((tx) => tx.sql`insert into effects values ('x', 'free')`)
    else
      await until('the session is gone', async () => {
        const open = `select 1 from pg_stat_activity where datname = current_database() and state like 'idle in%'`
        return (await place.query(open)).length === 0
      })
    go.happen()
    expect(await bench.ended(mill, job.id)).toEqual(['1 retried', '2 completed'])
    expect(errors).toMatchObject([{ code: 'MILL_TRANSACTION_LOST' }, { code: 'MILL_TRANSACTION_LOST' }])
    expect(await bench.notes(job.id)).toEqual(['attempt 2'])
    expect((await mill.jobs.attempts(job.id))[0]?.error).toMatchObject({ code: 'MILL_TRANSACTION_LOST' })
  })

  test.each([
    ['settle:before-commit', ['1 retried', '2 completed'], ['attempt 2']],
    ['settle:after-commit', ['1 completed'], ['attempt 1']],
    ['settle:after-ack', ['1 completed'], ['attempt 1']],
    ['claim:before-commit', ['1 completed'], ['attempt 1']],
    ['claim:after-commit', ['1 completed'], ['attempt 1']],
    ['claim:after-ack', ['1 completed'], ['attempt 1']],
  ] as const)(
    'trap 6: a lost answer at %s is looked up, its writes happen once',
    async (point, told, notes) => {
      const faults = losing(point)
      const child = defineQueueable({ name: fresh('child'), execute: () => undefined })
      const tenant = fresh('tenant')
      const work = defineQueueable({
        name: fresh('work'),
        retry: { attempts: 3, initial: '0' },
        async execute(_: null, ctx) {
          await note(ctx, `attempt ${String(ctx.attempt)}`)
          await ctx.enqueue(child, null, { tenant })
          return ctx.attempt
        },
      })
      const mill = await bench.mill({ definitions: [work, child] }, { faults })
      const job = await mill.enqueue(work, null)
      await mill.start()
      expect(await job.completed()).toBe(notes[0] === 'attempt 2' ? 2 : 1)
      expect(await bench.told(mill, job.id)).toEqual(told)
      expect(await bench.notes(job.id)).toEqual(notes)
      expect((await mill.jobs.list({ tenant })).jobs).toHaveLength(1)
      expect(faults.hits()).toBe(1)
    },
  )

  test.each(['settle', 'finalizer', 'handback'] as const)(
    'trap 6: lost answers of %s in the group, before, after and told: each end once',
    async (step) => {
      for (const moment of ['before-commit', 'after-commit', 'after-ack'] as const) {
        const faults = losing(`${step}:${moment}`)
        const ran: string[] = []
        const work = defineQueueable({
          name: fresh('work'),
          execute(_: null, ctx) {
            ran.push('job')
            if (step === 'handback' && ran.length === 1) ctx.snooze('20 ms')
            return 'result'
          },
          finalizer: () => void ran.push('finalizer'),
        })
        const mill = await bench.working({ definitions: [work] }, { faults })
        const job = await mill.enqueue(work, null)
        expect(await job.completed()).toBe('result')
        await until('the finalizer is through', async () => (await bench.told(mill, job.id)).length === 2)
        expect(await bench.told(mill, job.id)).toEqual(['1 completed', 'finalizer of 1, 1 succeeded'])
        expect(ran).toEqual(step === 'handback' ? ['job', 'job', 'finalizer'] : ['job', 'finalizer'])
        expect(faults.hits()).toBe(1)
        await mill.stop()
      }
    },
  )

  test.each(['enqueue:before-commit', 'enqueue:after-commit', 'enqueue:after-ack'] as const)(
    'trap 6: an enqueue whose answer is lost at %s is repeated under its id: there once',
    async (point) => {
      const work = defineQueueable({ name: fresh('work'), execute: (text: string, ctx) => note(ctx, text) })
      const tenant = fresh('tenant')
      const faults = losing(point, 2)
      const mill = await bench.working({ definitions: [work] }, { faults })
      const plain = await mill.enqueue(work, 'plain', { tenant })
      const unique = await mill.enqueue(work, 'unique', { tenant, unique: 'k' })
      expect([plain.duplicate, unique.duplicate]).toEqual([false, false])
      await Promise.all([plain.completed(), unique.completed()])
      expect((await mill.jobs.list({ tenant })).jobs).toHaveLength(2)
      expect([...(await bench.notes(plain.id)), ...(await bench.notes(unique.id))]).toEqual([
        'plain',
        'unique',
      ])
      expect(faults.hits()).toBe(2)
    },
  )

  test('trap 6: an enqueue that is given up says whether it may be there all the same', async () => {
    const work = defineQueueable({ name: fresh('work'), execute: () => undefined })
    const known: Faults = {
      hit(at) {
        if (at === 'enqueue:before-commit')
          throw new MillraceError('MILL_STORAGE_UNAVAILABLE', 'refused', { data: { unknown: false } })
      },
    }
    const lost = losing('enqueue:after-commit')
    const both: Faults = {
      async hit(at) {
        if (lost.hits() > 0) await known.hit(at)
        await lost.hit(at)
      },
    }
    const tenant = fresh('tenant')
    const config = { definitions: [work], patience: '200 ms' }
    const refused = await bench.mill(config, { faults: known })
    expect(await rejection(refused.enqueue(work, null, { tenant }))).toMatchObject({
      code: 'MILL_STORAGE_UNAVAILABLE',
      data: { unknown: false },
    })
    const unsure = await bench.mill(config, { faults: both })
    expect(await rejection(unsure.enqueue(work, null, { tenant }))).toMatchObject({
      code: 'MILL_STORAGE_UNAVAILABLE',
      data: { unknown: true },
    })
    expect((await refused.jobs.list({ tenant })).jobs).toHaveLength(1)
  })
})
