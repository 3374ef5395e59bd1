import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatSoql } from '../../packages/millrace/src/records/soql/test-support/format.ts'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { compileIds } from '../../packages/millrace/src/records/sql/compile.ts'
import { difference } from './compare.ts'
import { benches, type Bench } from './databases.ts'
import { world } from './fixture-data.ts'
import { markerOf, schema, tenants } from './fixture.ts'
import { evaluate } from './oracle/oracle.ts'
import type { World } from './oracle/world.ts'
import { tenancy } from './queries/relations.ts'
import { caseOf } from './queries/query-case.ts'
import { anyQuery } from './random/query.ts'
import { access, callerOf, run } from './run.ts'

/** Two tenants with the same ids: what one sees does not depend on what the other has, by whatever way it is asked. */
const numRuns = Number(process.env['MILLRACE_DIFF_RUNS'] ?? 300)
const seed = Number(process.env['MILLRACE_DIFF_SEED'] ?? 5)

let databases: readonly Bench[] = []
beforeAll(async () => {
  databases = await benches(world)
})
afterAll(async () => {
  for (const bench of databases) await bench.close()
})

/** As if the other tenants had never been there. */
function without(tenant: string): World {
  const rows = Object.entries(world.rows).map(([name, all]) => [
    name,
    all.filter((rec) => rec['Tenant__c'] === undefined || rec['Tenant__c'] === tenant),
  ])
  return { schema, rows: Object.fromEntries(rows) as World['rows'] }
}

const worlds = new Map(tenants.map((tenant) => [tenant, without(tenant)]))
const othersOf = (tenant: string) => tenants.filter((other) => other !== tenant)

it.each(tenancy.map(caseOf))('$soql as $tenant', async (one) => {
  const { tenant = '' } = one
  for (const bench of databases) {
    const rows = await run(bench, parseSoql(one.soql), callerOf(one))
    for (const other of othersOf(tenant)) expect(JSON.stringify(rows)).not.toContain(markerOf(other))
  }
})

describe('whatever is asked', { timeout: 60_000 + numRuns * 200 }, () => {
  const tenanted = anyQuery.filter((query) => /Folder|Secret|Notes/.test(JSON.stringify(query)))

  it(`${numRuns} random queries answer as if the other tenant were not there`, async () => {
    await fc.assert(
      fc.asyncProperty(tenanted, fc.constantFrom(...tenants), async (query, tenant) => {
        const caller = callerOf({ tenant })
        const answer = evaluate(query, { world: worlds.get(tenant) ?? world, caller })
        for (const bench of databases) {
          const rows = await run(bench, query, caller)
          expect(difference(answer, rows), `${bench.kind}: ${formatSoql(query)}`).toBeUndefined()
          for (const other of othersOf(tenant)) expect(JSON.stringify(rows)).not.toContain(markerOf(other))
        }
      }),
      { numRuns, seed, endOnFailure: true },
    )
  })

  it('ids of cursors are those of the query, and of the tenant', async () => {
    const records = anyQuery.filter(
      ({ select, groupBy }) =>
        groupBy === undefined && select.every(({ kind }) => kind !== 'call' && kind !== 'count'),
    )
    await fc.assert(
      fc.asyncProperty(records, fc.constantFrom(...tenants), async (query, tenant) => {
        const caller = callerOf({ tenant })
        const { name } = schema.object(query.from).idField
        const ids = { ...query, select: [{ kind: 'field', path: [name] } as const] }
        const answer = evaluate(ids, { world: worlds.get(tenant) ?? world, caller })
        for (const bench of databases) {
          const rows = await bench.query(compileIds(query, { kind: bench.kind, schema, caller, access }))
          const found = rows.map((row) => ({ id: row['id'] }))
          expect(difference(answer, found), `${bench.kind}: ${formatSoql(query)}`).toBeUndefined()
        }
      }),
      { numRuns: Math.ceil(numRuns / 3), seed, endOnFailure: true },
    )
  })
})

it('a tenant whose name is SQL is nobody', async () => {
  for (const tenant of [
    "acme' or '1'='1",
    'acme"; --',
    '%',
    '',
    'ACME',
    'acme\\',
    "x' union select * from secrets --",
  ]) {
    for (const bench of databases) {
      const caller = callerOf({ tenant })
      expect(await run(bench, parseSoql('SELECT Id, Name FROM Secret'), caller)).toEqual([])
      expect(await run(bench, parseSoql('SELECT COUNT() FROM Folder'), caller)).toEqual([0])
    }
  }
})
