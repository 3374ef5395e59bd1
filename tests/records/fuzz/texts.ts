import fc from 'fast-check'
import type { Query } from '../../../packages/millrace/src/records/query/query.ts'
import { formatSoql } from '../../../packages/millrace/src/records/soql/test-support/format.ts'
import { anyQuery as anyTree } from '../../../packages/millrace/src/records/soql/test-support/any-query.ts'
import { markerOf } from '../fixture.ts'
import { anyQuery } from '../random/query.ts'
import { seeds } from './seeds.ts'

/** Stands in every text that somebody could choose, and in no name or word: it may come up in parameters alone. */
export const mark = '⌘'

const hostile = [
  `${mark}' OR Id != '`,
  `${mark}'; drop table accounts; --`,
  `${mark}") union select name from secrets --`,
  `${mark}\\`,
  `${mark}%_\\%`,
  `${mark}\u0000\ud800`,
  `${mark}$1 ? :a \${b} {{c}}`,
  `${mark}${markerOf('globex')}`,
]
/** What a bind or a `\${}` may be, of any type and of none. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...hostile),
  fc.array(fc.constantFrom<unknown>(...hostile), { maxLength: 3 }),
  fc.constantFrom<unknown>(
    null,
    undefined,
    true,
    0,
    -1,
    10,
    1e300,
    Number.NaN,
    5n,
    new Date(0),
    new Date(Number.NaN),
  ),
  fc.anything({ maxDepth: 2 }),
)

const chosen: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string().map((text) => mark + text),
)

/** The tree with texts that somebody chose; some of its literals become values. */
export const hostileQuery: fc.Arbitrary<Query> = fc
  .tuple(
    fc.oneof({ weight: 4, arbitrary: anyQuery }, anyTree),
    fc.infiniteStream(fc.tuple(fc.nat(9), chosen, anyValue)),
  )
  .map(([query, stream]) => changed(query, stream) as Query)

function changed(node: unknown, stream: Iterator<[number, string, unknown]>): unknown {
  if (typeof node !== 'object' || node === null) return node
  if (Array.isArray(node)) return node.map((child: unknown) => changed(child, stream))
  if ('kind' in node && 'value' in node) {
    const [dice, text, value] = (stream.next() as IteratorYieldResult<[number, string, unknown]>).value
    if (dice === 0) return { kind: 'value', value }
    if (node.kind === 'text' && dice < 4) return { kind: 'text', value: text }
    return node
  }
  return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, changed(child, stream)]))
}

function textOf(query: Query): string {
  try {
    return formatSoql(query)
  } catch {
    // Some values have no text.
    return 'SELECT Id FROM Account'
  }
}

const fragments = [
  ...[
    "'",
    "\\'",
    '"',
    '`',
    ';',
    '--',
    '/*',
    '*/',
    '//',
    '(',
    ')',
    '((',
    ',',
    ':',
    '::',
    '.',
    '..',
    '\0',
    '\u2028',
    '💥',
  ],
  ...[
    'SELECT',
    'FROM',
    'WHERE',
    'AND',
    'OR',
    'NOT',
    'IN',
    'NOT IN',
    'LIKE',
    'NULLS LAST',
    'LIMIT',
    'OFFSET',
    'END',
  ],
  ...[
    'GROUP BY',
    'ORDER BY',
    'HAVING',
    'TYPEOF',
    'COUNT()',
    'COUNT(',
    'ALL ROWS',
    'FOR UPDATE',
    'WITH USER_MODE',
  ],
  ...[
    'USING SCOPE mine',
    'FIELDS(ALL)',
    'TODAY',
    'LAST_N_DAYS:7',
    'NULL',
    'TRUE',
    '-1',
    '1e999',
    '2026-02-30',
    'USD5',
  ],
  ...[
    'Id',
    'Name',
    'Owner.Name',
    'Secret',
    'Folder',
    'Tenant__c',
    'About.Name',
    "'globex'",
    ':a',
    ':b.c',
    ':(',
    ':new Set<Id>{',
  ],
  ...[
    'UNION SELECT name FROM secrets',
    'FROM secrets',
    'sqlite_master',
    'pg_catalog.pg_user',
    'rowid',
    'Account.Id',
  ],
  ...hostile.map((text) => `'${text}'`),
]

/** A seed with a few places cut out, doubled, or filled with something else. */
const mutated: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(fc.constantFrom(...seeds), hostileQuery.map(textOf)),
    fc.array(
      fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(12), fc.constantFrom('', ...fragments)),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
  )
  .map(([seed, cuts]) =>
    cuts.reduce((text, [where, length, filling]) => {
      const at = Math.floor(where * text.length)
      return `${text.slice(0, at)}${filling === '' ? '' : ` ${filling} `}${text.slice(at + length)}`
    }, seed),
  )

const soup: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...fragments), fc.string({ maxLength: 5 })), { maxLength: 30 })
  .map((words) => words.join(' '))

/** Made by the grammar, changed from one that was, or nothing of the kind. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: hostileQuery.map(textOf) },
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: soup },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
)
