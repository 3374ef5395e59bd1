import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { packIds, unpackIds } from './packed-ids.ts'

const uuid = fc.uuid()
const like = fc.oneof(
  uuid,
  uuid.map((one) => one.toUpperCase()),
  uuid.map((one) => one.replaceAll('-', '')),
  uuid.map((one) => ` ${one.slice(1)}`),
  uuid.map((one) => `${one.slice(0, 35)}\n`),
  fc.string({ unit: 'grapheme' }),
  fc.maxSafeInteger(),
)

test('ids come back as they were', () => {
  const check = (ids: readonly (string | number)[]): void => {
    expect(unpackIds(packIds(ids))).toEqual(ids)
  }
  fc.assert(fc.property(fc.array(like, { maxLength: 50 }), check), { numRuns: 1_000 })
  fc.assert(fc.property(fc.array(uuid, { maxLength: 50 }), check), { numRuns: 200 })
})

test('uuids take 16 bytes each', () => {
  const ids = fc.sample(uuid, 1_000)
  expect(packIds(ids)).toHaveLength(16_000)
  expect(unpackIds(packIds(ids))).toEqual(ids)
})
