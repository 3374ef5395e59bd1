import { expect, test } from 'vitest'
import { openAt, windowOf } from './window.ts'

const berlin = 'Europe/Berlin'
const at = (text: string): number => Date.parse(text)

test.each([
  ['22:00', '06:00', '2030-01-01T21:30:00+01:00', '2030-01-01T22:00:00+01:00'],
  ['22:00', '06:00', '2030-01-01T22:00:00+01:00', null],
  ['22:00', '06:00', '2030-01-02T05:59:59+01:00', null],
  ['22:00', '06:00', '2030-01-02T06:00:00+01:00', '2030-01-02T22:00:00+01:00'],
  ['09:00', '17:00', '2030-01-01T17:00:00+01:00', '2030-01-02T09:00:00+01:00'],
  ['09:00', '17:00', '2030-01-01T12:00:00+01:00', null],
  // 02:30 does not exist on that day: the first instant after the gap.
  ['02:30', '02:45', '2030-03-31T00:00:00+01:00', '2030-03-31T03:00:00+02:00'],
])('a window from %s to %s, at %s', (from, to, when, opens) => {
  const window = windowOf({ from, to }, berlin, 'test')
  expect(new Date(openAt(window, at(when))).toISOString()).toBe(new Date(at(opens ?? when)).toISOString())
})

test.each([
  [{ from: '9:00', to: '17:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '24:00', to: '17:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '09:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '17:00', zone: 'UTC' }, 'MILL_OPTIONS_INVALID'],
  [{ from: '09:00', to: '17:00', timeZone: 'Mars/Base' }, 'MILL_TIME_ZONE_UNKNOWN'],
])('refuses %j', (options, code) => {
  expect(() => windowOf(options, berlin, 'test')).toThrow(expect.objectContaining({ code }) as Error)
})
