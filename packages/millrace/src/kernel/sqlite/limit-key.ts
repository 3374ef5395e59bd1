import type { WorkerId } from '../rules/execution.ts'
import type { KeyChange, KeyState } from '../rules/limits.ts'
import type { Connection } from './connection.ts'
import type { Writing } from './database.ts'

/** A limit key as it is stored. */
export interface KeyRow {
  readonly id: number
  readonly name: string
  readonly slots: number | null
  readonly per_process: number
  readonly burst: number | null
  readonly per_ms: number | null
  readonly tokens: number | null
  readonly at: number | null
  /** 1: a flex queue. */
  readonly flex: number
  readonly most: number | null
}

export const keyColumns = 'id, name, slots, per_process, burst, per_ms, tokens, at, flex, most'

/** Permits of leases that stand; of one worker's only, if named. */
export function usedPermits(connection: Connection, key: number, worker: WorkerId | null): number {
  const row = connection.get<{ used: number }>(
    `select coalesce(sum(p.n), 0) as used from millrace_permit p join millrace_lease l on l.id = p.lease
     where p.key = ?1 and (?2 is null or l.worker = ?2)`,
    ...[key, worker],
  )
  return row?.used ?? 0
}

/** History of a job that is looked through for its end, newest first: that is among the last of it, however many chunks there were. */
const lookBack = 1_000

/** Jobs of a flex queue that have left Holding and have not ended. */
export function activeJobs(connection: Connection, key: number): string[] {
  return connection
    .all<{ job: string }>(
      `select a.job from millrace_flex_active a join millrace_job j on j.id = a.job where a.key = ? and not exists (
         select 1 from (select outcome from millrace_done d where d.job = a.job and d.seq >= 0
           order by d.seq desc, d.attempt desc limit ${lookBack}) where outcome >= 10)
       order by a.job`,
      key,
    )
    .map(({ job }) => job)
}

export function readKey(connection: Connection, id: number): KeyRow | undefined {
  return connection.get<KeyRow>(`select ${keyColumns} from millrace_limit_key where id = ?`, id)
}

/** The keys as a claim of this worker sees them; unknown ids are left out. */
export function keyStates(
  connection: Connection,
  ids: readonly number[],
  worker: WorkerId | null,
): KeyState[] {
  return ids.flatMap((id) => {
    const row = readKey(connection, id)
    if (!row) return []
    return {
      id,
      slots: row.slots,
      burst: row.burst,
      perMs: row.per_ms,
      tokens: row.tokens,
      at: row.at,
      used: usedPermits(connection, id, row.per_process === 0 ? null : worker),
      contended: row.per_process === 0 && someoneWaits(connection, id),
    }
  })
}

/** Whole tokens that a key with a rate has now. */
export function tokensNow(key: KeyRow, now: number): number {
  if (key.burst === null) return Number.POSITIVE_INFINITY
  const gained = key.at === null ? key.burst : Math.max(0, now - key.at) * (key.per_ms ?? 0)
  return Math.min(key.burst, (key.tokens ?? key.burst) + gained)
}

/** One that is due later waits for that alone, and has no tenant there yet. */
export function someoneWaits(connection: Connection, key: number): boolean {
  return (
    connection.get('select 1 from millrace_waiting where gate = ? and tenant is not null limit 1', key) !==
    undefined
  )
}

/** Permits of leases that are gone (`which` of them). The next pump looks who waits for their keys. */
export function dropPermits({ connection, changes, now }: Writing, which: string, ...params: number[]): void {
  const freed = connection.all<{ key: number }>(
    `delete from millrace_permit where ${which} returning key`,
    ...params,
  )
  for (const key of new Set(freed.map((row) => row.key))) {
    if (someoneWaits(connection, key))
      connection.run('update millrace_limit_key set next = ? where id = ?', now, key)
  }
  if (freed.length > 0) changes.due(0)
}

/** Others may wait for the key since before: its `next` is only ever brought forward here; the pump clears it. */
export function writeKey(
  { connection, changes, now }: Writing,
  { id, tokens, at, nextInMs }: KeyChange,
): void {
  const before = connection.get<{ next: number | null }>(
    'select next from millrace_limit_key where id = ?',
    id,
  )?.next
  const next = nextInMs === null ? Infinity : now + Math.ceil(nextInMs)
  const nearer = next < (before ?? Infinity)
  if (nearer) changes.due(next - now)
  connection.run(
    'update millrace_limit_key set tokens = ?1, at = ?2, next = coalesce(?3, next) where id = ?4',
    ...[tokens, at === null ? null : Math.floor(at), nearer ? next : null, id],
  )
}
