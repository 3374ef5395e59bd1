import { jobFinalizerSeq, type JobId } from '../rules/execution.ts'
import { outcomes } from '../rules/outcome.ts'
import type { Wake } from '../storage/wakeups.ts'
import type { Database } from './database.ts'
import type { Connection, Session } from './pool.ts'
import { plain, statement } from './statement.ts'

/** Ends what stands in `ready` or `waiting` and is not being claimed or moved at this moment. */
const endQueued = statement(
  'abort_queued',
  `with wanted as materialized (
    select id, lane, prio, options ->> 'finalizer' is not null as finalizer, (options ->> 'flex')::int as flex
    from millrace.job where id = any ($jobs::uuid[])
  ), r as (
    delete from millrace.ready where ctid = any (array(
      select head.ctid from wanted cross join lateral (
        select ctid from millrace.ready
        where ready.lane = wanted.lane and ready.prio = wanted.prio and ready.job = wanted.id and ready.seq >= 0
        for update skip locked) as head))
    returning lane, prio, job, seq, attempt
  ), w as (
    delete from millrace.waiting where ctid = any (array(
      select ctid from millrace.waiting where job = any ($jobs::uuid[]) and seq >= 0 for update skip locked))
    returning lane, prio, job, seq, attempt
  ), gone as (
    select * from r union all select * from w
  ), ended as (
    insert into millrace.done (job, seq, attempt, outcome, ms, lease, finished)
    select job, seq, attempt, ${outcomes.aborted}, 0, 0, clock_timestamp() from gone
  ), listed as (
    insert into millrace.failure (job, seq, attempt, lane, outcome)
    select job, seq, attempt, lane, ${outcomes.aborted} from gone
  ), intents as (
    delete from millrace.abort using gone where abort.job = gone.job
  ), room as (
    -- A slot of their flex queue may have come free; whoever has its key locked is changing it anyway.
    update millrace.limit_key set next = clock_timestamp() where id = any (array(
      select k.id from millrace.limit_key k
      where k.id in (select flex from wanted join gone on gone.job = wanted.id)
        and exists (select from millrace.waiting w where w.gate = k.id)
      order by k.id for update skip locked))
  ), finalizers as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    select gone.lane, gone.prio, 0, gone.job, case when gone.seq > 0 then ${jobFinalizerSeq} else -gone.attempt end, 1
    from gone join wanted on wanted.id = gone.job
    where wanted.finalizer
    returning lane
  )
  select gone.job, gone.lane, exists (select from finalizers) as finalizes from gone`,
)

const look = statement(
  'abort_look',
  `select exists (select from millrace.done d where d.job = id and d.seq >= 0 and d.outcome >= 10) as ended
   from millrace.job where id = $job`,
)

const ask = statement(
  'abort_ask',
  `with asked as (
    insert into millrace.abort (job) values ($job) on conflict do nothing
  )
  select pg_notify($channel, 'abort ' || $job::text)`,
)

const intents = statement('abort_intents', 'select job from millrace.abort order by job limit 10000')

/** What ended in another way, or was pruned since. */
const forget = statement(
  'abort_forget',
  `delete from millrace.abort a
   where exists (select from millrace.done d where d.job = a.job and d.seq >= 0 and d.outcome >= 10)
      or not exists (select from millrace.job j where j.id = a.job)`,
)

const notifyBack = statement('abort_notify', `select pg_notify($channel, 'back ' || $lanes)`)

export async function abort(
  db: Database,
  job: JobId,
): Promise<'aborted' | 'requested' | 'ended' | 'unknown'> {
  const answer = await db.hot.transaction(async (connection) => {
    const lanes = await endAll(db, connection, [job])
    if (lanes !== null) return { kind: 'aborted', lanes } as const
    const found = (await connection.run<{ ended: boolean }>(look, { job })).rows[0]
    if (found === undefined) return { kind: 'unknown' } as const
    if (found.ended) return { kind: 'ended' } as const
    await connection.run(ask, { job, channel: db.wakeups.channel })
    return { kind: 'requested' } as const
  })
  if (answer.kind === 'aborted') db.wakeups.emit([...backOf(answer.lanes), { topic: 'due', inMs: 0 }])
  if (answer.kind === 'requested') db.wakeups.emit([{ topic: 'abort', jobs: [job] }])
  return answer.kind
}

/** All of them in the transaction of the caller, who tells the wakes after it has committed: queued ones end, running ones are asked to. */
export async function abortInside(
  db: Database,
  connection: Connection,
  jobs: readonly JobId[],
): Promise<readonly Wake[]> {
  if (jobs.length === 0) return []
  const { rows } = await connection.run<{ job: string; lane: number; finalizes: boolean }>(endQueued, {
    jobs: plain(jobs),
  })
  const ended = new Set(rows.map(({ job }) => job))
  const standing = jobs.filter((job) => !ended.has(job))
  for (const job of standing) await connection.run(ask, { job, channel: db.wakeups.channel })
  const lanes = rows[0]?.finalizes === true ? [...new Set(rows.map(({ lane }) => lane))] : []
  if (lanes.length > 0 && lanes.length <= 400)
    await connection.run(notifyBack, { channel: db.wakeups.channel, lanes: lanes.join(',') })
  return [...backOf(lanes), ...(standing.length === 0 ? [] : [{ topic: 'abort', jobs: standing } as const])]
}

export async function sweepAborts(db: Database): Promise<readonly JobId[]> {
  const asked = await readIntents(db.hot)
  if (asked.length === 0) return []
  const lanes = await db.hot.transaction((connection) => endAll(db, connection, asked))
  db.wakeups.emit(backOf(lanes ?? []))
  await db.hot.run(forget, {})
  return readIntents(db.hot)
}

/** null when none of them was queued; else the lanes of their finalizers. */
async function endAll(
  db: Database,
  connection: Connection,
  jobs: readonly JobId[],
): Promise<readonly number[] | null> {
  const { rows } = await connection.run<{ lane: number; finalizes: boolean }>(endQueued, {
    jobs: plain(jobs),
  })
  if (rows.length === 0) return null
  if (rows[0]?.finalizes !== true) return []
  const lanes = [...new Set(rows.map((row) => row.lane))]
  if (lanes.length <= 400)
    await connection.run(notifyBack, { channel: db.wakeups.channel, lanes: lanes.join(',') })
  return lanes
}

function backOf(lanes: readonly number[]): { readonly topic: 'back'; readonly lanes: readonly number[] }[] {
  return lanes.length === 0 ? [] : [{ topic: 'back', lanes }]
}

async function readIntents(session: Session): Promise<readonly JobId[]> {
  return (await session.run<{ job: string }>(intents, {})).rows.map((row) => row.job)
}
