import { expect, test } from 'vitest'
import type { Query } from '../query/query.ts'
import { decodeQuery, encodeQuery } from './stored-query.ts'

const field = (name: string) => ({ kind: 'field', path: [name] }) as const
const query: Query = {
  from: 'Account',
  select: [field('Id')],
  where: {
    kind: 'and',
    of: [
      { kind: 'compare', left: field('A'), op: '>', right: { kind: 'value', value: new Date(5) } },
      { kind: 'compare', left: field('B'), op: '=', right: { kind: 'value', value: 2n ** 60n } },
      {
        kind: 'in',
        left: field('C'),
        negated: false,
        values: [{ kind: 'value', value: [new Date(6), null, 'x', 1.5] }],
      },
      { kind: 'in', left: field('D'), negated: false, values: [{ kind: 'bind', name: 'ids' }] },
      { kind: 'compare', left: field('E'), op: '=', right: { kind: 'bind', name: 'account.Id' } },
      { kind: 'compare', left: field('F'), op: '=', right: { kind: 'value', value: '$date' } },
    ],
  },
}

test('a query and its values come back as they were, with the binds that it names', () => {
  const binds = { ids: new Set([1, 2]), account: { Id: 'a1', At: new Date(7) }, other: 'secret' }
  const text = encodeQuery(query, binds)
  const { other: _, ...named } = binds
  expect(decodeQuery(text)).toEqual({ query, binds: named })
  expect(text).not.toContain('secret')
})

test('what is stored is JSON, also of what was stored before', () => {
  const { query: again, binds } = decodeQuery(encodeQuery(query))
  expect(binds).toEqual({})
  expect(encodeQuery(again, binds)).toBe(encodeQuery(query))
})
