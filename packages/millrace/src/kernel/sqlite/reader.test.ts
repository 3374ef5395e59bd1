import { DatabaseSync } from 'node:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openSqlite } from './open.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-reader-'))
const path = join(folder, 'mill.db')
const storage = await openSqlite({ path, release: '0.1.0' })
const beside = new DatabaseSync(path)
beside.exec('create table numbers (n integer)')
afterAll(async () => {
  beside.close()
  await storage.close()
  rmSync(folder, { recursive: true })
})

/** Whether the log can be cut back: nobody reads an instant of before. */
function isFree(): boolean {
  beside.exec('insert into numbers values (1), (2), (3), (4)')
  return beside.prepare('pragma wal_checkpoint(truncate)').get()?.['busy'] === 0
}

const stream = () => storage.reader.stream(['select n from numbers'], [], { size: 2, timeoutMs: 10_000 })

test('a stream holds its instant of the file until it ends, or the consumer stops', async () => {
  expect(isFree()).toBe(true)
  for await (const page of stream()) {
    expect(page).toHaveLength(2)
    expect(isFree()).toBe(false)
    break
  }
  expect(isFree()).toBe(true)
  for await (const _ of stream()) expect(_.length).toBeGreaterThan(0)
  expect(isFree()).toBe(true)
})

test('a query holds nothing, also when it is cut off', async () => {
  const query = storage.reader.query(['select n from numbers'], [], { timeoutMs: 10_000, maxRows: 1 })
  await expect(query).rejects.toMatchObject({ code: 'MILL_QUERY_TOO_MANY_ROWS' })
  expect(isFree()).toBe(true)
})

test('closing the storage ends streams', async () => {
  const own = await openSqlite({ path, release: '0.1.0' })
  const pages = own.reader.stream(['select n from numbers'], [], { size: 1, timeoutMs: 10_000 })
  const iterator = pages[Symbol.asyncIterator]()
  expect((await iterator.next()).value).toHaveLength(1)
  await own.close()
  await expect(iterator.next()).rejects.toMatchObject({ code: 'MILL_STORAGE_CLOSED' })
  expect(isFree()).toBe(true)
})
