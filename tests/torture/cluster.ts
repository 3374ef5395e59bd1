import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import {
  freePort,
  missingPart,
  runUnprivileged,
  startServerProcess,
  temporaryDirectory,
} from '../support/server-process.ts'

/** A PostgreSQL server of one's own that can be crashed and comes back at the same place. */
export interface Cluster {
  readonly url: string
  /** As `pg_ctl stop -m immediate`: nothing is finished, what is not in the log is gone. */
  crash(): Promise<void>
  restart(): Promise<void>
  drop(): Promise<void>
}

export interface ClusterPlaces {
  /** Empty folders of the server's user, for its tables and for its log. */
  readonly data: string
  readonly log: string
}

/** `undefined` where PostgreSQL is not installed (a failure on CI). */
export async function startCluster(
  more: Readonly<Record<string, string>> = {},
  places?: ClusterPlaces,
): Promise<Cluster | undefined> {
  const version = (path: string): number => Number.parseFloat(path.split('/').at(-2) ?? '')
  const bin = globSync('/usr/lib/postgresql/*/bin')
    .filter((path) => existsSync(join(path, 'initdb')))
    .sort((a, b) => version(b) - version(a))[0]
  if (bin === undefined) {
    missingPart(
      'No PostgreSQL binaries: the crash tests of the server are skipped. Debian: apt-get install postgresql.',
    )
    return undefined
  }
  const directory = temporaryDirectory('millrace-cluster-')
  const data = join(places?.data ?? directory.path, 'data')
  runUnprivileged(join(bin, 'initdb'), [
    ...['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    ...(places === undefined ? [] : ['--waldir', join(places.log, 'log'), '--wal-segsize=1']),
  ])
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    ...more,
  }
  const start = (): ReturnType<typeof startServerProcess> =>
    startServerProcess(
      join(bin, 'postgres'),
      ['-D', data, ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)],
      /ready to accept connections/,
    )
  let server = await start()
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    crash: () => server.stop('SIGQUIT'),
    restart: async () => {
      server = await start()
    },
    drop: async () => {
      await server.stop('SIGQUIT')
      directory.remove()
    },
  }
}
