import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import type { MillConfig } from '../../packages/millrace/src/index.ts'
import { workloadTables, type RowSource } from './rows.ts'

/** A database made for one run. */
export interface Target {
  readonly kind: 'sqlite' | 'postgres'
  readonly config: Pick<MillConfig, 'storage' | 'postgres'>
  readonly source: RowSource
  drop(): Promise<void>
}

/** In the folder, which must be its own; by default in a new one. */
export async function sqliteTarget(folder?: string): Promise<Target> {
  const directory = folder ?? mkdtempSync(join(tmpdir(), 'millrace-torture-'))
  const place = join(directory, 'torture.db')
  const db = new DatabaseSync(place)
  for (const statement of workloadTables) db.exec(statement)
  db.close()
  return {
    kind: 'sqlite',
    config: { storage: `sqlite:${place}` },
    source: { kind: 'sqlite', place, schema: '', effects: '' },
    drop: async () => {
      for (const file of readdirSync(directory)) rmSync(join(directory, file), { recursive: true })
      if (folder === undefined) rmdirSync(directory)
    },
  }
}

let schemas = 0

/** A schema of its own in the database: cheaper than a database for each of hundreds of runs. */
export async function postgresTarget(databaseUrl: string): Promise<Target> {
  schemas += 1
  const schema = `torture_${process.pid}_${schemas}`
  await execute(databaseUrl, [`create schema ${schema}`, `set search_path = ${schema}`, ...workloadTables])
  const url = new URL(databaseUrl)
  // The workload's own tables are found by the handlers' plain SQL.
  url.searchParams.set('options', `-c search_path=${schema}`)
  return {
    kind: 'postgres',
    config: { storage: url.href, postgres: { schema, poolSize: 5 } },
    source: { kind: 'postgres', place: databaseUrl, schema, effects: schema },
    drop: () => execute(databaseUrl, [`drop schema ${schema} cascade`]),
  }
}

/** The same database by another way, such as a proxy: `host` with its port. */
export function through(target: Target, host: string, postgres: MillConfig['postgres'] = {}): Target {
  const url = new URL(target.config.storage ?? '')
  url.host = host
  return {
    ...target,
    config: { storage: url.href, postgres: { ...target.config.postgres, ...postgres } },
  }
}

/** Of a database of its own, as poolers set nothing on connections: the workload's tables stand where everybody looks. */
export async function pooledTarget(databaseUrl: string, poolerUrl: string): Promise<Target> {
  schemas += 1
  const schema = `torture_${process.pid}_${schemas}`
  const names = ['effect', 'app', 'item', 'total']
  await execute(databaseUrl, [`create schema ${schema}`, ...workloadTables])
  return {
    kind: 'postgres',
    config: {
      storage: poolerUrl,
      postgres: { schema, poolSize: 5, pooler: 'transaction', listenUrl: databaseUrl },
    },
    source: { kind: 'postgres', place: databaseUrl, schema, effects: 'public' },
    drop: () =>
      execute(databaseUrl, [`drop schema ${schema} cascade`, ...names.map((name) => `drop table ${name}`)]),
  }
}

async function execute(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
