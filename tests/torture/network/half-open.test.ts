import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPostgres } from '../../../packages/millrace/src/kernel/postgres/open.ts'
import { createTestDatabase } from '../../support/postgres.ts'
import { Run } from '../run.ts'
import { postgresTarget, through } from '../target.ts'
import { until } from '../until.ts'
import { Proxy } from './proxy.ts'

const database = await createTestDatabase()
afterAll(() => database?.drop())

const application = { token: null, idleTimeoutMs: 1_000, writeTimeoutMs: 0 }

describe.skipIf(!database)('a connection that stays open and says nothing', { timeout: 60_000 }, () => {
  let proxy: Proxy
  let url: string
  beforeAll(async () => {
    proxy = await Proxy.start(database!.url)
    const through = new URL(database!.url)
    through.host = proxy.host
    url = through.href
  })
  afterAll(() => proxy.stop())

  const open = (): ReturnType<typeof openPostgres> =>
    openPostgres({ url, release: '0.1.0', queryTimeoutMs: 400, schema: 'half_open' })

  test.each(['down', 'up'] as const)('ends a statement of a user, deaf %s', async (deafness) => {
    const storage = await open()
    const transaction = await storage.begin(application)
    await transaction.query(['select 1'], [])
    expect(proxy.deafenOpen(deafness)).toBeGreaterThan(0)
    await expect(transaction.query(['select 2'], [])).rejects.toMatchObject({ code: 'MILL_TRANSACTION_LOST' })
    await transaction.rollback()
    await storage.close()
  })

  test('a statement that the server works at for many times the deadline is left alone', async () => {
    const storage = await open()
    const transaction = await storage.begin(application)
    expect(await transaction.query(['select 1 as one from pg_sleep(2.5)'], [])).toEqual([{ one: 1 }])
    await transaction.commit()
    await storage.close()
  })

  test.each(['down', 'up'] as const)('ends COMMIT with an unknown outcome, deaf %s', async (deafness) => {
    const storage = await open()
    const transaction = await storage.begin(application)
    await transaction.query(['select 1'], [])
    expect(proxy.deafenOpen(deafness)).toBeGreaterThan(0)
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'MILL_COMMIT_UNKNOWN' })
    expect(await storage.now()).toBeGreaterThan(0)
    await storage.close()
  })

  test('ends BEGIN, statements of the engine, and the wait for a connection', async () => {
    const storage = await open()
    await storage.now()
    await (await storage.begin(application)).commit()
    expect(proxy.deafen('both')).toBeGreaterThan(0)
    const { workers } = storage
    const waits = [storage.begin(application), storage.now(), workers.list(), workers.renew(1, 1)]
    const unavailable = { status: 'rejected', reason: { code: 'MILL_STORAGE_UNAVAILABLE' } }
    expect(await Promise.allSettled(waits)).toMatchObject(waits.map(() => unavailable))
    proxy.heal()
    expect(await storage.now()).toBeGreaterThan(0)
    await storage.close()
  })

  test('costs no lease while new connections work: a heartbeat is shorter than its statement may be', async () => {
    const target = await postgresTarget(database!.url)
    const run = new Run(through(target, proxy.host, { queryTimeout: '30 seconds' }))
    try {
      const process = run.start('worker', { config: { lease: '2 seconds' } })
      await run.reaches(process, 'works', () => process.wrote('worker'))
      const livesOn = async (ms: number): Promise<void> => {
        const lives = (await run.expiryOf(process)) ?? 0
        await until(
          `it lives ${ms} ms on`,
          20_000,
          async () => ((await run.expiryOf(process)) ?? 0) > lives + ms,
        )
      }
      // By then its lease is renewed from its thread.
      await livesOn(2_000)
      run.did('part')
      expect(proxy.deafenOpen('down')).toBeGreaterThan(0)
      await livesOn(4_000)
      expect(process.wrote('workerFenced')).toBe(false)
    } finally {
      await run.dispose()
    }
  })
})
