import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import type { Contestant, Place, Queue } from '../contestant.ts'
import { ask } from '../postgres.ts'
import { inFlight } from '../timing.ts'

const connections = 32

/** What the work costs without any queue: begin, the user's update, one row that says it ran, commit. */
export const bareLoop: Contestant = {
  name: 'bare loop',
  peer: null,
  variant: 'only',
  settings: `no queue: begin, update, insert, commit; ${connections} connections on PostgreSQL, one on SQLite FULL`,
  guarantee: 'exactly once, as nothing is queued',
  keepsHistory: true,
  open: async (place) => (place.postgres === '' ? openSqlite(place.sqlite) : openPostgres(place)),
}

async function openPostgres({ postgres }: Place): Promise<Queue> {
  await ask(
    postgres,
    'create table if not exists settled (job int primary key, finished timestamptz not null default now())',
  )
  const pool = new pg.Pool({ connectionString: postgres, max: connections })
  return {
    async drain(jobs, handle) {
      await inFlight(connections, 0, jobs, async (n) => {
        const client = await pool.connect()
        await client.query('begin')
        // As an application sends it; what belongs to the queue is prepared.
        await client.query('update account set n = n + 1 where id = $1', [n])
        handle(n)
        await client.query({ name: 'settle', text: 'insert into settled (job) values ($1)', values: [n] })
        await client.query('commit')
        client.release()
      })
    },
    async counts() {
      const [row] = await ask<{ n: string }>(postgres, 'select count(*) as n from settled')
      return { done: Number(row?.n), left: 0 }
    },
    close: () => pool.end(),
  }
}

function openSqlite(path: string): Queue {
  const db = new DatabaseSync(path)
  db.exec('pragma journal_mode = wal; pragma synchronous = full')
  db.exec('create table if not exists settled (job integer primary key, finished integer not null)')
  const write = db.prepare('update account set n = n + 1 where id = ?')
  const settle = db.prepare('insert into settled values (?, ?)')
  const [begin, commit] = [db.prepare('begin immediate'), db.prepare('commit')]
  return {
    async drain(jobs, handle) {
      for (let n = 0; n < jobs; n += 1) {
        begin.run()
        write.run(n)
        handle(n)
        settle.run(n, Date.now())
        commit.run()
      }
    },
    async counts() {
      return { done: Number(db.prepare('select count(*) as n from settled').get()?.n), left: 0 }
    },
    close: async () => db.close(),
  }
}
