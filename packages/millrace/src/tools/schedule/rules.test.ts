import { describe, expect, test } from 'vitest'
import type { FireStanding, NewFire, StoredSchedule } from '../../kernel/storage/schedules.ts'
import {
  decideBackfill,
  decideDue,
  decideManual,
  jitterOf,
  missedAfterMs,
  mostQueued,
  type FirePolicy,
  type Overlap,
} from './rules.ts'
import { timingOf } from './timing.ts'

const minute = 60_000
const hour = 60 * minute
const noon = Date.UTC(2030, 0, 1, 12)

const hourly = timingOf({
  cron: null,
  mode: 'extended',
  atMs: null,
  everyMs: hour,
  zone: 'UTC',
  start: null,
  end: null,
})

const policy = (change: Partial<FirePolicy> = {}): FirePolicy => ({
  overlap: 'allow',
  misfire: 'fireOnce',
  misfireLimit: 100,
  isHere: true,
  ...change,
})

type Change = Partial<Omit<FireStanding, 'schedule'> & Omit<StoredSchedule, 'queued'>>

function standing({
  now = noon,
  unended = [],
  queued = [],
  aborted = false,
  ...schedule
}: Change = {}): FireStanding {
  return {
    schedule: { id: 'x', state: 'waiting', next: noon, ...schedule } as StoredSchedule,
    ...{ now, unended, aborted, queued },
  }
}

const queuedAt = (...dues: number[]): FireStanding['queued'] => dues.map((due) => ({ due, kind: 'due' }))
const told = (fires: readonly NewFire[]): string[] =>
  fires.map(({ due, state, n }) => `${(due - noon) / hour}h ${state}${n === undefined ? '' : ` ${n}`}`)

describe('due', () => {
  test('fires, and moves on', () => {
    const firing = decideDue(hourly, policy(), standing())
    expect(told(firing.fires)).toEqual(['0h fired'])
    expect(firing).toMatchObject({ next: noon + hour, state: 'waiting', abort: false })
  })

  test.each([
    ['before its time', { now: noon - 1 }],
    ['paused', { state: 'paused' as const }],
    ['deleted', { state: 'deleted' as const }],
    ['without a time', { next: null }],
  ])('does nothing %s', (_, change) => {
    const at = standing(change)
    const firing = decideDue(hourly, policy(), at)
    expect(firing).toMatchObject({ fires: [], next: at.schedule.next, state: at.schedule.state })
  })

  test('is complete when nothing follows', () => {
    const last = timingOf({
      cron: null,
      mode: 'extended',
      atMs: null,
      everyMs: hour,
      zone: 'UTC',
      start: null,
      end: noon,
    })
    expect(decideDue(last, policy(), standing())).toMatchObject({ next: null, state: 'complete' })
  })

  test('somewhere else it advances and fires nothing', () => {
    const firing = decideDue(hourly, policy({ isHere: false }), standing({ queued: queuedAt(1) }))
    expect(firing).toMatchObject({ fires: [], drops: [1], next: noon + hour })
  })

  test('of a slow moment each is fired for itself', () => {
    const often = timingOf({
      cron: null,
      mode: 'extended',
      atMs: null,
      everyMs: 10_000,
      zone: 'UTC',
      start: null,
      end: null,
    })
    const firing = decideDue(often, policy(), standing({ now: noon + missedAfterMs }))
    expect(firing.fires.map(({ due }) => (due - noon) / 1_000)).toEqual([0, 10, 20, 30, 40, 50, 60])
    expect(firing.next).toBe(noon + 70_000)
  })
})

describe('after downtime', () => {
  const down = { next: noon, now: noon + 5 * hour + 30 * minute }
  const back = { next: noon, now: noon + 5 * hour }

  test.each([
    ['fireOnce', down, ['0h missed 5', '5h fired']],
    ['fireOnce', back, ['0h missed 5', '5h fired']],
    ['skip', down, ['0h missed 6']],
    ['skip', back, ['0h missed 5', '5h fired']],
    ['fireAll', down, ['0h fired', '1h fired', '2h fired', '3h fired', '4h fired', '5h fired']],
  ] as const)('%s', (misfire, when, expected) => {
    const firing = decideDue(hourly, policy({ misfire }), standing(when))
    expect(told(firing.fires)).toEqual(expected)
    expect(firing.next).toBe(noon + 6 * hour)
  })

  test('one that was missed alone is fired once', () => {
    const firing = decideDue(hourly, policy(), standing({ now: noon + 30 * minute }))
    expect(told(firing.fires)).toEqual(['0h fired'])
  })

  test('fireAll has a bound, and the newest are within it', () => {
    const firing = decideDue(hourly, policy({ misfire: 'fireAll', misfireLimit: 2 }), standing(down))
    expect(told(firing.fires)).toEqual(['0h missed 4', '4h fired', '5h fired'])
  })

  test('fireAll where overlaps are not allowed goes one after another', () => {
    for (const overlap of ['skip', 'queue'] as const) {
      const at = standing({ ...down, now: noon + 2 * hour + 30 * minute })
      expect(told(decideDue(hourly, policy({ misfire: 'fireAll', overlap }), at).fires)).toEqual([
        ...['0h fired', '1h queued', '2h queued'],
      ])
    }
  })

  test('of ten years costs little, and counts up to a bound', () => {
    const often = timingOf({
      cron: null,
      mode: 'extended',
      atMs: null,
      everyMs: 1_000,
      zone: 'UTC',
      start: null,
      end: null,
    })
    const firing = decideDue(often, policy({ misfire: 'skip' }), standing({ now: noon + 87_600 * hour }))
    expect(firing.fires[0]).toMatchObject({ state: 'missed', n: 1_000 })
    expect(firing.fires).toHaveLength(62)
  })
})

describe('while an earlier job has not ended', () => {
  const decide = (overlap: Overlap, change: Change) =>
    decideDue(hourly, policy({ overlap }), standing(change))

  test.each([
    ['skip', ['0h skipped'], false],
    ['queue', ['0h queued'], false],
    ['cancelPrevious', [], true],
    ['allow', ['0h fired'], false],
  ] as const)('%s', (overlap, expected, abort) => {
    const firing = decide(overlap, { unended: ['job'] })
    expect(told(firing.fires)).toEqual(expected)
    expect(firing.abort).toBe(abort)
  })

  test('cancelPrevious starts at once when what it cancelled is gone, else behind it', () => {
    expect(told(decide('cancelPrevious', { aborted: true }).fires)).toEqual(['0h fired'])
    const behind = decide('cancelPrevious', { aborted: true, unended: ['job'], queued: queuedAt(1) })
    expect(told(behind.fires)).toEqual(['0h queued'])
    expect(behind.drops).toEqual([1])
  })

  test('a queued fire starts when nothing is unended, and a due one stays behind it', () => {
    for (const [overlap, expected] of [
      ['skip', '0h skipped'],
      ['queue', '0h queued'],
    ] as const) {
      const firing = decide(overlap, { queued: queuedAt(1, 2) })
      expect(firing.starts).toEqual([1])
      expect(told(firing.fires)).toEqual([expected])
    }
    expect(decide('queue', { queued: queuedAt(1), next: noon + 1 })).toMatchObject({ starts: [1], fires: [] })
    expect(decide('queue', { queued: queuedAt(1), unended: ['job'] }).starts).toEqual([])
    expect(decide('allow', { queued: queuedAt(1, 2), unended: ['job'] }).starts).toEqual([1, 2])
  })

  test('the queue has an end', () => {
    const full = queuedAt(...Array.from({ length: mostQueued }, (_, index) => index))
    expect(told(decide('queue', { queued: full, unended: ['job'] }).fires)).toEqual(['0h skipped'])
  })
})

describe('asked for', () => {
  test('by hand it fires now, and changes neither times nor state', () => {
    const at = standing({ state: 'paused', next: noon - hour })
    expect(decideManual('skip', at)).toMatchObject({
      fires: [{ due: noon, kind: 'manual', state: 'fired' }],
      ...{ next: noon - hour, state: 'paused' },
    })
    expect(told(decideManual('skip', standing({ unended: ['job'] })).fires)).toEqual(['0h skipped'])
  })

  test('a backfill goes one after another, unless overlaps are allowed', () => {
    const dues = [noon - 2 * hour, noon - hour]
    for (const overlap of ['skip', 'queue', 'cancelPrevious'] as const)
      expect(told(decideBackfill(overlap, dues, standing()).fires)).toEqual(['-2h fired', '-1h queued'])
    expect(told(decideBackfill('allow', dues, standing()).fires)).toEqual(['-2h fired', '-1h fired'])
    const waits = standing({ unended: ['job'], queued: queuedAt(noon - 2 * hour) })
    expect(told(decideBackfill('queue', dues, waits).fires)).toEqual(['-1h queued'])
  })
})

describe('jitter', () => {
  test('is the same for the same schedule and instant, within its bound, and spread', () => {
    const offsets = Array.from({ length: 1_000 }, (_, index) => jitterOf(`schedule-${index}`, noon, 999))
    expect(offsets).toEqual(offsets.map((_, index) => jitterOf(`schedule-${index}`, noon, 999)))
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...offsets)).toBeLessThanOrEqual(999)
    const tenths = new Array<number>(10).fill(0)
    for (const offset of offsets) tenths[Math.floor(offset / 100)]! += 1
    expect(Math.min(...tenths)).toBeGreaterThan(60)
    expect(jitterOf('a', noon, 0)).toBe(0)
    expect(jitterOf('a', noon, 999)).not.toBe(jitterOf('a', noon + 1_000, 999))
  })
})

test('once is once', () => {
  const once = timingOf({
    ...({ cron: null, mode: 'extended', everyMs: null, zone: 'UTC', start: null, end: null } as const),
    atMs: 5_000,
  })
  expect(once.next(4_999, 10)).toEqual([5_000])
  expect(once.next(5_000, 10)).toEqual([])
  expect(once.last(5_001)).toBe(5_000)
  expect(once.last(5_000)).toBeUndefined()
})
