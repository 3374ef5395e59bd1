import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { openCursor } from '../../../packages/millrace/src/records/cursor/cursor.ts'
import { nextIds, nextPage, openPages, partition } from '../../../packages/millrace/src/records/page/pager.ts'
import type { PagePlan, PagePosition } from '../../../packages/millrace/src/records/page/plan.ts'
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
  /** Which of the parts goes on. */
  readonly part: number
  readonly size: number
  /** The worker dies after it read the page, and another reads it again. */
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
  parts: fc.constantFrom(1, 1, 2, 3, 7),
  steps: fc.array(
    fc.record<Step>({
      part: fc.nat({ max: 6 }),
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

/** What the next page must be, by the model alone. */
function expected(
  plan: PagePlan,
  position: PagePosition | null,
  size: number,
  table: Table,
  set: readonly number[],
) {
  if (plan.kind === 'snapshot') {
    const at = position === null ? plan.from : (position as { readonly next: number }).next
    const all = set.slice(at, Math.min(plan.to, at + size))
    return { all, there: all.filter((one) => table.rows.has(one)), done: at + size >= plan.to }
  }
  const after = position === null ? plan.after : (position as { readonly after: number }).after
  const left = table
    .matching()
    .filter((one) => one > Number(after ?? -1) && plan.upTo !== null && one <= Number(plan.upTo))
  const all = left.slice(0, size)
  return { all, there: all, done: left.length <= size }
}

interface Part {
  readonly plan: PagePlan
  position: PagePosition | null
  done: boolean
}

async function follow(
  place: Place,
  { rows, snapshot, descending, parts, steps }: Walk,
  n: number,
): Promise<void> {
  const tenant = `walk-${n}`
  const base = n * 100
  const table = new Table(place, tenant)
  await table.fill(rows, base)
  const env = () => envOf(place, { tenant })
  const order = snapshot ? `ORDER BY Id ${descending ? 'DESC' : 'ASC'}` : ''
  const query = parseSoql(`SELECT Rank FROM Item WHERE Rank >= 0 ${order}`)
  const opened = clone(await openPages(env(), query, { snapshot, size: 5 }))
  const set = descending ? table.matching().reverse() : table.matching()
  if (opened.kind === 'snapshot') expect(opened.to).toBe(set.length)
  const split: Part[] = (await partition(env(), opened, parts)).map((plan) => ({
    plan: clone(plan),
    position: null,
    done: false,
  }))
  const seen: number[] = []

  const step = async (
    part: Part,
    { size, crash, ids }: Pick<Step, 'size' | 'crash' | 'ids'>,
  ): Promise<void> => {
    const wanted = expected(part.plan, part.position, size, table, set)
    const read = async () =>
      ids
        ? await nextIds(env(), part.plan, part.position, size)
        : await nextPage(env(), part.plan, part.position, size)
    if (crash) await read()
    const page = await read()
    expect(page.ids).toEqual(ids ? wanted.all : wanted.there)
    expect(page.done).toBe(wanted.done)
    if ('records' in page)
      expect(page.records).toEqual(wanted.there.map((one) => ({ Rank: table.rows.get(one) })))
    seen.push(...page.ids.map(Number))
    part.position = clone(page.position)
    part.done = page.done
    expect(page.position === null).toBe(page.done)
  }

  for (const one of steps) {
    const part = split[one.part % split.length]!
    if (!part.done) await step(part, one)
    for (const change of one.changes) await table.apply(change, base)
  }
  for (const part of split) while (!part.done) await step(part, { size: 7, crash: false, ids: false })

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
