import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { createIdSource } from '../../rules/ids.ts'
import type { Lane } from '../../rules/execution.ts'
import type { NewJob } from '../../storage/jobs.ts'
import type { Storage } from '../../storage/storage.ts'
import type { BeginOptions } from '../../storage/transaction.ts'
import { openSqlite, type SqliteOptions } from '../open.ts'

export const release = '0.1.0'
export const untimed: BeginOptions = { token: null, idleTimeoutMs: 0, writeTimeoutMs: 0 }

const folders: string[] = []
const opened: Storage[] = []

afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A folder that goes with the test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'))
  folders.push(folder)
  return folder
}

export const scratchFile = (): string => join(scratchFolder(), 'mill.db')

/** Migrated, and closed with the test. */
export async function openStorage(options: Partial<SqliteOptions> = {}): Promise<Storage> {
  const storage = await openSqlite({ path: scratchFile(), release, ...options })
  opened.push(storage)
  await storage.schema.migrate()
  return storage
}

const nextId = createIdSource(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))

export async function openLane(storage: Storage, tenant = 't'): Promise<Lane> {
  const [lane] = await storage.lanes.intern([
    { tenant, queue: 'default', name: 'send', version: 1, gated: false },
  ])
  if (!lane) throw new Error('no lane')
  return lane
}

export function newJob(lane: Lane, change: Partial<NewJob> = {}): NewJob {
  const plain = { parent: null, options: null, payload: '{}', due: null, unique: null, args: [] }
  return { id: nextId(), lane: lane.id, prio: 5, ...plain, ...change }
}

/** How many of the jobs are stored. */
export async function stored(storage: Storage, jobs: readonly NewJob[]): Promise<number> {
  return (await storage.history.jobs(jobs.map((job) => job.id))).length
}

/** What the promise was rejected with; fails when it was not. */
export async function rejection(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it was not rejected')
}
