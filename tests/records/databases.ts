import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { userTypes } from '../../packages/millrace/src/kernel/postgres/row-types.ts'
import { renderSql } from '../../packages/millrace/src/kernel/rules/sql-template.ts'
import { addFunctions } from '../../packages/millrace/src/kernel/sqlite/functions.ts'
import type { Row, Statement } from '../../packages/millrace/src/records/database.ts'
import { createTestDatabase } from '../support/postgres.ts'
import type { World } from './oracle/world.ts'
import { fillPostgres, fillSqlite } from './tables.ts'

/** The world's tables on one database. */
export interface Bench {
  readonly kind: 'sqlite' | 'postgres'
  query(statement: Statement): Promise<Row[]>
  close(): Promise<void>
}

export function sqliteBench(world: World): Bench {
  const database = new DatabaseSync(':memory:')
  addFunctions(database)
  fillSqlite(database, world)
  return {
    kind: 'sqlite',
    query({ segments, params }) {
      const { text, values } = renderSql(segments, params, 'sqlite', 'query')
      const statement = database.prepare(text, { readBigInts: true })
      const rows = statement.all(...(values as (string | number | null)[]))
      return Promise.resolve(rows.map(narrowed))
    },
    close() {
      database.close()
      return Promise.resolve()
    },
  }
}

/** As the engine's connections give integers. */
function narrowed(row: Record<string, unknown>): Row {
  const fits = (value: bigint) => Number.isSafeInteger(Number(value))
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === 'bigint' && fits(value) ? Number(value) : value,
  ])
  return Object.fromEntries(entries) as Row
}

/** Values come in the form that the engine's connections give. */
export function postgresQuery(client: pg.Client): Bench['query'] {
  return async ({ segments, params }) => {
    const { text, values } = renderSql(segments, params, 'postgres', 'query')
    return (await client.query<Row>({ text, values: [...values], types: userTypes })).rows
  }
}

/** Undefined where there is no PostgreSQL. */
export async function postgresBench(world: World): Promise<Bench | undefined> {
  const database = await createTestDatabase()
  if (database === undefined) return undefined
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await fillPostgres(client, world)
  return {
    kind: 'postgres',
    query: postgresQuery(client),
    async close() {
      await client.end()
      await database.drop()
    },
  }
}

export async function benches(world: World): Promise<readonly Bench[]> {
  const postgres = await postgresBench(world)
  return [sqliteBench(world), ...(postgres === undefined ? [] : [postgres])]
}
