import { expect, it, describe } from 'vitest'
import { MillraceError } from '../../../kernel/rules/errors.ts'
import type { Cron, CronMode } from './cron.ts'
import { parseCron } from './parse.ts'

const strict = (text: string): Cron => parseCron(text, 'salesforce')
const extended = (text: string): Cron => parseCron(text, 'extended')
const upTo = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n)

function refusal(text: unknown, mode: CronMode = 'salesforce'): MillraceError {
  try {
    parseCron(text as string, mode)
  } catch (error) {
    if (error instanceof MillraceError) return error
    throw error
  }
  throw new Error(`${String(text)} was read`)
}

const noDay = { days: [], nearestWeekdays: [], last: false, lastWeekday: false }
const noWeekday = { days: [], nth: [], last: [] }

describe('the Salesforce dialect', () => {
  it('has seven fields, of which the year may be missing', () => {
    expect(strict('5 15 10 ? 3 MON 2027')).toEqual({
      text: '5 15 10 ? 3 MON 2027',
      mode: 'salesforce',
      seconds: [5],
      minutes: [15],
      hours: [10],
      dayOfMonth: null,
      months: [3],
      dayOfWeek: { ...noWeekday, days: [1] },
      eitherDay: false,
      years: [2027],
    })
    expect(strict('0 0 0 1 1 ?').years).toBeNull()
    expect(strict('0 0 0 1 1 ? *').years).toBeNull()
  })

  it('is plain data that survives JSON', () => {
    const cron = strict('0 0 22 ? JAN,JUN 6L 2026-2030/2')
    expect(JSON.parse(JSON.stringify(cron))).toEqual(cron)
  })

  it.each([
    ['*', upTo(0, 23)],
    ['9-17', upTo(9, 17)],
    ['8,12,17', [8, 12, 17]],
    ['17,8,8,12', [8, 12, 17]],
    ['*/4', [0, 4, 8, 12, 16, 20]],
    ['0/4', [0, 4, 8, 12, 16, 20]],
    ['1/5', [1, 6, 11, 16, 21]],
    ['9-17/4', [9, 13, 17]],
    ['0/120', [0]],
    ['22-3', [0, 1, 2, 3, 22, 23]],
    ['22-6/3', [1, 4, 22]],
    ['05', [5]],
    ['1-3,20/2', [1, 2, 3, 20, 22]],
  ])('hours %s', (field, hours) => {
    expect(strict(`0 0 ${field} * * ?`).hours).toEqual(hours)
  })

  it.each([
    ['NOV-FEB', [1, 2, 11, 12]],
    ['jan,Jul', [1, 7]],
    ['1/5', [1, 6, 11]],
    ['MAR-9/3', [3, 6, 9]],
  ])('months %s', (field, months) => {
    expect(strict(`0 0 0 1 ${field} ?`).months).toEqual(months)
  })

  it.each([
    ['2020-2022', [2020, 2021, 2022]],
    ['2090/4', [2090, 2094, 2098]],
    ['1970,2099', [1970, 2099]],
  ])('years %s', (field, years) => {
    expect(strict(`0 0 0 1 1 ? ${field}`).years).toEqual(years)
  })

  it.each([
    ['1', [0]],
    ['7', [6]],
    ['SUN', [0]],
    ['2-6', [1, 2, 3, 4, 5]],
    ['mon-Fri', [1, 2, 3, 4, 5]],
    ['FRI-MON', [0, 1, 5, 6]],
    ['SAT,SUN', [0, 6]],
    ['L', [6]],
    ['2/2', [1, 3, 5]],
    ['*/3', [0, 3, 6]],
  ])('days of the week %s, where Sunday is 1', (field, days) => {
    expect(strict(`0 0 0 ? * ${field}`).dayOfWeek).toEqual({ ...noWeekday, days })
  })

  it.each([
    ['2L', { ...noWeekday, last: [1] }],
    ['friL', { ...noWeekday, last: [5] }],
    ['2#1', { ...noWeekday, nth: [{ day: 1, n: 1 }] }],
    ['SUN#5,2', { ...noWeekday, days: [1], nth: [{ day: 0, n: 5 }] }],
    ['6#3,2#2,6#1,2#2', { ...noWeekday, nth: [{ day: 1, n: 2 }, { day: 5, n: 1 }, { day: 5, n: 3 }] }], // prettier-ignore
  ])('days of the week %s in a month', (field, rule) => {
    expect(strict(`0 0 0 ? * ${field}`).dayOfWeek).toEqual(rule)
  })

  it.each([
    ['L', { ...noDay, last: true }],
    ['lw', { ...noDay, lastWeekday: true }],
    ['20W', { ...noDay, nearestWeekdays: [20] }],
    ['2W,16', { ...noDay, days: [16], nearestWeekdays: [2] }],
    ['28-2', { ...noDay, days: [1, 2, 28, 29, 30, 31] }],
    ['1/7', { ...noDay, days: [1, 8, 15, 22, 29] }],
  ])('days of the month %s', (field, rule) => {
    expect(strict(`0 0 0 ${field} * ?`).dayOfMonth).toEqual(rule)
  })
})

describe('the extended dialect', () => {
  it('takes lists, ranges and steps in seconds and minutes', () => {
    const cron = extended('0/20 5,10-12 * * * ?')
    expect(cron.seconds).toEqual([0, 20, 40])
    expect(cron.minutes).toEqual([5, 10, 11, 12])
  })

  it.each(['* *', '? ?', '* ?', '? *'])('days %s are every day', (fields) => {
    const [month, week] = fields.split(' ')
    expect(extended(`0 0 0 ${month} * ${week}`)).toMatchObject({ dayOfMonth: null, dayOfWeek: null })
  })

  it.each([
    ['1,15 * MON', true],
    ['*/2 * MON', false],
    ['1,15 * */2', false],
    ['* * MON', false],
    ['1 * ?', false],
  ])('one of the days %s is enough: %s', (days, either) => {
    expect(extended(`0 0 0 ${days}`).eitherDay).toBe(either)
    expect(extended(`0 0 ${days}`).eitherDay).toBe(either)
  })

  it('counts days of the week from Sunday as 1 with six fields, and as 0 and 7 with five', () => {
    const days = (text: string): readonly number[] | undefined => extended(text).dayOfWeek?.days
    expect(days('0 0 0 * * 2')).toEqual([1])
    expect(days('0 0 * * 2')).toEqual([2])
    expect(days('0 0 * * 0')).toEqual([0])
    expect(days('0 0 * * 7')).toEqual([0])
    expect(days('0 0 * * 5-7')).toEqual([0, 5, 6])
    expect(days('0 0 * * 6-1')).toEqual([0, 1, 6])
    expect(days('0 0 * * 7-2')).toEqual([0, 1, 2])
    expect(days('0 0 * * FRI-SUN')).toEqual([0, 5, 6])
    expect(days('0 0 * * 0-7')).toEqual(upTo(0, 6))
    expect(days('0 0 * * */2')).toEqual([0, 2, 4, 6])
    // A step ends with the week: it does not reach Sunday as 7.
    expect(days('0 0 * * 1/6')).toEqual([1])
  })

  it('reads five fields from minutes on', () => {
    expect(extended('*/15 9-11 1 jan *')).toMatchObject({
      seconds: [0],
      minutes: [0, 15, 30, 45],
      hours: [9, 10, 11],
      months: [1],
      years: null,
    })
  })

  it('reads whatever the Salesforce dialect reads, and alike', () => {
    for (const text of ['0 0 2 ? * 6L', '0 0 0 LW * ? 2027', '0 0 14-6 ? * FRI-MON', '0 0 0/120 ? * 2-6'])
      expect({ ...extended(text), mode: 'salesforce' }).toEqual(strict(text))
  })
})

describe('refusals', () => {
  it.each([
    [
      '0 0/15 * * * ? *',
      'minutes',
      '0/15',
      'the Salesforce dialect takes one whole number from 0 to 59 here',
    ],
    ['*/5 0 * * * ?', 'seconds', '*/5', 'the Salesforce dialect takes one whole number from 0 to 59 here'],
    ['0 60 * * * ?', 'minutes', '60', 'values are whole numbers from 0 to 59'],
    ['0 0 24 * * ?', 'hours', '24', 'values are whole numbers from 0 to 23'],
    ['0 0 012 * * ?', 'hours', '012', 'values are whole numbers from 0 to 23'],
    ['0 0 /2 * * ?', 'hours', '/2', 'a step has * or a value before the / and a number after it'],
    ['0 0 2/ * * ?', 'hours', '2/', 'a step has * or a value before the / and a number after it'],
    ['0 0 2/0 * * ?', 'hours', '2/0', 'a step is a whole number from 1 to 9999'],
    ['0 0 1,,2 * * ?', 'hours', '1,,2', 'a list has a value on both sides of each comma'],
    ['0 0 ? * * ?', 'hours', '?', '? stands only in day of month or day of week, by itself'],
    ['0 0 *-5 * * ?', 'hours', '*-5', expect.stringMatching(/^values are whole numbers from 0 to 23, \*/)],
    ['0 0 0 0 * ?', 'day of month', '0', 'values are whole numbers from 1 to 31'],
    ['0 0 0 32W * ?', 'day of month', '32', 'values are whole numbers from 1 to 31'],
    ['0 0 0 1-15W * ?', 'day of month', '1-15W', 'W follows one day, or L'],
    ['0 0 0 W * ?', 'day of month', 'W', 'W follows one day, or L'],
    ['0 0 0 1,L * ?', 'day of month', '1,L', 'L stands alone, without list, range, step or offset'],
    ['0 0 0 L-3 * ?', 'day of month', 'L-3', 'L stands alone, without list, range, step or offset'],
    [
      '0 0 0 ? * SAT,SUN,L',
      'day of week',
      'SAT,SUN,L',
      'L stands alone, without list, range, step or offset',
    ],
    ['0 0 0 ? * 2-6L', 'day of week', '2-6L', 'L stands alone, without list, range, step or offset'],
    ['0 0 0 ? * 2L,3L', 'day of week', '2L,3L', 'L stands alone, without list, range, step or offset'],
    [
      '0 0 0 ? * 2#6',
      'day of week',
      '2#6',
      '# is followed by 1 to 5, which of these days of the month it is',
    ],
    [
      '0 0 0 ? * 2#0',
      'day of week',
      '2#0',
      '# is followed by 1 to 5, which of these days of the month it is',
    ],
    ['0 0 0 ? * 2#', 'day of week', '2#', '# is followed by 1 to 5, which of these days of the month it is'],
    ['0 0 0 ? * 0', 'day of week', '0', 'values are whole numbers from 1 to 7, or SUN to SAT'],
    ['0 0 0 ? * FUN', 'day of week', 'FUN', 'values are whole numbers from 1 to 7, or SUN to SAT'],
    ['0 0 0 1 13 ?', 'month', '13', 'values are whole numbers from 1 to 12, or JAN to DEC'],
    ['0 0 0 1 1 ? 1969', 'year', '1969', 'values are whole numbers from 1970 to 2099'],
    ['0 0 0 1 1 ? 2100', 'year', '2100', 'values are whole numbers from 1970 to 2099'],
    ['0 0 0 1 1 ? 2030-2020', 'year', '2030-2020', 'a range of years goes from the earlier to the later one'],
    [
      '0 0 0 1 * 2',
      'day of month and day of week',
      '1 2',
      'exactly one of day of month and day of week is ?',
    ],
    [
      '0 0 0 * * *',
      'day of month and day of week',
      '* *',
      'exactly one of day of month and day of week is ?',
    ],
    [
      '0 0 0 ? * ?',
      'day of month and day of week',
      '? ?',
      'exactly one of day of month and day of week is ?',
    ],
  ])('%s: %s %s', (text, field, value, rule: unknown) => {
    const error = refusal(text)
    expect(error.code).toBe('MILL_CRON_INVALID')
    expect(error.data).toEqual({
      field,
      value,
      rule,
      instead: expect.stringMatching(/^[A-Z].*[^.]$/) as unknown,
    })
    expect(error.message).toBe(
      `Cron expression "${text}", ${field} "${value}": ${String(error.data['rule'])}. ${String(error.data['instead'])}.`,
    )
  })

  it.each([
    ['0/60 * * * * *', 'seconds', '0/60', 'a step is a whole number from 1 to 59'],
    ['0/120 * * * *', 'minutes', '0/120', 'a step is a whole number from 1 to 59'],
    ['0 0 L * *', 'day of month', 'L', 'five-field cron has no L, W and #'],
    ['0 0 15W * *', 'day of month', '15W', 'five-field cron has no L, W and #'],
    ['0 0 * * 2#1', 'day of week', '2#1', 'five-field cron has no L, W and #'],
    ['0 0 * * 8', 'day of week', '8', 'values are whole numbers from 0 to 7, or SUN to SAT'],
  ])('extended %s: %s %s', (text, field, value, rule) => {
    expect(refusal(text, 'extended').data).toMatchObject({ field, value, rule })
  })

  it('say what to write instead', () => {
    const instead = (text: string): unknown => refusal(text).data['instead']
    expect(instead('0 0/15 * * * ? *')).toMatch(/'extended' dialect/)
    expect(instead('0 30 * * * *')).toBe('Write "0 30 * * * ?"')
    expect(instead('0 0 * * * MON')).toBe('Write "0 0 * ? * MON"')
    expect(instead('0 0 * ? * ?')).toBe('Write "0 0 * * * ?" for every day')
    expect(instead('0 0 9 1 * MON')).toBe('Write two schedules, "0 0 9 1 * ?" and "0 0 9 ? * MON"')
    expect(instead('0 0 24 * * ?')).toBe('Midnight is 0')
    expect(instead('0 0 0 ? * 0')).toBe('Sunday is 1 or SUN')
    expect(instead('0 0 0 ? * TUE#7')).toBe('Write TUE#5, or TUEL for the last one')
    expect(instead('0 2 * * *')).toMatch(/^Write the seconds first, or use the 'extended' dialect/)
  })

  it.each(['', ' ', '0 0', '0 0 0 1 1 ? 2027 5'])('not so many fields: "%s"', (text) => {
    for (const mode of ['salesforce', 'extended'] as const)
      expect(refusal(text, mode).data).toMatchObject({ field: 'expression', rule: expect.stringMatching(/6 or 7 fields/) as unknown }) // prettier-ignore
  })

  it.each([undefined, null, 5, {}, ['0 0 2 * * ?']])('no text: %s', (value) => {
    expect(refusal(value).data).toMatchObject({ field: 'expression', value: null, rule: 'it is a text' })
  })

  it('is bounded: a long text is not looked at', () => {
    expect(parseCron(`0 0 0 ${'1,'.repeat(121)}1 * ?`, 'salesforce').dayOfMonth?.days).toEqual([1])
    const error = refusal('0 0 0 1,'.padEnd(1_000_000, '1,'))
    expect(error.data['rule']).toBe('it has at most 255 characters, here are 1000000')
    expect(error.message.length).toBeLessThan(400)
    expect(String(error.data['value'])).toHaveLength(255)
  })
})
