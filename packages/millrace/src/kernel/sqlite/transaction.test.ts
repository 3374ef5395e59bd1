import { expect, test } from 'vitest'
import { outcomes } from '../rules/outcome.ts'
import { Database } from './database.ts'
import { openSqlite } from './open.ts'
import { beginTransaction } from './transaction.ts'
import { afterMs } from './timer.ts'
import {
  newJob,
  openLane,
  openStorage,
  rejection,
  scratchFile,
  stored,
  untimed,
} from './test-support/scratch.ts'

test('a conflict clause that rolls back takes the whole transaction: nothing later commits alone (trap 1)', async () => {
  const storage = await openStorage()
  const lane = await openLane(storage)
  const tx = await storage.begin(untimed)
  await tx.query(['create table app (id integer primary key)'], [])
  await tx.query(['insert into app values (1)'], [])
  const first = await rejection(tx.query(['insert or rollback into app values (1)'], []))
  expect(first).toMatchObject({ code: 'MILL_STORAGE_QUERY' })
  const late = newJob(lane)
  for (const call of [
    () => tx.query(['select 1'], []),
    () => tx.enqueue([late]),
    () => tx.hasWrites(),
    () => tx.commit(),
  ]) {
    expect(await rejection(call())).toMatchObject({ code: 'MILL_TRANSACTION_LOST', cause: first })
  }
  await tx.rollback()
  expect(await stored(storage, [late])).toBe(0)
  // The writer is free again, and the connection as it was.
  await storage.jobs.enqueue([late])
  const after = await storage.begin(untimed)
  expect(await rejection(after.query(['select * from app'], []))).toMatchObject({
    code: 'MILL_STORAGE_QUERY',
  })
  await after.rollback()
})

test('a full database takes the whole transaction too', async () => {
  const database = new Database({
    path: scratchFile(),
    synchronous: 'FULL',
    now: Date.now,
    after: afterMs,
    inBackground: afterMs,
    faults: null,
    busyBoundMs: 100,
  })
  await database.open()
  await database.write(null, ({ connection }) => connection.db.exec('create table app (word text)'))
  const tx = await beginTransaction(database, untimed)
  database.writer().db.exec('pragma max_page_count = 10')
  await tx.query(['insert into app values (', ')'], ['before'])
  const full = await rejection(tx.query(['insert into app values (', ')'], ['x'.repeat(100_000)]))
  expect(full).toMatchObject({ code: 'MILL_STORAGE_FULL', retryable: true })
  expect(await rejection(tx.query(['insert into app values (', ')'], ['alone']))).toMatchObject({
    code: 'MILL_TRANSACTION_LOST',
    cause: full,
  })
  expect(await rejection(tx.commit())).toMatchObject({ code: 'MILL_TRANSACTION_LOST', cause: full })
  expect(await database.read((connection) => connection.all('select * from app'))).toEqual([])
  await database.write(null, ({ connection }) => connection.run("insert into app values ('after')"))
  database.close()
})

test('one that is open for too long is rolled back and frees the writer', async () => {
  const timers: (() => void)[] = []
  const storage = await openStorage()
  const lane = await openLane(storage)
  const path = scratchFile()
  const timed = await openSqlite({
    path,
    release: '0.1.0',
    after: (_ms, call) => {
      timers.push(call)
      return () => undefined
    },
  })
  await timed.schema.migrate()
  const own = await openLane(timed)
  const tx = await timed.begin({ ...untimed, writeTimeoutMs: 5_000 })
  const late = newJob(own)
  await tx.enqueue([newJob(own)])
  const waiting = timed.jobs.enqueue([late])
  timers.at(-1)?.()
  await waiting
  expect(await rejection(tx.commit())).toMatchObject({
    code: 'MILL_TRANSACTION_LOST',
    cause: { code: 'MILL_WRITE_TIMEOUT' },
  })
  expect((await timed.history.list({}, { before: null, limit: 10 })).jobs.map((job) => job.id)).toEqual([
    late.id,
  ])
  await timed.close()
  expect(lane.id).toBe(own.id)
})

test('an enqueue that fails half-way leaves nothing, and the transaction goes on', async () => {
  const storage = await openStorage()
  const lane = await openLane(storage)
  const tx = await storage.begin(untimed)
  const [good, bad, later] = [newJob(lane), newJob(lane, { lane: 1.5 }), newJob(lane)]
  expect(await rejection(tx.enqueue([good, bad]))).toMatchObject({ code: 'MILL_STORAGE_QUERY' })
  await tx.enqueue([later])
  await tx.commit()
  expect(await stored(storage, [good])).toBe(0)
  expect(await stored(storage, [later])).toBe(1)
})

test('closing the storage ends the open transaction and refuses those who wait', async () => {
  const storage = await openStorage()
  const lane = await openLane(storage)
  const tx = await storage.begin(untimed)
  await tx.enqueue([newJob(lane)])
  const waiting = rejection(storage.jobs.enqueue([newJob(lane)]))
  await storage.close()
  expect(await waiting).toMatchObject({ code: 'MILL_STORAGE_CLOSED' })
  expect(await rejection(tx.commit())).toMatchObject({
    code: 'MILL_TRANSACTION_LOST',
    cause: { code: 'MILL_STORAGE_CLOSED' },
  })
  await tx.rollback()
})

test('the fault points stand on both sides of the commit', async () => {
  const path = scratchFile()
  const before = await openStorage({ path })
  const lane = await openLane(before)
  const worker = await before.workers.register(
    { host: 'h', pid: 1, release: '0.1.0', knows: [], queues: null },
    60_000,
  )
  const seen: string[] = []
  let failAt = ''
  const storage = await openStorage({
    path,
    faults: {
      hit: (point) => {
        seen.push(point)
        if (point === failAt) throw new Error(point)
      },
    },
  })
  const [lost, kept] = [newJob(lane), newJob(lane)]
  failAt = 'enqueue:before-commit'
  expect(await rejection(storage.jobs.enqueue([lost]))).toMatchObject({ message: failAt })
  failAt = 'enqueue:after-commit'
  expect(await rejection(storage.jobs.enqueue([kept]))).toMatchObject({ message: failAt })
  expect(await stored(before, [lost, kept])).toBe(1)

  failAt = 'settle:before-commit'
  const quotas = [{ lane: lane.id, quota: 9, after: null }]
  const batch = await storage.executions.claim({ worker, quotas, free: 1 })
  const [run] = batch?.members ?? []
  if (!run) throw new Error('nothing was claimed')
  const decision = { ...run, key: run, outcome: outcomes.completed, ms: 1, next: [] }
  const tx = await storage.begin(untimed)
  expect(await tx.settle(decision)).toBe('settled')
  expect(await rejection(tx.commit())).toMatchObject({ message: failAt })
  expect(await storage.history.attempts(kept.id)).toEqual([])
  failAt = ''
  const again = await storage.begin(untimed)
  await again.settle(decision)
  await again.commit()
  expect(await storage.history.attempts(kept.id)).toHaveLength(1)
  expect(seen.slice(-4)).toEqual([
    'claim:after-commit',
    failAt || 'settle:before-commit',
    'settle:before-commit',
    'settle:after-commit',
  ])
})

test('in memory a read also sees what an open transaction has written', async () => {
  const storage = await openStorage({ path: ':memory:' })
  const lane = await openLane(storage)
  const job = newJob(lane)
  const tx = await storage.begin(untimed)
  await tx.enqueue([job])
  expect(await stored(storage, [job])).toBe(1)
  await tx.rollback()
  expect(await stored(storage, [job])).toBe(0)
})
