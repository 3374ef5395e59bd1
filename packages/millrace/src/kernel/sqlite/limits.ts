import type { LimitSpec } from '../rules/limits.ts'
import type { FreedPermit, Limits, LimitUsage } from '../storage/limits.ts'
import type { Moved } from '../storage/waiting.ts'
import type { Connection } from './connection.ts'
import type { Database, Writing } from './database.ts'
import { activeJobs, keyColumns, readKey, tokensNow, usedPermits, type KeyRow } from './limit-key.ts'
import { pumpKey } from './pump.ts'
import { wakeGate } from './wake.ts'

export function define({ connection, now }: Writing, spec: LimitSpec): number {
  const burst = spec.rate?.burst ?? null
  const row = connection.get<{ id: number }>(
    `insert into millrace_limit_key (name, slots, per_process, burst, per_ms, tokens, at, flex, most)
     values (?1, ?2, ?3, ?4, ?5, ?4, ?6, ?7, ?8)
     on conflict (name) do update set
       slots = excluded.slots, per_process = excluded.per_process, flex = excluded.flex, most = excluded.most,
       burst = excluded.burst, per_ms = excluded.per_ms,
       tokens = case when excluded.burst is null then null else min(coalesce(tokens, excluded.burst), excluded.burst) end,
       at = case when excluded.burst is null then null else coalesce(at, excluded.at) end,
       -- The change may have made room for those who wait.
       next = case when exists (select 1 from millrace_waiting where gate = millrace_limit_key.id) then ?9 end
     returning id`,
    ...[spec.name, spec.slots, spec.perProcess ? 1 : 0, burst, spec.rate?.perMs ?? null],
    ...[burst === null ? null : now, spec.flex === undefined ? 0 : 1, spec.flex?.most ?? null, now],
  )
  if (!row) throw new Error(`limit key '${spec.name}' was not written`)
  return row.id
}

function release(writing: Writing, freed: readonly FreedPermit[]): Moved {
  const { connection } = writing
  const slots = new Map<number, number>()
  for (const { key, lease, n } of freed) {
    const permit = connection.get<{ n: number }>(
      'select n from millrace_permit where key = ? and lease = ?',
      ...[key, lease],
    )
    if (!permit) continue
    if (permit.n <= n) connection.run('delete from millrace_permit where key = ? and lease = ?', key, lease)
    else connection.run('update millrace_permit set n = n - ? where key = ? and lease = ?', n, key, lease)
    slots.set(key, (slots.get(key) ?? 0) + Math.min(n, permit.n))
  }
  let moved = 0
  const lanes = new Set<number>()
  for (const [key, n] of [...slots].sort(([a], [b]) => a - b)) {
    const row = readKey(connection, key)
    const woken = wakeGate(writing, key, row ? Math.min(n, Math.floor(tokensNow(row, writing.now))) : n)
    moved += woken.moved
    for (const lane of woken.lanes) lanes.add(lane)
  }
  return { moved, lanes: [...lanes] }
}

function wakeKeys(writing: Writing, keys: readonly number[]): Moved {
  const lanes = new Set<number>()
  let moved = 0
  for (const id of new Set(keys)) {
    const key = readKey(writing.connection, id)
    if (key === undefined) continue
    const woken = pumpKey(writing, key)
    moved += woken.moved
    for (const lane of woken.lanes) lanes.add(lane)
  }
  return { moved, lanes: [...lanes] }
}

function usage(connection: Connection): LimitUsage[] {
  return connection.all<KeyRow>(`select ${keyColumns} from millrace_limit_key order by id`).map((row) => ({
    id: row.id,
    spec: {
      name: row.name,
      slots: row.slots,
      rate: row.burst === null || row.per_ms === null ? null : { burst: row.burst, perMs: row.per_ms },
      perProcess: row.per_process !== 0,
      ...(row.flex === 1 && { flex: { most: row.most } }),
    },
    used: row.flex === 1 ? activeJobs(connection, row.id).length : usedPermits(connection, row.id, null),
    waiting:
      connection.get<{ n: number }>(
        'select count(*) as n from millrace_waiting where gate = ? and tenant is not null',
        row.id,
      )?.n ?? 0,
  }))
}

export function sqliteLimits(database: Database): Limits {
  return {
    define: (specs) => database.write(null, (writing) => specs.map((spec) => define(writing, spec))),
    wake: (keys) => database.write(null, (writing) => wakeKeys(writing, keys)),
    release: (freed) => database.write(null, (writing) => release(writing, freed)),
    usage: () => database.read(usage),
  }
}
