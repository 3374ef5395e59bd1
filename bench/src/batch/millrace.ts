import {
  createMill,
  defineBatch,
  defineObject,
  integer,
  integerId,
  text,
} from '../../../packages/millrace/src/index.ts'
import type { Place } from '../contestant.ts'
import type { Item } from '../items.ts'
import type { Open } from './runner.ts'

const ItemObject = defineObject({
  name: 'Item',
  table: 'item',
  fields: {
    Id: integerId({ column: 'id' }),
    N: integer({ column: 'n', required: true }),
    Name: text({ column: 'name', length: 80, required: true }),
  },
})

interface Row {
  readonly Id: number
  readonly N: number
}

/** The chunk's rows never leave the database. */
export const byRange: Open = (place, scope) =>
  opened(
    place,
    defineBatch({
      name: 'raise',
      by: 'range',
      scope,
      start: (_: null, ctx) => ctx.records.query(ItemObject, { fields: ['Id'] }),
      async execute(_none, ctx) {
        const { after, upTo } = ctx.range as { after: number | null; upTo: number }
        await ctx.sql`update item set n = n + 1 where id > ${after ?? 0} and id <= ${upTo}`
      },
    }),
  )

/** Rows come as records, and go back in one statement of the application's own. */
export const throughNode: Open = (place, scope) =>
  opened(
    place,
    defineBatch({
      name: 'raise',
      scope,
      start: (_: null, ctx) => ctx.records.query(ItemObject, { fields: ['Id', 'N'] }),
      async execute(rows: Row[], ctx) {
        if (place.postgres === '') {
          const changed: Item[] = rows.map(({ Id, N }) => ({ id: Id, n: N + 1 }))
          await ctx.sql`update item set n = u.value ->> 'n' from json_each(${JSON.stringify(changed)}) as u
            where item.id = u.value ->> 'id'`
          return
        }
        const ids = `{${rows.map(({ Id }) => Id).join()}}`
        const ns = `{${rows.map(({ N }) => N + 1).join()}}`
        await ctx.sql`update item set n = u.n from unnest(${ids}::bigint[], ${ns}::int[]) as u (id, n)
          where item.id = u.id`
      },
    }),
  )

export const withRecords = recordsBatch()
/** The set of rows is fixed when the batch starts. */
export const withSnapshot = recordsBatch(true)

function recordsBatch(snapshot = false): Open {
  return (place, scope) =>
    opened(
      place,
      defineBatch({
        name: 'raise',
        scope,
        snapshot,
        start: (_: null, ctx) => ctx.records.query(ItemObject, { fields: ['Id', 'N'] }),
        async execute(rows: Row[], ctx) {
          await ctx.records.update(
            ItemObject,
            rows.map(({ Id, N }) => ({ Id, N: N + 1 })),
          )
        },
      }),
    )
}

async function opened(place: Place, raise: ReturnType<typeof defineBatch>) {
  const mill = await createMill({
    storage: place.postgres === '' ? `sqlite:${place.sqlite}` : place.postgres,
    definitions: [ItemObject, raise],
    log: { level: 'ERROR' },
  })
  await mill.records.query(ItemObject, { limit: 1 })
  await mill.start()
  return {
    async run(rows: number) {
      const job = await mill.enqueue(raise, null)
      await job.completed({ timeout: '9m' })
      const progress = await job.progress()
      if (progress?.processed !== rows)
        throw new Error(`${progress?.processed} of ${rows} rows were processed`)
    },
    close: () => mill.stop(),
  }
}
