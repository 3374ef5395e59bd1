import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { openSqlite } from './open.ts'
import { demandSafeSqlite } from './version.ts'
import {
  newJob,
  openLane,
  openStorage,
  rejection,
  release,
  scratchFile,
  scratchFolder,
  stored,
} from './test-support/scratch.ts'

const open = (path: string) => openSqlite({ path, release })

describe('opening', () => {
  test('makes the folders, and the file in WAL mode with every commit synced', async () => {
    const path = join(scratchFolder(), 'a', 'b', 'mill.db')
    await openStorage({ path })
    const other = new DatabaseSync(path, { readOnly: true })
    expect(other.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' })
    other.close()
  })

  test('several at once find one new file', async () => {
    const path = scratchFile()
    const storages = await Promise.all(Array.from({ length: 5 }, () => openStorage({ path })))
    expect(storages).toHaveLength(5)
  })

  test('leaves no log behind when the last one closes', async () => {
    const path = scratchFile()
    const storage = await openStorage({ path })
    await openLane(storage)
    await storage.close()
    expect([existsSync(path), existsSync(`${path}-wal`)]).toEqual([true, false])
  })

  test('what was enqueued is there after closing and opening', async () => {
    const path = scratchFile()
    const storage = await openStorage({ path })
    const job = newJob(await openLane(storage))
    await storage.jobs.enqueue([job])
    await storage.close()
    expect(await stored(await openStorage({ path }), [job])).toBe(1)
  })
})

describe('a file that is none of ours', () => {
  test('a folder', async () => {
    expect(await rejection(open(scratchFolder()))).toMatchObject({ code: 'MILL_STORAGE_UNAVAILABLE' })
  })

  test('below a file', async () => {
    const path = scratchFile()
    writeFileSync(path, 'x')
    expect(await rejection(open(join(path, 'mill.db')))).toMatchObject({ code: 'MILL_STORAGE_UNAVAILABLE' })
  })

  test('a text', async () => {
    const path = scratchFile()
    writeFileSync(path, 'This is a letter, and no database at all.\n'.repeat(200))
    expect(await rejection(open(path))).toMatchObject({ code: 'MILL_STORAGE_CORRUPT', data: { path } })
    expect(readFileSync(path, 'utf8').startsWith('This is a letter')).toBe(true)
  })

  test.for([
    ['its header', 20],
    ['the page of its schema', 100],
  ] as const)('a database with a damage in %s', async ([, at]) => {
    const path = scratchFile()
    const storage = await openStorage({ path })
    await storage.jobs.enqueue([newJob(await openLane(storage))])
    await storage.close()
    const bytes = readFileSync(path)
    bytes.fill(0x5a, at, at + 40)
    writeFileSync(path, bytes)
    expect(await rejection(open(path))).toMatchObject({ code: 'MILL_STORAGE_CORRUPT' })
  })

  test('one of a newer Millrace that this release may not touch', async () => {
    const path = scratchFile()
    const storage = await openStorage({ path })
    await storage.controls.setSetting('oldest_release', '7.0.0')
    expect(await rejection(open(path))).toMatchObject({ code: 'MILL_RELEASE_TOO_OLD' })
    expect(await rejection(storage.schema.check())).toMatchObject({ code: 'MILL_RELEASE_TOO_OLD' })
    const newer = await openSqlite({ path, release: '7.0.0' })
    await newer.schema.check()
    await newer.close()
  })
})

describe('a read-only place', () => {
  test('a file system', async (context) => {
    const folder = scratchFolder()
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' })
    } catch {
      context.skip('nothing can be mounted here')
    }
    try {
      const path = join(folder, 'mill.db')
      const storage = await openSqlite({ path, release })
      await storage.schema.migrate()
      await storage.close()
      execFileSync('mount', ['-o', 'remount,ro', folder])
      expect(await rejection(open(path))).toMatchObject({ code: 'MILL_STORAGE_READ_ONLY' })
      expect(await rejection(open(join(folder, 'new', 'mill.db')))).toMatchObject({
        code: 'MILL_STORAGE_READ_ONLY',
      })
    } finally {
      execFileSync('umount', [folder])
    }
  })

  // Root may write anywhere.
  if (process.getuid?.() !== 0) {
    test('a file', async () => {
      const folder = scratchFolder()
      mkdirSync(join(folder, 'shut'), { mode: 0o500 })
      expect(await rejection(open(join(folder, 'shut', 'mill.db')))).toMatchObject({
        code: 'MILL_STORAGE_READ_ONLY',
      })
    })
  }
})

describe('the version of SQLite', () => {
  test.for(['3.51.3', '3.51.10', '3.52.0', '4.0.0'])('%s will do', (version) => {
    demandSafeSqlite(version)
  })

  test.for(['3.51.2', '3.50.9', '3.7.0', '2.99.99', '', undefined])('%s will not', (version) => {
    expect(() => demandSafeSqlite(version)).toThrow(expect.objectContaining({ code: 'MILL_SQLITE_TOO_OLD' }))
  })
})
