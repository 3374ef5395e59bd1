import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Access } from '../../packages/millrace/src/records/access/access.ts'
import { defineRole } from '../../packages/millrace/src/records/access/define-role.ts'
import type { Caller } from '../../packages/millrace/src/records/access/principal.ts'
import type { AccessMode } from '../../packages/millrace/src/records/query/query.ts'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { benches, type Bench } from './databases.ts'
import { world } from './fixture-data.ts'
import { schema } from './fixture.ts'
import { callerOf, run } from './run.ts'

/**
 * What a clerk may not see shows nowhere. By Salesforce's "Enforce User Mode for Database Operations" every clause counts; by "Filter SOQL
 * Queries Using WITH SECURITY_ENFORCED" only what SELECT and FROM name.
 */
const clerk = defineRole({
  name: 'clerk',
  allObjects: { read: true },
  objects: {
    Account: {
      read: true,
      fields: { AnnualRevenue: { read: false }, OwnerId: { read: false }, Industry: { read: false } },
    },
    Contact: { read: true, fields: { AccountId: { read: false }, LastName: { read: false } } },
    Case: {},
  },
})
const access = new Access(schema, [clerk])
const caller: Caller = { ...callerOf({}), principal: { id: 'u00000', roles: ['clerk'] } }

let databases: readonly Bench[] = []
beforeAll(async () => {
  databases = await benches(world)
})
afterAll(async () => {
  for (const bench of databases) await bench.close()
})

async function codes(soql: string, by: Caller, mode?: AccessMode): Promise<readonly string[]> {
  const query = { ...parseSoql(soql), ...(mode === undefined ? {} : { mode }) }
  const ask = async (bench: Bench) => {
    const rows = await run(bench, query, by, {}, access)
    return rows.length >= 0 ? 'ok' : ''
  }
  return Promise.all(
    databases.map((bench) => ask(bench).catch((error: unknown) => (error as { code: string }).code)),
  )
}
const everywhere = (what: string) => databases.map(() => what)

const returned = [
  'SELECT AnnualRevenue FROM Account',
  'SELECT annualrevenue FROM ACCOUNT',
  'SELECT a.AnnualRevenue FROM Account a',
  'SELECT SUM(AnnualRevenue) FROM Account',
  'SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry',
  'SELECT toLabel(Industry) FROM Account',
  'SELECT FORMAT(AnnualRevenue) x FROM Account',
  'SELECT Id, Owner.Name FROM Account',
  'SELECT Id, Parent.AnnualRevenue FROM Account',
  'SELECT Id, Opportunity.Account.AnnualRevenue FROM OpportunityLineItem',
  'SELECT Id, (SELECT LastName FROM Contacts) FROM Account',
  'SELECT Id, (SELECT Id FROM Cases) FROM Contact',
  'SELECT Id, (SELECT AnnualRevenue FROM OwnedAccounts) FROM User',
  'SELECT Id, Parent.Subject FROM CaseComment',
  'SELECT TYPEOF What WHEN Account THEN AnnualRevenue END FROM Task',
  'SELECT TYPEOF What WHEN Case THEN Subject END FROM Task',
  'SELECT TYPEOF About WHEN Account THEN AnnualRevenue ELSE Name END FROM Secret',
  'SELECT Id FROM Case',
  'SELECT COUNT() FROM Case',
  'SELECT Id FROM Case ALL ROWS',
  'SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Case)',
]
const used = [
  'SELECT Id FROM Account WHERE AnnualRevenue > 1',
  'SELECT COUNT() FROM Account WHERE AnnualRevenue = 100',
  "SELECT Id FROM Account WHERE Name = 'a' OR (NOT (Rating = 'Hot' AND Industry LIKE 'T%'))",
  "SELECT Id FROM Account WHERE toLabel(Industry) = 'Banks'",
  'SELECT Id FROM Account ORDER BY AnnualRevenue',
  'SELECT Id FROM Account ORDER BY Owner.Name',
  'SELECT COUNT(Id) FROM Account GROUP BY Industry',
  'SELECT Id FROM CaseComment WHERE Parent.Subject = null',
  "SELECT Id FROM Opportunity WHERE Account.Industry = 'Banking'",
  "SELECT Id, (SELECT Id FROM ChildAccounts WHERE Industry = 'Banking') FROM Account",
  'SELECT Id, (SELECT Id FROM ChildAccounts ORDER BY AnnualRevenue) FROM Account',
]
const open = [
  'SELECT Id, Name FROM Account',
  'SELECT Id, Account.Name FROM Opportunity ORDER BY Account.Name',
  'SELECT Id, (SELECT Id, Amount FROM Opportunities) FROM Account',
  'SELECT FIELDS(ALL) FROM Account LIMIT 5',
  'SELECT Id, FirstName FROM Contact',
]

describe.each(['user', 'securityEnforced'] as const)('in mode %s', (mode) => {
  it.each(returned)('is refused: %s', async (soql) => {
    expect(await codes(soql, caller, mode)).toEqual(everywhere('MILL_ACCESS_DENIED'))
  })

  it.each(used)('is judged by what it uses: %s', async (soql) => {
    const expected = mode === 'user' ? 'MILL_ACCESS_DENIED' : 'ok'
    expect(await codes(soql, caller, mode)).toEqual(everywhere(expected))
  })

  it.each(open)('answers: %s', async (soql) => {
    expect(await codes(soql, caller, mode)).toEqual(everywhere('ok'))
  })

  it('FIELDS(ALL) leaves out what may not be seen', async () => {
    for (const bench of databases) {
      const query = { ...parseSoql('SELECT FIELDS(ALL) FROM Account LIMIT 200'), mode }
      for (const row of await run(bench, query, caller, {}, access)) {
        expect(row).toHaveProperty('Name')
        for (const hidden of ['AnnualRevenue', 'OwnerId', 'Industry']) expect(row).not.toHaveProperty(hidden)
      }
    }
  })

  it('nobody without roles reads anything, and the system reads all', async () => {
    const stranger = { ...caller, principal: { id: 'u00000', roles: ['no such role'] } }
    const system = { ...caller, principal: null }
    expect(await codes('SELECT Id FROM User', stranger, mode)).toEqual(everywhere('MILL_ACCESS_DENIED'))
    for (const soql of [...returned, ...used])
      expect(await codes(soql, system, mode)).toEqual(everywhere('ok'))
  })
})

describe('the mode', () => {
  it('is what the query says, else system', async () => {
    const soql = 'SELECT AnnualRevenue FROM Account'
    expect(await codes(soql, caller)).toEqual(everywhere('ok'))
    expect(await codes(`${soql} WITH SYSTEM_MODE`, caller)).toEqual(everywhere('ok'))
    expect(await codes(soql, caller, 'user')).toEqual(everywhere('MILL_ACCESS_DENIED'))
    expect(await codes(`${soql} WITH USER_MODE`, caller)).toEqual(everywhere('MILL_ACCESS_DENIED'))
    expect(await codes(`${soql} WITH SECURITY_ENFORCED`, caller)).toEqual(everywhere('MILL_ACCESS_DENIED'))
  })

  it('of the query counts in its subqueries', async () => {
    const soql = 'SELECT Id, (SELECT LastName FROM Contacts) FROM Account WITH USER_MODE'
    expect(await codes(soql, caller)).toEqual(everywhere('MILL_ACCESS_DENIED'))
    const join =
      "SELECT Id FROM User WHERE Id IN (SELECT OwnerId FROM Contact WHERE LastName = 'a') WITH USER_MODE"
    expect(await codes(join, caller)).toEqual(everywhere('MILL_ACCESS_DENIED'))
  })

  it.each([
    "SELECT Id FROM User WHERE Id IN (SELECT OwnerId FROM Contact WHERE LastName = 'a' WITH SYSTEM_MODE) WITH USER_MODE",
    "SELECT Id FROM User WHERE Id IN (SELECT OwnerId FROM Contact WHERE LastName = 'a' WITH SECURITY_ENFORCED) WITH USER_MODE",
    'SELECT Id FROM User WHERE Id IN (SELECT OwnerId FROM Account WITH SYSTEM_MODE) WITH SECURITY_ENFORCED',
    "SELECT Id FROM User WHERE Id IN (SELECT OwnerId FROM Contact WHERE LastName = 'a' WITH USER_MODE) WITH SYSTEM_MODE",
    "SELECT Id FROM User WHERE Id IN (SELECT OwnerId FROM Contact WHERE LastName = 'a' WITH USER_MODE)",
  ])('of a subquery may only be stricter than that of its query: %s', async (soql) => {
    expect(await codes(soql, caller)).toEqual(everywhere('MILL_ACCESS_DENIED'))
    expect(await codes(soql, { ...caller, principal: null })).toEqual(everywhere('ok'))
  })
})
