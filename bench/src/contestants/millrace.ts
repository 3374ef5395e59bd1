import { DatabaseSync } from 'node:sqlite'
import type { Contestant, Counts, Place, Queue, Work } from '../contestant.ts'
import { payload, payloads, type Payload } from '../payload.ts'
import { ask } from '../postgres.ts'
import { countdown } from '../timing.ts'

/** Our defaults but for the concurrency, which is as high as that of the peer at its best. */
export const millrace = millraceWith(24)
/** For handlers that wait for the database: as many at once as the bare loop has connections. */
export const millraceWriting = millraceWith(32)

function millraceWith(concurrency: number): Contestant {
  return {
    name: 'millrace',
    peer: null,
    variant: 'default',
    settings: `its defaults (SQLite FULL; PostgreSQL synchronous_commit on for enqueue and settle), concurrency ${concurrency}`,
    guarantee: 'a database effect exactly once, with the fact that the job ran',
    keepsHistory: true,
    open: (place, work) => openQueue(place, work, concurrency),
  }
}

async function openQueue(place: Place, work: Work, concurrency: number): Promise<Queue> {
  const { createMill, defineQueueable } = await import('../../../packages/millrace/src/index.ts')
  let handle: (n: number) => void = () => undefined
  const job = defineQueueable({
    name: work,
    execute:
      work === 'nothing'
        ? ({ n }: Payload): void => handle(n)
        : async ({ n }: Payload, ctx): Promise<void> => {
            await ctx.sql`update account set n = n + 1 where id = ${n}`
            handle(n)
          },
  })
  const mill = await createMill({
    storage: place.postgres === '' ? `sqlite:${place.sqlite}` : place.postgres,
    definitions: [job],
    concurrency,
    // A handler that writes holds a connection.
    ...(work === 'nothing' || place.postgres === '' ? {} : { postgres: { poolSize: concurrency } }),
    log: { level: 'ERROR' },
  })
  const ofTenant = (tenant?: number): { tenant?: string } =>
    tenant === undefined ? {} : { tenant: `tenant-${tenant}` }
  return {
    add: (n, tenant) => mill.enqueue(job, payload(n), ofTenant(tenant)),
    addMany: (first, count, tenant) => mill.enqueueMany(job, payloads(first, count), ofTenant(tenant)),
    layHistory: (rows) => layHistory(place, rows),
    async drain(jobs, handler) {
      handle = handler
      const { over, tick } = countdown(jobs)
      // The event follows the acknowledged COMMIT of the settle.
      const forget = mill.on((event) => {
        if (event.kind === 'execution.ended') tick()
      })
      await mill.start()
      await over
      forget()
    },
    counts: () => counts(place),
    close: () => mill.stop(),
  }
}

/** What stands in the tables; a job that ran twice has two rows in `done`. */
export async function counts(place: Place): Promise<Counts> {
  const [row] =
    place.postgres === ''
      ? countSqlite(place.sqlite)
      : await ask<CountRow>(place.postgres, countSql('millrace.', 'unnest(jobs)', 'member'))
  return { done: Number(row?.done), left: Number(row?.left) }
}

type CountRow = Record<'done' | 'left', string | number>

function countSqlite(path: string): CountRow[] {
  const db = new DatabaseSync(path)
  const rows = db.prepare(countSql('millrace_', 'json_each(jobs)', 'member.value')).all() as CountRow[]
  db.close()
  return rows
}

/** A job is leased while its lease stands and it has no end. */
function countSql(prefix: string, members: string, member: string): string {
  return `select (select count(*) from ${prefix}done where outcome = 10) as done,
    (select count(*) from ${prefix}ready) + (select count(*) from ${prefix}waiting)
    + (select count(*) from ${prefix}done where outcome <> 10)
    + (select count(*) from ${prefix}lease, ${members} as member
       where not exists (select 1 from ${prefix}done where job = ${member})) as "left"`
}

/** As an earlier life of this engine would have left it: ids that lead with the time, spread over the lanes. */
async function layHistory({ postgres }: Place, rows: number): Promise<void> {
  await ask(
    postgres,
    `with made as (
       select overlay(overlay(md5(n::text || 'x') placing lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 90000000 + n / 20), 12, '0') from 1) placing '7' from 13)::uuid as id,
              (select min(id) from millrace.lane) + n % (select count(*) from millrace.lane)::int as lane
       from generate_series(1, $1::int) n
     ), job as (
       insert into millrace.job (id, lane, prio, payload, created)
       select id, lane, 5, $2, now() - interval '1 day' from made
     )
     insert into millrace.done (job, seq, attempt, outcome, ms, lease, finished)
     select id, 0, 1, 10, 0.1, 0, now() - interval '1 day' from made`,
    [rows, JSON.stringify(payload(0))],
  )
}
