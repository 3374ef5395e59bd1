import { renderSql, type RenderedSql } from '../rules/sql-template.ts'
import {
  idsPerBlock,
  type NewSnapshot,
  type RowId,
  type Snapshot,
  type SnapshotAccess,
  type SnapshotIds,
  type Snapshots,
  type SnapshotUsage,
} from '../storage/snapshots.ts'
import { hit, type Database } from './database.ts'
import type { Connection, Session } from './pool.ts'
import { statement } from './statement.ts'

const [open, dropped] = [1, 2]

/** The statement sorts and writes up to millions of ids. */
const longestFillMs = 600_000

const insertHead = statement(
  'snapshot_insert',
  `insert into millrace.snapshot (id, tenant, purpose, detail, total, state, expires)
   values ($id::uuid, $tenant, $purpose, $detail, $total::bigint, ${open},
     clock_timestamp() + interval '1 ms' * $ttl::float8)`,
)

const alive = `state = ${open} and expires > clock_timestamp()`
const remaining = (of: string): string =>
  `(extract(epoch from ${of}.expires - clock_timestamp()) * 1000)::float8 as "remainingMs"`

const findOne = statement(
  'snapshot_find',
  `select id, tenant, purpose, detail, total, (extract(epoch from created) * 1000)::float8 as "createdAt",
     ${remaining('snapshot')}
   from millrace.snapshot where id = $id::uuid and ${alive}`,
)

const slice = (column: string): string =>
  `to_json(${column}[greatest(1, $position::int - number * ${idsPerBlock} + 1)
     : least(${idsPerBlock}, $position::int + $count::int - number * ${idsPerBlock})])`

const idsOf = statement(
  'snapshot_ids',
  `select s.tenant, ${remaining('s')}, b.ids from (
     select id, tenant, expires from millrace.snapshot where id = $id::uuid and ${alive}
   ) s left join lateral (
     select number, coalesce(${slice('numbers')}, ${slice('uuids')}, ${slice('texts')}) as ids
     from millrace.snapshot_block
     where snapshot = s.id and number between $position::int / ${idsPerBlock}
       and ($position::int + $count::int - 1) / ${idsPerBlock}
   ) b on true order by b.number`,
)

/** Who drops it has it locked, and then it need not live longer. */
const extendOne = statement(
  'snapshot_extend',
  `update millrace.snapshot set expires = greatest(expires, clock_timestamp() + interval '1 ms' * $ttl::float8)
   where id = (select id from millrace.snapshot where id = $id::uuid and ${alive} for update skip locked)`,
)

const dropOne = statement(
  'snapshot_drop',
  `update millrace.snapshot set state = ${dropped}, expires = clock_timestamp()
   where id = $id::uuid and ${alive}`,
)

const usageOf = statement(
  'snapshot_usage',
  `select purpose,
     count(*) filter (where ${alive}) as open,
     coalesce(sum(total) filter (where ${alive}), 0)::bigint as "openRows",
     count(*) filter (where created > clock_timestamp() - interval '24 hours') as made,
     coalesce(sum(total) filter (where created > clock_timestamp() - interval '24 hours'), 0)::bigint as "madeRows"
   from millrace.snapshot where tenant = $tenant group by purpose order by purpose`,
)

const pruneBlocks = statement(
  'snapshot_prune',
  `with old as materialized (
     select id from millrace.snapshot where expires <= clock_timestamp()
     order by expires limit $most::int for update skip locked
   ), page as materialized (
     select snapshot, number from millrace.snapshot_block
     where snapshot = any (array(select id from old)) limit $most::int
   ), gone as (
     delete from millrace.snapshot_block b using page p
     where (b.snapshot, b.number) = (p.snapshot, p.number) returning 1
   )
   select (select count(*) from gone) as deleted, array(select id from old) as old`,
)

/** Heads whose blocks are gone; they stay for a day after their making: `usage` counts them. */
const pruneHeads = statement(
  'snapshot_prune_heads',
  `with empty as materialized (
     select id, created from millrace.snapshot s
     where id = any ($old::uuid[]) and not exists (select from millrace.snapshot_block where snapshot = s.id)
   ), gone as (
     delete from millrace.snapshot where id = any (array(
       select id from empty where created <= clock_timestamp() - interval '24 hours'))
   )
   update millrace.snapshot set state = ${dropped}, expires = created + interval '24 hours'
   where id = any (array(select id from empty where created > clock_timestamp() - interval '24 hours'))`,
)

/** Which array holds ids of a type, and what they are cast to. */
function columnOf(type: string): readonly [column: string, cast: string] {
  if (type === 'uuid') return ['uuids', 'uuid']
  return ['smallint', 'integer', 'bigint'].includes(type) ? ['numbers', 'bigint'] : ['texts', 'text']
}

/** One statement of ours around that of the ids: `before` and `after` stand at its two ends. */
function around({ segments, params }: NewSnapshot['statement'], before: string, after: string): RenderedSql {
  const all = [...segments]
  all[0] = `${before}${all[0] ?? ''}`
  all[all.length - 1] = `${all.at(-1) ?? ''}${after}`
  return renderSql(all, params, 'postgres', 'The statement')
}

type Run = (sql: RenderedSql) => Promise<readonly Record<string, unknown>[]>

/** The ids go from the query into blocks inside the server; none comes here. */
async function fillBlocks(run: Run, schema: string, spec: NewSnapshot): Promise<number> {
  const { id, statement: given, maxRows } = spec
  // Planned, and not run: how the ids are to be stored.
  const typed = around(given, 'select pg_typeof((select id from (', ') ids limit 0))::text as type')
  const [column, cast] = columnOf(String((await run(typed))[0]?.['type']))
  const filled = around(
    given,
    `with filled as (
       insert into "${schema}".snapshot_block (snapshot, number, ${column})
       select '${id}'::uuid, number, array_agg(id::${cast} order by n) from (
         select id, n, ((n - 1) / ${idsPerBlock})::int as number from (
           select id, row_number() over () as n from (select id from (`,
    `) ids limit ${maxRows + 1}) ids) ids) ids
       group by number returning cardinality(${column}) as n)
     select coalesce(sum(n), 0)::float8 as total from filled`,
  )
  return Number((await run(filled))[0]?.['total'] ?? 0)
}

/** Inside the transaction of the connection; undone to its beginning when it fails or is too large. */
async function fillInside(
  connection: Connection,
  schema: string,
  spec: NewSnapshot,
): Promise<number | 'tooLarge'> {
  if (!/^[0-9a-f-]{36}$/.test(spec.id)) throw new TypeError(`no uuid: ${spec.id}`)
  const { id, tenant, purpose, detail, ttlMs, maxRows } = spec
  await connection.simple('savepoint millrace_snapshot')
  try {
    const total = await fillBlocks(
      ({ text, values }) => connection.user(text, values, longestFillMs),
      schema,
      spec,
    )
    if (total > maxRows) {
      await connection.simple('rollback to savepoint millrace_snapshot')
      return 'tooLarge'
    }
    await connection.run(insertHead, { id, tenant, purpose, detail, total, ttl: ttlMs })
    await connection.simple('release savepoint millrace_snapshot')
    return total
  } catch (error) {
    if (connection.lost === null && connection.state === 'failed')
      await connection.simple('rollback to savepoint millrace_snapshot')
    throw error
  }
}

async function find(session: Session, id: string): Promise<Snapshot | null> {
  return (await session.run<Snapshot>(findOne, { id })).rows[0] ?? null
}

async function ids(
  session: Session,
  id: string,
  position: number,
  count: number,
): Promise<SnapshotIds | null> {
  const { rows } = await session.run<{ tenant: string; remainingMs: number; ids: RowId[] | null }>(idsOf, {
    id,
    position,
    count,
  })
  const [first] = rows
  if (first === undefined) return null
  return { ids: rows.flatMap((row) => row.ids ?? []), tenant: first.tenant, remainingMs: first.remainingMs }
}

/** Beside a transaction that only reads: keeping a snapshot alive does not make it one that wrote. */
async function extend(db: Database, id: string, ttl: number): Promise<boolean> {
  return (await db.background.run(extendOne, { id, ttl })).count === 1
}

async function drop(session: Session, id: string): Promise<boolean> {
  return (await session.run(dropOne, { id })).count === 1
}

async function usage(session: Session, tenant: string): Promise<readonly SnapshotUsage[]> {
  return (await session.run<SnapshotUsage>(usageOf, { tenant })).rows
}

/** Those of a transaction: on its connection, each call inside `within`. */
export function snapshotsInside(
  db: Database,
  within: <T>(work: (connection: Connection) => Promise<T>) => Promise<T>,
): SnapshotAccess {
  const { schema } = db.main.statements
  return {
    create: (spec) => within((connection) => fillInside(connection, schema, spec)),
    find: (id) => within((connection) => find(connection, id)),
    ids: (id, position, count) => within((connection) => ids(connection, id, position, count)),
    extend: (id, ttlMs) => extend(db, id, ttlMs),
    drop: (id) => within((connection) => drop(connection, id)),
    usage: (tenant) => within((connection) => usage(connection, tenant)),
  }
}

export function snapshots(db: Database): Snapshots {
  const { schema } = db.main.statements
  return {
    // On a plain connection: this may scan and sort whole tables, for long.
    create: (spec) => db.main.transaction((connection) => fillInside(connection, schema, spec)),
    find: (id) => find(db.background, id),
    ids: (id, position, count) => ids(db.background, id, position, count),
    extend: (id, ttlMs) => extend(db, id, ttlMs),
    drop: (id) => drop(db.background, id),
    usage: (tenant) => usage(db.background, tenant),
    prune: (most) => prune(db, most),
  }
}

async function prune(
  db: Database,
  most: number,
): Promise<{ readonly deleted: number; readonly done: boolean }> {
  const pruned = await db.background.transaction(
    async (connection) => {
      const { rows } = await connection.run<{ deleted: number; old: readonly string[] }>(pruneBlocks, {
        most,
      })
      const { deleted, old } = rows[0] ?? { deleted: 0, old: [] }
      const heads =
        old.length === 0 ? 0 : (await connection.run(pruneHeads, { old: `{${old.join(',')}}` })).count
      return { deleted: deleted + heads, done: deleted < most && old.length < most }
    },
    { beforeCommit: () => hit(db.faults, 'prune', 'before-commit') },
  )
  await hit(db.faults, 'prune', 'after-commit')
  return pruned
}
