import { createTestMill, type TestMill } from 'millrace/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { accountProcessing, flag } from './account-processing.ts'
import { createAccountTables, insertAccounts, type Account } from './account.ts'

let t: TestMill

beforeEach(async () => {
  t = await createTestMill({ definitions: [accountProcessing], flags: { [flag]: true } })
  await createAccountTables(t)
})
afterEach(() => t.stop())

/** The standards document's test class, method by method; `drain` stands for startTest and stopTest. */
describe('AccountProcessingQueueableTest', () => {
  test('shouldProcessAccountsSuccessfully', async () => {
    // Arrange
    const accountIds = await t.transaction((tx) => insertAccounts(tx, 200))

    // Act
    await t.enqueue(accountProcessing, { accountIds })
    await t.drain()

    // Assert
    const processed = await t.sql<Account>`select Id, Status__c from account where Id in ${accountIds}`
    expect(processed).toHaveLength(200)
    for (const account of processed) expect(account.Status__c).toBe('Processed')
  })

  test('shouldHandleEmptyList', async () => {
    await t.enqueue(accountProcessing, { accountIds: [] })
    expect(await t.drain()).toMatchObject([{ status: 'Completed', error: null }])
  })

  test('shouldHandleBulkVolume, in jobs of 200', async () => {
    const accountIds = await t.transaction((tx) => insertAccounts(tx, 10_000))

    await t.enqueueMany(accountProcessing, chunks(accountIds, 200))
    expect(await t.drain()).toHaveLength(50)

    expect(await statuses()).toEqual([{ Status__c: 'Processed', n: 10_000 }])
  })

  test('shouldHandleBulkVolume, in one job', async () => {
    const accountIds = await t.transaction((tx) => insertAccounts(tx, 10_000))

    await t.enqueue(accountProcessing, { accountIds })
    await t.drain()

    expect(await statuses()).toEqual([{ Status__c: 'Processed', n: 10_000 }])
  })
})

function* chunks(accountIds: readonly string[], size: number): Generator<{ accountIds: string[] }> {
  for (let at = 0; at < accountIds.length; at += size) yield { accountIds: accountIds.slice(at, at + size) }
}

function statuses(): Promise<object[]> {
  return t.sql`select Status__c, count(*) as n from account group by Status__c`
}
