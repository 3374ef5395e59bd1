import { existsSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { freePort, missingPart, startServerProcess, temporaryDirectory } from './server-process.ts'

export interface Pgbouncer {
  /** Of the same database, through the pooler. */
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/**
 * Starts pgbouncer in transaction mode in front of one database, without support for named prepared statements:
 * what Millrace must cope with behind `pooler: 'transaction'`. `undefined` where it is not installed (a failure on CI).
 */
export async function startPgbouncer(databaseUrl: string): Promise<Pgbouncer | undefined> {
  const binary = findBinary()
  if (!binary) {
    missingPart('No pgbouncer: the suites behind a pooler are skipped. Debian: apt-get install pgbouncer.')
    return undefined
  }
  const directory = temporaryDirectory('millrace-pgbouncer-')
  const port = await freePort()
  const ini = join(directory.path, 'pgbouncer.ini')
  writeFileSync(ini, configuration(new URL(databaseUrl), port))
  const process = await startServerProcess(binary, [ini], /process up/)

  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  url.password = ''
  return {
    url: url.href,
    pid: process.pid,
    async stop() {
      await process.stop('SIGKILL')
      directory.remove()
    },
  }
}

function configuration(database: URL, port: number): string {
  const name = database.pathname.slice(1)
  const target = {
    host: database.hostname,
    port: database.port || '5432',
    dbname: name,
    user: decodeURIComponent(database.username),
    ...(database.password && { password: decodeURIComponent(database.password) }),
  }
  const quoted = Object.entries(target).map(([key, value]) => `${key}='${value.replaceAll("'", "''")}'`)
  return `
[databases]
${name} = ${quoted.join(' ')}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
`
}

function findBinary(): string | undefined {
  // Debian puts it into sbin, which is not on everyone's PATH.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path))
}
