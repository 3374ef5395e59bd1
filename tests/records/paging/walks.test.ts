import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { openCursor } from '../../../packages/millrace/src/records/cursor/cursor.ts'
import {
  idsWithin,
  nextBounds,
  openPages,
  recordsWithin,
} from '../../../packages/millrace/src/records/page/pager.ts'
import type { PageBounds, PagePlan } from '../../../packages/millrace/src/records/page/plan.ts'
import { parseSoql } from '../../../packages/millrace/src/records/soql/parse.ts'
import { envOf, postgresPlace, sqlitePlace, type Place } from './place.ts'

/** `MILLRACE_WALKS=10000` for many. */
const walks = Number(process.env['MILLRACE_WALKS'] ?? 300)

const places = [await sqlitePlace({ synchronous: 'NORMAL' }), await postgresPlace()].filter(
  (place) => place !== undefined,
)
afterAll(async () => {
  for (const place of places) await place.close()
})

type Change =
  | { readonly kind: 'insert'; readonly id: number }
  | { readonly kind: 'delete'; readonly id: number }
  /** Rank 0 to 4 match. */
  | { readonly kind: 'rank'; readonly id: number; readonly rank: number }

interface Step {
  readonly size: number
  /** The worker dies after it read the page, and another reads it again after the changes. */
  readonly crash: boolean
  readonly ids: boolean
  readonly changes: readonly Change[]
}

const id = fc.integer({ min: 1, max: 60 })
const rank = fc.integer({ min: -3, max: 4 })
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('insert' as const), id }),
  fc.record({ kind: fc.constant('delete' as const), id }),
  fc.record({ kind: fc.constant('rank' as const), id, rank }),
)
const walk = fc.record({
  rows: fc.uniqueArray(fc.record({ id, rank }), { selector: (row) => row.id, maxLength: 40 }),
  snapshot: fc.boolean(),
  descending: fc.boolean(),
  steps: fc.array(
    fc.record<Step>({
      size: fc.integer({ min: 1, max: 15 }),
      crash: fc.boolean(),
      ids: fc.boolean(),
      changes: fc.array(change, { maxLength: 3 }),
    }),
    { maxLength: 20 },
  ),
})
type Walk = typeof walk extends fc.Arbitrary<infer T> ? T : never

const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T
const ascending = (a: number, b: number): number => a - b

/** The application's rows in an array, and in the table. */
class Table {
  readonly rows = new Map<number, number>()
  /** Ids of rows that were there and as they are from the beginning. */
  readonly untouched = new Set<number>()
  readonly #place: Place
  readonly #tenant: string

  constructor(place: Place, tenant: string) {
    this.#place = place
    this.#tenant = tenant
  }

  /** Ids of this walk's own: those of walks before stay in the table. */
  async fill(rows: Walk['rows'], base: number): Promise<void> {
    for (const { id, rank } of rows) {
      this.rows.set(base + id, rank)
      this.untouched.add(base + id)
    }
    if (rows.length === 0) return
    const list = JSON.stringify(rows.map(({ id, rank }) => ({ id: base + id, rank })))
    if (this.#place.kind === 'postgres')
      await this.#place.sql`insert into item ("Id", "Tenant", "Rank", "Gone")
        select (r->>'id')::int, ${this.#tenant}, (r->>'rank')::int, false from json_array_elements(${list}::json) r`
    else
      await this.#place.sql`insert into item ("Id", "Tenant", "Rank", "Gone")
        select value->>'id', ${this.#tenant}, value->>'rank', 0 from json_each(${list})`
  }

  async apply(change: Change, base: number): Promise<void> {
    const id = base + change.id
    const there = this.rows.has(id)
    if (there === (change.kind === 'insert')) return
    this.untouched.delete(id)
    if (change.kind === 'delete') {
      this.rows.delete(id)
      await this.#place.sql`delete from item where "Id" = ${id}`
    } else if (change.kind === 'insert') {
      this.rows.set(id, 1)
      await this.#place.sql`insert into item ("Id", "Tenant", "Rank", "Gone")
        values (${id}, ${this.#tenant}, 1, ${this.#place.kind === 'postgres' ? false : 0})`
    } else {
      this.rows.set(id, change.rank)
      await this.#place.sql`update item set "Rank" = ${change.rank} where "Id" = ${id}`
    }
  }

  /** That match. */
  matching(): number[] {
    return [...this.rows].flatMap(([id, rank]) => (rank >= 0 ? [id] : [])).sort(ascending)
  }
}

/** Of the ids that match now, those that lie where the plan reads, by the model alone. */
function within(table: Table, after: unknown, upTo: unknown): number[] {
  return upTo === null
    ? []
    : table.matching().filter((one) => one > Number(after ?? -1) && one <= Number(upTo))
}

/** Where the next page must end. */
function expectedBounds(
  plan: PagePlan,
  before: PageBounds | null,
  size: number,
  table: Table,
): PageBounds | null {
  if (plan.kind === 'snapshot') {
    const from = before?.kind === 'positions' ? before.to : 0
    return from >= plan.to ? null : { kind: 'positions', from, to: Math.min(plan.to, from + size) }
  }
  const after = before?.kind === 'keys' ? before.upTo : null
  const page = within(table, after, plan.upTo).slice(0, size)
  const upTo = page.at(-1)
  return upTo === undefined ? null : { kind: 'keys', after, upTo, count: page.length }
}

/** What must stand in a page now. */
function expectedPage(bounds: PageBounds, table: Table, set: readonly number[]) {
  const all =
    bounds.kind === 'keys' ? within(table, bounds.after, bounds.upTo) : set.slice(bounds.from, bounds.to)
  return { all, there: all.filter((one) => table.rows.has(one)) }
}

async function follow(place: Place, { rows, snapshot, descending, steps }: Walk, n: number): Promise<void> {
  const tenant = `walk-${n}`
  const base = n * 100
  const table = new Table(place, tenant)
  await table.fill(rows, base)
  const env = () => envOf(place, { tenant })
  const order = snapshot ? `ORDER BY Id ${descending ? 'DESC' : 'ASC'}` : ''
  const query = parseSoql(`SELECT Id, Rank FROM Item WHERE Rank >= 0 ${order}`)
  const plan = clone(await openPages(env(), query, { snapshot }))
  const set = descending ? table.matching().reverse() : table.matching()
  if (plan.kind === 'snapshot') expect(plan.to).toBe(set.length)
  const seen: number[] = []

  const bound = async (before: PageBounds | null, size: number): Promise<PageBounds | null> => {
    const bounds = clone(await nextBounds(env(), plan, before, size))
    expect(bounds).toEqual(expectedBounds(plan, before, size, table))
    return bounds
  }
  const read = async (bounds: PageBounds, ids: boolean): Promise<readonly number[]> => {
    const { all, there } = expectedPage(bounds, table, set)
    if (ids) {
      expect(await idsWithin(env(), plan, bounds)).toEqual(all)
      return all
    }
    expect(await recordsWithin(env(), plan, bounds)).toEqual(
      there.map((one) => ({ Id: one, Rank: table.rows.get(one) })),
    )
    return there
  }

  // As the executions of a batch: bounds are fixed by the one before, and read after whatever happened since.
  let bounds = await bound(null, 5)
  for (const { size, crash, ids, changes } of steps) {
    if (crash && bounds !== null) await read(bounds, ids)
    for (const change of changes) await table.apply(change, base)
    if (bounds === null) continue
    seen.push(...(await read(bounds, ids)))
    bounds = await bound(bounds, size)
  }
  while (bounds !== null) {
    seen.push(...(await read(bounds, false)))
    bounds = await bound(bounds, 7)
  }

  expect(new Set(seen).size).toBe(seen.length)
  const throughout = set.filter((one) => table.untouched.has(one))
  expect(throughout.filter((one) => !seen.includes(one))).toEqual([])
  if (snapshot) expect(seen.filter((one) => !set.includes(one))).toEqual([])
}

describe.each(places)('page walks on $kind', (place: Place) => {
  const runs = place.kind === 'sqlite' ? walks : Math.ceil(walks / 4)
  test(`${runs} of them are as the model says, whatever changes and dies in between`, async () => {
    let n = 1
    await fc.assert(
      fc.asyncProperty(walk, async (one) => {
        await follow(place, one, (n += 1))
      }),
      { numRuns: runs },
    )
  }, 1_800_000)

  test('cursors are read anywhere, as the model says', async () => {
    let n = 1_000_000
    const look = fc.record({
      at: fc.nat({ max: 40 }),
      count: fc.nat({ max: 45 }),
      changes: fc.array(change, { maxLength: 3 }),
    })
    const looks = fc.record({ rows: walk.map(({ rows }) => rows), looks: fc.array(look, { maxLength: 12 }) })
    await fc.assert(
      fc.asyncProperty(looks, async ({ rows, looks }) => {
        n += 1
        const table = new Table(place, `walk-${n}`)
        await table.fill(rows, n * 100)
        const env = envOf(place, { tenant: `walk-${n}` })
        const cursor = await openCursor(
          env,
          parseSoql('SELECT Id FROM Item WHERE Rank >= 0 ORDER BY Id DESC'),
        )
        const set = table.matching().reverse()
        expect(cursor.numberOfRecords).toBe(set.length)
        for (const { at, count, changes } of looks) {
          if (at <= set.length)
            expect(await cursor.fetch(at, count)).toEqual(
              set.slice(at, at + count).flatMap((Id) => (table.rows.has(Id) ? [{ Id }] : [])),
            )
          for (const one of changes) await table.apply(one, n * 100)
        }
      }),
      { numRuns: Math.ceil(walks / 6) },
    )
  }, 1_800_000)
})
