import pg from 'pg'
import { findServer, startServer, type TestServer } from '../../tests/support/postgres.ts'

/** The same for all contestants; stock otherwise. */
const settings = { shared_buffers: '1GB', max_wal_size: '8GB' }

/** The server named in MILLRACE_TEST_POSTGRES, else one of our own from the system's binaries, else the one that is there. */
export async function openServer(): Promise<TestServer> {
  const named = process.env.MILLRACE_TEST_POSTGRES
  const server = (named ? undefined : await startServer(settings)) ?? (await findServer())
  if (server === undefined) throw new Error('there is no PostgreSQL')
  return server
}

export async function ask<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql, [...values])).rows
  } finally {
    await client.end()
  }
}

const told = [
  'server_version',
  'shared_buffers',
  'max_wal_size',
  'synchronous_commit',
  'fsync',
  'full_page_writes',
  'wal_sync_method',
  'autovacuum',
]

export async function serverSettings(url: string): Promise<Record<string, string>> {
  const rows = await ask<{ name: string; value: string }>(
    url,
    'select name, current_setting(name) as value from unnest($1::text[]) as name',
    [told],
  )
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}

/** Between filling and draining, for all: what a server that runs for long would have done. */
export async function settleDown(url: string): Promise<void> {
  if (url === '') return
  await ask(url, 'vacuum analyze')
  await ask(url, 'checkpoint')
}

/** Bytes of WAL written so far by the whole server, which nobody else uses. */
export async function walBytes(url: string): Promise<number> {
  const [row] = await ask<{ bytes: string }>(url, `select pg_current_wal_insert_lsn() - '0/0' as bytes`)
  return Number(row?.bytes)
}
