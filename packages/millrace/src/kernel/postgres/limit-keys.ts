import type { WorkerId } from '../rules/execution.ts'
import type { KeyState } from '../rules/limits.ts'
import type { Session } from './pool.ts'
import { plain, statement } from './statement.ts'

/** Every transaction that takes several keys takes them ascending. */
const lock = statement(
  'keys_lock',
  'select id from millrace.limit_key where id = any ($keys::int[]) order by id for update',
)

/** Those that the pump is to look at; whoever has one locked is changing it anyway. */
const lockDue = statement(
  'keys_lock_due',
  `select id from millrace.limit_key where next <= (select clock_timestamp())
   order by id limit 500 for update skip locked`,
)

/** History of a job that is looked through for its end, newest first: that is among the last of it, however many chunks there were. */
const lookBack = 1_000

/** Jobs of a flex queue that have left Holding and have not ended: a subselect of (job). */
export function activeJobs(key: string): string {
  return `(select a.job from millrace.flex_active a
    where a.key = ${key} and (select true from millrace.job j where j.id = a.job limit 1) is not null
      and not exists (select from (
        select d.outcome from millrace.done d where d.job = a.job and d.seq >= 0
        order by d.seq desc, d.attempt desc limit ${lookBack}) as newest where newest.outcome >= 10))`
}

/** Permits count while their lease stands, so a lost worker leaks none; those of one worker only for keys per process. */
const read = statement(
  'keys_read',
  `select k.id, k.slots, k.burst, k.per_ms, k.tokens, k.per_process, k.flex,
     (extract(epoch from k.at) * 1000)::float8 as at,
     (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
     case when k.flex then (select count(*)::int from ${activeJobs('k.id')} as active) else
       (select coalesce(sum(p.n), 0)::int from millrace.permit p join millrace.lease l on l.id = p.lease
        where p.key = k.id and (not k.per_process or $worker::int is null or l.worker = $worker)) end as used,
     not k.per_process and exists (select from millrace.waiting where gate = k.id) as contended
   from millrace.limit_key k
   where k.id = any ($keys::int[])
   order by k.id`,
)

export interface KeyRow {
  readonly id: number
  readonly slots: number | null
  readonly burst: number | null
  readonly per_ms: number | null
  readonly tokens: number | null
  readonly per_process: boolean
  readonly flex: boolean
  readonly at: number | null
  readonly now: number
  readonly used: number
  readonly contended: boolean
}

export async function lockKeys(session: Session, ids: readonly number[]): Promise<void> {
  await session.run(lock, { keys: plain(ids) })
}

export async function lockDueKeys(session: Session): Promise<readonly number[]> {
  return (await session.run<{ id: number }>(lockDue, {})).rows.map((row) => row.id)
}

/** A statement of its own after the locks: in one with them it would miss the permits it waited for. */
export async function readKeys(
  session: Session,
  ids: readonly number[],
  worker: WorkerId | null,
): Promise<readonly KeyRow[]> {
  return (await session.run<KeyRow>(read, { keys: plain(ids), worker })).rows
}

/**
 * The next pump looks who waits for the keys of the permits in the CTE `freed`. Whoever has a key locked is changing
 * it anyway, and to wait for it with a permit locked could deadlock.
 */
export const roomCte = `room as (
    update millrace.limit_key set next = clock_timestamp() where id = any (array(
      select k.id from millrace.limit_key k
      where k.id in (select key from freed) and exists (select from millrace.waiting where gate = k.id)
      order by k.id for update skip locked))
  )`

/** As `admit` takes them; unknown ids are left out. */
export async function keyStates(
  session: Session,
  ids: readonly number[],
  worker: WorkerId,
): Promise<{ readonly keys: readonly KeyState[]; readonly nowMs: number }> {
  const rows = await readKeys(session, ids, worker)
  const keys = rows.map(({ id, slots, burst, per_ms, tokens, at, used, contended }) => {
    return { id, slots, burst, perMs: per_ms, tokens, at, used, contended }
  })
  return { keys, nowMs: rows[0]?.now ?? 0 }
}

/** Tokens that a key has now; Infinity without a rate. */
export function tokensOf({ burst, per_ms, tokens, at, now }: KeyRow): number {
  if (burst === null) return Infinity
  if (tokens === null || at === null) return burst
  return Math.min(burst, tokens + Math.max(0, now - at) * (per_ms ?? 0))
}
