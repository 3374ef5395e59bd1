import { expect, test } from 'vitest'
import { demandTimeZone } from './time-zone.ts'

const demand = (...given: Parameters<typeof demandTimeZone>): void => demandTimeZone(...given)

test.each(['UTC', 'Europe/Berlin', 'europe/BERLIN', 'Asia/Kolkata', 'Etc/GMT+2'])('%s is one', (zone) => {
  expect(() => demand(zone)).not.toThrow()
})

test.each(['', '+02:00', 'UTC+2', ' UTC', 'Europe/Berlim', 'x'.repeat(1_000_000), 5, null, undefined])(
  '%.20s is none',
  (zone) => {
    expect(() => demand(zone)).toThrow(expect.objectContaining({ code: 'MILL_TIME_ZONE_UNKNOWN' }) as Error)
  },
)

test('says where, and the nearest name', () => {
  const bad = (): void => demand('Europe/Berlim', 'config records.timeZone', 'MILL_CONFIG_INVALID')
  expect(bad).toThrow(
    'config records.timeZone: there is no time zone "Europe/Berlim". Did you mean Europe/Berlin?',
  )
  expect(bad).toThrow(
    expect.objectContaining({ code: 'MILL_CONFIG_INVALID', data: { nearest: 'Europe/Berlin' } }) as Error,
  )
})
