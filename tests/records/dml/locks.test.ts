import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { RecordsEnv } from '../../../packages/millrace/src/records/env.ts'
import { deleteRecords, insert, update, upsert } from '../../../packages/millrace/src/records/dml/dml.ts'
import { World } from './world.ts'

const world = await World.open('postgres')
const account = (env: RecordsEnv) => env.schema.object('Account')

describe.skipIf(world === undefined)('calls of several transactions on PostgreSQL', () => {
  const here = world as World
  beforeEach(() => here.clear())
  afterAll(() => here.close())

  const made = async (count: number): Promise<string[]> => {
    const rows = Array.from({ length: count }, (_, at) => ({ Name: `a${at}`, Code: `c${at}` }))
    const results = await here.work((env) => insert(env, account(env), rows))
    return results.map(({ id }) => id as string)
  }
  const partly = { allOrNone: false }

  test.each([50, 1000])(
    '%i records changed from both ends at once wait for each other, never in a circle',
    async (count) => {
      const ids = await made(count)
      const change = (rank: number, order: readonly string[]) =>
        here.work(async (env) => {
          const rows = order.map((Id) => ({ Id, Rank: rank }))
          const results = await update(env, account(env), rows)
          // A deadlock would have been mended by another try.
          expect(env.texts).not.toContain('rollback to savepoint mill_records')
          return results
        })
      const calls = Array.from({ length: 8 }, (_, at) =>
        change(at + 1, at % 2 === 0 ? ids : ids.toReversed()),
      )
      const results = await Promise.all(calls)
      expect(results.flat().every(({ success }) => success)).toBe(true)
      const rows = await here.work(({ sql }) => sql('select distinct rank, version from accounts'))
      expect(rows).toEqual([{ rank: expect.any(Number) as number, version: 9 }])
    },
  )

  test('a record that another transaction holds fails alone where waiting is bounded', async () => {
    const ids = await made(300)
    const held = ids[137]
    await here.work(async (other) => {
      await update(other, account(other), [{ Id: held, Rank: 1 }])
      const [results, removed] = await here.work(async (env) => {
        await env.sql(`set local lock_timeout = '100ms'`)
        return [
          await update(
            env,
            account(env),
            ids.map((Id) => ({ Id, Rank: 2 })),
            partly,
          ),
          await deleteRecords(env, account(env), ids.slice(130, 140), partly),
        ]
      })
      expect(results.filter(({ success }) => !success)).toEqual([
        { success: false, id: held, errors: [expect.objectContaining({ code: 'UNABLE_TO_LOCK_ROW' })] },
      ])
      expect(removed.map(({ success }) => success)).toEqual(ids.slice(130, 140).map((id) => id !== held))
    })
  })

  test('what one changes while the other waits is seen by its version', async () => {
    const ids = await made(300)
    const rows = ids.map((Id) => ({ Id, Version: 1, Rank: 5 }))
    const [first, second] = await Promise.all([
      here.work((env) => update(env, account(env), rows, partly)),
      here.work((env) => update(env, account(env), rows, partly)),
    ])
    const codes = [first, second].map(
      (results) => new Set(results.map(({ errors }) => errors[0]?.code ?? 'done')),
    )
    expect(codes.toSorted((a, b) => Number(a.has('STALE_RECORD')) - Number(b.has('STALE_RECORD')))).toEqual([
      new Set(['done']),
      new Set(['STALE_RECORD']),
    ])
  })

  test('upserts of one external id at once make one record', async () => {
    const rows = Array.from({ length: 20 }, (_, at) => ({ Code: `k${at}`, Name: 'n' }))
    const results = await Promise.all(
      Array.from({ length: 4 }, () => here.work((env) => upsert(env, account(env), rows, { by: 'Code' }))),
    )
    expect(results.flat().filter(({ created }) => created)).toHaveLength(20)
    expect(results.flat().every(({ success }) => success)).toBe(true)
    expect(
      await here.work(({ sql }) => sql('select count(*)::int as n, min(version) as v from accounts')),
    ).toEqual([{ n: 20, v: 4 }])
  })
})
