import { expect, it } from 'vitest'
import { checkTimeZone, spanAt } from './zone.ts'

it.each([
  ['europe/BERLIN', 'Europe/Berlin'],
  ['UTC', 'UTC'],
  ['Asia/Kolkata', 'Asia/Kolkata'],
  ['America/Argentina/Buenos_Aires', 'America/Argentina/Buenos_Aires'],
])('%s is %s', (given, name) => {
  expect(checkTimeZone(given)).toBe(name)
})

it.each(['', 'Europe/Berlim', '+02:00', 'UTC+2', ' UTC', 'x'.repeat(1_000_000), 5, null])(
  '%.20s is none',
  (given) => {
    expect(() => checkTimeZone(given as string)).toThrow(
      expect.objectContaining({ code: 'MILL_TIME_ZONE_UNKNOWN' }) as Error,
    )
  },
)

it('the nearest one is told', () => {
  expect(() => checkTimeZone('Europe/Berlim')).toThrow('Did you mean Europe/Berlin?')
  expect(() => checkTimeZone('Europe/Berlim')).toThrow(
    expect.objectContaining({ data: { nearest: 'Europe/Berlin' } }) as Error,
  )
})

it('a span reaches from one change of clocks to the next', () => {
  const second = (text: string): number => Date.parse(text) / 1000
  const [from, to] = [second('2026-03-29T01:00Z'), second('2026-10-25T01:00Z')]
  const summer = { from, to, offset: 7200, before: 3600 }
  expect(spanAt('Europe/Berlin', from)).toEqual(summer)
  expect(spanAt('Europe/Berlin', to - 1)).toEqual(summer)
  expect(spanAt('Europe/Berlin', from - 1)).toMatchObject({ to: from, offset: 3600, before: 7200 })
  expect(spanAt('Europe/Berlin', to)).toMatchObject({ from: to, offset: 3600, before: 7200 })
})

it('a zone whose clocks were never changed is one span', () => {
  expect(spanAt('UTC', 0)).toEqual({ from: -Infinity, to: Infinity, offset: 0, before: 0 })
})
