// The same kit under Node's own test runner: node --conditions=millrace-source --test node-test/*.ts
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestMill } from 'millrace/testing'
import { accountProcessing, flag, MissingIndustry } from '../src/account-processing.ts'
import { createAccountTables, insertAccounts } from '../src/account.ts'

void test('processes accounts', async () => {
  await using t = await createTestMill({ definitions: [accountProcessing], flags: { [flag]: true } })
  await createAccountTables(t)
  const accountIds = await insertAccounts(t, 200)
  await t.enqueue(accountProcessing, { accountIds })
  await t.drain()
  const [row] = await t.sql<{ n: number }>`select count(*) as n from account where Status__c = 'Processed'`
  assert.equal(row?.n, 200)
})

void test('a failure reaches the test', async () => {
  await using t = await createTestMill({ definitions: [accountProcessing], flags: { [flag]: true } })
  await createAccountTables(t)
  await t.enqueue(accountProcessing, { accountIds: await insertAccounts(t, 1, null) })
  await assert.rejects(t.drain(), MissingIndustry)
})

void test('time passes at once', async () => {
  await using t = await createTestMill({ definitions: [accountProcessing], flags: { [flag]: true } })
  await createAccountTables(t)
  await t.enqueue(accountProcessing, { accountIds: [] }, { delay: '30 days' })
  assert.deepEqual(await t.drain(), [])
  const [outcome] = await t.advance('30 days')
  assert.equal(outcome?.status, 'Completed')
})
