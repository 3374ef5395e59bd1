import { afterEach, describe, expect, test } from 'vitest'
import {
  defineQueueable,
  type FinalizerOutcome,
  type Mill,
  type MillConfig,
} from '../../packages/millrace/src/index.ts'
import type { MillInternals } from '../../packages/millrace/src/mill/config.ts'
import type { Storage } from '../../packages/millrace/src/kernel/storage/storage.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { signal, until } from './support/until.ts'
import { startVictim, type Victim } from './support/victim.ts'

const all = await places()

describe.each(all)('$kind: a worker that is lost', (place) => {
  const bench = new Bench(place, 'as created')
  const victims: Victim[] = []
  afterEach(async () => {
    for (const victim of victims.splice(0)) await victim.kill()
  })

  function victim(name: string, how: 'hang' | 'spin', spinMs: number, change: MillConfig = {}): Victim {
    const config = { storage: place.url, lease: '1 second', concurrency: 1, ...change }
    const started = startVictim({ name, how, spinMs, config })
    victims.push(started)
    return started
  }

  const survivor = (name: string) => {
    const heard: Pick<FinalizerOutcome<null>, 'result' | 'attempt' | 'willRetry' | 'exception'>[] = []
    const work = defineQueueable({
      name,
      async execute(_: null, ctx) {
        await note(ctx, `survivor, attempt ${String(ctx.attempt)}, deaths ${String(ctx.deaths)}`)
        return 'saved'
      },
      finalizer: ({ result, attempt, willRetry, exception }) =>
        void heard.push({ result, attempt, willRetry, exception }),
    })
    return { work, heard }
  }

  test('F-02, F-08: killed while it ran: LOST, its finalizer runs, the next attempt completes it', async () => {
    const { work, heard } = survivor(fresh('work'))
    const enqueuing = await bench.mill({ definitions: [work], lease: '1 second' })
    const job = await enqueuing.enqueue(work, null, { retry: { attempts: 1 } })
    const killed = victim(work.name, 'hang', 0)
    await killed.line(/running attempt 1/)
    await killed.kill()
    const mill = await bench.working({ definitions: [work], lease: '1 second' })
    expect(await mill.job(job.id).completed()).toBe('saved')
    await until('all is told', async () => (await bench.told(mill, job.id)).length === 4)
    expect(await bench.told(mill, job.id)).toEqual([
      '1 lost',
      'finalizer of 1, 1 succeeded',
      '2 completed',
      'finalizer of 2, 1 succeeded',
    ])
    expect(heard).toMatchObject([
      { result: 'LOST', attempt: 1, willRetry: true, exception: { code: 'MILL_PROCESS_LOST' } },
      { result: 'SUCCESS', attempt: 2, willRetry: false, exception: null },
    ])
    expect(await bench.notes(job.id)).toEqual(['survivor, attempt 2, deaths 1'])
  })

  test('a job that is alone to lose its process is parked after maxDeaths, and says why', async () => {
    const { work, heard } = survivor(fresh('work'))
    const mill = await bench.mill({ definitions: [work], lease: '1 second', maxDeaths: 2 })
    const job = await mill.enqueue(work, null)
    const first = victim(work.name, 'hang', 0)
    await first.line(/running attempt 1/)
    await first.kill()
    const second = victim(work.name, 'hang', 0)
    await second.line(/running attempt 2/)
    await second.kill()
    await mill.start()
    const told = await bench.ended(mill, job.id)
    expect(told.filter((one) => !one.startsWith('finalizer'))).toEqual(['1 lost', '2 parked'])
    expect(await mill.jobs.get(job.id)).toMatchObject({
      status: 'Failed',
      substatus: 'lost',
      error: { code: 'MILL_PARKED' },
    })
    await until('its finalizer ran', () => heard.some(({ attempt }) => attempt === 2))
    expect(heard.at(-1)).toMatchObject({ result: 'LOST', attempt: 2, willRetry: false })
    expect(await bench.notes(job.id)).toEqual([])
  })

  test('a handler that holds the event loop for three leases keeps its lease', async () => {
    const { work } = survivor(fresh('work'))
    const enqueuing = await bench.mill({ definitions: [work] })
    const spinning = victim(work.name, 'spin', 4_500, { lease: '1500 ms' })
    await spinning.line(/worker.started/)
    // By then the thread that keeps the lease has surely taken over.
    const [worker] = await enqueuing.workers()
    await until('it has been renewed for a while', async () => {
      const [now] = await enqueuing.workers()
      return now!.until > worker!.until + 2_000
    })
    const job = await enqueuing.enqueue(work, null)
    await spinning.line(/running attempt 1/)
    await bench.working({ definitions: [], lease: '1 second' })
    expect(await bench.ended(enqueuing, job.id)).toContain('1 completed')
    expect(await bench.notes(job.id)).toEqual(['victim'])
  })

  test('one that holds it beyond blockedLimit is fenced and named, and its attempt undone', async () => {
    const { work } = survivor(fresh('work'))
    const enqueuing = await bench.mill({ definitions: [work] })
    const job = await enqueuing.enqueue(work, null)
    const spinning = victim(work.name, 'spin', 6_000, { blockedLimit: '600 ms' })
    await spinning.line(/running attempt 1/)
    const mill = await bench.working({ definitions: [work], lease: '1 second' })
    const told = await bench.ended(mill, job.id)
    expect(told).toContain('1 lost')
    await spinning.line(new RegExp(`${work.name} ${job.id}.* lost its lease`))
    await spinning.line(/worker.started/)
    expect(await bench.notes(job.id)).not.toContain('victim')
  })

  test('expired by a neighbour: it cannot commit any more, begins anew, and works on', async () => {
    const go = signal()
    const began = signal()
    const work = defineQueueable({
      name: fresh('work'),
      async execute(_: null, ctx) {
        if (ctx.attempt === 1) {
          began.happen()
          await Promise.race([
            go.happened,
            new Promise((resolve) => setImmediate(resolve)).then(() => go.happened),
          ])
        }
        await note(ctx, `attempt ${String(ctx.attempt)}`)
      },
    })
    let storage: Storage | undefined
    const internals: MillInternals = { wrapStorage: (given) => (storage = given) }
    const mill: Mill = await bench.working({ definitions: [work], lease: '1 second' }, internals)
    const job = await mill.enqueue(work, null)
    await began.happened
    const worker = (await mill.workers()).find(({ knows }) => knows.includes(`${work.name}@1`))
    await storage!.workers.expire(worker!.id)
    await until('it is rescued', async () => (await bench.told(mill, job.id)).includes('1 lost'))
    go.happen()
    expect(await bench.ended(mill, job.id)).toEqual(['1 lost', '2 completed'])
    expect(await bench.notes(job.id)).toEqual(['attempt 2'])
    const { events, logs } = bench.heard(mill)
    await until('it begins anew', () => events.filter(({ kind }) => kind === 'worker.started').length === 2)
    expect(events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['rescued', 'execution.fenced', 'worker.fenced']),
    )
    expect(logs.some(({ message }) => message.includes(`${work.name} ${job.id} lost its lease`))).toBe(true)
    await (await mill.enqueue(work, null, { tenant: fresh('tenant') })).completed()
    expect((await mill.workers()).filter(({ alive }) => alive).map(({ id }) => id)).not.toContain(worker!.id)
  })
})
