import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { formatSoql } from '../../packages/millrace/src/records/soql/test-support/format.ts'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { difference } from './compare.ts'
import { benches, type Bench } from './databases.ts'
import { now, world } from './fixture-data.ts'
import { tenants } from './fixture.ts'
import { evaluate } from './oracle/oracle.ts'
import { anyQuery } from './random/query.ts'
import { callerOf, run } from './run.ts'

/** Queries that nobody thought of, as trees and by way of their text. MILLRACE_DIFF_RUNS makes more of them, MILLRACE_DIFF_SEED others. */
const numRuns = Number(process.env['MILLRACE_DIFF_RUNS'] ?? 400)
const seed = Number(process.env['MILLRACE_DIFF_SEED'] ?? 20_260_331)

let databases: readonly Bench[] = []
beforeAll(async () => {
  databases = await benches(world)
})
afterAll(async () => {
  for (const bench of databases) await bench.close()
})

const anyCaller = fc
  .record({
    timeZone: fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Pacific/Auckland',
      'Asia/Kathmandu',
    ),
    tenant: fc.constantFrom(...tenants),
    now: fc.constantFrom(now, Date.parse('2026-10-25T00:30:00Z'), Date.parse('2025-12-31T23:59:59Z')),
  })
  .map(callerOf)

it(`${numRuns} random queries answer alike`, { timeout: 60_000 + numRuns * 200 }, async () => {
  await fc.assert(
    fc.asyncProperty(anyQuery, anyCaller, async (query, caller) => {
      const text = formatSoql(query)
      const answer = evaluate(query, { world, caller })
      for (const bench of databases) {
        const wrong = difference(answer, await run(bench, parseSoql(text), caller))
        expect(wrong, `${bench.kind}: ${text}`).toBeUndefined()
      }
    }),
    { numRuns, seed, endOnFailure: process.env['MILLRACE_DIFF_SHRINK'] === undefined },
  )
})
