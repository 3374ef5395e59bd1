import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { newJob, openLane, openStorage, scratchFile } from './test-support/scratch.ts'

test('no promise runs between BEGIN and COMMIT: whoever blocks the loop then would hold up other processes', async () => {
  const path = scratchFile()
  const storage = await openStorage({ path })
  const lane = await openLane(storage)
  const other = new DatabaseSync(path, { timeout: 0 })
  const isFree = (): boolean => {
    try {
      other.exec('begin immediate')
      other.exec('rollback')
      return true
    } catch {
      return false
    }
  }
  let done = false
  const enqueued = storage.jobs.enqueue([newJob(lane)]).finally(() => (done = true))
  const looks: boolean[] = []
  while (!done) {
    looks.push(isFree())
    await Promise.resolve()
  }
  await enqueued
  other.close()
  expect(looks.length).toBeGreaterThan(3)
  expect(looks).not.toContain(false)
})
