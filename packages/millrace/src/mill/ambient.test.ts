import { afterEach, beforeEach, expect, test } from 'vitest'
import { createMill, defineQueueable, type Mill } from '../index.ts'

const noop = defineQueueable({ name: 'noop', execute: (_input: null) => undefined })
let mill: Mill

beforeEach(async () => {
  mill = await createMill({ storage: 'sqlite::memory:', definitions: [noop] })
})
afterEach(() => mill.stop())

const queued = async (): Promise<number> => (await mill.jobs.counts()).Queued

test('what is enqueued through the mill inside its transaction commits with it', async () => {
  await mill.transaction(async () => {
    await mill.enqueue(noop, null)
    await mill.enqueueMany(noop, [null, null])
    await mill.transaction(async (inner) => inner.enqueue(noop, null))
  })
  expect(await queued()).toBe(4)
})

test('and is never queued when it rolls back', async () => {
  const failing = mill.transaction(async () => {
    await mill.enqueue(noop, null)
    await mill.enqueueMany(noop, [null])
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(await queued()).toBe(0)
})

test('what would wait for the write lock of the transaction itself is refused', async () => {
  const job = await mill.enqueue(noop, null)
  await mill.transaction(async (tx) => {
    await tx.sql`select 1`
    const refused = { code: 'MILL_OPTIONS_INVALID' }
    await expect(mill.enqueue(noop, null, { detached: true })).rejects.toMatchObject(refused)
    await expect(mill.pause()).rejects.toMatchObject(refused)
    await expect(mill.jobs.abort(job.id)).rejects.toMatchObject(refused)
  })
})

test('a promise left behind cannot enqueue into the ended transaction', async () => {
  let late = (): Promise<unknown> => Promise.resolve()
  await mill.transaction(async (tx) => {
    late = () => tx.enqueue(noop, null)
  })
  await expect(late()).rejects.toMatchObject({ code: 'MILL_CONTEXT_CLOSED' })
  expect(await queued()).toBe(0)
})
