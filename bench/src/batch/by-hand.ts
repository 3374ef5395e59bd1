import pg from 'pg'
import type { Place } from '../contestant.ts'
import { openSqlite, type Item } from '../items.ts'
import { ask } from '../postgres.ts'
import type { Open, Runner } from './runner.ts'

const position = 'create table position (id integer primary key, at bigint not null)'

/** A keyset loop: each chunk and how far it has come are one transaction. */
export const rangeLoop: Open = async (place, scope) =>
  (place.postgres === '' ? rangesSqlite : rangesPostgres)(place, scope)
export const rowsLoop: Open = async (place, scope) =>
  (place.postgres === '' ? rowsSqlite : rowsPostgres)(place, scope)

/** What the database needs for the work alone. */
export const oneUpdate: Open = async (place) => {
  const text = 'update item set n = n + 1'
  if (place.postgres !== '') return { run: () => ask(place.postgres, text), close: () => undefined }
  const db = openSqlite(place)
  return { run: async () => db.exec(text), close: () => db.close() }
}

/** Raises the rows of a chunk behind `after`, and answers where it ends; null: there was none. */
type Chunk<Answer> = (after: number) => Answer

async function overPostgres(
  place: Place,
  chunk: (client: pg.Client) => Chunk<Promise<number | null>>,
): Promise<Runner> {
  const client = new pg.Client({ connectionString: place.postgres })
  await client.connect()
  await client.query(position)
  await client.query('insert into position values (1, 0)')
  const step = chunk(client)
  return {
    async run() {
      for (let after: number | null = 0; after !== null;) {
        await client.query('begin')
        after = await step(after)
        if (after !== null)
          await client.query({
            name: 'position',
            text: 'update position set at = $1 where id = 1',
            values: [after],
          })
        await client.query('commit')
      }
    },
    close: () => client.end(),
  }
}

function rangesPostgres(place: Place, scope: number): Promise<Runner> {
  return overPostgres(place, (client) => async (after) => {
    const { rows } = await client.query<{ to: string | null }>({
      name: 'bound',
      text: `select max(id) as to from (select id from item where id > $1 order by id limit ${scope}) as chunk`,
      values: [after],
    })
    const to = rows[0]?.to ?? null
    if (to === null) return null
    await client.query({
      name: 'write',
      text: 'update item set n = n + 1 where id > $1 and id <= $2',
      values: [after, to],
    })
    return Number(to)
  })
}

function rowsPostgres(place: Place, scope: number): Promise<Runner> {
  return overPostgres(place, (client) => async (after) => {
    const { rows } = await client.query<{ id: string; n: number }>({
      name: 'read',
      text: `select id, n from item where id > $1 order by id limit ${scope}`,
      values: [after],
    })
    await raise(client, rows)
    const last = rows.at(-1)
    return last === undefined ? null : Number(last.id)
  })
}

/** Rows that were read, changed in Node and written in one statement. */
export async function raise(
  client: pg.ClientBase,
  rows: readonly { readonly id: string; readonly n: number }[],
): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'write',
    text: 'update item set n = u.n from unnest($1::bigint[], $2::int[]) as u (id, n) where item.id = u.id',
    values: [rows.map(({ id }) => id), rows.map(({ n }) => n + 1)],
  })
}

function overSqlite(
  place: Place,
  chunk: (db: ReturnType<typeof openSqlite>) => Chunk<number | null>,
): Runner {
  const db = openSqlite(place)
  db.exec(position)
  db.exec('insert into position values (1, 0)')
  const [begin, commit] = [db.prepare('begin immediate'), db.prepare('commit')]
  const move = db.prepare('update position set at = ? where id = 1')
  const step = chunk(db)
  return {
    async run() {
      for (let after: number | null = 0; after !== null;) {
        begin.run()
        after = step(after)
        if (after !== null) move.run(after)
        commit.run()
        // As an application must, else nothing else would ever run.
        await new Promise(setImmediate)
      }
    },
    close: () => db.close(),
  }
}

function rangesSqlite(place: Place, scope: number): Runner {
  return overSqlite(place, (db) => {
    const bound = db.prepare(
      `select max(id) as "to" from (select id from item where id > ? order by id limit ${scope})`,
    )
    const write = db.prepare('update item set n = n + 1 where id > ? and id <= ?')
    return (after) => {
      const { to } = bound.get(after) as { to: number | null }
      if (to !== null) write.run(after, to)
      return to
    }
  })
}

function rowsSqlite(place: Place, scope: number): Runner {
  return overSqlite(place, (db) => {
    const read = db.prepare(`select id, n from item where id > ? order by id limit ${scope}`)
    const write = db.prepare('update item set n = ? where id = ?')
    return (after) => {
      const rows = read.all(after) as unknown as Item[]
      for (const { id, n } of rows) write.run(n + 1, id)
      return rows.at(-1)?.id ?? null
    }
  })
}
