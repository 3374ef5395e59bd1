import { DatabaseSync } from 'node:sqlite'
import type { Place } from './contestant.ts'
import { ask } from './postgres.ts'

/** The user's table: a row per job, so that only the queue makes them wait for each other. */
export async function createAccounts({ postgres, sqlite }: Place, jobs: number): Promise<void> {
  if (postgres !== '') {
    await ask(postgres, 'create table account (id int primary key, n int not null)')
    await ask(postgres, 'insert into account select id, 0 from generate_series(0, $1::int - 1) id', [jobs])
    return
  }
  const db = new DatabaseSync(sqlite)
  db.exec('pragma journal_mode = wal')
  db.exec('create table account (id integer primary key, n integer not null)')
  db.exec('begin')
  const insert = db.prepare('insert into account values (?, 0)')
  for (let id = 0; id < jobs; id += 1) insert.run(id)
  db.exec('commit')
  db.close()
}

export async function demandOneWriteEach({ postgres, sqlite }: Place): Promise<void> {
  const sql = 'select count(*) as wrong from account where n <> 1'
  let wrong: number
  if (postgres !== '') wrong = Number((await ask<{ wrong: string }>(postgres, sql))[0]?.wrong)
  else {
    const db = new DatabaseSync(sqlite)
    wrong = Number(db.prepare(sql).get()?.wrong)
    db.close()
  }
  if (wrong > 0) throw new Error(`${wrong} rows were not written exactly once`)
}
