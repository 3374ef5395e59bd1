import { defineQueueable, objectStatements } from 'millrace'
import { createTestMill, type TestMill } from 'millrace/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { getRecentFailures, isRunning, recentLogs, stuckJobs } from './monitor.ts'
import { Account, MassActionConfiguration, MassActionLog } from './objects.ts'

const cleanup = defineQueueable<{ readonly fail: boolean }>({
  name: 'AccountCleanupBatch',
  retry: { attempts: 1 },
  execute({ fail }) {
    if (fail) throw new Error('First error: no such row')
  },
})
const other = defineQueueable({ name: 'Other', execute: () => undefined })
const definitions = [Account, MassActionConfiguration, MassActionLog, cleanup, other]

let t: TestMill

beforeEach(async () => {
  t = await createTestMill({ definitions })
  await t.transaction(async (tx) => {
    for (const statement of await objectStatements({ definitions }))
      await tx.sql([statement.replace(/;$/, '')] as unknown as TemplateStringsArray)
  })
})
afterEach(() => t.stop())

describe('the record queries of the standards document, as written', () => {
  test('AccountProcessingQueueable: accounts by ids, as far as the rights reach', async () => {
    const answers = await t.records.insert(Account, [
      { Id: 'a1', Name: 'One', Industry: 'Energy' },
      { Id: 'a2', Name: 'Two', Industry: 'Media' },
      { Id: 'a3', Name: 'Three' },
    ])
    expect(answers.every((one) => one.success)).toBe(true)
    const accounts = await t.records.queryText(
      `
                SELECT Id, Name, Industry
                FROM Account
                WHERE Id IN :accountIds
                WITH SECURITY_ENFORCED`,
      { accountIds: ['a1', 'a3'] },
    )
    expect(accounts).toEqual([
      { Id: 'a1', Name: 'One', Industry: 'Energy' },
      { Id: 'a3', Name: 'Three', Industry: null },
    ])
    const stale = t.records.queryText(`
            SELECT Id, Name, LastModifiedDate
            FROM Account
            WHERE LastModifiedDate < LAST_N_YEARS:2
            WITH SECURITY_ENFORCED`)
    expect(await stale).toEqual([])
    const denied = t.records
      .as({ runAs: 'nobody' })
      .queryText('SELECT Id FROM Account WITH SECURITY_ENFORCED')
    await expect(denied).rejects.toMatchObject({ code: 'MILL_ACCESS_DENIED' })
  })

  test('its test class: every account is processed', async () => {
    await t.records.insert(Account, [{ Id: 'a1', Name: 'One', Status__c: 'Processed' }])
    const accountIds = new Set(['a1'])
    expect(await t.soql`SELECT Id, Status__c FROM Account WHERE Id IN ${accountIds}`).toEqual([
      { Id: 'a1', Status__c: 'Processed' },
    ])
  })

  test('recent logs of mass actions', async () => {
    const day = 86_400_000
    const at = (days: number) => new Date(t.clock.now() - days * day)
    await t.records.insert(MassActionConfiguration, [{ Id: 'c1', Name: 'Nightly' }])
    await t.records.insert(MassActionLog, [
      { Id: 'l1', Mass_Action_Configuration__c: 'c1', Submitted_Date__c: at(1), Message__c: 'done' },
      { Id: 'l2', Submitted_Date__c: at(0), Total_Batches__c: 5, Processed_Batches__c: 2 },
      { Id: 'l3', Submitted_Date__c: at(9) },
    ])
    expect(await recentLogs(t.records)).toMatchObject([
      { Id: 'l2', Mass_Action_Configuration__r: null, Total_Batches__c: 5, Message__c: null },
      { Id: 'l1', Mass_Action_Configuration__r: { Name: 'Nightly' }, Message__c: 'done' },
    ])
  })
})

describe('the monitoring queries of the standards document, as written', () => {
  test('getRecentFailures: newest first, within the hours, with the first error', async () => {
    await t.enqueue(cleanup, { fail: true })
    await t.drain({ throwOnFailure: false })
    const first = t.clock.now()
    await t.enqueue(cleanup, { fail: false })
    await t.drain()
    expect(await getRecentFailures(t.records, 1, first)).toMatchObject([
      {
        ApexClass: { Name: 'AccountCleanupBatch' },
        Status: 'Failed',
        ExtendedStatus: 'First error: no such row',
        NumberOfErrors: 0,
        TotalJobItems: 0,
      },
    ])
    expect(await getRecentFailures(t.records, 1, first + 2 * 3_600_000)).toEqual([])
  })

  test('alertOnStuckJobs: what was enqueued over two hours ago and has not ended', async () => {
    await t.enqueue(other, undefined)
    const [queued] = await t.enqueued()
    const now = t.clock.now()
    expect(await stuckJobs(t.records, now)).toEqual([])
    expect(await stuckJobs(t.records, now + 2 * 3_600_000 + 1)).toMatchObject([
      { Id: queued?.id, ApexClass: { Name: 'Other' }, Status: 'Queued' },
    ])
    await t.drain()
    expect(await stuckJobs(t.records, now + 2 * 3_600_000 + 1)).toEqual([])
  })

  test('the guard of BatchScheduler: by class, until the job has ended', async () => {
    await t.enqueue(other, undefined)
    expect(await isRunning(t.records)).toBe(false)
    await t.enqueue(cleanup, { fail: false })
    expect(await isRunning(t.records)).toBe(true)
    await t.drain()
    expect(await isRunning(t.records)).toBe(false)
  })
})
