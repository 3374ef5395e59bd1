import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MillraceError, type ErrorCode } from '../../../packages/millrace/src/kernel/rules/errors.ts'
import { findCursor, openCursor } from '../../../packages/millrace/src/records/cursor/cursor.ts'
import { defaultCursorLimits, cursorLimits } from '../../../packages/millrace/src/records/cursor/limits.ts'
import {
  findPaginationCursor,
  openPaginationCursor,
} from '../../../packages/millrace/src/records/cursor/pagination-cursor.ts'
import { cursorUsage } from '../../../packages/millrace/src/records/cursor/usage.ts'
import { parseSoql } from '../../../packages/millrace/src/records/soql/parse.ts'
import { application, envOf, fillItems, newId, postgresPlace, sqlitePlace, type Place } from './place.ts'

const places = [await sqlitePlace(), await postgresPlace()].filter((place) => place !== undefined)
afterAll(async () => {
  for (const place of places) await place.close()
})

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at)
const idsOf = (records: readonly Readonly<Record<string, unknown>>[]): unknown[] =>
  records.map(({ Id }) => Id)
const refused = async (work: Promise<unknown>, code: ErrorCode, message?: RegExp): Promise<void> => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(MillraceError)
  expect((error as MillraceError).code).toBe(code)
  if (message !== undefined) expect((error as MillraceError).message).toMatch(message)
}

describe.each(places)('cursors on $kind', (place: Place) => {
  const env = envOf(place)
  const query = (text: string) => parseSoql(text)
  const item = (where = '') => query(`SELECT Id, Name FROM Item ${where}`)

  beforeAll(async () => {
    await fillItems(place, 1, 3_000)
    await fillItems(place, 5_001, 5_100, 'globex')
  })

  test('have the records of their query in its order, forward, back and across processes', async () => {
    const cursor = await openCursor(env, item('WHERE Id <= 2500 ORDER BY Rank'))
    expect(cursor.numberOfRecords).toBe(2_500)
    // It can be the input of a job as it is.
    expect(structuredClone(cursor)).toEqual({ id: cursor.id, numberOfRecords: 2_500 })
    const handle = JSON.parse(JSON.stringify(cursor)) as { id: string }
    expect(handle).toEqual({ id: cursor.id, numberOfRecords: 2_500 })
    const elsewhere = envOf({ kind: place.kind, storage: await place.another() })
    for (const one of [cursor, await findCursor(elsewhere, handle), await findCursor(env, cursor.id)]) {
      expect(idsOf(await one.fetch(0, 3))).toEqual([2_500, 2_499, 2_498])
      expect(await one.fetch(2_499, 10)).toEqual([{ Id: 1, Name: 'n1' }])
      expect(await one.fetch(2_500, 10)).toEqual([])
      expect(idsOf(await one.fetch(490, 2_000))).toEqual(range(11, 2_010).reverse())
      expect(await one.fetch(7, 0)).toEqual([])
    }
  })

  test('fix their set; values are those of the fetch, deleted records are missing (C-02)', async () => {
    const cursor = await openCursor(
      env,
      query("SELECT Name FROM Item WHERE Name LIKE 'n1%' AND Id < 20 ORDER BY Id"),
    )
    expect(cursor.numberOfRecords).toBe(11)
    await place.sql`update item set "Name" = 'other' where "Id" = 12`
    await place.sql`update item set "Rank" = 100000 where "Id" = 15`
    await place.sql`delete from item where "Id" = 13`
    await place.sql`update item set "Gone" = ${place.kind === 'postgres' ? true : 1} where "Id" = 14`
    await fillItems(place, 0, 0)
    await place.sql`update item set "Name" = 'n1new' where "Id" in (0, 5)`
    const names = ['n1', 'n10', 'n11', 'other', 'n15', 'n16', 'n17', 'n18', 'n19']
    expect(await cursor.fetch(0, 100)).toEqual(names.map((Name) => ({ Name })))
    expect(await cursor.fetch(4, 2)).toEqual([])
    expect(await cursor.fetch(3, 3)).toEqual([{ Name: 'other' }])
    await place.sql`delete from item where "Id" between 0 and 20`
    await fillItems(place, 1, 20)
  })

  test('read parents, children and binds of their query at each fetch', async () => {
    await place.sql`delete from doc`
    const [a, b] = [newId(), newId()]
    await place.sql`insert into doc ("Id", "Name", "ItemId") values (${a}, 'a', 2), (${b}, 'b', 2)`
    const text =
      'SELECT Id, (SELECT Name FROM Docs WHERE Name IN :names ORDER BY Name) FROM Item WHERE Id IN :ids ORDER BY Id'
    const cursor = await openCursor(env, query(text), {
      binds: { ids: [1, 2], names: new Set(['a', 'b', 'c']), more: 1n },
    })
    const found = await findCursor(env, cursor.id)
    const expected = [
      { Id: 1, Docs: [] },
      { Id: 2, Docs: [{ Name: 'a' }, { Name: 'b' }] },
    ]
    expect(await found.fetch(0, 10)).toEqual(expected)
    const docs = await openCursor(env, query('SELECT Name, Item.Name FROM Doc ORDER BY Id DESC'))
    expect(await docs.fetch(0, 1)).toMatchObject([{ Name: 'b', Item: { Name: 'n2' } }])
  })

  test('may be opened and read in a transaction, with what it wrote', async () => {
    const transaction = await place.storage.begin(application)
    const inside = envOf(place, { transaction })
    await transaction.query(['update item set "Name" = \'mine\' where "Id" = 7'], [])
    const cursor = await openCursor(inside, item("WHERE Name = 'mine'"))
    expect(await cursor.fetch(0, 10)).toEqual([{ Id: 7, Name: 'mine' }])
    expect(await (await findCursor(inside, cursor.id)).fetch(0, 10)).toHaveLength(1)
    await transaction.rollback()
    await refused(findCursor(env, cursor.id), 'MILL_CURSOR_FATAL')
  })

  test('belong to their tenant alone', async () => {
    const cursor = await openCursor(env, item('ORDER BY Id LIMIT 10'))
    const other = envOf(place, { tenant: 'globex' })
    await refused(findCursor(other, cursor.id), 'MILL_CURSOR_FATAL', /unknown/)
    // Also for who took the object along.
    const all = await openCursor(other, item('ORDER BY Id'))
    expect(all.numberOfRecords).toBe(100)
    expect(idsOf(await all.fetch(0, 3))).toEqual([5_001, 5_002, 5_003])
    expect(await place.storage.snapshots.find(all.id)).toMatchObject({ tenant: 'globex' })
  })

  test('give no field that the caller may not read', async () => {
    const cursor = await openCursor(env, item('WITH USER_MODE ORDER BY Id LIMIT 10'))
    const reader = await findCursor(envOf(place, { roles: ['reader'] }), cursor.id)
    expect(await reader.fetch(0, 2)).toHaveLength(2)
    const nobody = await findCursor(envOf(place, { roles: [] }), cursor.id)
    await refused(nobody.fetch(0, 2), 'MILL_ACCESS_DENIED')
    await refused(openCursor(envOf(place, { roles: [] }), item('WITH USER_MODE')), 'MILL_ACCESS_DENIED')
  })

  test('end with fatal errors for what can never be read (C-05)', async () => {
    const cursor = await openCursor(env, item('ORDER BY Id LIMIT 10'))
    for (const [position, count] of [
      [-1, 1],
      [11, 1],
      [0.5, 1],
      [0, 2_001],
      [0, -1],
      [Number.NaN, 1],
      [0, 1.5],
    ] as const)
      await refused(cursor.fetch(position, count), 'MILL_CURSOR_FATAL')
    for (const id of ['', 'x', newId(), "' or 1=1 --"])
      await refused(findCursor(env, id), 'MILL_CURSOR_FATAL', /unknown/)
    await cursor.close()
    await cursor.close()
    await refused(cursor.fetch(0, 1), 'MILL_CURSOR_FATAL', /expired/)
    await refused(findCursor(env, cursor.id), 'MILL_CURSOR_FATAL')
    await refused(openCursor(env, query('SELECT Id FROM Item FOR UPDATE')), 'MILL_CURSOR_FATAL', /FOR UPDATE/)
  })

  test('refuse a bad query before anything is written', async () => {
    const before = await cursorUsage(place.storage.snapshots, 'acme')
    await refused(openCursor(env, item('WHERE Naem = 1')), 'MILL_FIELD_UNKNOWN')
    await refused(openCursor(env, query('SELECT Naem FROM Item')), 'MILL_FIELD_UNKNOWN')
    await refused(openCursor(env, query('SELECT COUNT() FROM Item')), 'MILL_QUERY_INVALID')
    await refused(
      openCursor(env, query('SELECT Name, COUNT(Id) FROM Item GROUP BY Name')),
      'MILL_QUERY_INVALID',
    )
    await refused(openCursor(env, item('WHERE Id IN :ids')), 'MILL_BIND_MISSING')
    expect(await cursorUsage(place.storage.snapshots, 'acme')).toEqual(before)
  })

  test('say that they may be tried again when the database is away', async () => {
    const away = envOf({ kind: place.kind, storage: await place.another() })
    const cursor = await openCursor(away, item('ORDER BY Id LIMIT 5'))
    const unavailable = new MillraceError('MILL_STORAGE_UNAVAILABLE', 'away')
    const failing = {
      ...away,
      snapshots: {
        ...away.snapshots,
        ids: () => Promise.reject(unavailable),
        create: () => Promise.reject(unavailable),
      },
    }
    await refused((await findCursor(failing, cursor.id)).fetch(0, 1), 'MILL_CURSOR_TRANSIENT', /away/)
    await refused(openCursor(failing, item()), 'MILL_CURSOR_TRANSIENT', /away/)
    const broken = { ...away, database: { ...away.database, query: () => Promise.reject(unavailable) } }
    const error = await (await findCursor(broken, cursor.id)).fetch(0, 1).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'MILL_CURSOR_TRANSIENT', retryable: true, cause: unavailable })
    expect(await cursor.fetch(0, 1)).toHaveLength(1)
  })

  test('of a query whose field is gone are fatal', async () => {
    const cursor = await openCursor(env, item('ORDER BY Id LIMIT 5'))
    const { Name: _, ...rest } = env.schema.object('Item').definition.fields
    const { Schema } = await import('../../../packages/millrace/src/records/object/schema.ts')
    const changed = new Schema([
      { ...env.schema.object('Item').definition, fields: rest, nameField: undefined },
      env.schema.object('Doc').definition,
    ])
    await refused(
      (await findCursor({ ...env, schema: changed }, cursor.id)).fetch(0, 1),
      'MILL_CURSOR_FATAL',
      /Name/,
    )
  })

  test('live on with use, and no longer (C-04)', async () => {
    const short = { ...env, cursorLimits: cursorLimits({ ttlMs: 60_000 }) }
    const cursor = await openCursor(short, item('ORDER BY Id LIMIT 5'))
    const remaining = async () => (await place.storage.snapshots.find(cursor.id))?.remainingMs ?? 0
    expect(await remaining()).toBeGreaterThan(60_000)
    expect(await remaining()).toBeLessThanOrEqual(62_500)
    await cursor.fetch(0, 1)
    expect(await remaining()).toBeLessThanOrEqual(62_500)
    // With the usual two days it is read as one that is about to expire.
    await (await findCursor(env, cursor.id)).fetch(0, 1)
    expect(await remaining()).toBeGreaterThanOrEqual(defaultCursorLimits.ttlMs)
  })

  test('may be bounded, by size and by day, and tell what is used (C-04, C-07)', async () => {
    const tenant = 'bounded'
    await fillItems(place, 9_001, 9_010, tenant)
    const limits = cursorLimits({ maxRows: 9, perDay: 2, rowsPerDay: 16 })
    const bounded = { ...envOf(place, { tenant }), cursorLimits: limits }
    await refused(openCursor(bounded, item()), 'MILL_CURSOR_FATAL', /may have 9 records/)
    const first = await openCursor(bounded, item('LIMIT 9'))
    await first.close()
    await openCursor(bounded, item('LIMIT 6'))
    await refused(openCursor(bounded, item('LIMIT 1')), 'MILL_CURSOR_FATAL', /may open 2/)
    await openPaginationCursor(bounded, item('LIMIT 1'))
    await refused(openPaginationCursor(bounded, item('LIMIT 1')), 'MILL_CURSOR_FATAL', /16/)
    expect(await cursorUsage(place.storage.snapshots, tenant, limits)).toEqual({
      cursors: { used: 2, limit: 2 },
      paginationCursors: { used: 1, limit: 2 },
      rows: { used: 16, limit: 16 },
      open: 2,
      openRows: 7,
      limits,
    })
  })
})

describe.each(places)('pagination cursors on $kind (C-06)', (place: Place) => {
  const env = envOf(place, { tenant: 'turning' })
  const items = (text: string) => parseSoql(text)

  beforeAll(() => fillItems(place, 20_001, 21_000, 'turning'))

  test('fill their pages over deleted records', async () => {
    const cursor = await openPaginationCursor(env, items('SELECT Id FROM Item ORDER BY Id'))
    expect(cursor.numberOfRecords).toBe(1_000)
    await place.sql`delete from item where "Id" between 20003 and 20004 or "Id" between 20011 and 20990`
    const first = await cursor.fetchPage(0, 4)
    expect({ ...first, records: idsOf(first.records) }).toEqual({
      records: [20_001, 20_002, 20_005, 20_006],
      deletedRows: 2,
      nextIndex: 6,
      isDone: false,
    })
    const found = await findPaginationCursor(env, cursor)
    const second = await found.fetchPage(first.nextIndex, 8)
    expect({ ...second, records: idsOf(second.records) }).toEqual({
      records: [...range(20_007, 20_010), ...range(20_991, 20_994)],
      deletedRows: 980,
      nextIndex: 994,
      isDone: false,
    })
    const last = await found.fetchPage(second.nextIndex, 8)
    expect({ ...last, records: idsOf(last.records) }).toEqual({
      records: range(20_995, 21_000),
      deletedRows: 0,
      nextIndex: 1_000,
      isDone: true,
    })
    expect(await found.fetchPage(1_000, 8)).toEqual({
      records: [],
      deletedRows: 0,
      nextIndex: 1_000,
      isDone: true,
    })
    // Back again.
    expect((await found.fetchPage(0, 4)).nextIndex).toBe(6)
  })

  test('are bounded, and not mixed up with cursors', async () => {
    const small = { ...env, cursorLimits: cursorLimits({ paginationRows: 3 }) }
    await refused(
      openPaginationCursor(small, items('SELECT Id FROM Item')),
      'MILL_CURSOR_FATAL',
      /may have 3/,
    )
    const [one, other] = [
      await openPaginationCursor(env, items('SELECT Id FROM Item LIMIT 2')),
      await openCursor(env, items('SELECT Id FROM Item LIMIT 2')),
    ]
    await refused(findCursor(env, one), 'MILL_CURSOR_FATAL', /kind pagination/)
    await refused(findPaginationCursor(env, other), 'MILL_CURSOR_FATAL', /kind cursor/)
    await refused(one.fetchPage(3, 1), 'MILL_CURSOR_FATAL')
    await refused(one.fetchPage(0, 2_001), 'MILL_CURSOR_FATAL')
    await one.close()
    await refused(one.fetchPage(0, 1), 'MILL_CURSOR_FATAL')
  })
})
