import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogEntry } from '../observe/log/entry.ts'
import { defineQueueable } from '../tools/queueable/define.ts'
import { defineSchedule, type ScheduleDefinition } from '../tools/schedule/define.ts'
import { assembleParts } from './create-mill.ts'
import { Mill, type MillParts } from './mill.ts'
import type { AnyDefinition } from './definitions.ts'
import { systemClock } from '../kernel/runtime/system-clock.ts'
import { Scheduler } from '../kernel/runtime/scheduler.ts'

const work = defineQueueable({ name: 'work', execute: () => undefined })
const weekly = (
  change: Partial<Parameters<typeof defineSchedule<typeof work>>[0]> = {},
): ScheduleDefinition => defineSchedule({ name: 'weekly', cron: '0 0 2 ? * MON', runs: work, ...change })

let folder = ''
/** Of the database and of every process. */
let now = Date.UTC(2030, 0, 1)
let logs: LogEntry[] = []
const mills: Mill[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-scheduling-'))
  now = Date.UTC(2030, 0, 1)
  logs = []
})

afterEach(async () => {
  for (const mill of mills.splice(0)) await mill.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A process with this code starts. */
async function start(...definitions: AnyDefinition[]): Promise<{ parts: MillParts; mill: Mill }> {
  const clock = { ...systemClock, now: () => now }
  const storage = `sqlite:${join(folder, 'mill.db')}`
  const log = { sink: (entry: LogEntry) => void logs.push(entry) }
  const parts = await assembleParts({ storage, definitions, log }, { clock, databaseNow: () => now })
  const mill = new Mill(parts)
  mills.push(mill)
  await parts.schedules.reconcile()
  return { parts, mill }
}

const hour = 3_600_000
const day = 24 * hour

test('a deploy that changes nothing resets nothing', async () => {
  const { mill } = await start(work, weekly())
  const before = await mill.schedules.get('weekly')
  now += 3 * day
  await start(work, weekly())
  expect(await mill.schedules.get('weekly')).toEqual(before)
})

test('a change keeps state and history; new times have a new next fire', async () => {
  const { mill } = await start(work, weekly())
  const before = await mill.schedules.get('weekly')
  await start(work, weekly({ overlap: 'queue' }))
  expect(await mill.schedules.get('weekly')).toMatchObject({ overlap: 'queue', nextFire: before.nextFire })
  await mill.schedules.pause('weekly')
  await start(work, weekly({ cron: '0 0 2 ? * TUE' }))
  expect(await mill.schedules.get('weekly')).toMatchObject({
    id: before.id,
    state: 'paused',
    cron: '0 0 2 ? * TUE',
  })
  await mill.schedules.resume('weekly')
  expect((await mill.schedules.get('weekly')).nextFire).toEqual(new Date('2030-01-01T02:00:00Z'))
})

test('older code that starts once more does not put the old one back', async () => {
  const { mill } = await start(work, weekly({ version: 2, overlap: 'queue' }))
  await start(work, weekly())
  expect(await mill.schedules.get('weekly')).toMatchObject({ overlap: 'queue' })
})

test('what no code names is retired after a while, and goes on when its code is back', async () => {
  const first = await start(work, weekly())
  const before = await first.mill.schedules.get('weekly')
  const other = await start(work)
  const left = async (): Promise<number> => {
    await other.parts.schedules.planner.tend()
    return (await first.mill.schedules.list()).length
  }
  now += 9 * 60_000
  expect(await left()).toBe(1)
  await first.parts.schedules.planner.tend()
  now += 9 * 60_000
  expect(await left()).toBe(1)
  now += 2 * 60_000
  expect(await left()).toBe(0)
  await start(work, weekly())
  const { id, nextFire } = before
  expect(await first.mill.schedules.get('weekly')).toMatchObject({ state: 'waiting', id, nextFire })
})

test('a start retires nothing: after an outage others are about to come', async () => {
  const { mill } = await start(work, weekly())
  now += hour
  const other = await start(work)
  expect(await mill.schedules.list()).toHaveLength(1)
  const late = await start(work, weekly())
  await other.parts.schedules.planner.tend()
  expect(await late.mill.schedules.list()).toHaveLength(1)
})

test('one that is paused or has fires that wait is not retired, and comes back as it was', async () => {
  const queues = weekly({ name: 'queues', every: '1 hour', cron: undefined as never, overlap: 'queue' })
  const { mill } = await start(work, weekly(), queues)
  await mill.schedules.pause('weekly')
  expect((await mill.schedules.run('queues')).state).toBe('fired')
  expect((await mill.schedules.run('queues')).state).toBe('queued')
  now += hour
  const other = await start(work)
  await other.parts.schedules.planner.tend()
  expect((await mill.schedules.list()).map(({ name, state, queued }) => [name, state, queued])).toEqual([
    ['queues', 'waiting', 1],
    ['weekly', 'paused', 0],
  ])
  await start(work, weekly(), queues)
  expect(await mill.schedules.get('weekly')).toMatchObject({ state: 'paused' })
})

test('one of the same name that was made at run time stays, and that is told', async () => {
  const { mill } = await start(work)
  await mill.schedules.create({ name: 'weekly', runs: work, every: '1 hour' })
  await start(work, weekly())
  expect(await mill.schedules.get('weekly')).toMatchObject({ origin: 'runtime', everyMs: hour })
  expect(logs.map(({ message }) => message).join()).toContain('is not in force')
})

test.each([
  ['TARGET_GONE', [], 'and cannot fire: no worker knows work@1'],
  ['LATE', ['work@1'], 'and has not fired'],
])('what should have fired and did not is told once, by its code: %s', async (code, knows, why) => {
  const { mill } = await start(work)
  await mill.schedules.create({ name: 'hourly', runs: work, every: '1 hour' })
  now += hour + 31_000
  // It knows no definition, so it fires nothing; another worker may know it, and does not do it.
  const { parts } = await start()
  await parts.storage.workers.register({ host: 'h', pid: 1, release: '1', knows, queues: null }, day)
  const told = (): string[] =>
    logs.flatMap(({ message }) => (message.includes('MILL_SCHEDULE_') ? [message] : []))
  const rounds = new Promise<void>((resolve) => {
    parts.events.subscribe(() => resolve(), 'schedule.late')
  })
  const service = new Scheduler({
    schedules: parts.storage.schedules,
    workers: parts.storage.workers,
    planner: parts.schedules.planner,
    clock: parts.clock,
    events: parts.events,
    faults: undefined,
    retentionMs: day,
  })
  service.start()
  await rounds
  await service.stop()
  expect(told()).toEqual([
    `millrace MILL_SCHEDULE_${code}: schedule hourly was due at 2030-01-01T01:00:00.000Z ${why}`,
  ])
  expect(await parts.storage.schedules.late(30_000, 10)).toEqual([])
})
