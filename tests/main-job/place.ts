import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { createTestDatabase } from '../support/postgres.ts'

/** How far the main job is, as its database has it. */
export interface Standing {
  /** Rows of flights and airports. */
  readonly loaded: number
  /** Rows of figures. */
  readonly figures: number
  /** Airports that have figures. */
  readonly airports: number
  /** Rows of ratings. */
  readonly ratings: number
  /** Flights that have a rating. */
  readonly rated: number
}

/** Where a main job works. */
export interface Place {
  /** Arguments that lead the main job here. */
  readonly args: readonly string[]
  look(): Promise<Standing>
  remove(): Promise<void>
}

const statement = `select
  (select cast(coalesce(sum(loaded), 0) as integer) from loads) as loaded,
  (select cast(count(*) as integer) from airport_delays) as figures,
  (select cast(count(distinct origin) as integer) from airport_delays) as airports,
  (select cast(count(*) as integer) from flight_ratings) as ratings,
  (select cast(count(distinct flight) as integer) from flight_ratings) as rated`
const nothing: Standing = { loaded: 0, figures: 0, airports: 0, ratings: 0, rated: 0 }

export function sqlitePlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-flights-'))
  return {
    args: ['--data', folder],
    async look() {
      // Opened anew each time: the file appears some time after the start.
      let database: DatabaseSync | undefined
      try {
        database = new DatabaseSync(join(folder, 'flights.db'), { readOnly: true })
        return (database.prepare(statement).get() ?? nothing) as unknown as Standing
      } catch {
        return nothing
      } finally {
        database?.close()
      }
    },
    async remove() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** undefined where there is no PostgreSQL. */
export async function postgresPlace(): Promise<Place | undefined> {
  const database = await createTestDatabase()
  if (database === undefined) return undefined
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  return {
    args: ['--postgres', database.url],
    async look() {
      try {
        return (await pool.query<Standing>(statement)).rows[0] ?? nothing
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === '42P01') return nothing
        throw error
      }
    },
    async remove() {
      await pool.end()
      await database.drop()
    },
  }
}
