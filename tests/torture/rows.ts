import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { readToolRows, type ToolRows } from './tool-rows.ts'

/** The database as the checker sees it, read from the tables themselves: the engine has no part in it. */
export interface Rows {
  readonly jobs: readonly JobRow[]
  readonly ready: readonly PlaceRow[]
  readonly waiting: readonly PlaceRow[]
  readonly leases: readonly LeaseRow[]
  readonly done: readonly DoneRow[]
  readonly permits: readonly { readonly key: number; readonly lease: number; readonly n: number }[]
  readonly workers: readonly { readonly id: number; readonly pid: number; readonly until: number }[]
  readonly aborts: readonly string[]
  /** Errors of attempts. */
  readonly failures: readonly FailureRow[]
  /** Jobs named by failure, result or arg. */
  readonly remnants: readonly string[]
  /** What handlers wrote. */
  readonly effects: readonly EffectRow[]
  /** What applications wrote together with an enqueue. */
  readonly app: readonly string[]
  readonly tools: ToolRows
  /** What the database's own check says of its files; nothing, if they are sound. */
  readonly damage: readonly string[]
}

export interface JobRow {
  readonly id: string
  readonly tenant: string
  readonly queue: string
  readonly name: string
  readonly prio: number
  readonly parent: string | null
  readonly finalizer: boolean
  /** The job that this one tries again. */
  readonly retryOf: string | null
  /** The fire that enqueued it; `due` epoch ms. */
  readonly fire: { readonly id: string; readonly due: number } | null
  /** Epoch ms, by the database's clock. */
  readonly created: number
  readonly payload: unknown
}

/** A row of `ready` or `waiting`. */
export interface PlaceRow {
  readonly job: string
  readonly seq: number
  readonly attempt: number
}

export interface LeaseRow {
  readonly id: number
  readonly worker: number
  readonly members: readonly { readonly job: string; readonly seq: number; readonly running: boolean }[]
}

export interface DoneRow {
  readonly job: string
  readonly seq: number
  readonly attempt: number
  readonly outcome: number
  readonly lease: number
  /** Epoch ms, by the database's clock. */
  readonly finished: number
}

export interface FailureRow {
  readonly job: string
  readonly seq: number
  readonly attempt: number
  /** Of its causes, too: `MILL_TRANSACTION_LOST < MILL_STORAGE_QUERY`. */
  readonly code: string
  readonly message: string
}

export interface EffectRow {
  readonly job: string
  readonly seq: number
  readonly attempt: number
  readonly token: string
}

/** Where to read. */
export interface RowSource {
  readonly kind: 'sqlite' | 'postgres'
  /** File, or connection URL. */
  readonly place: string
  /** PostgreSQL: schema of the engine's tables. The workload's own two stand in `effects`. */
  readonly schema: string
  readonly effects: string
}

type Ask = (sql: string) => Promise<Record<string, unknown>[]>

/** All of it, of one instant. */
export function readRows(source: RowSource): Promise<Rows> {
  return source.kind === 'sqlite' ? sqlite(source) : postgres(source)
}

async function sqlite({ place }: RowSource): Promise<Rows> {
  const db = new DatabaseSync(place, { readOnly: true, timeout: 5_000 })
  try {
    db.exec('begin')
    return await read(
      async (sql) => db.prepare(sql).all(),
      (table) => `millrace_${table}`,
      (table) => table,
      {
        ms: (column) => column,
        leases: 'id, worker, jobs, seqs, running',
        damage: async () =>
          db
            .prepare('pragma integrity_check')
            .all()
            .map((row) => row['integrity_check'] as string)
            .filter((line) => line !== 'ok'),
      },
    )
  } finally {
    db.close()
  }
}

async function postgres({ place, schema, effects }: RowSource): Promise<Rows> {
  const client = new pg.Client({ connectionString: place, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const canCheck = await prepareCheck(client)
    await client.query('begin isolation level repeatable read read only')
    return await read(
      async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
      (table) => `"${schema}".${table}`,
      (table) => `"${effects}".${table}`,
      {
        ms: (column) => `(extract(epoch from ${column}) * 1000)::float8`,
        leases:
          'id::float8 as id, worker, array_to_json(jobs)::text as jobs, array_to_json(seqs)::text as seqs, array_to_json(running)::text as running',
        damage: async () => (canCheck ? damageOf(client, schema) : []),
      },
    )
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** The extension comes with the server on Debian, and is missing from some builds. */
async function prepareCheck(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query("select from pg_available_extensions where name = 'amcheck'")
  if (rowCount === 0) return false
  await client.query('select pg_advisory_lock(41)')
  await client.query('create extension if not exists amcheck')
  await client.query('select pg_advisory_unlock(41)')
  return true
}

/** By the extension `amcheck`: each index agrees with itself and with its table. */
async function damageOf(client: pg.Client, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ oid: string; name: string }>(
    `select i.indexrelid::text as oid, i.indexrelid::regclass::text as name
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
     where c.relnamespace = $1::regnamespace and a.amname = 'btree'`,
    [`"${schema}"`],
  )
  const damage: string[] = []
  for (const { oid, name } of rows) {
    await client.query('savepoint checking')
    try {
      await client.query('select bt_index_check($1::oid::regclass, true)', [oid])
    } catch (error) {
      damage.push(`${name}: ${(error as Error).message}`)
      await client.query('rollback to savepoint checking')
    }
  }
  return damage
}

/** How much is queued, waits, runs, or is held: 0 when everything is done. */
export async function backlog(source: RowSource): Promise<number> {
  // A permit counts only while its lease stands.
  const tables = ['ready', 'waiting', 'lease', 'abort']
  const sum = (name: (table: string) => string): string =>
    `select ${tables.map((table) => `(select count(*) from ${name(table)})`).join(' + ')} as n`
  const [row] = await ask(
    source,
    sum(source.kind === 'sqlite' ? (table) => `millrace_${table}` : (table) => `"${source.schema}".${table}`),
  )
  return Number(row?.['n'])
}

/** Whether a worker of the process still has its row, and whether that is alive, by the database's clock. */
export async function workerOf(source: RowSource, pid: number): Promise<'alive' | 'expired' | 'gone'> {
  const [row] = await ask(
    source,
    source.kind === 'sqlite'
      ? `select max(until > unixepoch('subsec') * 1000) as alive from millrace_worker where pid = ${pid}`
      : `select bool_or(until > clock_timestamp()) as alive from "${source.schema}".worker where pid = ${pid}`,
  )
  const alive = row?.['alive']
  return alive === null || alive === undefined ? 'gone' : alive === true || alive === 1 ? 'alive' : 'expired'
}

/** Until when the worker of the process lives, epoch ms by the database's clock; null when it has no row. */
export async function expiryOf(source: RowSource, pid: number): Promise<number | null> {
  const [row] = await ask(
    source,
    source.kind === 'sqlite'
      ? `select max(until) as until from millrace_worker where pid = ${pid}`
      : `select max(extract(epoch from until) * 1000)::float8 as until from "${source.schema}".worker where pid = ${pid}`,
  )
  const until = row?.['until']
  return until === null || until === undefined ? null : Number(until)
}

/** All ends that there are lie a day further back: history that is old enough to be deleted. */
export async function makeOlder(source: RowSource): Promise<void> {
  await execute(
    source,
    source.kind === 'sqlite'
      ? 'update millrace_done set finished = finished - 86400000'
      : `update "${source.schema}".done set finished = finished - interval '1 day'`,
  )
}

async function execute({ kind, place }: RowSource, sql: string): Promise<void> {
  if (kind === 'sqlite') {
    const db = new DatabaseSync(place, { timeout: 5_000 })
    db.exec(sql)
    db.close()
    return
  }
  const client = new pg.Client({ connectionString: place, connectionTimeoutMillis: 10_000 })
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** Items 1 to `count`; of those `bad` are such that no chunk can take them. */
export async function fillItems(source: RowSource, count: number, bad: readonly number[]): Promise<void> {
  const isBad = bad.length === 0 ? '0' : `case when i in (${bad.join(', ')}) then 1 else 0 end`
  const table = source.kind === 'sqlite' ? 'item' : `"${source.effects}".item`
  const numbers =
    source.kind === 'sqlite'
      ? `with recursive g (i) as (select 1 union all select i + 1 from g where i < ${count}) select i, ${isBad} from g`
      : `select i, ${isBad} from generate_series(1, ${count}) as i`
  if (count > 0) await execute(source, `insert into ${table} (id, bad) ${numbers}`)
}

/** As if nobody had been there to fire the schedule since then (epoch ms). */
export async function makeDueSince(source: RowSource, schedule: string, due: number): Promise<void> {
  await execute(
    source,
    source.kind === 'sqlite'
      ? `update millrace_schedule set next = ${due} where id = '${schedule}'`
      : `update "${source.schema}".schedule set next = to_timestamp(${due / 1_000}) where id = '${schedule}'`,
  )
}

async function ask({ kind, place }: RowSource, sql: string): Promise<Record<string, unknown>[]> {
  if (kind === 'sqlite') {
    const db = new DatabaseSync(place, { readOnly: true, timeout: 5_000 })
    try {
      return db.prepare(sql).all()
    } finally {
      db.close()
    }
  }
  const client = new pg.Client({ connectionString: place, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}

interface Dialect {
  readonly damage: () => Promise<string[]>
  readonly ms: (column: string) => string
  readonly leases: string
}

async function read(
  ask: Ask,
  table: (name: string) => string,
  own: (name: string) => string,
  { ms, leases, damage }: Dialect,
): Promise<Rows> {
  const text = (column: string): string => `cast(${column} as text) as ${column}`
  const jobs = await ask(
    `select cast(j.id as text) as id, l.tenant, l.queue, l.name, j.prio, cast(j.parent as text) as parent,
       cast(j.options as text) as options, ${ms('j.created')} as created, j.payload
     from ${table('job')} j join ${table('lane')} l on l.id = j.lane order by j.id`,
  )
  const places = `select ${text('job')}, seq, attempt from`
  return {
    jobs: jobs.map(jobOf),
    ready: (await ask(`${places} ${table('ready')}`)) as unknown as PlaceRow[],
    waiting: (await ask(`${places} ${table('waiting')}`)) as unknown as PlaceRow[],
    leases: (await ask(`select ${leases} from ${table('lease')} order by id`)).map(leaseOf),
    done: (
      await ask(
        `select ${text('job')}, seq, attempt, outcome, cast(lease as text) as lease, ${ms('finished')} as finished
         from ${table('done')} order by job, seq, attempt`,
      )
    ).map(
      (row) =>
        ({ ...row, lease: Number(row['lease']), finished: Number(row['finished']) }) as unknown as DoneRow,
    ),
    permits: (await ask(`select key, cast(lease as text) as lease, n from ${table('permit')}`)).map(
      (row) => ({
        key: Number(row['key']),
        lease: Number(row['lease']),
        n: Number(row['n']),
      }),
    ),
    workers: (await ask(`select id, pid, ${ms('until')} as until from ${table('worker')}`)).map((row) => ({
      id: Number(row['id']),
      pid: Number(row['pid']),
      until: Number(row['until']),
    })),
    aborts: (await ask(`select ${text('job')} from ${table('abort')}`)).map(({ job }) => job as string),
    failures: (
      await ask(
        `select ${text('job')}, seq, attempt, ${text('error')} from ${table('failure')} where error is not null`,
      )
    ).map(failureOf),
    remnants: (
      await ask(
        `select ${text('job')} from ${table('failure')} union select ${text('job')} from ${table('result')}
         union select ${text('job')} from ${table('arg')}`,
      )
    ).map(({ job }) => job as string),
    effects: (await ask(
      `select job, seq, attempt, token from ${own('effect')} order by job, seq, attempt`,
    )) as unknown as EffectRow[],
    app: (await ask(`select ref from ${own('app')} order by ref`)).map(({ ref }) => ref as string),
    tools: await readToolRows(ask, table, own, ms),
    damage: await damage(),
  }
}

interface StoredOptions {
  readonly finalizer?: true
  readonly retryOf?: string
  readonly fire?: { readonly id: string; readonly due: number }
}

function jobOf(row: Record<string, unknown>): JobRow {
  const { finalizer, retryOf, fire } = JSON.parse((row['options'] as string | null) ?? '{}') as StoredOptions
  return {
    id: row['id'] as string,
    tenant: row['tenant'] as string,
    queue: row['queue'] as string,
    name: row['name'] as string,
    prio: Number(row['prio']),
    parent: row['parent'] as string | null,
    finalizer: finalizer === true,
    retryOf: retryOf ?? null,
    fire: fire === undefined ? null : { id: fire.id, due: fire.due },
    created: Number(row['created']),
    payload: JSON.parse(row['payload'] as string) as unknown,
  }
}

interface StoredError {
  readonly code?: string
  readonly name?: string
  readonly message: string
  readonly cause?: StoredError
}

function failureOf(row: Record<string, unknown>): FailureRow {
  const codes: string[] = []
  const messages: string[] = []
  let error: StoredError | undefined = JSON.parse(row['error'] as string) as StoredError
  for (; error !== undefined; error = error.cause) {
    codes.push(error.code ?? error.name ?? 'Error')
    messages.push(error.message)
  }
  return {
    job: row['job'] as string,
    seq: Number(row['seq']),
    attempt: Number(row['attempt']),
    code: codes.join(' < '),
    message: messages.join(' < '),
  }
}

function leaseOf(row: Record<string, unknown>): LeaseRow {
  const jobs = JSON.parse(row['jobs'] as string) as (string | null)[]
  const seqs = JSON.parse((row['seqs'] as string | null) ?? '[]') as number[]
  const running = new Set(JSON.parse(row['running'] as string) as number[])
  return {
    id: Number(row['id']),
    worker: Number(row['worker']),
    members: jobs.flatMap((job, place) =>
      job === null ? [] : [{ job, seq: seqs[place] ?? 0, running: running.has(place) }],
    ),
  }
}

/** Tables of the workload itself. `effect` and `total` have no unique index: a doubled effect must show. */
export const workloadTables = [
  'create table item (id integer primary key, bad integer not null, n integer not null default 0, token text)',
  'create table total (job text not null, token text not null, count integer not null, sum bigint not null)',
  'create table effect (job text not null, seq integer not null, attempt integer not null, token text not null)',
  'create table app (ref text not null)',
]
