import pg from 'pg'
import { createTestDatabase } from '../../support/postgres.ts'
import { postgresQuery, sqliteBench, type Bench } from '../databases.ts'
import type { World } from '../oracle/world.ts'
import { fillPostgres } from '../tables.ts'

/** Both databases for many worlds one after the other; on PostgreSQL each is a schema of one database. */
export class Databases {
  readonly #client: pg.Client | undefined
  readonly #drop: () => Promise<void>
  #worlds = 0

  private constructor(client: pg.Client | undefined, drop: () => Promise<void>) {
    this.#client = client
    this.#drop = drop
  }

  static async open(): Promise<Databases> {
    const database = await createTestDatabase()
    if (database === undefined) return new Databases(undefined, () => Promise.resolve())
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    return new Databases(client, () => database.drop())
  }

  async benches(world: World): Promise<readonly Bench[]> {
    const client = this.#client
    if (client === undefined) return [sqliteBench(world)]
    const schema = `world${++this.#worlds}`
    await client.query(`begin; create schema ${schema}; set local search_path to ${schema}`)
    await fillPostgres(client, world)
    await client.query(`commit; set search_path to ${schema}`)
    return [
      sqliteBench(world),
      {
        kind: 'postgres',
        query: postgresQuery(client),
        async close() {
          await client.query(`drop schema ${schema} cascade`)
        },
      },
    ]
  }

  async close(): Promise<void> {
    await this.#client?.end()
    await this.#drop()
  }
}
