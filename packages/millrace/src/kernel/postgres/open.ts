import type pg from 'pg'
import type { Clock } from '../rules/clock.ts'
import { MillraceError } from '../rules/errors.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { ForeignTransactions } from '../storage/foreign.ts'
import type { Storage } from '../storage/storage.ts'
import { controls } from './controls.ts'
import type { Database } from './database.ts'
import { documents } from './documents.ts'
import { executions } from './executions.ts'
import { flexQueues } from './flex-queue.ts'
import { foreignTransactions } from './foreign.ts'
import { history } from './history.ts'
import { jobs } from './jobs.ts'
import { lanes } from './lanes.ts'
import { limits } from './limits.ts'
import { idleSetting, Pool, type PoolOptions } from './pool.ts'
import { reader } from './reader.ts'
import { schedules } from './schedules.ts'
import { schema } from './schema.ts'
import { snapshots } from './snapshots.ts'
import { states } from './states.ts'
import { statement, Statements } from './statement.ts'
import { begin } from './transaction.ts'
import { waiting } from './waiting.ts'
import { PostgresWakeups } from './wakeups.ts'
import { workers } from './workers.ts'

export interface PostgresOptions {
  /** postgres://user:password@host:port/database?… */
  readonly url: string
  /** Of this process, x.y.z. */
  readonly release: string
  /** Schema of the engine's tables. @default 'millrace' */
  readonly schema?: string
  /** The url leads to a pooler that gives a connection away after each transaction: nothing is prepared or set on one. */
  readonly pooler?: 'transaction'
  /** Straight to the server, for LISTEN behind a pooler; without it work of other processes is found by scans. @default url, behind a pooler none */
  readonly listenUrl?: string
  /** Connections for transactions of handlers and applications; groups, claims and lists have up to 11 more, reads outside of transactions 8, LISTEN one. @default 10 */
  readonly poolSize?: number
  /** The server ends a transaction of handlers in which nothing is said for so long, unless its begin says otherwise. @default 10_000 */
  readonly idleMs?: number
  /** After this a statement's connection is destroyed and its outcome unknown. @default 30_000 */
  readonly queryTimeoutMs?: number
  readonly after?: Clock['after']
  readonly faults?: Faults
}

const hotConnections = 4
const claimConnections = 3
const backgroundConnections = 4
/** A stream keeps one until it ends. */
const readConnections = 8
const connectMs = 10_000
const shortIdleMs = 10_000
/** Handlers may wait for each other's connections. */
const mainConnectMs = 30_000

const now = statement('now', 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now')

/** A server may keep to itself what its backends do. */
const busyBackend = statement(
  'busy',
  `select from pg_stat_activity where pid = $pid and (state is null or state not like 'idle%')`,
)

const cancelBackend = statement('cancel', 'select pg_cancel_backend($pid)')

/** Connects lazily: a server that is absent at first is an error of the calls, not of opening. */
export async function openPostgres(options: PostgresOptions): Promise<Storage & ForeignTransactions> {
  const db = databaseOf(options)
  let closing: Promise<void> | null = null
  const foreign = foreignTransactions(db)

  async function close(): Promise<void> {
    await Promise.all([
      db.wakeups.stop(),
      ...[db.main, db.hot, db.claims, db.background, db.readers].map((pool) => pool.close()),
    ])
  }

  return {
    kind: 'postgres',
    schema: schema(db),
    lanes: lanes(db),
    jobs: jobs(db),
    executions: executions(db),
    waiting: waiting(db),
    limits: limits(db),
    flexQueues: flexQueues(db),
    workers: workers(db),
    controls: controls(db),
    history: history(db),
    documents: documents(db),
    states: states(db),
    schedules: schedules(db),
    snapshots: snapshots(db),
    wakeups: db.wakeups,
    reader: reader(db),
    begin: (how) => begin(db, how),
    enqueueWith: (client, list) => foreign.enqueueWith(client, list),
    async now() {
      return (await db.hot.run<{ now: number }>(now, {})).rows[0]?.now ?? 0
    },
    close() {
      closing ??= close()
      return closing
    },
  }
}

function databaseOf(options: PostgresOptions): Database {
  const { release, faults, pooler, after = afterMs, queryTimeoutMs = 30_000 } = options
  const statements = new Statements(schemaName(options.schema ?? 'millrace'), options.pooler === undefined)
  const url = new ConnectionUrl(options.url)
  // A pooler lends its connections, and makes up the numbers of its backends.
  const isDirect = pooler === undefined
  const listenUrl = options.listenUrl ?? (isDirect ? options.url : null)
  const wakeups = new PostgresWakeups({
    config: listenUrl === null ? null : new ConnectionUrl(listenUrl).config([]),
    channel: statements.channel,
    after,
    faults,
  })
  const pool = (
    size: number,
    settings: readonly string[],
    { idleMs = shortIdleMs, ...more }: Partial<PoolOptions> = {},
  ): Pool =>
    new Pool({
      config: url.config(isDirect ? [idleSetting(idleMs).replaceAll(' ', ''), ...settings] : []),
      size,
      statements,
      deadlineMs: queryTimeoutMs,
      idleMs,
      keepsIdle: isDirect,
      connectMs: Math.min(connectMs, queryTimeoutMs),
      ...(isDirect && { onBackend: (pid, open) => wakeups.note(pid, open) }),
      ...more,
    })
  // The server gives up a little before we do: then the outcome is known.
  const planned = [
    'enable_seqscan=off',
    'jit=off',
    `statement_timeout=${Math.max(1, Math.floor(queryTimeoutMs * 0.9))}`,
  ]
  // Here planning costs more than the statement, and its arrays tell the planner nothing.
  const generic = [...planned, 'plan_cache_mode=force_generic_plan']
  const hot = pool(hotConnections, generic)
  const ofUsers: Partial<PoolOptions> = {
    idleMs: options.idleMs ?? shortIdleMs,
    connectMs: Math.min(mainConnectMs, queryTimeoutMs),
    ...(isDirect && {
      cancel: (pid) => hot.run(cancelBackend, { pid }),
      isBusy: async (pid) => (await hot.run(busyBackend, { pid })).rows.length > 0,
    }),
  }
  return {
    main: pool(options.poolSize ?? 10, [], ofUsers),
    readers: pool(readConnections, [], ofUsers),
    hot,
    claims: pool(claimConnections, [...generic, 'synchronous_commit=off']),
    background: pool(backgroundConnections, planned),
    wakeups,
    after,
    faults,
    release,
  }
}

/** A connection string, with settings of ours among its `options`. */
class ConnectionUrl {
  readonly #url: URL

  constructor(text: string) {
    const url = URL.canParse(text) ? new URL(text) : null
    if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
      // Not the text itself: it may hold a password.
      throw new MillraceError(
        'MILL_STORAGE_URL_INVALID',
        'the storage text is no postgres:// connection string',
      )
    }
    this.#url = url
  }

  config(settings: readonly string[]): pg.ClientConfig {
    const url = new URL(this.#url)
    const options = [url.searchParams.get('options') ?? '', ...settings.map((setting) => `-c ${setting}`)]
      .filter((option) => option !== '')
      .join(' ')
    url.searchParams.delete('options')
    return {
      connectionString: url.href,
      fallback_application_name: 'millrace',
      ...(options !== '' && { options }),
    }
  }
}

/** Also part of the channel's name, which has at most 63 bytes. */
function schemaName(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,49}$/i.test(name)) return name
  throw new MillraceError(
    'MILL_CONFIG_INVALID',
    `schema must be a letter or _, then at most 49 letters, digits or _; got ${JSON.stringify(name)}`,
  )
}

/** Node fires a timer beyond 2^31 ms at once; none of ours is near that. */
function afterMs(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  timer.unref()
  return () => {
    clearTimeout(timer)
  }
}
