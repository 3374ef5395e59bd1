import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { newJob } from '../storage/conformance/fixtures.ts'
import type { Wake } from '../storage/wakeups.ts'
import { eventually, hasPostgres, PostgresBench, type PostgresStorage } from './conformance/opened.ts'

describe.skipIf(!hasPostgres)('wake-ups on PostgreSQL', () => {
  const bench = new PostgresBench()

  async function listening(storage: PostgresStorage): Promise<Wake[]> {
    const heard: Wake[] = []
    storage.wakeups.subscribe((wake) => heard.push(wake))
    await storage.wakeups.start()
    return heard
  }

  test('cross processes, each once: a process does not hear itself twice', async () => {
    const [one, two] = [await bench.open(), await bench.open()]
    const [own, theirs] = [await listening(one), await listening(two)]
    const lane = await bench.lane()
    await one.jobs.enqueue([newJob(lane), newJob(lane, { prio: 1 }), newJob(lane, { due: { inMs: 60_000 } })])
    expect(own).toEqual([
      { topic: 'new', lanes: [lane.id] },
      { topic: 'back', lanes: [lane.id] },
      { topic: 'due', inMs: 60_000 },
    ])
    await eventually(async () => theirs.length >= 3)
    expect(theirs).toEqual(own)
    await two.controls.pause({ kind: 'all' }, null)
    await eventually(async () => own.length >= 4)
    expect(own.at(-1)).toEqual({ topic: 'config' })
    expect(own).toHaveLength(4)
    await two.controls.resume({ kind: 'all' })
  })

  test('more lanes than a notice holds: look at everything', async () => {
    const [one, two] = [await bench.open(), await bench.open()]
    const theirs = await listening(two)
    const lanes = await one.lanes.intern(
      Array.from({ length: 500 }, (_, i) => ({
        tenant: `m${i}`,
        queue: 'q',
        name: 'n',
        version: 1,
        gated: false,
      })),
    )
    await one.jobs.enqueue(lanes.map((lane) => newJob(lane)))
    await eventually(async () => theirs.length > 0)
    expect(theirs).toEqual([{ topic: 'rescan' }])
  })

  test('a listener that is killed comes back and says rescan', async () => {
    const storage = await bench.open({ listenUrl: bench.urlWith('application_name', 'listener') })
    const heard = await listening(storage)
    for (let round = 1; round <= 2; round++) {
      const killed = await bench.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listener'",
      )
      expect(killed).toHaveLength(1)
      await eventually(async () => heard.length >= round)
      expect(heard.at(-1)).toEqual({ topic: 'rescan' })
    }
    const lane = await bench.lane()
    await bench.enqueue(lane, 1)
    await eventually(async () => heard.some((wake) => wake.topic === 'new' && wake.lanes.includes(lane.id)))
    await storage.wakeups.stop()
    expect(await bench.sql("select from pg_stat_activity where application_name = 'listener'")).toEqual([])
    await storage.wakeups.start()
    await bench.storage.controls.setSetting('x', String(Date.now()))
    await eventually(async () => heard.some((wake) => wake.topic === 'config'))
  })

  test('the listener is watched: a heartbeat that fails replaces it', async () => {
    const timers = new Set<{ readonly ms: number; readonly call: () => void }>()
    let lose = false
    const storage = await bench.open({
      after(ms, call) {
        const timer = { ms, call }
        timers.add(timer)
        return () => timers.delete(timer)
      },
      faults: {
        hit(point) {
          if (point === 'listener.lost' && lose) throw new Error('cut')
        },
      },
    })
    const fire = (ms: number): void => {
      for (const timer of timers) {
        if (timer.ms !== ms) continue
        timers.delete(timer)
        timer.call()
      }
    }
    const heard = await listening(storage)
    const pending = (ms: number) => async (): Promise<boolean> => [...timers].some((timer) => timer.ms === ms)
    fire(10_000)
    await eventually(pending(10_000))
    expect(heard).toEqual([])
    lose = true
    fire(10_000)
    await eventually(pending(100))
    lose = false
    fire(100)
    await eventually(async () => heard.length > 0)
    expect(heard).toEqual([{ topic: 'rescan' }])
    expect(await pending(10_000)()).toBe(true)
  })

  test('behind a pooler nobody listens without a url for it', async () => {
    const storage = await bench.open({
      pooler: 'transaction',
      url: bench.urlWith('application_name', 'pooled'),
    })
    const heard = await listening(storage)
    expect(await bench.sql("select from pg_stat_activity where application_name = 'pooled'")).toEqual([])
    await storage.controls.setSetting('pooled', '1')
    expect(heard).toEqual([{ topic: 'config' }])
    await storage.wakeups.stop()
  })

  test('an enqueue in a foreign transaction wakes once it has committed', async () => {
    const [one, two] = [await bench.open(), await bench.open()]
    const [own, theirs] = [await listening(one), await listening(two)]
    const lane = await bench.lane()
    const client = new pg.Client({ connectionString: bench.url })
    await client.connect()
    await client.query('begin')
    const jobs = [newJob(lane), newJob(lane)]
    expect(await one.enqueueWith(client, jobs)).toEqual(jobs.map(({ id }) => ({ kind: 'queued', id })))
    await eventually(async () => (await probes()) > 0)
    expect([own, theirs]).toEqual([[], []])
    await client.query('commit')
    await eventually(async () => own.length > 0 && theirs.length > 0)
    expect([own, theirs]).toEqual([
      [{ topic: 'new', lanes: [lane.id] }],
      [{ topic: 'new', lanes: [lane.id] }],
    ])
    expect(await bench.tally(jobs.map(({ id }) => id))).toEqual({ ready: 2 })

    await client.query('begin')
    const gone = newJob(lane)
    await one.enqueueWith(client, [gone])
    await client.query('rollback')
    expect(await bench.place(gone.id)).toBe('absent')
    await client.end()
  })

  test('a foreign transaction takes unique keys, and other types of its own', async () => {
    const lane = await bench.lane()
    const client = new pg.Client({ connectionString: bench.url, types: { getTypeParser: () => String } })
    await client.connect()
    const unique = { key: `foreign ${lane.id}`, until: 'done', on: 'return' } as const
    const [first, second, third] = [newJob(lane, { unique }), newJob(lane, { unique }), newJob(lane)]
    const storage = await bench.open()
    expect(await storage.enqueueWith(client, [first, second, third])).toEqual([
      { kind: 'queued', id: first.id },
      { kind: 'duplicate', holder: first.id },
      { kind: 'queued', id: third.id },
    ])
    expect(await storage.enqueueWith(client, [])).toEqual([])
    await client.end()
  })

  async function probes(): Promise<number> {
    const rows = await bench.sql(
      `select from pg_stat_activity where query like 'select id from "millrace".job where id = any%'`,
    )
    return rows.length
  }
})
