import { DatabaseSync } from 'node:sqlite'
import type { Place } from './contestant.ts'
import { ask, settleDown } from './postgres.ts'

/** What the scenarios of batches read of a row, and write back. */
export interface Item {
  readonly id: number
  readonly n: number
}

/** A table of the application: ids from 1, and a number that each of them is to have raised by one. */
export async function createItems(place: Place, rows: number): Promise<void> {
  const columns = '(id bigint primary key, n integer not null, name text not null)'
  if (place.postgres !== '') {
    await ask(place.postgres, `create table item ${columns}`)
    await ask(
      place.postgres,
      `insert into item select id, 7, 'Item ' || id from generate_series(1, $1::int) id`,
      [rows],
    )
    return settleDown(place.postgres)
  }
  const db = openSqlite(place)
  db.exec(`create table item ${columns.replace('bigint', 'integer')}`)
  db.prepare(
    `with recursive g (id) as (select 1 union all select id + 1 from g where id < ?)
     insert into item select id, 7, 'Item ' || id from g`,
  ).run(rows)
  db.exec('pragma wal_checkpoint(truncate)')
  db.close()
}

/** As the contestants' own connections: what is acknowledged is on disk. */
export function openSqlite({ sqlite }: Place): DatabaseSync {
  const db = new DatabaseSync(sqlite)
  db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000')
  return db
}

export async function demandRaisedOnce(place: Place, rows: number): Promise<void> {
  const text = 'select count(*) as n from item where n = 8'
  const found =
    place.postgres === ''
      ? openSqlite(place).prepare(text).get()
      : (await ask<{ n: string }>(place.postgres, text))[0]
  if (Number(found?.['n']) !== rows)
    throw new Error(`${found?.['n']} of ${rows} rows were raised exactly once`)
}
