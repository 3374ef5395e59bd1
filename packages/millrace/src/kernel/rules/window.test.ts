import { beforeAll, describe, expect, test } from 'vitest'
import { openAt, windowOf, type WindowOptions } from './window.ts'

const berlin = 'Europe/Berlin'
const at = (text: string): number => Date.parse(text)

test.each<[Omit<WindowOptions, 'timeZone'>, string, string | null]>([
  [{ from: '22:00', to: '06:00' }, '2030-01-01T21:30:00+01:00', '2030-01-01T22:00:00+01:00'],
  [{ from: '22:00', to: '06:00' }, '2030-01-01T22:00:00+01:00', null],
  [{ from: '22:00', to: '06:00' }, '2030-01-02T05:59:59+01:00', null],
  [{ from: '22:00', to: '06:00' }, '2030-01-02T06:00:00+01:00', '2030-01-02T22:00:00+01:00'],
  [{ from: '09:00', to: '17:00' }, '2030-01-01T17:00:00+01:00', '2030-01-02T09:00:00+01:00'],
  [{ from: '09:00', to: '17:00' }, '2030-01-01T12:00:00+01:00', null],
  [{ from: '18:30', to: '24:00' }, '2030-01-01T23:59:59+01:00', null],
  [{ from: '18:30', to: '24:00' }, '2030-01-02T00:00:00+01:00', '2030-01-02T18:30:00+01:00'],
  // 1 January 2030 is a Tuesday; what opens on a Friday is open on Saturday morning.
  [{ from: '22:00', to: '06:00', days: ['FRI'] }, '2030-01-01T23:00:00+01:00', '2030-01-04T22:00:00+01:00'],
  [{ from: '22:00', to: '06:00', days: ['FRI'] }, '2030-01-05T05:59:00+01:00', null],
  [{ from: '22:00', to: '06:00', days: ['FRI'] }, '2030-01-04T05:59:00+01:00', '2030-01-04T22:00:00+01:00'],
  [
    { from: '00:00', to: '24:00', days: ['SAT', 'SUN'] },
    '2030-01-04T12:00:00+01:00',
    '2030-01-05T00:00:00+01:00',
  ],
  [{ from: '00:00', to: '24:00', days: ['SAT', 'SUN'] }, '2030-01-06T23:59:00+01:00', null],
  [{ from: '08:00', to: '09:00', days: ['TUE'] }, '2030-01-01T09:00:00+01:00', '2030-01-08T08:00:00+01:00'],
  // 02:00 to 03:00 does not exist on that day: what is left of the window opens at the first instant after the gap, and nothing if none is.
  [{ from: '02:30', to: '05:00' }, '2030-03-31T00:00:00+01:00', '2030-03-31T03:00:00+02:00'],
  [{ from: '02:30', to: '02:45' }, '2030-03-31T00:00:00+01:00', '2030-04-01T02:30:00+02:00'],
  // It occurs twice on this one, and so is the window open twice; with days, the rest of the week lies between.
  [{ from: '01:30', to: '02:30' }, '2030-10-27T02:40:00+02:00', '2030-10-27T02:00:00+01:00'],
  [{ from: '01:30', to: '02:30', days: ['SUN'] }, '2030-10-27T02:40:00+02:00', '2030-10-27T02:00:00+01:00'],
  [{ from: '01:30', to: '02:30', days: ['SUN'] }, '2030-10-27T02:30:00+01:00', '2030-11-03T01:30:00+01:00'],
])('%j at %s opens', (options, when, opens) => {
  const window = windowOf(options, berlin, 'test')
  expect(new Date(openAt(window, at(when))).toISOString()).toBe(new Date(at(opens ?? when)).toISOString())
})

test('has a zone of its own', () => {
  const window = windowOf({ from: '22:00', to: '06:00', timeZone: 'America/New_York' }, berlin, 'test')
  expect(openAt(window, at('2030-01-01T12:00:00Z'))).toBe(at('2030-01-02T03:00:00Z'))
})

describe.each([
  berlin,
  'America/New_York',
  'America/Santiago',
  'Australia/Lord_Howe',
  'Africa/Cairo',
  'Pacific/Apia',
  'Asia/Kolkata',
])('in %s, around each change of clocks, as the wall clock shows it minute by minute', (zone) => {
  // The day that Apia skipped, and the changes of another year.
  const year = zone === 'Pacific/Apia' ? 2011 : 2026
  const told = new Map<number, readonly Shown[]>()
  beforeAll(() => {
    for (const change of changesOf(zone, year)) {
      const first = change - 2 * 86_400_000
      told.set(first, wallClock(zone, first, 6 * 1440))
    }
  })
  const windows: WindowOptions[] = [
    { from: '22:00', to: '06:00' },
    { from: '02:15', to: '02:45' },
    { from: '00:00', to: '00:20' },
    { from: '01:40', to: '03:05', days: ['SUN', 'FRI'] },
    { from: '23:30', to: '00:30', days: ['SAT', 'THU', 'FRI'] },
    { from: '00:00', to: '24:00', days: ['MON', 'SAT'] },
  ]

  test.each(windows)('%j', (options) => {
    const window = windowOf(options, zone, 'test')
    for (const [first, wall] of told) {
      const isOpen = wall.map((shown) => fits(options, shown))
      for (let minute = 0; minute < 4 * 1440; minute += 37) {
        const opens = isOpen.indexOf(true, minute)
        // Beyond what was looked at.
        if (opens === -1) continue
        expect((openAt(window, first + minute * 60_000) - first) / 60_000).toBe(opens)
      }
    }
  })
})

const days = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const

function fits({ from, to, days: of = days }: WindowOptions, { day, time }: Shown): boolean {
  const on = (which: number): boolean => of.includes(days[(which + 7) % 7]!)
  if (from < to) return on(day) && from <= time && time < to
  return (on(day) && from <= time) || (on(day - 1) && time < to)
}

interface Shown {
  readonly day: number
  readonly time: string
}

/** By Intl alone; a weekday is one of the civil date, which Apia's Friday never had. */
function wallClock(zone: string, first: number, minutes: number): Shown[] {
  const format = new Intl.DateTimeFormat('en-US', {
    ...({ timeZone: zone, hourCycle: 'h23', weekday: 'short', hour: '2-digit', minute: '2-digit' } as const),
  })
  return Array.from({ length: minutes }, (_, minute) => {
    const [, day = '', time = ''] =
      /^(\w{3}),? (\d\d:\d\d)$/.exec(format.format(first + minute * 60_000)) ?? []
    return { day: days.indexOf(day.toUpperCase() as (typeof days)[number]), time }
  })
}

/** Whole hours of UTC before which clocks show another distance from it; without any, the middle of the year. */
function changesOf(zone: string, year: number): number[] {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const offset = (when: number): string => format.format(when).split(', ')[1] ?? ''
  const hours = Array.from({ length: 366 * 24 }, (_, hour) => Date.UTC(year, 0, 1, hour))
  const found = hours.filter((hour) => offset(hour) !== offset(hour - 3_600_000))
  return found.length === 0 ? [Date.UTC(year, 5, 15)] : found
}

test.each([
  [{ from: '9:00', to: '17:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '24:00', to: '17:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '24:01' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '09:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '00:00', to: '24:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '17:00', days: [] }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '17:00', days: ['Monday'] }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '17:00', days: 'MON' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '17:00', zone: 'UTC' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '17:00', timeZone: 'Mars/Base' }, 'MILL_TIME_ZONE_UNKNOWN'],
  [{ from: '09:00', to: '17:00', timeZone: '+02:00' }, 'MILL_TIME_ZONE_UNKNOWN'],
])('refuses %j', (options, code) => {
  expect(() => windowOf(options, berlin, 'test')).toThrow(expect.objectContaining({ code }) as Error)
})
