import pg from 'pg'

const database = 'millrace_flights'

/** What to do where there is no PostgreSQL; the message is for the reader of the terminal. */
export class NoPostgres extends Error {}

/** The one that was named, or a database of its own on the server of the tests, or on this machine's. */
export function postgresUrl(named: string | undefined): string {
  const given = named ?? process.env['DATABASE_URL']
  if (given !== undefined) return given
  const tests = process.env['MILLRACE_TEST_POSTGRES']
  const url = new URL(tests && tests !== 'none' ? tests : 'postgres://postgres@127.0.0.1:5432')
  url.pathname = `/${database}`
  return url.href
}

/** Creates the database if the server does not have it. Throws NoPostgres when it cannot be had. */
export async function ensureDatabase(text: string): Promise<void> {
  if (!URL.canParse(text))
    throw new NoPostgres(`${JSON.stringify(text)} is no URL like postgres://user@host:5432/database.`)
  const url = new URL(text)
  try {
    await run(url, 'select 1')
  } catch (error) {
    if (!isMissing(error)) throw noPostgres(url, error)
    await createDatabase(url)
  }
}

async function createDatabase(url: URL): Promise<void> {
  const maintenance = new URL(url)
  maintenance.pathname = '/postgres'
  const name = decodeURIComponent(url.pathname.slice(1))
  try {
    await run(maintenance, `create database ${pg.escapeIdentifier(name)}`)
  } catch (error) {
    throw noPostgres(maintenance, error)
  }
}

async function run(url: URL, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 5_000 })
  try {
    await client.connect()
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '3D000'
}

function noPostgres(url: URL, error: unknown): NoPostgres {
  const reason = error instanceof AggregateError ? error.errors.map(String).join('; ') : String(error)
  return new NoPostgres(
    [
      `No PostgreSQL to work with at ${url.host} (${reason}).`,
      '',
      'Name one that is running:',
      '  npm start -- --postgres postgres://user:password@host:5432/millrace_flights',
      'or start one, for instance:',
      '  docker run --rm -d -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres',
      'Without a server, `npm start` does the same on SQLite.',
    ].join('\n'),
    { cause: error },
  )
}
