import { describe, expect, it } from 'vitest'
import { nextFires, type NextFiresOptions, previousFire } from './next.ts'
import { parseCron } from './parse.ts'

const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 16)

function fires(text: string, zone: string, after: string, options: Partial<NextFiresOptions> = {}): string[] {
  const mode = /^\d+ \d+ /.test(text) && text.includes('?') ? 'salesforce' : 'extended'
  return nextFires(parseCron(text, mode), zone, Date.parse(`${after}Z`), { count: 3, ...options }).map(iso)
}
const days = (text: string, after: string, count = 3): string[] =>
  fires(`0 0 0 ${text}`, 'UTC', after, { count }).map((at) => at.slice(0, 10))

describe('days (semantics SC-09 to SC-11)', () => {
  it('L is the last day of a month, in leap years, too', () => {
    expect(days('L 2 ?', '2027-01-01T00:00')).toEqual(['2027-02-28', '2028-02-29', '2029-02-28'])
    expect(days('L 4,5 ?', '2026-01-01T00:00', 2)).toEqual(['2026-04-30', '2026-05-31'])
  })

  it('L is Saturday in days of the week, and 6L the last Friday', () => {
    expect(days('? * L', '2026-01-01T00:00', 2)).toEqual(['2026-01-03', '2026-01-10'])
    expect(days('? * 6L', '2026-01-01T00:00')).toEqual(['2026-01-30', '2026-02-27', '2026-03-27'])
    expect(days('? 2 1L', '2032-01-01T00:00', 1)).toEqual(['2032-02-29'])
  })

  it('W is the nearest weekday and never leaves the month', () => {
    // 20 June 2026 is a Saturday, 20 September a Sunday.
    expect(days('20W 6,9 ?', '2026-01-01T00:00', 2)).toEqual(['2026-06-19', '2026-09-21'])
    // 1 August 2026 is a Saturday, 1 November a Sunday.
    expect(days('1W 8,11 ?', '2026-01-01T00:00', 2)).toEqual(['2026-08-03', '2026-11-02'])
    // 31 January 2027 is a Sunday, 31 July a Saturday.
    expect(days('31W 1,7 ?', '2027-01-01T00:00', 2)).toEqual(['2027-01-29', '2027-07-30'])
    // 30 May 2027 is a Sunday, but not the last day.
    expect(days('30W 5 ?', '2027-01-01T00:00', 1)).toEqual(['2027-05-31'])
  })

  it('a month without the day of W, or the day, has none', () => {
    expect(days('31W * ?', '2027-01-31T00:00', 2)).toEqual(['2027-03-31', '2027-05-31'])
    expect(days('30 * ?', '2027-01-31T00:00', 1)).toEqual(['2027-03-30'])
  })

  it('LW is the last weekday', () => {
    expect(days('LW * ?', '2026-01-01T00:00')).toEqual(['2026-01-30', '2026-02-27', '2026-03-31'])
  })

  it('# counts within a month, which may have no fifth', () => {
    expect(days('? * 2#1', '2026-01-01T00:00')).toEqual(['2026-01-05', '2026-02-02', '2026-03-02'])
    expect(days('? * 6#5', '2026-01-01T00:00')).toEqual(['2026-01-30', '2026-05-29', '2026-07-31'])
  })

  it('two day fields: either, or both when one begins with *', () => {
    expect(fires('0 0 15 * MON', 'UTC', '2026-06-10T00:00')).toEqual(
      ['2026-06-15', '2026-06-22', '2026-06-29'].map((day) => `${day}T00:00`),
    )
    expect(fires('0 0 */2 * MON', 'UTC', '2026-06-10T00:00', { count: 2 })).toEqual(
      ['2026-06-15', '2026-06-29'].map((day) => `${day}T00:00`),
    )
  })
})

describe('changes of clocks (semantics SC-14)', () => {
  it('a local time that is skipped fires at the next valid instant', () => {
    expect(fires('0 30 2 * * ?', 'Europe/Berlin', '2026-03-28T12:00', { count: 2 })).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ])
  })

  it('all that is skipped fires once, together with what is due at that instant', () => {
    expect(fires('0 0,20,40 1-3 * * ?', 'Europe/Berlin', '2026-03-29T00:30')).toEqual([
      '2026-03-29T00:40',
      '2026-03-29T01:00',
      '2026-03-29T01:20',
    ])
  })

  it('a whole day that is skipped fires at the end of it', () => {
    expect(fires('0 0 9 30 12 ?', 'Pacific/Apia', '2011-01-01T00:00', { count: 2 })).toEqual([
      '2011-12-30T10:00',
      '2012-12-29T19:00',
    ])
  })

  it('a local time that occurs twice fires the first time only', () => {
    expect(fires('0 30 2 * * ?', 'Europe/Berlin', '2026-10-24T12:00', { count: 2 })).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ])
    expect(fires('0 30 * * * ?', 'Europe/Berlin', '2026-10-25T00:00')).toEqual([
      '2026-10-25T00:30',
      '2026-10-25T02:30',
      '2026-10-25T03:30',
    ])
  })

  it('asked between the two, it is over', () => {
    expect(fires('0 30 2 * * ?', 'Europe/Berlin', '2026-10-25T01:05', { count: 1 })).toEqual([
      '2026-10-26T01:30',
    ])
  })

  it('what fires more than once an hour all day follows elapsed time', () => {
    const all = (after: string, end: string): string[] =>
      fires('*/30 * * * *', 'Europe/Berlin', after, { count: 99, end: Date.parse(`${end}Z`) })
    expect(all('2026-10-25T00:00', '2026-10-25T02:00')).toEqual([
      '2026-10-25T00:30',
      '2026-10-25T01:00',
      '2026-10-25T01:30',
      '2026-10-25T02:00',
    ])
    expect(fires('10,50 * * * *', 'Europe/Berlin', '2026-03-29T00:30')).toEqual([
      '2026-03-29T00:50',
      '2026-03-29T01:10',
      '2026-03-29T01:50',
    ])
  })

  it('what fires more than once in some hours does not', () => {
    expect(fires('0,30 2 * * *', 'Europe/Berlin', '2026-10-25T00:00', { count: 2 })).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:00',
    ])
    expect(fires('10,50 2 * * *', 'Europe/Berlin', '2026-03-29T00:00', { count: 2 })).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:10',
    ])
  })
})

describe('bounds', () => {
  const daily = parseCron('0 0 12 * * ?', 'salesforce')
  const noon = (day: number): number => Date.UTC(2026, 0, day, 12)

  it('fires after the instant, never at it', () => {
    expect(nextFires(daily, 'UTC', noon(1), { count: 1 })).toEqual([noon(2)])
    expect(nextFires(daily, 'UTC', noon(1) - 1, { count: 1 })).toEqual([noon(1)])
    expect(previousFire(daily, 'UTC', noon(2))).toBe(noon(1))
    expect(previousFire(daily, 'UTC', noon(2) + 1)).toBe(noon(2))
  })

  it('start and end are part of the bounds', () => {
    const bounds = { start: noon(3), end: noon(5) }
    expect(nextFires(daily, 'UTC', noon(1), { count: 9, ...bounds })).toEqual([noon(3), noon(4), noon(5)])
    expect(nextFires(daily, 'UTC', noon(1), { count: 9, start: noon(3) + 1, end: noon(5) - 1 })).toEqual([noon(4)]) // prettier-ignore
    expect(previousFire(daily, 'UTC', noon(9), bounds)).toBe(noon(5))
    expect(previousFire(daily, 'UTC', noon(3), bounds)).toBeUndefined()
    expect(previousFire(daily, 'UTC', noon(9), { end: noon(5) - 1 })).toBe(noon(4))
  })

  it('count 0 asks for nothing', () => {
    expect(nextFires(daily, 'UTC', noon(1), { count: 0 })).toEqual([])
  })

  it('from 1970 to 2099', () => {
    const always = parseCron('0 0 0 1 1 ?', 'salesforce')
    expect(nextFires(always, 'UTC', -Infinity, { count: 1 })).toEqual([0])
    expect(previousFire(always, 'UTC', 0)).toBeUndefined()
    expect(nextFires(always, 'UTC', Date.UTC(2098, 5), { count: 5 })).toEqual([Date.UTC(2099, 0)])
    expect(previousFire(always, 'UTC', Infinity)).toBe(Date.UTC(2099, 0))
  })

  it.each([
    ['31 February', '0 0 0 31 2 ?'],
    ['30 February', '0 0 0 30 2 ? *'],
    ['31 of short months', '0 0 0 31 4,6,9,11 ?'],
    ['a year that is over', '0 0 0 1 1 ? 2020'],
    ['29 February of years without one', '0 0 0 29 2 ? 2027,2030'],
    ['31 February every minute', '* * 31 2 *'],
  ])('what can never fire again answers none: %s', (_, text) => {
    const cron = parseCron(text, 'extended')
    for (const zone of ['America/New_York', 'Africa/Casablanca', 'Australia/Lord_Howe'])
      expect(nextFires(cron, zone, Date.UTC(2026, 0), { count: 10 })).toEqual([])
  })

  it('what never fired has no previous fire', () => {
    expect(previousFire(parseCron('0 0 0 31 2 ?', 'salesforce'), 'UTC', Date.UTC(2026, 0))).toBeUndefined()
    expect(previousFire(parseCron('0 0 0 1 1 ? 2027', 'salesforce'), 'UTC', Date.UTC(2026, 0))).toBeUndefined() // prettier-ignore
  })
})
