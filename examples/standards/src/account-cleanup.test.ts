import { defineBatch, defineSchedule, objectStatements, type Mill } from 'millrace'
import { createTestMill, type TestMill } from 'millrace/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { accountCleanup, batchScheduler } from './account-cleanup.ts'
import { Account } from './objects.ts'

const start = new Date('2030-01-01T00:00:00Z')
/** The same guard over a batch that starts later than it is due. */
const delayed = defineSchedule({
  ...{ name: 'delayed', cron: '0 0 3 * * ?', runs: accountCleanup, input: null, overlap: 'skip' as const },
  window: { from: '12:00', to: '13:00' },
})
const other = defineBatch({ name: 'Other', start: () => [{ n: 1 }], execute: () => undefined })
const definitions = [Account, accountCleanup, batchScheduler, delayed, other]

let t: TestMill

beforeEach(async () => {
  t = await createTestMill({ definitions, now: start })
  await t.transaction(async (tx) => {
    for (const statement of await objectStatements({ definitions: [Account] }))
      await tx.sql([statement.replace(/;$/, '')] as unknown as TemplateStringsArray)
    // What refers to an account keeps it from being deleted.
    await tx.sql`create table contact (account text references account (Id))`
  })
})
afterEach(() => t.stop())

const years = (count: number): Date => new Date(start.getTime() - count * 366 * 86_400_000)

/** TestDataFactory.createAccounts, last modified so many years ago. */
async function insertAccounts(count: number, age: number, prefix: string): Promise<void> {
  const rows = Array.from({ length: count }, (_, n) => ({ Id: `${prefix}${n}`, Name: `Account ${n}` }))
  await t.records.insert(Account, rows)
  await t.sql`update account set LastModifiedDate = ${years(age).toISOString()} where Id like ${`${prefix}%`}`
}

describe('AccountProcessingQueueableTest, its batch', () => {
  test(
    'shouldHandleBulkVolume: 10,000 accounts by 200, which Apex tests would not run',
    { timeout: 30_000 },
    async () => {
      await insertAccounts(10_000, 4, 'old')
      await insertAccounts(5, 1, 'new')

      const job = await t.enqueue(accountCleanup, null)
      await t.drain()

      expect(await job.completed()).toEqual({ recordsProcessed: 10_000, errorsEncountered: 0 })
      expect(await job.progress()).toMatchObject({ processed: 10_000, chunks: 50 })
      expect(await t.soql`SELECT COUNT() FROM Account`.count()).toBe(5)
    },
  )

  test('an account that cannot be deleted is told by its id, and the others go', async () => {
    await insertAccounts(3, 4, 'old')
    await t.sql`insert into contact values ('old1')`
    const job = await t.enqueue(accountCleanup, null)
    await t.drain()
    expect(await job.completed()).toEqual({ recordsProcessed: 2, errorsEncountered: 1 })
    expect(t.logs.map(({ level, message }) => `${level} ${message}`)).toEqual([
      `INFO Starting batch job: ${job.id}`,
      'ERROR Failed to delete account',
      'INFO Batch completed. Processed: 2, Errors: 1',
    ])
    expect(t.logs[1]).toMatchObject({ recordId: 'old1' })
    // Row 13: the scenario was lost after start.
    for (const { scenario } of t.logs) expect(scenario).toBe('Account Cleanup Batch')
  })
})

describe('row 5: the guard of the scheduler looked at the queue and then enqueued', () => {
  const run = (mill: Mill, name: string) => mill.schedules.run(name)
  const jobs = async (): Promise<number> => (await t.enqueued(accountCleanup)).length

  test('two fires at once make one job', async () => {
    const fires = await Promise.all([run(t.mill, 'BatchScheduler'), run(t.mill, 'BatchScheduler')])
    expect(fires.map(({ state }) => state).sort()).toEqual(['fired', 'skipped'])
    expect(await jobs()).toBe(1)
  })

  test('a batch that waits behind others, Holding or Queued, counts until it has ended', async () => {
    await t.mill.pause()
    for (let n = 0; n < 8; n += 1) await t.enqueue(other, undefined)
    await run(t.mill, 'BatchScheduler')
    const [held] = await t.enqueued(accountCleanup)
    expect(['Holding', 'Queued']).toContain(held?.status)
    expect(await run(t.mill, 'BatchScheduler')).toMatchObject({ state: 'skipped' })
    await t.mill.resume()
    await t.drain()
    expect(await run(t.mill, 'BatchScheduler')).toMatchObject({ state: 'fired' })
    expect(await jobs()).toBe(2)
  })

  test('one that is delayed counts', { timeout: 30_000 }, async () => {
    await t.advance('4 hours')
    const before = await jobs()
    expect(await run(t.mill, 'delayed')).toMatchObject({ state: 'skipped' })
    expect(await jobs()).toBe(before)
    await t.advance('8 hours')
    expect(await run(t.mill, 'delayed')).toMatchObject({ state: 'fired' })
  })

  test('each night it runs', async () => {
    await insertAccounts(1, 4, 'old')
    await t.advance('2 hours')
    expect(await t.soql`SELECT COUNT() FROM Account`.count()).toBe(0)
    expect((await t.mill.schedules.fires('BatchScheduler')).map(({ state }) => state)).toEqual(['fired'])
  })
})
