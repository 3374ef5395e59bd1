import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { createMill, defineQueueable, type MillConfig } from '../../packages/millrace/src/index.ts'
import { freePort } from '../support/server-process.ts'
import { Bench, fresh, places } from './support/bench.ts'
import { rejection } from './support/until.ts'

const all = await places()
const folder = mkdtempSync(join(tmpdir(), 'millrace-start-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function refused(config: MillConfig): Promise<{ code: string; message: string }> {
  return (await rejection(createMill({ log: { sink: () => undefined }, ...config }))) as never
}

describe('a mill that cannot be made says why', () => {
  test.each([
    ['mysql://localhost/x', 'MILL_STORAGE_URL_INVALID'],
    ['', 'MILL_STORAGE_URL_INVALID'],
    ['sqlite:', 'MILL_STORAGE_URL_INVALID'],
    ['postgres://[', 'MILL_STORAGE_URL_INVALID'],
    ['./data/mill.db', 'MILL_STORAGE_URL_INVALID'],
  ])('storage %s', async (storage, code) => {
    expect(await refused({ storage })).toMatchObject({ code })
  })

  test('no password reaches a message', async () => {
    const port = await freePort()
    for (const storage of [
      'mysql://me:hunter2@localhost/x',
      'postgres://me:hunter2@[/x',
      `postgres://me:hunter2@127.0.0.1:${String(port)}/x`,
    ]) {
      const error = await refused({ storage, patience: '100 ms' })
      expect(`${error.message} ${String((error as { cause?: unknown }).cause)}`).not.toContain('hunter2')
    }
  })

  test.each<[string, MillConfig]>([
    ['concurrency', { concurrency: 0 }],
    ['lease', { lease: '100 ms' }],
    ['writeTimeout', { lease: '1 second', writeTimeout: '1 second' }],
    ['perProcess', { queues: { q: { perProcess: 0 } } }],
    ['retention.failed', { retention: { failed: '1 second' } }],
    ['definitions', { definitions: [{} as never] }],
    ['no-such-folder', { definitions: ['no-such-folder/*.ts'] }],
  ])('config %s', async (field, config) => {
    const error = await refused({ storage: 'sqlite::memory:', ...config })
    expect(error).toMatchObject({ code: 'MILL_CONFIG_INVALID' })
    expect(error.message).toContain(field)
  })

  test.each<[string, MillConfig]>([
    ['of a queue', { queues: { q: { concurrency: 0 } } }],
    ['of a tenant', { tenants: { t: { rateLimit: { limit: 0, per: '1 second' } } } }],
    ['of all tenants', { tenants: { '*': { concurrency: -1 } } }],
  ])('limits %s that none can have', async (_, config) => {
    expect((await refused({ storage: 'sqlite::memory:', ...config })).code).toMatch(
      /^MILL_(CONFIG|OPTIONS)_INVALID$/,
    )
  })

  test('two definitions with one name and version', async () => {
    const name = fresh('twice')
    const definitions = [1, 2].map(() => defineQueueable({ name, execute: () => undefined }))
    expect(await refused({ storage: 'sqlite::memory:', definitions })).toMatchObject({
      code: 'MILL_DEFINITION_DUPLICATE',
    })
    const same = definitions[0]!
    const mill = await createMill({ storage: 'sqlite::memory:', definitions: [same, same] })
    expect(mill.definitions).toEqual([same])
    await mill.stop()
  })

  test('SQLite: a folder, and a file that is no database', async () => {
    const text = join(folder, 'notes.txt')
    writeFileSync(
      text,
      'This is not a database, but a text that is long enough to have a header.\n'.repeat(20),
    )
    expect((await refused({ storage: `sqlite:${folder}` })).code).toMatch(
      /^MILL_STORAGE_(UNAVAILABLE|READ_ONLY)$/,
    )
    expect(await refused({ storage: `sqlite:${text}` })).toMatchObject({ code: 'MILL_STORAGE_CORRUPT' })
  })
})

describe.each(all)('$kind: a mill that cannot be made', (place) => {
  const bench = new Bench(place)
  const table = place.kind === 'sqlite' ? 'millrace_setting' : 'millrace.setting'

  test('the database needs a newer release', async () => {
    await bench.mill({})
    const [row] = await place.query(`select value from ${table} where name = 'oldest_release'`)
    const set = `update ${table} set value = ? where name = 'oldest_release'`
    await place.query(set, ['99.0.0'])
    expect(await rejection(bench.mill({}))).toMatchObject({
      code: 'MILL_RELEASE_TOO_OLD',
      message: expect.stringContaining('99.0.0') as string,
    })
    await place.query(set, [String(row!['value'])])
    await bench.mill({})
  })
})

describe('SQLite: migrate false', () => {
  test('the tables are missing', async () => {
    const storage = `sqlite:${join(folder, 'empty.db')}`
    expect(await refused({ storage, migrate: false })).toMatchObject({ code: 'MILL_SCHEMA_MISSING' })
    await (await createMill({ storage })).stop()
    await (await createMill({ storage, migrate: false })).stop()
  })
})

describe.each(all.filter(({ kind }) => kind === 'postgres'))('PostgreSQL that cannot be used', (place) => {
  const changed = (change: (url: URL) => void): string => {
    const url = new URL(place.url)
    change(url)
    return url.href
  }

  test('nobody listens', async () => {
    const port = String(await freePort())
    expect(await refused({ storage: changed((url) => (url.port = port)) })).toMatchObject({
      code: 'MILL_STORAGE_UNAVAILABLE',
      retryable: true,
    })
  })

  test('there is no such database', async () => {
    expect(await refused({ storage: changed((url) => (url.pathname = '/nowhere')) })).toMatchObject({
      code: 'MILL_STORAGE_AUTH',
    })
  })

  test('there is no such user', async () => {
    expect(await refused({ storage: changed((url) => (url.username = 'nobody_at_all')) })).toMatchObject({
      code: 'MILL_STORAGE_AUTH',
    })
  })

  test('it is read-only', async () => {
    const storage = changed((url) => url.searchParams.set('options', '-c default_transaction_read_only=on'))
    const schema = fresh('readonly').replace('-', '_')
    expect(await refused({ storage, postgres: { schema } })).toMatchObject({ code: 'MILL_STORAGE_READ_ONLY' })
  })

  test('the tables are missing and migrate is false', async () => {
    const schema = fresh('empty').replace('-', '_')
    expect(await refused({ storage: place.url, migrate: false, postgres: { schema } })).toMatchObject({
      code: 'MILL_SCHEMA_MISSING',
    })
    const client = new pg.Client(place.url)
    await client.connect()
    const { rowCount } = await client.query('select 1 from pg_namespace where nspname = $1', [schema])
    await client.end()
    expect(rowCount).toBe(0)
  })
})
