import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MillraceError } from '../kernel/rules/errors.ts'
import { defineBatch } from '../tools/batch/define.ts'
import { defineQueueable } from '../tools/queueable/define.ts'
import { defineSchedule } from '../tools/schedule/define.ts'
import { createTestMill, type TestMill, type TestMillOptions } from './test-mill.ts'

let mill: TestMill
let ran: string[] = []
const noon = new Date('2030-01-01T12:00:00Z')
const nights = { from: '22:00', to: '06:00' } as const

const open = async (options: TestMillOptions): Promise<void> => {
  mill = await createTestMill({ now: noon, ...options })
}
const told = (what: string): void =>
  void ran.push(`${what} at ${new Date(mill.clock.now()).toISOString().slice(5, 16)}`)

beforeEach(() => {
  ran = []
})
afterEach(() => mill.stop())

const nightly = defineQueueable({ name: 'nightly', window: nights, execute: () => told('nightly') })
const anyTime = defineQueueable({ name: 'any-time', execute: () => told('any time') })

describe('a window', () => {
  test('holds a job until it opens, and says so', async () => {
    await open({ definitions: [nightly] })
    const { id } = await mill.enqueue(nightly, null)
    await mill.drain()
    const dueAt = Date.parse('2030-01-01T22:00:00Z')
    expect(await mill.jobs.get(id)).toMatchObject({
      ...{ status: 'Queued', substatus: 'outsideWindow', attempt: 1, reason: { dueAt } },
    })
    expect(await mill.mill.explain(id)).toContain(
      'It is outside its hours, which begin in 10 hours, at 2030-01-01T22:00:00.000Z.',
    )
    await mill.advance('11 hours')
    expect(ran).toEqual(['nightly at 01-01T22:00'])
  })

  test('of an enqueue wins over the definition; null takes it away', async () => {
    await open({ definitions: [nightly, anyTime] })
    await mill.enqueue(nightly, null, { window: null })
    await mill.enqueue(nightly, null, { window: { from: '23:00', to: '24:00', timeZone: 'Asia/Kolkata' } })
    await mill.enqueue(anyTime, null, { window: { from: '08:00', to: '09:00', days: ['SAT'] } })
    await mill.advance('6 days')
    expect(ran).toEqual(['nightly at 01-01T12:00', 'nightly at 01-01T17:30', 'any time at 01-05T08:00'])
  })

  test('leaves what is due within it to its own time', async () => {
    await open({ definitions: [nightly] })
    const early = await mill.enqueue(nightly, null, { delay: '11 hours' })
    const late = await mill.enqueue(nightly, null, { runAt: '2030-01-02T07:00:00Z' })
    expect((await mill.jobs.get(early.id)).substatus).toBe('scheduled')
    expect((await mill.jobs.get(late.id)).substatus).toBe('outsideWindow')
    await mill.advance('2 days')
    expect(ran).toEqual(['nightly at 01-01T23:00', 'nightly at 01-02T22:00'])
  })

  test('holds retries back, uncharged, and what a worker meets in the queue', async () => {
    const failing = defineQueueable({
      ...{ name: 'failing', window: { from: '12:00', to: '12:30' } },
      retry: { attempts: 2, initial: '1 hour', max: '2 hours', jitter: 'none' },
      execute(_input: unknown, ctx) {
        told(`attempt ${ctx.attempt}`)
        if (ctx.attempt === 1) throw new Error('once more')
      },
    })
    await open({ definitions: [failing] })
    const { id } = await mill.enqueue(failing, null)
    await mill.advance('3 hours', { throwOnFailure: false })
    expect(await mill.jobs.get(id)).toMatchObject({ substatus: 'outsideWindow', attempt: 2 })
    await mill.advance('1 day')
    expect(ran).toEqual(['attempt 1 at 01-01T12:00', 'attempt 2 at 01-02T12:00'])
    // A repeat stands in the queue at once, whatever the hour.
    const again = await mill.jobs.retry(id)
    await mill.drain()
    expect((await mill.jobs.get(again.id)).substatus).toBe('outsideWindow')
  })

  test('holds the chunks of a batch', async () => {
    const batch = defineBatch({
      ...{ name: 'batch', scope: 1, window: { from: '12:00', to: '13:00' } },
      retry: { attempts: 2, initial: '2 hours', max: '2 hours', jitter: 'none' },
      start: () => [{ n: 1 }, { n: 2 }],
      execute([record], ctx) {
        told(`chunk ${record?.n}, attempt ${ctx.attempt}`)
        if (record?.n === 2 && ctx.attempt === 1) throw new Error('once more')
      },
      finish: () => told('finish'),
    })
    await open({ definitions: [batch] })
    const { id } = await mill.enqueue(batch, null)
    await mill.advance('3 hours', { throwOnFailure: false })
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Processing', substatus: 'outsideWindow' })
    await mill.advance('1 day')
    expect(ran).toEqual([
      ...['chunk 1, attempt 1 at 01-01T12:00', 'chunk 2, attempt 1 at 01-01T12:00'],
      ...['chunk 2, attempt 2 at 01-02T12:00', 'finish at 01-02T12:00'],
    ])
  })

  test('of a definition holds for its schedules too, one of the schedule wins', async () => {
    const mine = defineSchedule({
      name: 'mine',
      every: '1 day',
      start: '2030-01-01T12:30:00Z',
      runs: nightly,
    })
    const other = defineSchedule({
      ...{
        name: 'other',
        every: '1 day',
        start: '2030-01-01T12:30:00Z',
        runs: nightly,
        timeZone: 'Asia/Kolkata',
      },
      window: { from: '20:00', to: '21:00', days: ['TUE', 'THU'] },
    })
    await open({ definitions: [nightly, mine, other] })
    await mill.advance('35 hours')
    expect(ran).toEqual(['nightly at 01-01T14:30', 'nightly at 01-01T22:00', 'nightly at 01-02T22:00'])
    expect(await mill.mill.schedules.get('other')).toMatchObject({
      window: { from: '20:00', to: '21:00', zone: 'Asia/Kolkata', days: ['TUE', 'THU'] },
    })
  })

  test.each([
    [{ window: { from: '9:00', to: '10:00' } }, 'MILL_OPTIONS_INVALID'],
    [{ window: { from: '09:00', to: '10:00', timeZone: 'Europe/Berln' } }, 'MILL_TIME_ZONE_UNKNOWN'],
    [{ onlyIn: [] }, 'MILL_OPTIONS_INVALID'],
    [{ onlyIn: 'production' }, 'MILL_OPTIONS_INVALID'],
    [{ scope: 200 }, 'MILL_OPTIONS_INVALID'],
  ])('refuses %j before anything is stored', async (options, code) => {
    await open({ definitions: [anyTime] })
    await expect(mill.enqueue(anyTime, null, options as never)).rejects.toMatchObject({ code })
    expect(await mill.enqueued()).toEqual([])
    expect(() => defineQueueable({ name: 'x', execute: () => null, ...(options as object) })).toThrow(
      MillraceError,
    )
  })
})

describe('onlyIn', () => {
  const sending = defineQueueable({
    ...{ name: 'sending', onlyIn: ['production', 'staging'] },
    execute: () => told('sending'),
    finalizer: () => told('finalizer'),
  })

  test('skips a job elsewhere, without its finalizer, and says why', async () => {
    await open({ definitions: [sending], environment: 'sandbox' })
    const { id } = await mill.enqueue(sending, null)
    await mill.drain()
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Completed', substatus: 'skipped' })
    expect(await mill.mill.explain(id)).toContain('It runs only in production, staging; this is sandbox.')
    expect(ran).toEqual([])
  })

  test('lets it run where it may; an enqueue may say otherwise', async () => {
    await open({ definitions: [sending, anyTime], environment: 'staging' })
    await mill.enqueue(sending, null)
    await mill.enqueue(sending, null, { onlyIn: ['production'] })
    await mill.enqueue(anyTime, null, { onlyIn: ['production'] })
    await mill.drain()
    expect(ran).toEqual(['sending at 01-01T12:00', 'finalizer at 01-01T12:00'])
  })

  test('of a definition keeps its schedules from firing; one run by hand is skipped', async () => {
    const schedule = defineSchedule({ name: 'hourly', every: '1 hour', runs: sending })
    await open({ definitions: [sending, schedule], environment: 'sandbox' })
    await mill.advance('3 hours')
    expect(await mill.enqueued()).toEqual([])
    const { jobId } = await mill.mill.schedules.run('hourly')
    await mill.drain()
    expect(await mill.jobs.get(jobId ?? '')).toMatchObject({ substatus: 'skipped' })
    expect(ran).toEqual([])
  })

  test('of a schedule holds for its jobs wherever they come to be', async () => {
    const schedule = defineSchedule({
      name: 'hourly',
      every: '1 hour',
      runs: anyTime,
      onlyIn: ['production'],
    })
    await open({ definitions: [anyTime, schedule], environment: 'sandbox' })
    await mill.mill.schedules.run('hourly')
    await mill.drain()
    expect(ran).toEqual([])
  })
})
