import { defineQueueable } from 'millrace'
import { createTestMill, type TestMill } from 'millrace/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { accountProcessing, flag, MissingIndustry, UnableToLockRow } from './account-processing.ts'
import { createAccountTables, insertAccounts } from './account.ts'

const flags = { [flag]: true }
const start = new Date('2030-01-01T00:00:00Z')
let t: TestMill

beforeEach(async () => {
  t = await createTestMill({ definitions: [accountProcessing], flags, now: start })
  await createAccountTables(t)
})
afterEach(async () => {
  flags[flag] = true
  await t.stop()
})

const messages = (): string[] => t.logs.map(({ level, message }) => `${level} ${message}`)

/** Account 0 cannot be locked before `attempt`. */
async function lockUntil(attempt: number): Promise<string[]> {
  const accountIds = await insertAccounts(t, 2)
  await t.sql`insert into locked values (${accountIds[0]}, ${attempt})`
  return accountIds
}

/** What the standards document's own code got wrong where queueables and finalizers are concerned, shown right. */
describe('row 4: the finalizer read a private field of its job', () => {
  test('the number of the attempt is the engine’s, and both sides see the same', async () => {
    await t.enqueue(accountProcessing, { accountIds: await lockUntil(3) })
    expect(await t.advance('1 hour')).toMatchObject([{ status: 'Completed', attempts: 3 }])
    expect(messages()).toEqual([
      'INFO Processing 2 accounts',
      'ERROR Failed to process accounts',
      'WARN Retrying account processing. Attempt: 1',
      'INFO Processing 2 accounts',
      'ERROR Failed to process accounts',
      'WARN Retrying account processing. Attempt: 2',
      'INFO Processing 2 accounts',
      'INFO Account processing completed successfully',
    ])
  })
})

describe('row 5: a guard looked at the queue and then enqueued', () => {
  const unique = { key: 'accounts of the night', until: 'started', on: 'return' } as const

  test('two enqueues at once make one job', async () => {
    const jobs = await Promise.all([
      t.enqueue(accountProcessing, { accountIds: [] }, { unique }),
      t.enqueue(accountProcessing, { accountIds: [] }, { unique }),
    ])
    expect(jobs.map(({ duplicate }) => duplicate).sort()).toEqual([false, true])
    expect(await t.drain()).toHaveLength(1)
  })

  test('a delayed job counts too, and one that has started does not', async () => {
    const options = { unique, delay: '1 hour' }
    const { id } = await t.enqueue(accountProcessing, { accountIds: [] }, options)
    expect(await t.enqueue(accountProcessing, { accountIds: [] }, options)).toMatchObject({
      id,
      duplicate: true,
    })
    await t.advance('1 hour')
    expect(await t.enqueue(accountProcessing, { accountIds: [] }, options)).toMatchObject({
      duplicate: false,
    })
  })
})

describe('row 6: retries were enqueued at once, five at most, whatever the error', () => {
  test('the terminal branch runs after any number of retries, with the exception', async () => {
    await t.enqueue(accountProcessing, { accountIds: await lockUntil(100) }, { retry: { attempts: 9 } })
    const [outcome] = await t.advance('1 day', { throwOnFailure: false })
    expect(outcome).toMatchObject({ status: 'Failed', attempts: 9 })
    expect(outcome?.error).toBeInstanceOf(UnableToLockRow)
    expect(messages().filter((line) => line.startsWith('WARN Retrying'))).toHaveLength(8)
    expect(t.logs.at(-1)).toMatchObject({
      level: 'ERROR',
      message: 'Max retries exceeded for account processing',
      error: { code: 'UNABLE_TO_LOCK_ROW' },
    })
  })

  test('between two attempts there is a wait that grows', async () => {
    await t.enqueue(accountProcessing, { accountIds: await lockUntil(100) })
    await t.advance('1 day', { throwOnFailure: false })
    const begun = t.logs.filter(({ message }) => message.startsWith('Processing')).map(({ at }) => at)
    expect(begun.map((at) => (at - start.getTime()) / 1000)).toEqual([0, 1, 3, 7, 15, 31])
  })

  test('an error that no retry mends ends the job at once', async () => {
    await t.enqueue(accountProcessing, { accountIds: await insertAccounts(t, 1, null) })
    await expect(t.drain()).rejects.toBeInstanceOf(MissingIndustry)
    expect(await t.enqueued(accountProcessing)).toMatchObject([{ status: 'Failed', attempt: 1 }])
    expect(messages().at(-1)).toBe('ERROR Max retries exceeded for account processing')
  })

  test('nothing of a failed attempt stays written', async () => {
    const accountIds = await lockUntil(2)
    await t.enqueue(accountProcessing, { accountIds: accountIds.toReversed() })
    await expect(t.drain()).rejects.toThrow('unable to obtain exclusive access')
    expect(await t.sql`select count(*) as n from account where Status__c is not null`).toEqual([{ n: 0 }])
    await t.advance('1 second')
    expect(await t.sql`select count(*) as n from account where Status__c is not null`).toEqual([{ n: 2 }])
  })
})

describe('row 8: overloads of the logger that did not exist', () => {
  test('(template, arguments), (message, error) and (message, { recordId, error })', async () => {
    const accountIds = await insertAccounts(t, 1, null)
    await t.enqueue(accountProcessing, { accountIds })
    await t.drain({ throwOnFailure: false })
    expect(t.logs).toMatchObject([
      { message: 'Processing 1 accounts' },
      { message: 'Account without industry', recordId: accountIds[0], error: { message: 'Account 0' } },
      { message: 'Failed to process accounts', error: { message: 'Account 0 has no industry' } },
      { message: 'Max retries exceeded for account processing' },
    ])
  })
})

describe('row 12: log entries were lost', () => {
  test('not when the handler returns early because its flag is off', async () => {
    flags[flag] = false
    await t.enqueue(accountProcessing, { accountIds: await insertAccounts(t, 1) })
    expect(await t.drain()).toMatchObject([{ status: 'Completed', substatus: 'skipped' }])
    expect(messages()).toContain('INFO Feature disabled, skipping processing')
  })

  test('not when the attempt throws and is rolled back, and each keeps its scenario and its execution', async () => {
    const { id } = await t.enqueue(accountProcessing, { accountIds: await lockUntil(2) })
    await t.drain({ throwOnFailure: false })
    expect(messages()).toContain('ERROR Failed to process accounts')
    for (const entry of t.logs)
      expect(entry).toMatchObject({ scenario: 'Account Processing', source: { jobId: id } })
  })
})

describe('row 18: the answer of a call was taken for its effect', () => {
  const relay = defineQueueable({
    name: 'relay',
    input: z.object({ fail: z.boolean() }),
    retry: { attempts: 1 },
    execute({ fail }) {
      if (fail) throw new Error('not delivered')
      return 'delivered'
    },
  })

  test('an enqueue says that the job is queued; whether it was done is asked of the job', async () => {
    await using other = await createTestMill({ definitions: [relay] })
    const good = await other.enqueue(relay, { fail: false })
    const bad = await other.enqueue(relay, { fail: true })
    expect(await other.jobs.get(good.id)).toMatchObject({ status: 'Queued' })
    await other.drain({ throwOnFailure: false })
    expect(await good.completed()).toBe('delivered')
    await expect(bad.completed()).rejects.toMatchObject({
      code: 'MILL_JOB_FAILED',
      cause: { message: 'not delivered' },
    })
  })
})
