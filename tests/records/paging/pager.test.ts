import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErrorCode, MillraceError } from '../../../packages/millrace/src/kernel/rules/errors.ts'
import { idFloor } from '../../../packages/millrace/src/kernel/rules/ids.ts'
import {
  closePages,
  idsWithin,
  nextBounds,
  openPages,
  recordsWithin,
} from '../../../packages/millrace/src/records/page/pager.ts'
import type { PageBounds, PagePlan } from '../../../packages/millrace/src/records/page/plan.ts'
import { parseSoql } from '../../../packages/millrace/src/records/soql/parse.ts'
import { application, envOf, fillItems, newId, postgresPlace, sqlitePlace, type Place } from './place.ts'

const places = [await sqlitePlace(), await postgresPlace()].filter((place) => place !== undefined)
afterAll(async () => {
  for (const place of places) await place.close()
})

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at)
const refused = async (work: Promise<unknown>, code: ErrorCode, message?: RegExp): Promise<void> => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ code })
  if (message !== undefined) expect((error as MillraceError).message).toMatch(message)
}

describe.each(places)('pages on $kind', (place: Place) => {
  const env = envOf(place)
  const items = (where = '') => parseSoql(`SELECT Id, Name FROM Item ${where}`)
  /** All ids, page after page, each also by its ids alone. */
  const all = async (plan: PagePlan, size: number, who = env): Promise<unknown[]> => {
    const found: unknown[] = []
    let bounds = await nextBounds(who, plan, null, size)
    while (bounds !== null) {
      const ids = (await recordsWithin(who, plan, bounds)).map(({ Id }) => Id)
      expect(await idsWithin(who, plan, bounds)).toEqual(ids)
      if (bounds.kind === 'keys') expect(bounds.count).toBe(ids.length)
      expect(ids.length).toBeGreaterThan(0)
      expect(ids.length).toBeLessThanOrEqual(size)
      found.push(...ids)
      bounds = await nextBounds(who, plan, bounds, size)
    }
    return found
  }

  beforeAll(async () => {
    await fillItems(place, 1, 1_000)
    await fillItems(place, 2_001, 2_050, 'globex')
  })

  test.for([
    [1, 50],
    [7, 300],
    [200, 1_000],
    [999, 1_000],
    [1_000, 1_000],
    [1_001, 1_000],
  ] as const)('of %i in %i rows have each record once, none empty', async ([size, rows]) => {
    const ids = range(1, rows)
    const some = `WHERE Id <= ${rows}`
    expect(await all(await openPages(env, items(some)), size)).toEqual(ids)
    expect(await all(await openPages(env, items(some), { snapshot: true }), size)).toEqual(
      expect.arrayContaining(ids),
    )
    expect(await all(await openPages(env, items(`${some} ORDER BY Rank`)), size)).toEqual(ids.toReversed())
  })

  test('end exactly with their last record', async () => {
    for (const snapshot of [false, true]) {
      const plan = await openPages(env, items('WHERE Id <= 20'), { snapshot })
      const bounds: PageBounds[] = []
      for (let next = await nextBounds(env, plan, null, 10); next !== null;) {
        bounds.push(next)
        next = await nextBounds(env, plan, next, 10)
      }
      expect(bounds).toEqual(
        snapshot
          ? [
              { kind: 'positions', from: 0, to: 10 },
              { kind: 'positions', from: 10, to: 20 },
            ]
          : [
              { kind: 'keys', after: null, upTo: 10, count: 10 },
              { kind: 'keys', after: 10, upTo: 20, count: 10 },
            ],
      )
    }
    for (const snapshot of [false, true])
      expect(await all(await openPages(env, items('WHERE Id < 0'), { snapshot }), 10)).toEqual([])
    const nobody = envOf(place, { tenant: 'nobody' })
    expect(await all(await openPages(nobody, items()), 10, nobody)).toEqual([])
  })

  test('keep to the order and the bounds of their query, over a snapshot', async () => {
    const plan = await openPages(env, items('ORDER BY Rank LIMIT 25 OFFSET 5'))
    expect(plan.kind).toBe('snapshot')
    expect(await all(plan, 10)).toEqual(range(971, 995).reverse())
    await refused(openPages(env, items('LIMIT 5'), { snapshot: false }), 'MILL_OPTIONS_INVALID', /LIMIT/)
  })

  test('leave out what is inserted later with larger ids', async () => {
    const plan = await openPages(env, items('WHERE Id > 900'))
    await fillItems(place, 1_001, 1_100)
    expect(await all(plan, 30)).toEqual(range(901, 1_000))
    await place.sql`delete from item where "Id" between 1001 and 1100`
  })

  test('show what lies between their ends when they are read', async () => {
    const plan = await openPages(env, items('WHERE Rank != 7'))
    const bounds = (await nextBounds(env, plan, null, 3))!
    expect(bounds).toEqual({ kind: 'keys', after: null, upTo: 3, count: 3 })
    await place.sql`update item set "Rank" = 7 where "Id" = 2`
    expect(await idsWithin(env, plan, bounds)).toEqual([1, 3])
    await place.sql`update item set "Rank" = -2 where "Id" = 2`
    expect(await idsWithin(env, plan, bounds)).toEqual([1, 2, 3])
  })

  test('go by uuids as by numbers', async () => {
    const ids = Array.from({ length: 60 }, () => newId())
    for (const id of ids) await place.sql`insert into doc ("Id", "Name", "ItemId") values (${id}, 'd', 1)`
    // One that is inserted later, and is larger.
    const docs = parseSoql('SELECT Id FROM Doc')
    const [keys, snapshot] = [
      await openPages(env, docs),
      await openPages(env, parseSoql('SELECT Id FROM Doc ORDER BY Id DESC')),
    ]
    const later = idFloor(Date.now() + 1_000_000)
    await place.sql`insert into doc ("Id", "Name", "ItemId") values (${later}, 'd', 1)`
    expect(await all(keys, 7)).toEqual(ids)
    expect(await all(snapshot, 7)).toEqual(ids.toReversed())
  })

  test('are worked through by two workers in turns, while the application writes', async () => {
    const workers = [env, envOf({ kind: place.kind, storage: await place.another() })]
    const plan = await openPages(env, items())
    const busy = (async () => {
      for (let n = 1; n <= 50; n += 1) {
        await place.sql`update item set "Name" = ${`w${n}`} where "Id" = ${n * 13}`
        await fillItems(place, 10_000 + n, 10_000 + n)
      }
    })()
    const found: unknown[] = []
    let bounds: PageBounds | null = null
    for (let turn = 0; ; turn += 1) {
      const worker = workers[turn % 2]!
      bounds = await nextBounds(worker, plan, bounds, 50)
      if (bounds === null) break
      found.push(...(await idsWithin(worker, plan, bounds)))
    }
    await busy
    expect(found).toEqual(range(1, 1_000))
    await place.sql`delete from item where "Id" > 10000`
  })

  test('go on from stored bounds in another process', async () => {
    for (const snapshot of [false, true]) {
      const plan = await openPages(env, items('ORDER BY Id'), { snapshot: true })
      const one = snapshot ? plan : await openPages(env, items())
      const first = await nextBounds(env, one, null, 300)
      const stored = JSON.parse(JSON.stringify({ one, first })) as { one: PagePlan; first: PageBounds }
      const elsewhere = envOf({ kind: place.kind, storage: await place.another() })
      const second = (await nextBounds(elsewhere, stored.one, stored.first, 300))!
      expect(await idsWithin(elsewhere, stored.one, stored.first)).toEqual(range(1, 300))
      const records = await recordsWithin(elsewhere, stored.one, second)
      expect(records.map(({ Id }) => Id)).toEqual(range(301, 600))
      expect(records[0]).toEqual({ Id: 301, Name: expect.any(String) as string })
    }
  })

  test('see what their transaction wrote', async () => {
    const transaction = await place.storage.begin(application)
    const inside = envOf(place, { transaction })
    await transaction.query(['delete from item where "Id" > 10'], [])
    expect(await all(await openPages(inside, items()), 4, inside)).toEqual(range(1, 10))
    expect(await all(await openPages(inside, items('ORDER BY Id')), 4, inside)).toEqual(range(1, 10))
    await transaction.rollback()
  })

  test('keep to their tenant, also with a plan of another', async () => {
    const globex = envOf(place, { tenant: 'globex' })
    expect(await all(await openPages(globex, items()), 20, globex)).toEqual(range(2_001, 2_050))
    const [keys, snapshot] = [
      await openPages(env, items()),
      await openPages(env, items(), { snapshot: true }),
    ]
    expect(await all(keys, 200, globex)).toEqual([])
    const first = { kind: 'positions', from: 0, to: 200 } as const
    await refused(recordsWithin(globex, snapshot, first), 'MILL_CURSOR_FATAL', /unknown/)
    await closePages(globex, snapshot)
    expect(await idsWithin(env, snapshot, first)).toHaveLength(200)
    await closePages(env, snapshot)
    await closePages(env, snapshot)
    await refused(idsWithin(env, snapshot, first), 'MILL_CURSOR_FATAL')
  })

  test('refuse what cannot be', async () => {
    await refused(openPages(env, parseSoql('SELECT COUNT() FROM Item')), 'MILL_QUERY_INVALID')
    await refused(openPages(env, parseSoql('SELECT Name FROM Item GROUP BY Name')), 'MILL_QUERY_INVALID')
    await refused(openPages(env, items('WHERE Naem = 1')), 'MILL_FIELD_UNKNOWN')
    await refused(openPages(env, items(), { snapshot: true, maxRows: 999 }), 'MILL_CURSOR_FATAL', /999/)
    const [keys, snapshot] = [
      await openPages(env, items()),
      await openPages(env, items(), { snapshot: true }),
    ]
    const [positions, range] = [
      { kind: 'positions', from: 0, to: 3 },
      { kind: 'keys', after: null, upTo: 3, count: 3 },
    ] as const
    for (const [plan, bounds] of [
      [keys, positions],
      [snapshot, range],
    ] as const) {
      await refused(nextBounds(env, plan, bounds, 5), 'MILL_CURSOR_FATAL', /other pages/)
      await refused(recordsWithin(env, plan, bounds), 'MILL_CURSOR_FATAL', /other pages/)
      await refused(idsWithin(env, plan, bounds), 'MILL_CURSOR_FATAL', /other pages/)
    }
  })
})
