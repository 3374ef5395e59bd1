import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'
import { commands, definitions, met, runs, unmet } from './commands.ts'
import { onPostgres, onSqlite, type Installation } from './installation.ts'
import { Model } from './model.ts'

/** Of each database. */
const numRuns = Number(process.env['MILLRACE_MODEL_RUNS'] ?? 50)
const database = await createTestDatabase()
const config = { definitions, concurrency: 3 }

/** Goes on until it has met what it is about: chance may leave out something rare. */
async function follow(open: () => Promise<Installation>): Promise<void> {
  met.clear()
  for (let more = 10; more > 0 && unmet().length > 0; more -= 1) await followSome(open)
  expect(unmet()).toEqual([])
}

async function followSome(open: () => Promise<Installation>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(commands, async (list) => {
      runs.clear()
      const real = await open()
      try {
        await fc.asyncModelRun(() => ({ model: new Model(), real }), list)
      } finally {
        await real.close()
      }
    }),
    { numRuns },
  )
}

describe('any commands, one after another, lead where the model says', { timeout: 600_000 }, () => {
  test('sqlite', () => follow(() => onSqlite(config)))

  describe.skipIf(database === undefined)('on a server', () => {
    let shared: Awaited<ReturnType<typeof onPostgres>>
    beforeAll(async () => {
      shared = await onPostgres(database!.url, config)
    })
    afterAll(async () => {
      await shared.close()
      await database?.drop()
    })

    test('postgres', () =>
      follow(async () => {
        await shared.clear()
        return { ...shared, close: async () => undefined }
      }))
  })
})
