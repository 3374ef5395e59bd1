import { describe, expect, test } from 'vitest'
import { localTime } from './local-time.ts'

const at = (iso: string): number => Date.parse(iso)

describe('civil time', () => {
  test.for([
    ['2026-11-24T15:04:05.678Z', 'UTC', '2026-11-24 15:04:05.678'],
    ['2026-11-24T15:04:05.678Z', 'Europe/Berlin', '2026-11-24 16:04:05.678'],
    ['2026-07-24T15:04:05.678Z', 'Europe/Berlin', '2026-07-24 17:04:05.678'],
    ['2026-11-24T00:00:00.000Z', 'America/St_Johns', '2026-11-23 20:30:00.000'],
    ['2026-11-24T23:59:59.999Z', 'Asia/Kathmandu', '2026-11-25 05:44:59.999'],
    ['2026-12-31T23:00:00.000Z', 'Pacific/Kiritimati', '2027-01-01 13:00:00.000'],
    // Around the change of 2026-03-29 01:00 UTC.
    ['2026-03-29T00:59:59.999Z', 'Europe/Berlin', '2026-03-29 01:59:59.999'],
    ['2026-03-29T01:00:00.000Z', 'Europe/Berlin', '2026-03-29 03:00:00.000'],
    ['1960-01-01T00:00:00.000Z', 'Africa/Monrovia', '1959-12-31 23:15:30.000'],
    ['1969-12-31T23:59:59.999Z', 'UTC', '1969-12-31 23:59:59.999'],
  ] as const)('%s in %s', ([instant, zone, expected]) => {
    expect(localTime(at(instant), zone)).toBe(expected)
    expect(localTime(instant, zone)).toBe(expected)
  })

  test.for([
    ['2026-11-24T15:04:05+02:00', '2026-11-24 13:04:05.000'],
    ['2026-11-24T15:04:05+0200', '2026-11-24 13:04:05.000'],
    ['2026-11-24 15:04:05-03', '2026-11-24 18:04:05.000'],
    ['2026-11-24 15:04:05', '2026-11-24 15:04:05.000'],
    ['2026-11-24 15:04', '2026-11-24 15:04:00.000'],
    ['2026-11-24t15:04:05.123456z', '2026-11-24 15:04:05.123'],
    ['2026-11-24', '2026-11-24 00:00:00.000'],
  ] as const)('the text %s', ([text, expected]) => {
    expect(localTime(text, 'UTC')).toBe(expected)
  })

  test.for([
    null,
    undefined,
    '',
    'soon',
    '2026',
    '2026-13-01',
    '2026-11-24T25:00:00Z',
    Number.NaN,
    1e300,
    8.64e15,
    -8.64e15,
    true,
  ])('%j is none', (value) => {
    expect(localTime(value, 'UTC')).toBeNull()
  })

  test('a zone that there is not is refused', () => {
    expect(() => localTime(0, 'Mars/Olympus')).toThrow(RangeError)
  })

  test('agrees with Intl at any time, also after more times than it remembers', () => {
    const format = new Intl.DateTimeFormat('sv-SE', {
      timeZone: 'Europe/Berlin',
      dateStyle: 'short',
      timeStyle: 'medium',
    })
    const first = at('1980-01-01T00:00:00Z')
    for (let step = 0; step < 110_000; step += 1) {
      const instant = first + step * 15 * 60_000 * 7
      const local = localTime(instant, 'Europe/Berlin')
      if (step % 100 === 0) expect(local).toBe(`${format.format(instant)}.000`)
    }
    expect(localTime(first, 'Europe/Berlin')).toBe('1980-01-01 01:00:00.000')
  })
})

test('more offsets than are kept are read again, and years outside of four digits are no time', () => {
  for (let quarter = 0; quarter <= 100_001; quarter += 1) localTime(quarter * 900_000, 'UTC')
  expect(localTime(0, 'Europe/Berlin')).toBe('1970-01-01 01:00:00.000')
  expect(localTime(at('9999-12-31T23:30:00.000Z'), 'Europe/Berlin')).toBeNull()
  expect(localTime(at('-000001-12-31T12:00:00.000Z'), 'UTC')).toBeNull()
  expect(localTime(8.64e15, 'UTC')).toBeNull()
})
