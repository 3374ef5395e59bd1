import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Query } from '../query/query.ts'
import { formatSoql } from './test-support/format.ts'
import { parseSoql } from './parse.ts'
import { anyQuery } from './test-support/any-query.ts'

it('writes one line that is read as the same query', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(anyQuery, (query) => {
      expect(parseSoql(formatSoql(query))).toEqual(query)
    }),
    { numRuns: 300 },
  )
})

it('writes what people would', () => {
  const text =
    "SELECT Id, Owner.Name n, (SELECT Id FROM Contacts LIMIT 5) FROM Account a WHERE Name = 'O\\'Brien' AND (Age > 5 OR (NOT Id IN :ids)) WITH USER_MODE ORDER BY Name DESC NULLS LAST LIMIT :n ALL ROWS"
  expect(formatSoql(parseSoql(text))).toBe(text)
})

it('makes values literals, and refuses those that are none', () => {
  const withValue = (value: unknown): Query => ({
    from: 'A',
    select: [{ kind: 'count' }],
    where: {
      kind: 'in',
      left: { kind: 'field', path: ['B'] },
      negated: false,
      values: [{ kind: 'value', value }],
    },
  })
  expect(formatSoql(withValue(["a'", 1, null, true, new Date(0)]))).toBe(
    String.raw`SELECT COUNT() FROM A WHERE B IN ('a\'', 1, NULL, TRUE, 1970-01-01T00:00:00.000Z)`,
  )
  for (const value of [[], {}, Number.NaN, undefined])
    expect(() => formatSoql(withValue(value))).toThrow(
      expect.objectContaining({ code: 'MILL_SOQL_UNSUPPORTED' }),
    )
})

it('leaves out the backslashes of a pattern that say nothing', () => {
  const like = (value: string): string =>
    formatSoql({
      from: 'A',
      select: [{ kind: 'count' }],
      where: { kind: 'like', left: { kind: 'field', path: ['B'] }, pattern: { kind: 'text', value } },
    })
  expect(like(String.raw`\a\%'\'` + '\\')).toBe(String.raw`SELECT COUNT() FROM A WHERE B LIKE 'a\%\'\'\\'`)
})
