import { describe, expect, test } from 'vitest'
import { boolean, date, datetime, id, integerId, json, multipicklist, number, text } from '../object/field.ts'
import { decode, encode } from './values.ts'

const at = new Date('2026-11-24T15:04:05.678Z')

describe('values of fields', () => {
  test.each([
    [text(), 'sqlite', 'Ä', 'Ä'],
    [number(), 'postgres', 1.5, 1.5],
    [boolean(), 'sqlite', true, 1],
    [boolean(), 'postgres', true, true],
    [date(), 'postgres', '2026-11-24', '2026-11-24'],
    [datetime(), 'sqlite', at, '2026-11-24T15:04:05.678Z'],
    [datetime({ storedAs: 'epochMs' }), 'sqlite', at, at.getTime()],
    [multipicklist(['a', 'b']), 'sqlite', ['a', 'b'], 'a;b'],
    [json(), 'sqlite', { a: [1] }, '{"a":[1]}'],
    [integerId(), 'sqlite', 7, 7],
  ] as const)('%o on %s: %o and back', (field, kind, value, stored) => {
    expect(encode(field, value, kind)).toEqual(stored)
    const given = field.type === 'json' ? JSON.stringify(value) : stored
    expect(decode(field, given, field.type === 'json' ? 'sqlite' : kind)).toEqual(value)
  })
  test('whole seconds are cut', () => {
    const field = datetime({ storedAs: 'epochSeconds' })
    expect(encode(field, at, 'sqlite')).toBe(Math.floor(at.getTime() / 1000))
    expect(decode(field, '1795532645', 'postgres')).toEqual(new Date(1_795_532_645_000))
  })
  test('come out of what a driver or JSON makes of them', () => {
    expect(decode(number(), '12.50', 'postgres')).toBe(12.5)
    expect(decode(date(), new Date(2026, 0, 2), 'postgres')).toBe('2026-01-02')
    expect(decode(date(), '2026-01-02 00:00:00', 'postgres')).toBe('2026-01-02')
    expect(decode(datetime(), '2026-11-24T16:04:05.678+01:00', 'postgres')).toEqual(at)
    expect(decode(id(), 5, 'sqlite')).toBe('5')
    expect(decode(integerId(), '5', 'postgres')).toBe(5)
    expect(decode(json(), 'text', 'postgres')).toBe('text')
    expect(decode(boolean(), 0, 'sqlite')).toBe(false)
  })
  test('are null alike, also where nothing is chosen', () => {
    expect(encode(text(), undefined, 'sqlite')).toBeNull()
    expect(encode(multipicklist(['a']), [], 'postgres')).toBeNull()
    expect(decode(json(), null, 'sqlite')).toBeNull()
  })
})
