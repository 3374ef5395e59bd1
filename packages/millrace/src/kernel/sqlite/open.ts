import type { Clock, Turns } from '../rules/clock.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { Storage } from '../storage/storage.ts'
import { sqliteControls } from './controls.ts'
import { Database } from './database.ts'
import { sqliteDocuments } from './documents.ts'
import { sqliteExecutions } from './executions.ts'
import { checkFile, openError, prepareFolder } from './file.ts'
import { sqliteFlexQueues } from './flex-queue.ts'
import { sqliteHistory } from './history.ts'
import { sqliteJobs } from './jobs.ts'
import { sqliteLanes } from './lanes.ts'
import { sqliteLimits } from './limits.ts'
import { fileReader, memoryReader } from './reader.ts'
import { sqliteSchedules } from './schedules.ts'
import { checkRelease, sqliteSchema } from './schema.ts'
import { sqliteSnapshots } from './snapshots.ts'
import { sqliteStates } from './states.ts'
import { afterMs, afterMsInBackground } from './timer.ts'
import { beginTransaction } from './transaction.ts'
import { demandSafeSqlite } from './version.ts'
import { sqliteWaiting } from './waiting.ts'
import { sqliteWakeups } from './wakeups.ts'
import { sqliteWorkers } from './workers.ts'

export interface SqliteOptions {
  /** Path of the database file, made with its folders if it is not there; or ':memory:'. */
  readonly path: string
  /** Release of this Millrace, x.y.z: compared with the oldest one that the database still allows. */
  readonly release: string
  /** The database's clock, epoch ms. @default Date.now */
  readonly now?: () => number
  /** FULL survives a power cut; NORMAL may lose the last commits in one, but never damages the file. @default 'FULL' */
  readonly synchronous?: 'FULL' | 'NORMAL'
  /** Timers. @default those of Node */
  readonly after?: Clock['after']
  /** The next turn of the event loop. @default setImmediate */
  readonly soon?: Turns['soon']
  readonly faults?: Faults
  /** How long to try while another process writes, before MILL_STORAGE_BUSY. @default 30_000 */
  readonly busyBoundMs?: number
}

/**
 * Opens a SQLite database. Any number of processes of one machine may open the same file. In memory there is one
 * connection: reads then also show what an open transaction has written. Throws MILL_SQLITE_TOO_OLD,
 * MILL_STORAGE_UNAVAILABLE, MILL_STORAGE_READ_ONLY, MILL_STORAGE_CORRUPT, MILL_STORAGE_BUSY, MILL_RELEASE_TOO_OLD.
 */
export async function openSqlite(options: SqliteOptions): Promise<Storage> {
  demandSafeSqlite(process.versions.sqlite)
  prepareFolder(options.path)
  const database = new Database({
    path: options.path,
    synchronous: options.synchronous ?? 'FULL',
    now: options.now ?? Date.now,
    after: options.after ?? afterMs,
    inBackground: options.after ?? afterMsInBackground,
    ...(options.soon === undefined ? {} : { soon: options.soon }),
    faults: options.faults ?? null,
    busyBoundMs: options.busyBoundMs ?? 30_000,
  })
  try {
    await database.open()
    await checkFile(database)
    await database.read((connection) => checkRelease(connection, options.release))
  } catch (error) {
    database.close()
    throw openError(error, options.path)
  }
  const wakeups = sqliteWakeups(database)
  return {
    kind: 'sqlite',
    schema: sqliteSchema(database, options.release),
    lanes: sqliteLanes(database),
    jobs: sqliteJobs(database),
    executions: sqliteExecutions(database),
    waiting: sqliteWaiting(database),
    limits: sqliteLimits(database),
    flexQueues: sqliteFlexQueues(database),
    workers: sqliteWorkers(database),
    controls: sqliteControls(database),
    history: sqliteHistory(database),
    documents: sqliteDocuments(database),
    schedules: sqliteSchedules(database),
    snapshots: sqliteSnapshots(database),
    states: sqliteStates(database),
    wakeups,
    reader: database.inMemory ? memoryReader(database) : fileReader(database),
    begin: (begin) => beginTransaction(database, begin),
    now: async () => {
      database.demandOpen()
      return database.now()
    },
    close: async () => {
      await wakeups.stop()
      database.close()
    },
  }
}
