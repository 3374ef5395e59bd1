import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { startPgbouncer } from './pgbouncer.ts'
import { createTestDatabase, startServer } from './postgres.ts'

const database = await createTestDatabase()
const pgbouncer = database && (await startPgbouncer(database.url))

afterAll(async () => {
  await pgbouncer?.stop()
  await database?.drop()
})

describe.skipIf(!database)('a test database', () => {
  test('is empty and its own', async () => {
    const other = await createTestDatabase()
    expect(other!.url).not.toBe(database!.url)
    expect(
      await query(other!.url, 'select count(*)::int as n from pg_class where relnamespace = 2200'),
    ).toEqual([{ n: 0 }])
    await other!.drop()
    await expect(query(other!.url, 'select 1')).rejects.toMatchObject({ code: '3D000' })
  })

  test('is dropped although somebody is connected', async () => {
    const other = await createTestDatabase()
    const client = new pg.Client(other!.url)
    // The server's farewell, then the loss of the connection.
    const errors: Error[] = []
    client.on('error', (error) => errors.push(error))
    const lost = new Promise((resolve) => client.once('end', () => resolve(errors)))
    await client.connect()
    await other!.drop()
    expect(await lost).toMatchObject([{ code: '57P01' }, {}])
  })
})

describe.skipIf(!pgbouncer)('pgbouncer', () => {
  test('shares one server connection between the transactions of two clients', async () => {
    const [first, second] = [new pg.Client(pgbouncer!.url), new pg.Client(pgbouncer!.url)]
    await first.connect()
    await second.connect()
    const backend = 'select pg_backend_pid() as pid'
    expect((await first.query(backend)).rows).toEqual((await second.query(backend)).rows)
    await first.end()
    await second.end()
  })
})

const own = await startServer()

describe.skipIf(!own)('a server of its own', () => {
  test('accepts connections until it is stopped', async () => {
    expect(await query(own!.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await own!.stop()
    await expect(query(own!.url, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(statement)).rows
  } finally {
    await client.end()
  }
}
