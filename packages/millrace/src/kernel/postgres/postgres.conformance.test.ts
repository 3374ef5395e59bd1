import { describe } from 'vitest'
import { createTestDatabase } from '../../../../../tests/support/postgres.ts'
import { startPgbouncer } from '../../../../../tests/support/pgbouncer.ts'
import { conformance, type Subject } from '../storage/conformance/index.ts'
import type { Storage } from '../storage/storage.ts'
import { openPostgres, type PostgresOptions } from './open.ts'

const release = '0.1.0'
const [probe, pooler] = await parts()

/** A database of its own, seen through `reach`. */
async function subject(
  reach: (url: string) => Promise<{ readonly options: PostgresOptions; stop: () => Promise<void> }>,
): Promise<Subject> {
  const database = await createTestDatabase()
  if (database === undefined) throw new Error('there is no PostgreSQL')
  const { options, stop } = await reach(database.url)
  const opened: Storage[] = []
  const another = async (): Promise<Storage> => {
    const storage = await openPostgres(options)
    opened.push(storage)
    return storage
  }
  return {
    storage: await another(),
    another,
    dispose: async () => {
      for (const storage of opened) await storage.close()
      await stop()
      await database.drop()
    },
  }
}

/** What there is on this machine. */
async function parts(): Promise<readonly [boolean, boolean]> {
  const database = await createTestDatabase()
  if (database === undefined) return [false, false]
  const pgbouncer = await startPgbouncer(database.url)
  await pgbouncer?.stop()
  await database.drop()
  return [true, pgbouncer !== undefined]
}

describe.skipIf(!probe)('direct', () => {
  conformance('postgres', () =>
    subject(async (url) => ({ options: { url, release, poolSize: 12 }, stop: async () => {} })),
  )
})

describe.skipIf(!pooler)('behind a transaction pooler', () => {
  conformance('postgres through pgbouncer', () =>
    subject(async (url) => {
      const pgbouncer = await startPgbouncer(url)
      if (pgbouncer === undefined) throw new Error('there is no pgbouncer')
      return {
        options: { url: pgbouncer.url, listenUrl: url, pooler: 'transaction', release, poolSize: 12 },
        stop: () => pgbouncer.stop(),
      }
    }),
  )
})
