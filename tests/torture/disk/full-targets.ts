import pg from 'pg'
import { startCluster } from '../cluster.ts'
import { postgresTarget, sqliteTarget, type Target } from '../target.ts'
import type { FullDisk } from './full-disk.ts'
import { smallDisk } from './small-disk.ts'

/** A database on small disks. */
export interface FullTarget {
  readonly disks: readonly FullDisk[]
  open(): Promise<Target>
  drop(): Promise<void>
}

/** `undefined` where nothing can be mounted. */
export function sqliteOnSmallDisk(): FullTarget | undefined {
  const disk = smallDisk(48)
  if (disk === undefined) return undefined
  return {
    disks: [
      {
        codes: ['MILL_STORAGE_FULL'],
        lapses: true,
        fill: async () => disk.fill(),
        free: async () => disk.free(),
      },
    ],
    open: () => sqliteTarget(disk.path),
    drop: async () => disk.drop(),
  }
}

/**
 * A server whose tables and whose log stand on a disk each. Without room for a table it refuses; without room for its log it panics,
 * and is started again when there is room. `undefined` where nothing can be mounted, or PostgreSQL is not there.
 */
export async function postgresOnSmallDisks(): Promise<FullTarget | undefined> {
  const [data, log] = [smallDisk(128), smallDisk(32)]
  if (data === undefined || log === undefined) return undefined
  const drop = (): void => {
    data.drop()
    log.drop()
  }
  // A segment that is used again would need no room.
  const settings = { shared_buffers: '16MB', min_wal_size: '2MB', max_wal_size: '8MB', wal_recycle: 'off' }
  const cluster = await startCluster(settings, { data: data.path, log: log.path })
  if (cluster === undefined) {
    drop()
    return undefined
  }
  const tables: FullDisk = {
    codes: ['MILL_STORAGE_FULL'],
    lapses: false,
    fill: async () => data.fill(),
    free: async () => data.free(),
  }
  const itsLog: FullDisk = {
    codes: ['MILL_STORAGE_UNAVAILABLE', 'MILL_COMMIT_UNKNOWN'],
    lapses: false,
    fill: async () => {
      log.fill()
      await beginSegment(cluster.url)
    },
    free: async () => {
      log.free()
      await cluster.crash()
      await cluster.restart()
    },
  }
  return {
    disks: [tables, itsLog],
    open: () => postgresTarget(cluster.url),
    drop: async () => {
      await cluster.drop()
      drop()
    },
  }
}

/** What is left of the one segment of the log could hold a while's work. */
async function beginSegment(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select pg_switch_wal()')
  } catch {
    // It has panicked.
  } finally {
    await client.end().catch(() => undefined)
  }
}
