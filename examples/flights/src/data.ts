import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { csvParse } from 'd3-dsv'
import type { Mill, MillTransaction } from 'millrace'

interface Flight {
  readonly date: string
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

interface Source {
  readonly table: string
  readonly columns: readonly string[]
  readonly rows: () => Promise<(readonly (string | number)[])[]>
}

const sources: readonly Source[] = [
  {
    table: 'airports',
    columns: ['iata', 'name', 'city', 'state', 'latitude', 'longitude'],
    async rows() {
      const airports = csvParse(await readData('airports.csv'))
      return airports.map(({ iata = '', name = '', city = '', state = '', latitude, longitude }) => {
        return [iata, name, city, state, Number(latitude), Number(longitude)]
      })
    },
  },
  {
    table: 'flights',
    columns: ['id', 'departs', 'origin', 'destination', 'distance', 'delay'],
    async rows() {
      const flights = JSON.parse(await readData('flights-20k.json')) as Flight[]
      return flights.map(({ date, origin, destination, distance, delay }, at) => {
        return [at + 1, date, origin, destination, distance, delay]
      })
    },
  },
]

/** Small enough that nobody waits for SQLite's one writer, and that a kill costs little. */
const chunkSize = 2_000

/**
 * The application's own tables, filled from the npm package vega-datasets. Each chunk commits together with the note of
 * how far it goes, so that loading can be killed and goes on where it was.
 */
export async function loadData(mill: Mill, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  await createTables(mill)
  for (const source of sources) {
    const { loaded, total } = await progressOf(mill, source.table)
    if (loaded === total) continue
    const rows = await source.rows()
    say(
      loaded === null
        ? `Loading ${rows.length} ${source.table}.`
        : `Loading ${source.table} from row ${loaded} on.`,
    )
    for (let begin = loaded ?? 0; begin < rows.length; begin += chunkSize) {
      signal.throwIfAborted()
      await loadChunk(mill, source, rows, begin)
    }
  }
}

async function createTables(mill: Mill): Promise<void> {
  await mill.transaction(async (tx) => {
    await tx.sql`create table if not exists loads (name text primary key, loaded integer, total integer)`
    await tx.sql`
      create table if not exists airports (
        iata text primary key, name text, city text, state text,
        latitude double precision, longitude double precision)`
    await tx.sql`
      create table if not exists flights (
        id integer primary key, departs text, origin text, destination text, distance integer, delay integer)`
    await tx.sql`create index if not exists flights_origin on flights (origin)`
    await tx.sql`create index if not exists flights_destination on flights (destination)`
    await tx.sql`create table if not exists runs (id integer primary key, started text, finished text, batch text)`
    // No unique index on (run, origin), on purpose: nothing here but Millrace keeps figures from being written twice.
    await tx.sql`
      create table if not exists airport_delays (
        run integer, origin text, flights integer, mean_delay double precision, late integer,
        worst_delay integer, pid integer)`
    // Nor one on (run, flight).
    await tx.sql`
      create table if not exists flight_ratings (run integer, flight integer, rating text, pid integer)`
    await tx.sql`
      create table if not exists airport_attempts (run integer, origin text, attempt integer, result text)`
  })
}

async function progressOf(
  mill: Mill,
  table: string,
): Promise<{ loaded: number | null; total: number | null }> {
  const [load] = await mill.transaction((tx) => {
    return tx.sql<{ loaded: number; total: number }>`select loaded, total from loads where name = ${table}`
  })
  return load ?? { loaded: null, total: 0 }
}

async function loadChunk(
  mill: Mill,
  { table, columns }: Source,
  rows: readonly (readonly (string | number)[])[],
  begin: number,
): Promise<void> {
  const chunk = rows.slice(begin, begin + chunkSize)
  await mill.transaction(async (tx) => {
    await tx.sql`
      insert into loads (name, loaded, total) values (${table}, 0, ${rows.length}) on conflict do nothing`
    const [own] = await tx.sql`
      update loads set loaded = ${begin + chunk.length}
      where name = ${table} and loaded = ${begin} returning name`
    // Another process that was started at the same time has loaded these.
    if (own === undefined) return
    await insertRows(tx, `insert into ${table} (${columns.join(', ')}) values `, chunk)
  })
}

/** One statement for all rows: in a template, an array becomes a list in parentheses. */
export async function insertRows(
  tx: Pick<MillTransaction, 'sql'>,
  insert: string,
  rows: readonly (readonly (string | number)[])[],
): Promise<void> {
  const text = [insert, ...rows.slice(1).map(() => ', '), '']
  await tx.sql(Object.assign(text, { raw: text }), ...rows)
}

/** The package exports only URLs of its data; the files themselves lie beside. */
function readData(file: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`../data/${file}`, import.meta.resolve('vega-datasets'))), 'utf8')
}
