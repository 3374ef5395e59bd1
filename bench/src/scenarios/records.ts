import { setInterval } from 'node:timers'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import type { Place } from '../contestant.ts'
import { condition } from '../condition.ts'
import { ask, settleDown } from '../postgres.ts'
import { size, type Run, type Sample, type Scenario } from '../scenario.ts'

const perChunk = 2_000
const idOf = (n: number): string => `item-${String(n).padStart(9, '0')}`

const tablePostgres = `create table item (id text primary key, n integer not null, name text, changed timestamptz)`
const fillPostgres = `insert into item
  select 'item-' || lpad(n::text, 9, '0'), n, 'Item ' || n, now() from generate_series(0, $1::int - 1) n`

/** The table of the application, as it is before either of them. */
async function fill(place: Place, rows: number): Promise<void> {
  if (place.postgres !== '') {
    await ask(place.postgres, tablePostgres)
    await ask(place.postgres, fillPostgres, [rows])
    return settleDown(place.postgres)
  }
  const db = openSqlite(place)
  db.exec(
    'create table item (id text primary key, n integer not null, name text, changed text) without rowid',
  )
  const insert = db.prepare('insert into item values (?, ?, ?, ?)')
  db.exec('begin')
  for (let n = 0; n < rows; n += 1) insert.run(idOf(n), n, `Item ${n}`, '2026-01-01T00:00:00.000Z')
  db.exec('commit')
  db.close()
}

function openSqlite({ sqlite }: Place): DatabaseSync {
  const db = new DatabaseSync(sqlite)
  db.exec('pragma journal_mode = wal; pragma synchronous = full')
  return db
}

async function openMill(place: Place) {
  const { createMill, datetime, defineObject, id, integer, text } =
    await import('../../../packages/millrace/src/index.ts')
  const Item = defineObject({
    name: 'Item',
    table: 'item',
    fields: {
      Id: id({ column: 'id' }),
      N: integer({ column: 'n', required: true }),
      Name: text({ column: 'name', length: 80 }),
      Changed: datetime({ column: 'changed' }),
    },
    modifiedAt: 'Changed',
  })
  const mill = await createMill({
    storage: place.postgres === '' ? `sqlite:${place.sqlite}` : place.postgres,
    definitions: [Item],
    log: { level: 'ERROR' },
  })
  return { mill, Item }
}

interface Updater {
  /** Each chunk is read, changed in Node and written, in a transaction of its own. Answers how many were changed. */
  run(): Promise<number>
  close(): unknown
}

/** Opened, with what it loads at its first use. */
const updaters: Readonly<Record<string, (place: Place) => Promise<Updater>>> = {
  async millrace(place) {
    const { mill, Item } = await openMill(place)
    await mill.records.query(Item, { limit: 1 })
    return {
      async run() {
        let [after, changed] = ['', 0]
        for (;;) {
          const rows = await mill.transaction(async ({ records }) => {
            const page = await records.query(Item, {
              fields: ['Id', 'N', 'Name'],
              where: { Id: { gt: after } },
              orderBy: 'Id',
              limit: perChunk,
            })
            await records.update(
              Item,
              page.map(({ Id, N, Name }) => ({ Id, N: N + 1, Name: `${Name}!` })),
            )
            return page
          })
          changed += rows.length
          const last = rows.at(-1)
          if (last === undefined) return changed
          after = last.Id
        }
      },
      close: () => mill.stop(),
    }
  },
  'hand-written loop': async (place) => (place.postgres === '' ? byHandSqlite(place) : byHandPostgres(place)),
}

async function byHandPostgres({ postgres }: Place): Promise<Updater> {
  const client = new pg.Client({ connectionString: postgres })
  await client.connect()
  return {
    async run() {
      let [after, changed] = ['', 0]
      for (;;) {
        await client.query('begin')
        const { rows } = await client.query<{ id: string; n: number; name: string }>({
          name: 'read',
          text: `select id, n, name from item where id > $1 order by id limit ${perChunk}`,
          values: [after],
        })
        await client.query({
          name: 'write',
          text: `update item set n = u.n, name = u.name, changed = now()
            from unnest($1::text[], $2::int[], $3::text[]) as u (id, n, name) where item.id = u.id`,
          values: [rows.map(({ id }) => id), rows.map(({ n }) => n + 1), rows.map(({ name }) => `${name}!`)],
        })
        await client.query('commit')
        changed += rows.length
        const last = rows.at(-1)
        if (last === undefined) return changed
        after = last.id
      }
    },
    close: () => client.end(),
  }
}

function byHandSqlite(place: Place): Updater {
  const db = openSqlite(place)
  const read = db.prepare(`select id, n, name from item where id > ? order by id limit ${perChunk}`)
  const write = db.prepare('update item set n = ?, name = ?, changed = ? where id = ?')
  return {
    async run() {
      let [after, changed] = ['', 0]
      for (;;) {
        db.exec('begin immediate')
        const rows = read.all(after) as { id: string; n: number; name: string }[]
        const now = new Date().toISOString()
        for (const { id, n, name } of rows) write.run(n + 1, `${name}!`, now, id)
        db.exec('commit')
        changed += rows.length
        const last = rows.at(-1)
        if (last === undefined) return changed
        after = last.id
        // As an application must, else nothing else would ever run.
        await new Promise(setImmediate)
      }
    },
    close: () => db.close(),
  }
}

/** Every row had its number raised by one. */
async function demandChanged(place: Place, rows: number): Promise<void> {
  const text = `select count(*) as n from item where name = 'Item ' || (n - 1) || '!'`
  const found =
    place.postgres === ''
      ? openSqlite(place).prepare(text).get()
      : (await ask<{ n: string }>(place.postgres, text))[0]
  if (Number(found?.['n']) !== rows) throw new Error(`${found?.['n']} of ${rows} records are right`)
}

async function update({ contestant, place, size: { jobs } }: Run): Promise<Sample> {
  await fill(place, jobs)
  const updater = await updaters[contestant.name]?.(place)
  const begun = performance.now()
  const changed = await updater?.run()
  const ms = performance.now() - begun
  await updater?.close()
  if (changed !== jobs) throw new Error(`${changed} of ${jobs} records were changed`)
  await demandChanged(place, jobs)
  return { value: (jobs / ms) * 1_000 }
}

/** Reads all rows as a stream; the detail is the most memory that the process had meanwhile. */
const streams: Readonly<Record<string, (place: Place) => Promise<number>>> = {
  async millrace(place) {
    const { mill, Item } = await openMill(place)
    let sum = 0
    for await (const { N } of mill.records.query(Item)) sum += N
    await mill.stop()
    return sum
  },
  async 'pages by hand'(place) {
    let [after, sum] = ['', 0]
    const db = place.postgres === '' ? openSqlite(place) : null
    const client = db === null ? new pg.Client({ connectionString: place.postgres }) : null
    await client?.connect()
    const page = `select id, n, name, changed from item where id > ${db === null ? '$1' : '?'} order by id limit 1000`
    const statement = db?.prepare(page)
    for (;;) {
      const rows = ((await client?.query({ name: 'page', text: page, values: [after] }))?.rows ??
        statement?.all(after) ??
        []) as { id: string; n: number }[]
      for (const { n } of rows) sum += n
      const last = rows.at(-1)
      if (last === undefined) break
      after = last.id
    }
    await client?.end()
    return sum
  },
}

async function stream({ contestant, place, size: { jobs } }: Run): Promise<Sample> {
  await fill(place, jobs)
  let most = 0
  const look = (): void => void (most = Math.max(most, process.memoryUsage.rss()))
  const looking = setInterval(look, 20)
  const begun = performance.now()
  const sum = await streams[contestant.name]?.(place)
  const ms = performance.now() - begun
  clearInterval(looking)
  look()
  if (sum !== (jobs * (jobs - 1)) / 2) throw new Error(`the numbers of ${jobs} records add up to ${sum}`)
  return { value: (jobs / ms) * 1_000, detail: { rssMb: most / 2 ** 20 } }
}

const updating = {
  name: 'records',
  what: `records read, changed in Node and written in chunks of ${perChunk}, each chunk a transaction`,
  unit: 'rows/s',
  better: 'more',
  entries: [
    { contestant: condition('millrace', 'records.query and records.update in mill.transaction') },
    {
      contestant: condition(
        'hand-written loop',
        'PostgreSQL: update from unnest; SQLite FULL: a prepared update for each row',
      ),
    },
  ],
  size: size(1_000_000),
  quick: size(400_000),
  run: update,
} as const

const streaming = {
  name: 'records-stream',
  what: 'a query read as a stream, and the most memory of the process meanwhile',
  unit: 'rows/s',
  better: 'more',
  entries: [
    { contestant: condition('millrace', 'for await over records.query') },
    { contestant: condition('pages by hand', 'keyset pages of 1,000') },
  ],
  size: size(1_000_000),
  quick: size(1_000_000),
  run: stream,
} as const

export const records: readonly Scenario[] = [updating, streaming].flatMap((scenario) => [
  { ...scenario, database: 'postgres' as const },
  { ...scenario, database: 'sqlite' as const },
])
