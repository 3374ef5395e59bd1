import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { difference } from './compare.ts'
import { benches, type Bench } from './databases.ts'
import { world } from './fixture-data.ts'
import { evaluate } from './oracle/oracle.ts'
import { queries } from './queries/all.ts'
import { caseOf, type QueryCase } from './queries/query-case.ts'
import { callerOf, run } from './run.ts'

/** Every query gives on SQLite and on PostgreSQL what the oracle works out. */

let databases: readonly Bench[] = []
beforeAll(async () => {
  databases = await benches(world)
})
afterAll(async () => {
  for (const bench of databases) await bench.close()
})

describe.each(Object.entries(queries))('%s', (_, group) => {
  for (const given of group) {
    const one = caseOf(given)
    it(nameOf(one), () => gives(one))
  }
})

async function gives(one: QueryCase): Promise<void> {
  const query = parseSoql(one.soql)
  const caller = callerOf(one)
  const { binds } = one
  const answer = evaluate(query, { world, caller, ...(binds === undefined ? {} : { binds }) })
  const wrong: Record<string, string | undefined> = {}
  for (const bench of databases)
    wrong[bench.kind] = difference(answer, await run(bench, query, caller, binds))
  expect(wrong).toEqual(Object.fromEntries(databases.map(({ kind }) => [kind, undefined])))
}

it('there are at least 300 texts of queries', () => {
  const texts = Object.values(queries).flatMap((group) => group.map((given) => caseOf(given).soql))
  expect(new Set(texts).size).toBeGreaterThanOrEqual(300)
})

function nameOf({ soql, ...more }: QueryCase): string {
  return Object.keys(more).length === 0 ? soql : `${soql} ${JSON.stringify(more)}`
}
