import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPgbouncer, type Pgbouncer } from '../../support/pgbouncer.ts'
import { createTestDatabase } from '../../support/postgres.ts'
import { plantAll } from '../kills.ts'
import { pooledTarget, postgresTarget } from '../target.ts'
import { killedBackends } from './backends.ts'
import { halfOpens, lostCommits, randomCuts, slow } from './cuts.ts'

const database = await createTestDatabase()
afterAll(() => database?.drop())

describe.skipIf(!database)('a network that breaks under load', { timeout: 120_000 }, () => {
  test('10 cuts of all connections break no promise', async () => {
    const outcome = await randomCuts(await postgresTarget(database!.url), { times: 10, workers: 2, seed: 10 })
    expect(outcome.report).toBe('')
    expect(outcome.happened).toBe(10)
    expect(plantAll(outcome.evidence).missed).toEqual([])
  })

  test('5 commits whose answer is lost are neither forgotten nor repeated', async () => {
    const outcome = await lostCommits(await postgresTarget(database!.url), { times: 5, workers: 2, seed: 5 })
    expect(outcome.report).toBe('')
    expect(outcome.happened).toBe(5)
  })

  test('3 times its connections stay open and say nothing: each await has an end', async () => {
    const outcome = await halfOpens(await postgresTarget(database!.url), { times: 3, workers: 2, seed: 3 })
    expect(outcome.report).toBe('')
    expect(outcome.happened).toBe(3)
  })

  test('5 times the server ends some of their backends', async () => {
    const target = await postgresTarget(database!.url)
    const outcome = await killedBackends(target, { times: 5, workers: 2, seed: 15 })
    expect(outcome.report).toBe('')
    expect(outcome.happened).toBe(5)
  })

  test('latency makes it slow, and nothing else', async () => {
    const outcome = await slow(await postgresTarget(database!.url), { times: 1, workers: 2, seed: 7 })
    expect(outcome.report).toBe('')
    expect(outcome.happened).toBe(1)
  })
})

describe.skipIf(!database)('a network that breaks before a transaction pooler', { timeout: 120_000 }, () => {
  let pooler: Pgbouncer | undefined
  beforeAll(async () => {
    pooler = await startPgbouncer(database!.url)
  })
  afterAll(() => pooler?.stop())

  test.each([
    ['3 cuts', 3, randomCuts],
    ['3 lost commits', 3, lostCommits],
    ['1 half-open', 1, halfOpens],
    ['3 times backends ended', 3, killedBackends],
  ] as const)('%s', async (_name, times, fault) => {
    const target = await pooledTarget(database!.url, pooler!.url)
    const outcome = await fault(target, { times, workers: 2, seed: 30 })
    expect(outcome.report).toBe('')
    expect(outcome.happened).toBe(times)
  })
})
