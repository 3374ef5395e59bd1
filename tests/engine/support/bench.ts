import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { afterAll, afterEach } from 'vitest'
import {
  createMill,
  type EngineEvent,
  type HandlerContext,
  type LogEntry,
  type Mill,
  type MillConfig,
} from '../../../packages/millrace/src/index.ts'
import type { MillInternals } from '../../../packages/millrace/src/mill/config.ts'
import { assemble } from '../../../packages/millrace/src/mill/create-mill.ts'
import { systemClock } from '../../../packages/millrace/src/kernel/runtime/system-clock.ts'
import { createTestDatabase } from '../../support/postgres.ts'
import { until } from './until.ts'

/** A database of one test file, with the table `effects` of the application: no unique index, so that a double effect shows. */
export interface Place {
  readonly kind: 'sqlite' | 'postgres'
  readonly url: string
  /** Beside the mill: what is committed. */
  query(sql: string, values?: readonly (string | number)[]): Promise<Record<string, unknown>[]>
}

const effects = {
  sqlite: 'create table effects (job text not null, note text not null)',
  postgres: 'create table effects (n bigserial, job text not null, note text not null)',
}

/** Both databases, or SQLite alone where there is no PostgreSQL. They go with the file. */
export async function places(): Promise<readonly Place[]> {
  const all = [await sqlitePlace()]
  const postgres = await postgresPlace()
  if (postgres !== undefined) all.push(postgres)
  return all
}

async function sqlitePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-engine-'))
  const path = join(folder, 'mill.db')
  const database = new DatabaseSync(path, { timeout: 5_000 })
  database.exec(`pragma journal_mode = wal; ${effects.sqlite}`)
  afterAll(() => {
    database.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    kind: 'sqlite',
    url: `sqlite:${path}`,
    query: async (sql, values = []) => database.prepare(sql).all(...values),
  }
}

async function postgresPlace(): Promise<Place | undefined> {
  const database = await createTestDatabase()
  if (database === undefined) return undefined
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  pool.on('error', () => undefined)
  await pool.query(effects.postgres)
  afterAll(async () => {
    await pool.end()
    await database.drop()
  })
  return {
    kind: 'postgres',
    url: database.url,
    async query(sql, values = []) {
      let at = 0
      const numbered = sql.replaceAll('?', () => `$${String(++at)}`)
      return (await pool.query<Record<string, unknown>>(numbered, [...values])).rows
    },
  }
}

let names = 0

/** A name that no other test has: of a definition, tenant or queue. */
export function fresh(name: string): string {
  names += 1
  return `${name}-${names}`
}

/** In the attempt's transaction. */
export async function note(ctx: HandlerContext, text: string): Promise<void> {
  await ctx.sql`insert into effects (job, note) values (${ctx.jobId}, ${text})`
}

export interface Heard {
  readonly logs: LogEntry[]
  readonly events: EngineEvent[]
}

/**
 * Mills on one place, which end with the test. `quick`: with the clock injected that it would use anyway, which leaves out the keeper
 * thread, whose start takes longer than most tests.
 */
export class Bench {
  readonly place: Place
  readonly #quick: boolean
  readonly #open = new Set<Mill>()
  readonly #heard = new WeakMap<Mill, Heard>()

  constructor(place: Place, how: 'quick' | 'as created' = 'quick') {
    this.place = place
    this.#quick = how === 'quick'
    afterEach(async () => {
      const open = [...this.#open]
      this.#open.clear()
      for (const mill of open) await mill.stop()
    })
  }

  /** A mill that does not work yet. */
  async mill(config: MillConfig, internals?: MillInternals): Promise<Mill> {
    const logs: LogEntry[] = []
    const full: MillConfig = {
      storage: this.place.url,
      concurrency: 4,
      shutdown: '3 seconds',
      abortGrace: '200 ms',
      ...config,
      log: { level: 'FINEST', sink: (entry) => void logs.push(entry), ...config.log },
      postgres: { poolSize: 5, ...config.postgres },
    }
    const quick = this.#quick ? { clock: systemClock } : undefined
    const own = internals ?? quick
    const mill = await (own === undefined ? createMill(full) : assemble(full, { ...quick, ...own }))
    const events: EngineEvent[] = []
    mill.on((event) => void events.push(event))
    this.#heard.set(mill, { logs, events })
    this.#open.add(mill)
    return mill
  }

  /** One that works. */
  async working(config: MillConfig, internals?: MillInternals): Promise<Mill> {
    const mill = await this.mill(config, internals)
    await mill.start()
    return mill
  }

  heard(mill: Mill): Heard {
    return this.#heard.get(mill) ?? { logs: [], events: [] }
  }

  /** What the attempts of a job have committed, in order of writing. */
  async notes(job: string): Promise<string[]> {
    const order = this.place.kind === 'sqlite' ? 'rowid' : 'n'
    const rows = await this.place.query(`select note from effects where job = ? order by ${order}`, [job])
    return rows.map((row) => String(row['note']))
  }

  async count(table: string): Promise<number> {
    const [row] = await this.place.query(`select cast(count(*) as integer) as n from ${table}`)
    return Number(row?.['n'])
  }

  /** When the job has ended, with all its finalizers. */
  async ended(mill: Mill, job: string): Promise<readonly string[]> {
    await until(`job ${job} has ended`, async () => {
      const { status } = await mill.jobs.get(job)
      return status === 'Completed' || status === 'Failed' || status === 'Aborted'
    })
    return this.told(mill, job)
  }

  /** `job 1 retried`, `finalizer of 1 succeeded`, … of each ended attempt. */
  async told(mill: Mill, job: string): Promise<string[]> {
    return (await mill.jobs.attempts(job)).map(({ kind, of, attempt, outcome }) =>
      kind === 'job' ? `${attempt} ${outcome}` : `finalizer of ${String(of)}, ${attempt} ${outcome}`,
    )
  }
}
