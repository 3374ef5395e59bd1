import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareReleases } from './release.ts'

const ascending = [
  '0.9.9',
  '1.0.0-alpha',
  '1.0.0-alpha.1',
  '1.0.0-alpha.beta',
  '1.0.0-beta',
  '1.0.0-beta.2',
  '1.0.0-beta.11',
  '1.0.0-rc.1',
  '1.0.0',
  '1.2.3',
  '1.10.0',
  '2.0.0',
]

test('the order of Semantic Versioning', () => {
  const indexes = fc.integer({ min: 0, max: ascending.length - 1 })
  fc.assert(
    fc.property(indexes, indexes, (a, b) => {
      expect(Math.sign(compareReleases(ascending[a]!, ascending[b]!))).toBe(Math.sign(a - b))
    }),
    { numRuns: 1000 },
  )
})

test('build data does not count', () => {
  expect(compareReleases('1.2.3+a', '1.2.3+b')).toBe(0)
})

test.each(['1.2', 'v1.2.3', '', '1.2.3.4'])('%j is no release', (text) => {
  expect(() => compareReleases(text, '1.0.0')).toThrow(expect.objectContaining({ code: 'MILL_INTERNAL' }))
})
