import {
  defineObject,
  integer,
  integerId,
  type HandlerContext,
  type RecordOf,
} from '../../../packages/millrace/src/index.ts'
import type { Place } from '../support/bench.ts'

/** Rows of a batch: `n` counts how often each was applied, which must be once. */
export const Item = defineObject({
  name: 'Item',
  table: 'item',
  fields: {
    Id: integerId({ column: 'id' }),
    N: integer({ column: 'n', required: true }),
    Bad: integer({ column: 'bad', required: true }),
  },
})
export type Item = RecordOf<typeof Item>

/** The table, empty. */
export async function createItems(place: Place): Promise<void> {
  const { kind } = place
  const key = kind === 'sqlite' ? 'integer primary key' : 'bigint primary key'
  await place.query(
    `create table item (id ${key}, n integer not null default 0, bad integer not null default 0)`,
  )
}

/** Ids 1 to `count`; of those `bad` are such that no batch can take them. */
export async function fill(place: Place, count: number, bad: readonly number[] = []): Promise<void> {
  await place.query('delete from item')
  const rows =
    place.kind === 'sqlite'
      ? `with recursive g (i) as (select 1 union all select i + 1 from g where i < ${count}) select i from g`
      : `select i from generate_series(1, ${count}) as i`
  if (count > 0) await place.query(`insert into item (id) ${rows}`)
  for (const id of bad) await place.query(`update item set bad = 1 where id = ${id}`)
}

/** How many rows were applied how often: `[[0, 1], [1, 199]]`. */
export async function applied(place: Place): Promise<number[][]> {
  const rows = await place.query('select n, cast(count(*) as integer) as c from item group by n order by n')
  return rows.map((row) => [Number(row['n']), Number(row['c'])])
}

export const numbersOf = (scope: readonly Pick<Item, 'Id'>[]): number[] => scope.map(({ Id }) => Id)

/** Increments each record of the chunk, and fails on a bad one after it has written. */
export async function increment(scope: readonly Item[], ctx: HandlerContext): Promise<void> {
  await ctx.sql`update item set n = n + 1 where id in ${numbersOf(scope)}`
  const bad = scope.find(({ Bad }) => Bad === 1)
  if (bad !== undefined) throw new Error(`record ${String(bad.Id)} is bad`)
}
