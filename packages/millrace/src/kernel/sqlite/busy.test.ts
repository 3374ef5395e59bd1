import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { newJob, openLane, openStorage, rejection, scratchFile, stored } from './test-support/scratch.ts'

/** Another process's connection that holds the write lock. */
function holdWriter(path: string): DatabaseSync {
  const other = new DatabaseSync(path, { timeout: 0 })
  other.exec('begin immediate')
  return other
}

test('waits for another writer without blocking the event loop (trap 4)', async () => {
  const path = scratchFile()
  const storage = await openStorage({ path })
  const lane = await openLane(storage)
  const other = holdWriter(path)
  let done = false
  const job = newJob(lane)
  const enqueued = storage.jobs.enqueue([job]).then(() => (done = true))
  // The holder itself lives on this event loop: it can only go on because nobody waits inside it.
  for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  expect(done).toBe(false)
  other.exec('commit')
  other.close()
  await enqueued
  expect(await stored(storage, [job])).toBe(1)
})

test('reads go on while another process writes', async () => {
  const path = scratchFile()
  const storage = await openStorage({ path })
  const lane = await openLane(storage)
  const other = holdWriter(path)
  expect(await storage.lanes.read([lane.id])).toEqual([lane])
  other.close()
})

test('gives up with MILL_STORAGE_BUSY after its bound', async () => {
  const path = scratchFile()
  const storage = await openStorage({ path, busyBoundMs: 30 })
  const lane = await openLane(storage)
  const other = holdWriter(path)
  expect(await rejection(storage.jobs.enqueue([newJob(lane)]))).toMatchObject({
    code: 'MILL_STORAGE_BUSY',
    retryable: true,
  })
  const unique = { key: 'a key', until: 'done', on: 'return' } as const
  expect(await rejection(storage.jobs.enqueueAlone(newJob(lane, { unique }), 10))).toMatchObject({
    code: 'MILL_UNIQUE_BUSY',
  })
  other.close()
  await storage.jobs.enqueue([newJob(lane)])
})

test('two busy processes both get on', { timeout: 30_000 }, async () => {
  const path = scratchFile()
  const storage = await openStorage({ path })
  const lane = await openLane(storage)
  const groups = 300
  const child = spawn(
    process.execPath,
    ['--conditions=millrace-source', new URL('./test-support/busy-neighbour.ts', import.meta.url).pathname],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, DATABASE: path, GROUPS: String(groups) } },
  )
  await once(child.stdout, 'data')
  let mine = 0
  let longest = 0
  const exited = once(child, 'exit')
  for (; mine < groups; mine += 1) {
    const start = performance.now()
    await storage.jobs.enqueue([newJob(lane), newJob(lane)])
    longest = Math.max(longest, performance.now() - start)
  }
  expect(await exited).toEqual([0, null])
  const { Queued } = await storage.history.counts({})
  expect(Queued).toBe(groups * 4)
  // SQLite's own waiting starved one of two for seconds; here both go on.
  expect(longest).toBeLessThan(3_000)
})
