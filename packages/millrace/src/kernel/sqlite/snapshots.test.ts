import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NewSnapshot } from '../storage/snapshots.ts'
import type { Storage } from '../storage/storage.ts'
import { openSqlite } from './open.ts'

const rows = 120_000
let folder = ''
let storage: Storage

const application = { token: null, idleTimeoutMs: 10_000, writeTimeoutMs: 10_000 }
const sql = async (text: string): Promise<Record<string, unknown>[]> => {
  const transaction = await storage.begin(application)
  try {
    const found = await transaction.query([text], [])
    await transaction.commit()
    return found
  } finally {
    await transaction.rollback()
  }
}
const spec = (id: string, change: Partial<NewSnapshot> = {}): NewSnapshot => ({
  ...{ id, tenant: 't', purpose: 'cursor', detail: '', ttlMs: 60_000, maxRows: 1_000_000 },
  statement: { segments: ['select id from app order by id'], params: [] },
  ...change,
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-snapshots-'))
  storage = await openSqlite({ path: join(folder, 'mill.db'), release: '0.1.0' })
  await storage.schema.migrate()
  await sql('create table app (id integer primary key)')
  await sql(
    `insert into app with recursive g(i) as (select 1 union all select i + 1 from g where i < ${rows}) select i from g`,
  )
})
afterAll(async () => {
  await storage.close()
  await rm(folder, { recursive: true })
})

test('a set is of one instant, although others write between its portions', async () => {
  let [written, turns, filled] = [0, 0, false]
  const turning = (): void => {
    turns += 1
    if (!filled) setImmediate(turning)
  }
  const writing = (async () => {
    while (!filled) {
      written += 1
      await sql(`delete from app where id = ${rows - written}`)
      await sql(`insert into app values (${rows + written})`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  setImmediate(turning)
  const creating = storage.snapshots.create(spec('a'))
  const total = await creating
  filled = true
  await writing
  expect(total).toBe(rows)
  const { ids } = (await storage.snapshots.ids('a', 0, rows)) ?? { ids: [] }
  expect(ids).toEqual(Array.from({ length: rows }, (_, at) => at + 1))
  // Nobody waited for all of it: others wrote in between, and the event loop turned.
  expect(written).toBeGreaterThan(2)
  expect(turns).toBeGreaterThan(5)
})

test('what was not filled to its end is not there, and the pruner takes what was written', async () => {
  // The last row is no id that fits: it fails after six portions.
  await sql(`insert into app values (${2 ** 53 + 2})`)
  await expect(storage.snapshots.create(spec('b'))).rejects.toThrow()
  expect(await storage.snapshots.find('b')).toBeNull()
  expect(await sql("select count(*) as n from millrace_snapshot_block where snapshot = 'b'")).toEqual([
    { n: 120 },
  ])
  expect(await storage.snapshots.usage('t')).toMatchObject([{ made: 1 }])
  while (!(await storage.snapshots.prune(30)).done);
  expect(await sql("select count(*) as n from millrace_snapshot_block where snapshot = 'b'")).toEqual([
    { n: 0 },
  ])
  expect(await sql("select count(*) as n from millrace_snapshot where id = 'b'")).toEqual([{ n: 0 }])
})

test('inside a transaction it ends with its write timeout', async () => {
  const transaction = await storage.begin({ ...application, writeTimeoutMs: 1 })
  const slow = { segments: ['select id from app where id < 100000 order by -id'], params: [] }
  await expect(transaction.snapshots.create(spec('c', { statement: slow }))).rejects.toMatchObject({
    code: 'MILL_WRITE_TIMEOUT',
  })
  await transaction.rollback()
  expect(await storage.snapshots.find('c')).toBeNull()
})

test('closing the storage in the middle ends it with a code', async () => {
  const other = await openSqlite({ path: join(folder, 'mill.db'), release: '0.1.0' })
  const creating = other.snapshots.create(
    spec('d', { statement: { segments: ['select id from app where id < 100000 order by id'], params: [] } }),
  )
  const refused = expect(creating).rejects.toMatchObject({ code: 'MILL_STORAGE_CLOSED' })
  await new Promise((resolve) => setImmediate(resolve))
  await other.close()
  await refused
  expect(await storage.snapshots.find('d')).toBeNull()
})
