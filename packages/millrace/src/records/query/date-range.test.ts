import { describe, expect, test } from 'vitest'
import { dateLiteralKind, dateRange, dayAt, startOfDay } from './date-range.ts'

const calendar = { now: Date.parse('2026-11-24T15:00:00Z'), timeZone: 'UTC', fiscalYearStart: 1 }
const range = (name: string, n?: number, more = {}): string => {
  const found = dateRange(name, n, { ...calendar, ...more })
  return found === undefined ? 'none' : `${found.from} ${found.to}`
}

describe('a date literal on Tuesday, 24 November 2026', () => {
  test.each([
    ['YESTERDAY', undefined, '2026-11-23 2026-11-24'],
    ['TODAY', undefined, '2026-11-24 2026-11-25'],
    ['TOMORROW', undefined, '2026-11-25 2026-11-26'],
    ['LAST_WEEK', undefined, '2026-11-15 2026-11-22'],
    ['THIS_WEEK', undefined, '2026-11-22 2026-11-29'],
    ['NEXT_WEEK', undefined, '2026-11-29 2026-12-06'],
    ['LAST_MONTH', undefined, '2026-10-01 2026-11-01'],
    ['THIS_MONTH', undefined, '2026-11-01 2026-12-01'],
    ['NEXT_MONTH', undefined, '2026-12-01 2027-01-01'],
    ['LAST_90_DAYS', undefined, '2026-08-26 2026-11-25'],
    ['NEXT_90_DAYS', undefined, '2026-11-25 2027-02-23'],
    ['LAST_QUARTER', undefined, '2026-07-01 2026-10-01'],
    ['THIS_QUARTER', undefined, '2026-10-01 2027-01-01'],
    ['NEXT_QUARTER', undefined, '2027-01-01 2027-04-01'],
    ['LAST_YEAR', undefined, '2025-01-01 2026-01-01'],
    ['THIS_YEAR', undefined, '2026-01-01 2027-01-01'],
    ['NEXT_YEAR', undefined, '2027-01-01 2028-01-01'],
    ['LAST_N_DAYS', 1, '2026-11-23 2026-11-25'],
    ['LAST_N_DAYS', 0, '2026-11-24 2026-11-25'],
    ['NEXT_N_DAYS', 2, '2026-11-25 2026-11-27'],
    ['N_DAYS_AGO', 2, '2026-11-22 2026-11-23'],
    ['LAST_N_WEEKS', 2, '2026-11-08 2026-11-22'],
    ['NEXT_N_WEEKS', 1, '2026-11-29 2026-12-06'],
    ['N_WEEKS_AGO', 1, '2026-11-15 2026-11-22'],
    ['LAST_N_MONTHS', 2, '2026-09-01 2026-11-01'],
    ['NEXT_N_MONTHS', 2, '2026-12-01 2027-02-01'],
    ['N_MONTHS_AGO', 12, '2025-11-01 2025-12-01'],
    ['LAST_N_QUARTERS', 2, '2026-04-01 2026-10-01'],
    ['NEXT_N_QUARTERS', 1, '2027-01-01 2027-04-01'],
    ['N_QUARTERS_AGO', 1, '2026-07-01 2026-10-01'],
    ['LAST_N_YEARS', 3, '2023-01-01 2026-01-01'],
    ['NEXT_N_YEARS', 1, '2027-01-01 2028-01-01'],
    ['N_YEARS_AGO', 2, '2024-01-01 2025-01-01'],
  ])('%s %s is %s', (name, n, expected) => {
    expect(range(name, n)).toBe(expected)
    expect(dateLiteralKind(name)).toBe(n === undefined ? 'plain' : 'counted')
  })

  test.each([
    ['THIS_FISCAL_QUARTER', undefined, '2026-11-01 2027-02-01'],
    ['LAST_FISCAL_QUARTER', undefined, '2026-08-01 2026-11-01'],
    ['NEXT_FISCAL_QUARTER', undefined, '2027-02-01 2027-05-01'],
    ['THIS_FISCAL_YEAR', undefined, '2026-02-01 2027-02-01'],
    ['LAST_FISCAL_YEAR', undefined, '2025-02-01 2026-02-01'],
    ['NEXT_FISCAL_YEAR', undefined, '2027-02-01 2028-02-01'],
    ['LAST_N_FISCAL_QUARTERS', 2, '2026-05-01 2026-11-01'],
    ['NEXT_N_FISCAL_QUARTERS', 1, '2027-02-01 2027-05-01'],
    ['N_FISCAL_QUARTERS_AGO', 4, '2025-11-01 2026-02-01'],
    ['LAST_N_FISCAL_YEARS', 1, '2025-02-01 2026-02-01'],
    ['NEXT_N_FISCAL_YEARS', 1, '2027-02-01 2028-02-01'],
    ['N_FISCAL_YEARS_AGO', 2, '2024-02-01 2025-02-01'],
  ])('%s %s is %s where the fiscal year begins in February', (name, n, expected) => {
    expect(range(name, n, { fiscalYearStart: 2 })).toBe(expected)
  })

  test('a fiscal year from December has begun already in the year before', () => {
    const now = Date.parse('2026-01-05T00:00:00Z')
    expect(range('THIS_FISCAL_YEAR', undefined, { now, fiscalYearStart: 12 })).toBe('2025-12-01 2026-12-01')
    expect(range('THIS_FISCAL_QUARTER', undefined, { now, fiscalYearStart: 12 })).toBe(
      '2025-12-01 2026-03-01',
    )
  })

  test('is of the day that it is there', () => {
    expect(range('TODAY', undefined, { timeZone: 'Pacific/Auckland' })).toBe('2026-11-25 2026-11-26')
    expect(
      range('THIS_WEEK', undefined, {
        now: Date.parse('2026-11-22T05:00:00Z'),
        timeZone: 'America/New_York',
      }),
    ).toBe('2026-11-22 2026-11-29')
    expect(
      range('THIS_WEEK', undefined, {
        now: Date.parse('2026-11-22T04:59:00Z'),
        timeZone: 'America/New_York',
      }),
    ).toBe('2026-11-15 2026-11-22')
  })

  test.each([
    ['SOMEDAY', undefined],
    ['TODAY', 1],
    ['THIS_YEAR', 1],
    ['LAST_N_DAYS', undefined],
    ['LAST_N_DAYS', -1],
    ['LAST_N_DAYS', 1.5],
    ['N_YEARS_AGO', 5000],
    ['NEXT_N_YEARS', 1e15],
    ['NEXT_N_DAYS', 9e15],
    ['toString', undefined],
    ['constructor', undefined],
  ])('%s %s is none', (name, n) => {
    expect(range(name, n)).toBe('none')
  })
})

describe('days', () => {
  test('begin at midnight there, or where clocks go on', () => {
    expect(new Date(startOfDay('2026-03-29', 'Europe/Berlin')).toISOString()).toBe('2026-03-28T23:00:00.000Z')
    expect(new Date(startOfDay('2026-03-30', 'Europe/Berlin')).toISOString()).toBe('2026-03-29T22:00:00.000Z')
    // Clocks were put forward over midnight.
    expect(new Date(startOfDay('2018-11-04', 'America/Sao_Paulo')).toISOString()).toBe(
      '2018-11-04T03:00:00.000Z',
    )
  })
  test('are named by the place', () => {
    expect(dayAt(Date.parse('2026-11-24T23:30:00Z'), 'Asia/Kolkata')).toBe('2026-11-25')
  })
})
