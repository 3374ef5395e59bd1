import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErrorCode, MillraceError } from '../../../packages/millrace/src/kernel/rules/errors.ts'
import { idFloor } from '../../../packages/millrace/src/kernel/rules/ids.ts'
import {
  closePages,
  nextIds,
  nextPage,
  openPages,
  pagesOf,
  partition,
} from '../../../packages/millrace/src/records/page/pager.ts'
import type { PagePlan } from '../../../packages/millrace/src/records/page/plan.ts'
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
  const all = async (plan: PagePlan, who = env): Promise<unknown[]> => {
    const ids: unknown[] = []
    for await (const page of pagesOf(who, plan)) {
      expect(page.records.map(({ Id }) => Id)).toEqual(page.ids)
      expect(page.ids.length).toBeLessThanOrEqual(plan.size)
      ids.push(...page.ids)
    }
    return ids
  }

  beforeAll(async () => {
    await fillItems(place, 1, 1_000)
    await fillItems(place, 2_001, 2_050, 'globex')
  })

  test.for([1, 7, 200, 999, 1_000, 1_001])('of %i rows have each record once, none empty', async (size) => {
    const ids = range(1, 1_000)
    expect(await all(await openPages(env, items(), { size }))).toEqual(ids)
    expect(await all(await openPages(env, items(), { size, snapshot: true }))).toEqual(
      expect.arrayContaining(ids),
    )
    expect(await all(await openPages(env, items('ORDER BY Rank'), { size }))).toEqual(ids.toReversed())
  })

  test('end exactly with their last record', async () => {
    for (const snapshot of [false, true]) {
      const plan = await openPages(env, items('WHERE Id <= 20'), { size: 10, snapshot })
      const first = await nextPage(env, plan)
      expect(first).toMatchObject({ ids: range(1, 10), done: false })
      expect(await nextPage(env, plan, first.position)).toMatchObject({
        ids: range(11, 20),
        done: true,
        position: null,
      })
    }
    const none = { ids: [], records: [], position: null, done: true }
    expect(await nextPage(env, await openPages(env, items('WHERE Id < 0')))).toEqual(none)
    expect(await nextPage(env, await openPages(env, items('WHERE Id < 0'), { snapshot: true }))).toEqual(none)
    const nobody = envOf(place, { tenant: 'nobody' })
    expect(await nextPage(nobody, await openPages(nobody, items()))).toEqual(none)
  })

  test('keep to the order and the bounds of their query, over a snapshot', async () => {
    const plan = await openPages(env, items('ORDER BY Rank LIMIT 25 OFFSET 5'), { size: 10 })
    expect(plan.kind).toBe('snapshot')
    expect(await all(plan)).toEqual(range(971, 995).reverse())
    await refused(openPages(env, items('LIMIT 5'), { snapshot: false }), 'MILL_OPTIONS_INVALID', /LIMIT/)
  })

  test('leave out what is inserted later with larger ids', async () => {
    const plan = await openPages(env, items('WHERE Id > 900'), { size: 30 })
    const first = await nextPage(env, plan)
    await fillItems(place, 1_001, 1_100)
    let page = first
    while (page.position !== null) page = await nextPage(env, plan, page.position)
    expect(page.ids).toEqual(range(991, 1_000))
    await place.sql`delete from item where "Id" between 1001 and 1100`
  })

  test('go by uuids as by numbers', async () => {
    const ids = Array.from({ length: 60 }, () => newId())
    for (const id of ids) await place.sql`insert into doc ("Id", "Name", "ItemId") values (${id}, 'd', 1)`
    // One that is inserted later, and is larger.
    const docs = parseSoql('SELECT Id FROM Doc')
    const [keys, snapshot] = [
      await openPages(env, docs, { size: 7 }),
      await openPages(env, parseSoql('SELECT Id FROM Doc ORDER BY Id DESC'), { size: 7 }),
    ]
    const later = idFloor(Date.now() + 1_000_000)
    await place.sql`insert into doc ("Id", "Name", "ItemId") values (${later}, 'd', 1)`
    expect(await all(keys)).toEqual(ids)
    expect(await all(snapshot)).toEqual(ids.toReversed())
    const parts = await partition(env, keys, 4)
    expect(parts).toHaveLength(4)
    expect((await Promise.all(parts.map((part) => all(part)))).map((part) => part.length)).toEqual([
      15, 15, 15, 15,
    ])
  })

  test.for([1, 2, 3, 8, 100, 1_000, 3_000])('in %i parts share nothing and miss nothing', async (parts) => {
    for (const snapshot of [false, true]) {
      const plan = await openPages(env, items('WHERE Id > 100'), { size: 100, snapshot })
      const split = await partition(env, plan, parts)
      expect(split.length).toBeLessThanOrEqual(parts)
      const sizes: number[] = []
      const found: unknown[] = []
      for (const part of split.length > 20 ? split.slice(0, 20) : split) {
        const ids = await all(JSON.parse(JSON.stringify(part)) as PagePlan)
        sizes.push(ids.length)
        found.push(...ids)
      }
      expect(new Set(found).size).toBe(found.length)
      if (split.length <= 20)
        expect(found.toSorted((a, b) => Number(a) - Number(b))).toEqual(range(101, 1_000))
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(split.length)
    }
  })

  test('are worked through by two workers on parts, while the application writes', async () => {
    const workers = [env, envOf({ kind: place.kind, storage: await place.another() })]
    const plan = await openPages(env, items(), { size: 50 })
    const parts = await partition(env, plan, 2)
    const busy = (async () => {
      for (let n = 1; n <= 50; n += 1) {
        await place.sql`update item set "Name" = ${`w${n}`} where "Id" = ${n * 13}`
        await fillItems(place, 10_000 + n, 10_000 + n)
      }
    })()
    const found = await Promise.all(parts.map((part, at) => all(part, workers[at])))
    await busy
    expect(found.flat()).toEqual(range(1, 1_000))
    expect(found.every((ids) => ids.length === 500)).toBe(true)
    await place.sql`delete from item where "Id" > 10000`
  })

  test('go on from a stored position in another process, by ids alone too', async () => {
    for (const snapshot of [false, true]) {
      const plan = await openPages(env, items('ORDER BY Id'), { size: 300, snapshot: true })
      const keys = await openPages(env, items(), { size: 300 })
      const one = snapshot ? plan : keys
      const first = await nextIds(env, one)
      const stored = JSON.parse(JSON.stringify({ one, position: first.position })) as {
        one: PagePlan
        position: typeof first.position
      }
      const elsewhere = envOf({ kind: place.kind, storage: await place.another() })
      const second = await nextPage(elsewhere, stored.one, stored.position)
      expect([first.ids, second.ids]).toEqual([range(1, 300), range(301, 600)])
      expect(second.records[0]).toEqual({ Id: 301, Name: expect.any(String) as string })
    }
  })

  test('see what their transaction wrote', async () => {
    const transaction = await place.storage.begin(application)
    const inside = envOf(place, { transaction })
    await transaction.query(['delete from item where "Id" > 10'], [])
    expect(await all(await openPages(inside, items(), { size: 4 }), inside)).toEqual(range(1, 10))
    expect(await all(await openPages(inside, items('ORDER BY Id'), { size: 4 }), inside)).toEqual(
      range(1, 10),
    )
    await transaction.rollback()
  })

  test('keep to their tenant, also with a plan of another', async () => {
    const globex = envOf(place, { tenant: 'globex' })
    expect(await all(await openPages(globex, items()), globex)).toEqual(range(2_001, 2_050))
    const [keys, snapshot] = [
      await openPages(env, items()),
      await openPages(env, items(), { snapshot: true }),
    ]
    expect(await all(keys, globex)).toEqual([])
    await refused(nextPage(globex, snapshot), 'MILL_CURSOR_FATAL', /unknown/)
    await closePages(globex, snapshot)
    expect((await nextPage(env, snapshot)).ids).toHaveLength(200)
    await closePages(env, snapshot)
    await closePages(env, snapshot)
    await refused(nextPage(env, snapshot), 'MILL_CURSOR_FATAL')
  })

  test('refuse what cannot be', async () => {
    for (const size of [0, -1, 1.5, 10_001, Number.NaN])
      await refused(openPages(env, items(), { size }), 'MILL_OPTIONS_INVALID', /size/)
    await refused(openPages(env, parseSoql('SELECT COUNT() FROM Item')), 'MILL_QUERY_INVALID')
    await refused(openPages(env, parseSoql('SELECT Name FROM Item GROUP BY Name')), 'MILL_QUERY_INVALID')
    await refused(openPages(env, items('WHERE Naem = 1')), 'MILL_FIELD_UNKNOWN')
    await refused(openPages(env, items(), { snapshot: true, maxRows: 999 }), 'MILL_CURSOR_FATAL', /999/)
    const [keys, snapshot] = [
      await openPages(env, items()),
      await openPages(env, items(), { snapshot: true }),
    ]
    await refused(nextPage(env, keys, { next: 3 }), 'MILL_CURSOR_FATAL', /position/)
    await refused(nextIds(env, snapshot, { after: 3 }), 'MILL_CURSOR_FATAL', /position/)
    await refused(partition(env, keys, 0), 'MILL_OPTIONS_INVALID')
  })
})
