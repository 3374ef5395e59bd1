import type { LimitSpec } from '../rules/limits.ts'
import type { FreedPermit, Limits, LimitUsage } from '../storage/limits.ts'
import type { Moved } from '../storage/waiting.ts'
import type { Database } from './database.ts'
import { broken } from './errors.ts'
import { activeJobs, lockKeys, readKeys, tokensOf } from './limit-keys.ts'
import type { Connection } from './pool.ts'
import { pumpKeys } from './pump-keys.ts'
import { plain, statement, texts } from './statement.ts'
import { emitBack, wake } from './wake.ts'

const specColumns = `unnest($names::text[], $slots::int[], $bursts::float8[], $per_ms::float8[], $per_process::bool[],
    $flexes::bool[], $mosts::int[])
  with ordinality as spec (name, slots, burst, per_ms, per_process, flex, most, place)`

/** Names come sorted: the lock order of a row that has no id yet. Unchanged keys are not written. */
const defineKeys = statement(
  'limits_define',
  `insert into millrace.limit_key (name, slots, burst, per_ms, per_process, flex, most)
   select name, slots, burst, per_ms, per_process, flex, most from ${specColumns} order by place
   on conflict (name) do update set
     slots = excluded.slots, burst = excluded.burst, per_ms = excluded.per_ms, per_process = excluded.per_process,
     flex = excluded.flex, most = excluded.most,
     tokens = case when excluded.burst is not null then least(limit_key.tokens, excluded.burst) end,
     -- The change may have made room for those who wait.
     next = case when exists (select from millrace.waiting where gate = limit_key.id) then clock_timestamp() end
   where (limit_key.slots, limit_key.burst, limit_key.per_ms, limit_key.per_process, limit_key.flex, limit_key.most)
     is distinct from (excluded.slots, excluded.burst, excluded.per_ms, excluded.per_process, excluded.flex, excluded.most)`,
)

const findKeys = statement(
  'limits_find',
  'select name, id from millrace.limit_key where name = any ($names::text[])',
)

const lowerPermits = statement(
  'limits_release',
  `with freed as (
    select f.key, f.lease, least(f.n, p.n) as n, f.n >= p.n as whole
    from unnest($keys::int[], $leases::bigint[], $ns::int[]) as f (key, lease, n)
    join millrace.permit p on (p.key, p.lease) = (f.key, f.lease)
  ), lowered as (
    update millrace.permit p set n = p.n - f.n from freed f
    where (p.key, p.lease) = (f.key, f.lease) and not f.whole
  ), returned as (
    delete from millrace.permit p using freed f where (p.key, p.lease) = (f.key, f.lease) and f.whole
  )
  select key, sum(n)::int as n from freed group by key order by key`,
)

const keyUsage = statement(
  'limits_usage',
  `select k.id, k.name, k.slots, k.burst, k.per_ms, k.per_process, k.flex, k.most,
     case when k.flex then (select count(*)::int from ${activeJobs('k.id')} as active) else
       (select coalesce(sum(p.n), 0)::int from millrace.permit p join millrace.lease l on l.id = p.lease
        where p.key = k.id) end as used,
     (select count(*)::int from millrace.waiting where gate = k.id and tenant is not null) as waiting
   from millrace.limit_key k order by k.id`,
)

interface UsageRow {
  readonly id: number
  readonly name: string
  readonly slots: number | null
  readonly burst: number | null
  readonly per_ms: number | null
  readonly per_process: boolean
  readonly flex: boolean
  readonly most: number | null
  readonly used: number
  readonly waiting: number
}

export function limits(db: Database): Limits {
  return {
    async define(specs) {
      if (specs.length === 0) return []
      const sorted = [...new Map(specs.map((spec) => [spec.name, spec])).values()].sort((a, b) =>
        a.name < b.name ? -1 : 1,
      )
      await db.hot.run(defineKeys, {
        names: texts(sorted.map(({ name }) => name)),
        slots: plain(sorted.map(({ slots }) => slots)),
        bursts: plain(sorted.map(({ rate }) => rate?.burst ?? null)),
        per_ms: plain(sorted.map(({ rate }) => rate?.perMs ?? null)),
        per_process: plain(sorted.map(({ perProcess }) => String(perProcess))),
        flexes: plain(sorted.map(({ flex }) => String(flex !== undefined))),
        mosts: plain(sorted.map(({ flex }) => flex?.most ?? null)),
      })
      const names = texts(sorted.map(({ name }) => name))
      const { rows } = await db.hot.run<{ name: string; id: number }>(findKeys, { names })
      const ids = new Map(rows.map((row) => [row.name, row.id]))
      return specs.map(({ name }) => {
        const id = ids.get(name)
        if (id === undefined) throw broken(`limit key ${name} was not defined`)
        return id
      })
    },

    async release(freed) {
      if (freed.length === 0) return { moved: 0, lanes: [] }
      const moved = await db.claims.transaction((connection) =>
        release(connection, db.wakeups.channel, freed),
      )
      emitBack(db, moved)
      return moved
    },

    async wake(keys) {
      const ids = [...new Set(keys)].sort((a, b) => a - b)
      if (ids.length === 0) return { moved: 0, lanes: [] }
      const moved = await db.claims.transaction(async (connection) => {
        await lockKeys(connection, ids)
        return pumpKeys(connection, db.wakeups.channel, ids)
      })
      emitBack(db, moved)
      return moved
    },

    async usage() {
      return (await db.hot.run<UsageRow>(keyUsage, {})).rows.map(usageOf)
    },
  }
}

/** Key locks first: a row that is being parked holds one, and shows to the statements after it. */
async function release(
  connection: Connection,
  channel: string,
  freed: readonly FreedPermit[],
): Promise<Moved> {
  const permits = summed(freed)
  const ids = [...new Set(permits.map(({ key }) => key))].sort((a, b) => a - b)
  await lockKeys(connection, ids)
  const { rows } = await connection.run<{ key: number; n: number }>(lowerPermits, {
    keys: plain(permits.map(({ key }) => key)),
    leases: plain(permits.map(({ lease }) => lease)),
    ns: plain(permits.map(({ n }) => n)),
  })
  if (rows.length === 0) return { moved: 0, lanes: [] }
  const keys = await readKeys(connection, ids, null)
  const tokens = new Map(keys.map((key) => [key.id, Math.floor(tokensOf(key) + 1e-9)]))
  return wake(
    connection,
    channel,
    rows.map(({ key, n }) => ({ key, n: Math.min(n, tokens.get(key) ?? 0) })),
  )
}

function summed(freed: readonly FreedPermit[]): readonly FreedPermit[] {
  const sums = new Map<string, FreedPermit>()
  for (const permit of freed) {
    const id = `${permit.key} ${permit.lease}`
    sums.set(id, { ...permit, n: permit.n + (sums.get(id)?.n ?? 0) })
  }
  return [...sums.values()]
}

function usageOf(row: UsageRow): LimitUsage {
  const { id, name, slots, burst, per_ms: perMs, per_process: perProcess, used, waiting } = row
  const rate: LimitSpec['rate'] = burst === null || perMs === null ? null : { burst, perMs }
  const flex = row.flex ? { flex: { most: row.most } } : {}
  return { id, spec: { name, slots, rate, perProcess, ...flex }, used, waiting }
}
