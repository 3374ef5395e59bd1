import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineQueueable, defineSchedule, type HandlerContext } from '../index.ts'
import { createTestMill, type TestMill, type TestMillOptions } from './index.ts'

const start = new Date('2030-01-01T00:00:00Z')
let mill: TestMill
/** Due times at which the job ran, as ISO text with the kind. */
let ran: string[] = []
let hold: Promise<void> | null = null

const work = defineQueueable({
  name: 'work',
  input: z.object({ n: z.number() }).nullable(),
  async execute(_input, ctx: HandlerContext) {
    const { schedule } = ctx
    ran.push(`${schedule?.kind ?? 'none'} ${schedule?.due.toISOString().slice(5, 19) ?? ''}`)
    await hold
  },
})

async function open(options: TestMillOptions = {}): Promise<TestMill> {
  ran = []
  hold = null
  mill = await createTestMill({ now: start, definitions: [work], ...options })
  return mill
}

afterEach(async () => await mill.stop())

const nightly = defineSchedule({
  name: 'nightly',
  cron: '0 0 2 * * ?',
  timeZone: 'Europe/Berlin',
  runs: work,
})

describe('a schedule in code', () => {
  test('fires at its times, once for each, with what it was given', async () => {
    const hourly = defineSchedule({
      ...{ name: 'hourly', every: '1 hour', runs: work, input: { n: 7 } },
      options: { tags: ['scheduled'], priority: 2 },
    })
    await open({ definitions: [work, hourly] })
    await mill.advance('150 minutes')
    expect(ran).toEqual(['due 01-01T01:00:00', 'due 01-01T02:00:00'])
    const [job] = await mill.enqueued(work)
    expect(job).toMatchObject({ input: { n: 7 } })
    const view = await mill.mill.schedules.get('hourly')
    expect(view).toMatchObject({
      ...{
        state: 'waiting',
        timesTriggered: 2,
        origin: 'code',
        input: { n: 7 },
        targetIsHere: true,
        describes: 'Every hour',
      },
      previousFire: new Date('2030-01-01T02:00:00Z'),
      nextFire: new Date('2030-01-01T03:00:00Z'),
      runs: { name: 'work', version: 1, tool: 'queueable' },
    })
  })

  test('follows its zone through a change of clocks', async () => {
    await open({ now: new Date('2030-03-30T12:00:00Z'), definitions: [work, nightly] })
    await mill.advance('3 days')
    // 02:00 is skipped on the 31st: the first instant after the gap is 03:00 summer time.
    expect(ran).toEqual(['due 03-31T01:00:00', 'due 04-01T00:00:00', 'due 04-02T00:00:00'])
  })

  test('is not fired in another environment', async () => {
    const elsewhere = defineSchedule({
      name: 'elsewhere',
      every: '1 hour',
      runs: work,
      onlyIn: ['production'],
    })
    await open({ definitions: [work, elsewhere], environment: 'staging' })
    await mill.advance('2 hours')
    expect(ran).toEqual([])
    await mill.stop()
    await open({ definitions: [work, elsewhere], environment: 'production' })
    await mill.advance('2 hours')
    expect(ran).toHaveLength(2)
  })

  test('ends with its end', async () => {
    const short = defineSchedule({
      ...{
        name: 'short',
        every: '1 hour',
        runs: work,
        start: '2030-01-01T00:30:00Z',
        end: '2030-01-01T02:00:00Z',
      },
    })
    await open({ definitions: [work, short] })
    await mill.advance('1 day')
    expect(ran).toEqual(['due 01-01T00:30:00', 'due 01-01T01:30:00'])
    expect(await mill.mill.schedules.get('short')).toMatchObject({ state: 'complete', nextFire: null })
  })

  test('with at fires once, and a deploy after that does not fire it again', async () => {
    const once = defineSchedule({
      ...{ name: 'once', at: '2030-01-01T10:00:00+05:00', runs: work, timeZone: 'Asia/Karachi' },
    })
    await open({ definitions: [work, once] })
    expect(await mill.mill.schedules.get('once')).toMatchObject({
      ...{ at: new Date('2030-01-01T05:00:00Z'), cron: null, everyMs: null, state: 'waiting' },
      describes: 'Once, on 2030-01-01 at 10:00:00',
    })
    expect((await mill.mill.schedules.next('once')).map(({ at }) => at.toISOString())).toEqual([
      '2030-01-01T05:00:00.000Z',
    ])
    await mill.advance('2 days')
    expect(ran).toEqual(['due 01-01T05:00:00'])
    expect(await mill.mill.schedules.get('once')).toMatchObject({ state: 'complete', timesTriggered: 1 })
  })

  test('starts its jobs within its window, and later by its jitter', async () => {
    const windowed = defineSchedule({
      ...{ name: 'windowed', cron: '0 0 12 * * ?', runs: work, window: { from: '22:00', to: '06:00' } },
    })
    const jittered = defineSchedule({
      name: 'jittered',
      cron: '0 0 1 * * ?',
      runs: work,
      jitter: '10 minutes',
    })
    await open({ definitions: [work, windowed, jittered] })
    await mill.advance('1 hour')
    expect(ran).toEqual([])
    await mill.advance('10 minutes')
    expect(ran).toEqual(['due 01-01T01:00:00'])
    await mill.advance('12 hours')
    expect(ran).toHaveLength(1)
    await mill.advance('9 hours')
    expect(ran).toEqual(['due 01-01T01:00:00', 'due 01-01T12:00:00'])
  })

  test.each<[object, string, string]>([
    [{ name: 'x', runs: work }, 'MILL_SCHEDULE_INVALID', 'needs one of cron, every and at'],
    [{ name: 'x', runs: work, cron: '0 0 2 * * ?', every: '1 hour' }, 'MILL_SCHEDULE_INVALID', 'one of'],
    [{ name: 'x', runs: work, at: '2030-02-30T00:00:00Z' }, 'MILL_RUN_AT_INVALID', 'at'],
    [{ name: 'x', runs: work, at: new Date(1), end: new Date(2) }, 'MILL_SCHEDULE_INVALID', 'fires once'],
    [{ name: 'x', runs: work, cron: '0 0 2 * * *', dialect: 'salesforce' }, 'MILL_CRON_INVALID', ''],
    [{ name: 'x', runs: work, cron: '61 0 2 * * ?' }, 'MILL_CRON_INVALID', 'seconds'],
    [
      { name: 'x', runs: work, every: '1 hour', timeZone: 'Europe/Berln' },
      'MILL_TIME_ZONE_UNKNOWN',
      'Berlin',
    ],
    [{ name: 'x', runs: work, every: '10 ms' }, 'MILL_SCHEDULE_INVALID', 'every second'],
    [{ name: 'x', runs: work, every: '1 hour', overlap: 'wait' }, 'MILL_OPTIONS_INVALID', 'overlap'],
    [{ name: 'x', runs: work, every: '1 hour', misfire: { fireAll: 0 } }, 'MILL_OPTIONS_INVALID', 'fireAll'],
    [{ name: 'x', runs: work, every: '1 hour', onlyIn: [] }, 'MILL_OPTIONS_INVALID', 'onlyIn'],
    [{ name: 'x', runs: work, every: '1 hour', options: { unique: 'k' } }, 'MILL_OPTIONS_INVALID', 'unique'],
    [{ name: 'x', runs: work, every: '1 hour', start: '2030-01-01' }, 'MILL_RUN_AT_INVALID', 'start'],
    [
      { name: 'x', runs: work, every: '1 hour', start: '2031-01-01T00:00:00Z', end: '2030-01-01T00:00:00Z' },
      'MILL_SCHEDULE_INVALID',
      'ends before',
    ],
    [{ name: 'x', every: '1 hour' }, 'MILL_SCHEDULE_INVALID', 'runs no definition'],
    [{ name: 'x', runs: work, every: '1 hour', crn: 1 }, 'MILL_OPTIONS_INVALID', 'cron'],
    [{ name: 'x', runs: work, every: '1 hour', version: 0 }, 'MILL_SCHEDULE_INVALID', 'version'],
    [{ name: 'no name', runs: work, every: '1 hour' }, 'MILL_NAME_INVALID', ''],
  ])('refuses %j', async (options, code, words) => {
    await open()
    const define = (): unknown => defineSchedule(options as never)
    expect(define).toThrow(expect.objectContaining({ code }) as Error)
    expect(define).toThrow(words)
  })

  test('refuses input that its target does not take, before anything is stored', async () => {
    const bad = defineSchedule({ name: 'bad', every: '1 hour', runs: work, input: { n: 'x' } as never })
    await open()
    await expect(createTestMill({ definitions: [work, bad] })).rejects.toMatchObject({
      code: 'MILL_INPUT_INVALID',
    })
  })

  test('refuses options that every fire would fail with', async () => {
    const bad = defineSchedule({ name: 'bad', every: '1 hour', runs: work, options: { maxDepth: 0 } })
    await open()
    await expect(createTestMill({ definitions: [work, bad] })).rejects.toMatchObject({
      code: 'MILL_OPTIONS_INVALID',
    })
  })
})

describe('a schedule made at run time', () => {
  test('fires like any other, and can be removed', async () => {
    await open()
    const { schedules } = mill.mill
    await schedules.create({ name: 'often', runs: 'work', input: { n: 1 }, every: '10 minutes', by: 'ann' })
    await mill.advance('20 minutes')
    expect(ran).toHaveLength(2)
    expect((await schedules.list()).map(({ name, author }) => `${name} ${author}`)).toEqual(['often ann'])
    await schedules.remove('often')
    await mill.advance('1 hour')
    expect(ran).toHaveLength(2)
    await expect(schedules.get('often')).rejects.toMatchObject({ code: 'MILL_SCHEDULE_UNKNOWN' })
  })

  test('has a name of its own in its tenant', async () => {
    await open()
    const { schedules } = mill.mill
    const options = { name: 'one', runs: work, every: '1 hour' } as const
    const made = await schedules.create(options)
    const again = schedules.create({ ...options, every: '2 hours' })
    await expect(again).rejects.toMatchObject({ code: 'MILL_SCHEDULE_EXISTS' })
    await expect(again).rejects.toThrow('The Apex job named "one" is already scheduled for execution.')
    expect(await schedules.create({ ...options, every: '2 hours', ifExists: 'skip' })).toEqual(made)
    const other = await schedules.create({ ...options, tenant: 'acme' })
    expect(other.id).not.toBe(made.id)
    const replaced = await schedules.create({ ...options, every: '2 hours', ifExists: 'replace' })
    expect(replaced).toMatchObject({ everyMs: 7_200_000, timesTriggered: 0 })
    expect(await schedules.get('one', { tenant: 'acme' })).toEqual(other)
  })

  test.each([
    [{ runs: 'works' }, 'MILL_DEFINITION_UNKNOWN', 'did you mean work'],
    [{ runs: work, input: { n: 'x' } as never }, 'MILL_INPUT_INVALID', 'n'],
    [{ runs: work, ifExists: 'maybe' as never }, 'MILL_OPTIONS_INVALID', 'ifExists'],
    [{ runs: work, tenant: 'no tenant' }, 'MILL_NAME_INVALID', ''],
    [
      { runs: work, options: { timeout: '0 seconds' } },
      'MILL_DURATION_INVALID',
      'timeout of options of schedule x',
    ],
    [{ runs: work, options: { deadline: '0' } }, 'MILL_DURATION_INVALID', 'deadline'],
    [{ runs: work, options: { maxDepth: 0 } }, 'MILL_OPTIONS_INVALID', 'maxDepth'],
    [{ runs: work, options: { scenario: 'a\0' } }, 'MILL_TEXT_UNSTORABLE', 'scenario'],
    [{ runs: work, options: { runAs: '\ud800' } }, 'MILL_TEXT_UNSTORABLE', 'runAs'],
  ])('is refused before anything is stored: %j', async (options, code, words) => {
    await open()
    const made = mill.mill.schedules.create({ name: 'x', every: '1 hour', ...options })
    await expect(made).rejects.toMatchObject({ code })
    await expect(made).rejects.toThrow(words)
    expect(await mill.mill.schedules.list()).toEqual([])
  })

  test.each<[string, (schedules: TestMill['mill']['schedules']) => Promise<unknown>, string]>([
    ['run', (all) => all.run('a', { overlap: 'skp' } as never), "must be one of 'skip'"],
    ['run', (all) => all.run('a', { overlp: 'skip' } as never), 'did you mean overlap'],
    ['fires', (all) => all.fires('a', { limit: -1 }), 'from 1 to 1000; got -1'],
    ['fires', (all) => all.fires('a', { limit: 1_001 }), 'limit'],
    ['fires', (all) => all.fires('a', { before: '2030-01-01' } as never), 'must be a valid Date'],
    ['fires', (all) => all.fires('a', { befor: start } as never), 'did you mean before'],
    ['next', (all) => all.next('a', { count: 0 }), 'count'],
    ['next', (all) => all.next('a', { zone: 'UTC' } as never), 'zone'],
    ['backfill', (all) => all.backfill('a', { from: '2029', to: start } as never), 'from of'],
    ['backfill', (all) => all.backfill('a', { from: start, to: new Date(NaN) }), 'to of'],
    ['backfill', (all) => all.backfill('a', { from: start, to: start, limit: 3 } as never), 'limit'],
    ['list', (all) => all.list({ tenent: 'acme' } as never), 'did you mean tenant'],
    ['get', (all) => all.get('a', { tenent: 'acme' } as never), 'did you mean tenant'],
    ['pause', (all) => all.pause('*', { tenent: 'acme' } as never), 'did you mean tenant'],
    ['remove', (all) => all.remove('a', 'acme' as never), 'must be an object'],
  ])('%s refuses options that it does not know', async (_, ask, words) => {
    await open()
    const { schedules } = mill.mill
    await schedules.create({ name: 'a', runs: work, every: '1 hour' })
    const asked = ask(schedules)
    await expect(asked).rejects.toMatchObject({ code: 'MILL_OPTIONS_INVALID' })
    await expect(asked).rejects.toThrow(words)
    expect(await schedules.get('a')).toMatchObject({ state: 'waiting', timesTriggered: 0 })
  })

  test('fires once what a pause made it miss, and the rest never', async () => {
    await open()
    const { schedules } = mill.mill
    await schedules.create({ name: 'a', runs: work, every: '1 hour' })
    await schedules.create({ name: 'b', runs: work, every: '1 hour', misfire: 'skip' })
    expect(await schedules.pause('*')).toBe(2)
    expect(await schedules.pause(['a', 'b'])).toBe(0)
    expect(await schedules.get('a')).toMatchObject({ state: 'paused', nextFire: null })
    await mill.advance('330 minutes')
    expect(ran).toEqual([])
    expect(await schedules.resume('*')).toBe(2)
    await mill.drain()
    expect(ran).toEqual(['due 01-01T05:00:00'])
    const told = async (name: string): Promise<string[]> =>
      (await schedules.fires(name)).map(({ due, state, count }) => `${due.getUTCHours()}h ${state} ${count}`)
    expect(await told('a')).toEqual(['5h fired 1', '1h missed 4'])
    expect(await told('b')).toEqual(['1h missed 5'])
    const lines = mill.logs.map(({ message }) => message)
    expect(lines.filter((line) => line.includes('MILL_SCHEDULE_MISSED'))).toEqual([
      expect.stringContaining('schedule a fired 1800 s after it was due at 2030-01-01T05'),
      expect.stringContaining('schedule a missed 4 of its fires'),
      expect.stringContaining('schedule b missed 5 of its fires'),
    ])
    await mill.advance('30 minutes')
    expect(ran).toHaveLength(3)
  })

  test('runs by hand, also while it is paused', async () => {
    await open()
    const { schedules } = mill.mill
    await schedules.create({ name: 'a', runs: work, every: '1 hour' })
    await schedules.pause('a')
    const asked = await schedules.run('a')
    expect(asked).toMatchObject({ state: 'fired', due: start })
    // The job has not ended, so that the overlap policy holds.
    expect(await schedules.run('a')).toMatchObject({ state: 'skipped', jobId: null })
    expect((await schedules.run('a', { overlap: 'allow' })).state).toBe('fired')
    await mill.drain()
    expect(ran).toHaveLength(2)
    expect(await schedules.get('a')).toMatchObject({ state: 'paused', timesTriggered: 2 })
  })

  test('makes up for a past range, one after another, each instant once', async () => {
    await open()
    const { schedules } = mill.mill
    await schedules.create({
      name: 'a',
      runs: work,
      every: '1 hour',
      start: new Date('2029-12-31T00:00:00Z'),
    })
    const range = { from: new Date('2029-12-31T20:00:00Z'), to: new Date('2029-12-31T22:59:00Z') }
    expect(await schedules.backfill('a', range)).toMatchObject({ fired: 1, queued: 2, already: 0 })
    await mill.drain()
    expect(ran).toEqual(['backfill 12-31T20:00:00', 'backfill 12-31T21:00:00', 'backfill 12-31T22:00:00'])
    expect(await schedules.backfill('a', range)).toMatchObject({
      fired: 0,
      queued: 0,
      skipped: 0,
      already: 3,
    })
    const future = { from: start, to: new Date('2030-02-01T00:00:00Z') }
    await expect(schedules.backfill('a', future)).rejects.toMatchObject({ code: 'MILL_OPTIONS_INVALID' })
  })

  test('makes up for no more than may wait, and says so', async () => {
    await open()
    const { schedules } = mill.mill
    await schedules.create({
      name: 'a',
      runs: work,
      every: '1 second',
      start: new Date('2029-12-31T00:00:00Z'),
    })
    const range = (from: number, to: number) => ({
      from: new Date(start.getTime() - from * 1_000),
      to: new Date(start.getTime() - to * 1_000),
    })
    await schedules.pause('a')
    expect(await schedules.backfill('a', range(2_000, 1_001))).toMatchObject({
      fired: 1,
      queued: 999,
      skipped: 0,
    })
    expect(await schedules.backfill('a', range(1_002, 998))).toMatchObject({
      ...{ fired: 0, queued: 1, skipped: 2, already: 2 },
    })
    expect(await schedules.fires('a', { limit: 3 })).toMatchObject([
      { state: 'skipped' },
      { state: 'skipped' },
      { state: 'queued' },
    ])
  })

  test('tells its next fires in two zones, and what else fires then', async () => {
    await open()
    const { schedules } = mill.mill
    await schedules.create({ name: 'daily', runs: work, cron: '0 0 2 * * ?', timeZone: 'America/New_York' })
    await schedules.create({ name: 'hourly', runs: work, every: '1 hour' })
    const next = await schedules.next('daily', { count: 2, timeZone: 'Asia/Tokyo' })
    expect(next).toEqual([
      {
        at: new Date('2030-01-01T07:00:00Z'),
        local: '2030-01-01 02:00:00',
        there: '2030-01-01 16:00:00',
        collisions: ['hourly'],
      },
      expect.objectContaining({ local: '2030-01-02 02:00:00' }),
    ])
    await expect(schedules.next('dayly')).rejects.toThrow('did you mean daily')
  })
})

describe('while an earlier job is held back', () => {
  async function stuck(overlap: 'skip' | 'queue' | 'cancelPrevious' | 'allow'): Promise<void> {
    await open()
    await mill.mill.schedules.create({ name: 'a', runs: work, every: '1 hour', overlap })
    await mill.mill.pause({ kind: 'name', value: 'work' })
    await mill.advance('3 hours')
    await mill.mill.resume({ kind: 'name', value: 'work' })
    await mill.drain()
  }

  test.each([
    ['skip', ['01']],
    ['queue', ['01', '02', '03']],
    ['cancelPrevious', ['03']],
    ['allow', ['01', '02', '03']],
  ] as const)('%s', async (overlap, hours) => {
    await stuck(overlap)
    expect(ran).toEqual(hours.map((hour) => `due 01-01T${hour}:00:00`))
  })

  test('the history tells what became of each fire', async () => {
    await stuck('skip')
    const fires = await mill.mill.schedules.fires('a')
    expect(fires.map(({ due, state }) => `${due.getUTCHours()} ${state}`)).toEqual([
      '3 skipped',
      '2 skipped',
      '1 fired',
    ])
  })
})
