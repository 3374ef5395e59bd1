import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSqlite } from './open.ts'
import {
  newJob,
  openLane,
  rejection,
  release,
  scratchFile,
  scratchFolder,
  stored,
  untimed,
} from './test-support/scratch.ts'

test('a full disk is told with its code, loses nothing that was acknowledged, and heals', async (context) => {
  const folder = scratchFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    context.skip('nothing can be mounted here')
  }
  const storage = await openSqlite({ path: join(folder, 'mill.db'), release })
  try {
    await storage.schema.migrate()
    const lane = await openLane(storage)
    const kept: ReturnType<typeof newJob>[] = []
    let failure: unknown
    while (failure === undefined) {
      const job = newJob(lane, { payload: JSON.stringify('x'.repeat(50_000)) })
      await storage.jobs.enqueue([job]).then(
        () => kept.push(job),
        (error: unknown) => (failure = error),
      )
    }
    expect(failure).toMatchObject({ code: 'MILL_STORAGE_FULL' })
    expect(await stored(storage, kept)).toBe(kept.length)

    const tx = await storage.begin(untimed)
    await tx.query(['create table app (word text)'], [])
    // Pages are written when the cache is full, in the middle of the transaction.
    const full = await rejection(
      (async () => {
        for (;;) await tx.query(['insert into app values (', ')'], ['y'.repeat(1_000_000)])
      })(),
    )
    expect(full).toMatchObject({ code: 'MILL_STORAGE_FULL' })
    expect(await rejection(tx.commit())).toMatchObject({ code: 'MILL_TRANSACTION_LOST', cause: full })

    execFileSync('mount', ['-o', 'remount,size=64m', folder])
    await storage.jobs.enqueue([newJob(lane)])
    expect(await stored(storage, kept)).toBe(kept.length)
  } finally {
    await storage.close()
    execFileSync('umount', [folder])
  }
})

test('after an I/O error the connection is opened anew and goes on', { timeout: 30_000 }, () => {
  const script = new URL('./test-support/size-limit.ts', import.meta.url).pathname
  const command = `ulimit -S -f 1000 && exec "${process.execPath}" --conditions=millrace-source "${script}"`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', command], {
    encoding: 'utf8',
    env: { ...process.env, DATABASE: scratchFile() },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    code: 'MILL_STORAGE_IO',
    sqlite: 778,
    commit: 'MILL_COMMIT_UNKNOWN',
    cause: 'MILL_STORAGE_IO',
    lost: 'MILL_TRANSACTION_LOST',
    storedOfKept: 'all',
    afterwards: 'stored',
    integrity: 'ok',
  })
})
