import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  deleteRecords,
  insert,
  undelete,
  update,
  upsert,
} from '../../../packages/millrace/src/records/dml/dml.ts'
import { World, type Work } from './world.ts'

const worlds = [await World.open('sqlite'), await World.open('postgres')]

const idOf = (n: number) => `018f0000-0000-7000-8000-00000000000${n}`
const number = fc.integer({ min: 0, max: 5 })
const row = fc.record(
  {
    Id: number.map(idOf),
    Name: fc.oneof(
      fc.constantFrom('a', 'b', "'; drop table accounts; --", '{"x"}', 'NULL', '\\', ''),
      fc.constant(null),
    ),
    Code: fc.oneof(
      number.map((n) => `c${n}`),
      fc.constant(null),
    ),
    Rank: fc.constantFrom(1, 2, -1, 0, null),
    ParentId: fc.oneof(number.map(idOf), fc.constant(null)),
    OwnerId: fc.constantFrom(7, null),
    Score: fc.constantFrom(1.5, 1.234, 0),
    Version: fc.constantFrom(1, 2),
  },
  { requiredKeys: [] },
)
const step = fc.record({
  verb: fc.constantFrom('insert', 'update', 'upsert', 'delete', 'undelete'),
  rows: fc.array(row, { maxLength: 8 }),
  allOrNone: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What each row came to, and the table after it. */
async function run(env: Work, { verb, rows, allOrNone }: Step): Promise<unknown> {
  const object = env.schema.object('Account')
  const options = { allOrNone }
  const answer = {
    insert: () =>
      insert(
        env,
        object,
        rows.map((one) => ({ Id: idOf(9), ...one })),
        options,
      ),
    update: () => update(env, object, rows, options),
    upsert: () =>
      upsert(
        env,
        object,
        rows.map(({ Id: _, ...one }) => one),
        { ...options, by: 'Code' },
      ),
    delete: () => deleteRecords(env, object, rows, options),
    undelete: () => undelete(env, object, rows, options),
  }[verb as 'insert']()
  const results = await answer.catch(
    (error: unknown) => (error as { data: { results: Awaited<typeof answer> } }).data.results,
  )
  const table = await env.sql('select name, code, rank, parent_id, score, version, deleted from accounts')
  return {
    results: results.map(({ success, created, errors }) => [
      success,
      created,
      errors.map(({ code }) => code),
    ]),
    table: table
      .map((one) =>
        JSON.stringify({
          ...one,
          score: one['score'] === null ? null : Number(one['score']),
          deleted: Boolean(one['deleted']),
        }),
      )
      .toSorted(),
  }
}

describe.skipIf(worlds.includes(undefined))('SQLite and PostgreSQL', () => {
  afterAll(async () => {
    for (const world of worlds) await world?.close()
  })

  test('come to the same, row by row, whatever is asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
        const [sqlite, postgres] = await Promise.all(
          worlds.map(async (world) => {
            await world?.clear()
            return world?.work(async (env) => {
              const seen: unknown[] = []
              for (const one of steps) seen.push(await run(env, one))
              return seen
            })
          }),
        )
        expect(sqlite).toEqual(postgres)
      }),
      { numRuns: Number(process.env['MILLRACE_DML_RUNS'] ?? 60) },
    )
  }, 60_000)
})
