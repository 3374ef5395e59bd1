import { beforeEach, describe, expect, test } from 'vitest'
import type { Storage } from '../storage/storage.ts'
import type { StorageTransaction } from '../storage/transaction.ts'
import { newJob, openLane, openStorage, rejection, untimed } from './test-support/scratch.ts'

let storage: Storage
let tx: StorageTransaction

beforeEach(async () => {
  storage = await openStorage()
  tx = await storage.begin(untimed)
  await tx.query(['create table app (id integer primary key autoincrement, word text)'], [])
})

const refused = async (sql: string): Promise<void> =>
  expect(await rejection(tx.query([sql], []))).toMatchObject({ code: 'MILL_TRANSACTION_STATEMENT' })

describe('a user statement may not', () => {
  test.for([
    'begin',
    'commit',
    'end transaction',
    'rollback',
    "attach ':memory:' as other",
    'detach main',
    'delete from millrace_ready',
    'DELETE FROM "MILLRACE_READY"',
    "insert into millrace_setting values ('a', 'b')",
    "update main.millrace_setting set value = 'x'",
    "with x as (select 1) insert into millrace_setting select 'a', 'b' from x",
    'drop table millrace_job',
    'alter table millrace_job add column extra text',
    'create index sneaky on millrace_job (payload)',
    'drop index millrace_job_lane',
    'create table millrace_own (a)',
    'create trigger t after insert on millrace_job begin select 1; end',
    'create temp trigger t after insert on millrace_job begin select 1; end',
    'pragma synchronous = off',
    'pragma user_version = 7',
    'pragma wal_checkpoint',
    'pragma writable_schema = on',
    'pragma journal_mode = delete',
  ])('%s', async (sql) => {
    await refused(sql)
    // The transaction and the engine's own statements go on.
    await tx.query(['insert into app (word) values (', ')'], ['kept'])
    await tx.enqueue([newJob({ ...lane, id: 1 })])
    await tx.commit()
    expect(await words()).toEqual(['kept'])
  })

  test('write the tables of Millrace by a trigger', async () => {
    await tx.query(['create trigger sneaky after insert on app begin delete from millrace_job; end'], [])
    await refused("insert into app (word) values ('x')")
  })

  test('do by a statement that was allowed before a change of the schema', async () => {
    const insert = "insert into app (word) values ('x')"
    await tx.query([insert], [])
    await tx.query(['create trigger sneaky after insert on app begin delete from millrace_job; end'], [])
    await refused(insert)
  })

  test('hide a second statement behind the first', async () => {
    expect(await rejection(tx.query(["insert into app (word) values ('x'); commit"], []))).toMatchObject({
      code: 'MILL_STORAGE_QUERY',
    })
    expect(await rejection(tx.query(['-- nothing'], []))).toMatchObject({ code: 'MILL_STORAGE_QUERY' })
    await tx.query(["insert into app (word) values ('y'); -- the end"], [])
    expect(await tx.query(['select word from app'], [])).toEqual([{ word: 'y' }])
  })
})

describe('a user statement may', () => {
  test.for([
    'select count(*) as n from millrace_ready',
    'savepoint a',
    'pragma table_info(app)',
    "select * from pragma_table_xinfo('millrace_job')",
    'pragma user_version',
    'create index app_word on app (word)',
    'create table other (a)',
    'alter table app add column more text',
    'drop table app',
    'explain query plan select * from app',
    'analyze',
    'reindex',
  ])('%s', async (sql) => {
    await tx.query([sql], [])
    await tx.commit()
  })

  test('undo a part of the transaction', async () => {
    await tx.query(['savepoint a'], [])
    await tx.query(["insert into app (word) values ('undone')"], [])
    await tx.query(['rollback to a'], [])
    await tx.query(['release a'], [])
    await tx.query(["insert into app (word) values ('kept')"], [])
    await tx.commit()
    expect(await words()).toEqual(['kept'])
  })
})

describe('rows', () => {
  test('are plain objects; integers are bigints only where a number cannot hold them', async () => {
    const values = [2 ** 53 - 1, 2n ** 53n, -(2n ** 63n), 1.5, null, new Uint8Array([1, 2])]
    const [row] = await tx.query(
      ['select ', ' as a, ', ' as b, ', ' as c, ', ' as d, ', ' as e, ', ' as f'],
      values,
    )
    expect(row).toEqual({
      a: 2 ** 53 - 1,
      b: 2n ** 53n,
      c: -(2n ** 63n),
      d: 1.5,
      e: null,
      f: new Uint8Array([1, 2]),
    })
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
  })

  test('of many different statements do not pile up', async () => {
    for (let n = 0; n < 500; n += 1) expect(await tx.query([`select ${n} as n`], [])).toEqual([{ n }])
    expect(await tx.query(['select 0 as n'], [])).toEqual([{ n: 0 }])
  })
})

let lane: Awaited<ReturnType<typeof openLane>>
beforeEach(async () => {
  await tx.commit()
  lane = await openLane(storage)
  tx = await storage.begin(untimed)
})

async function words(): Promise<unknown[]> {
  const reading = await storage.begin(untimed)
  const rows = await reading.query(['select word from app order by id'], [])
  await reading.rollback()
  return rows.map((row) => row.word)
}
