import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MillraceError } from '../../packages/millrace/src/kernel/rules/errors.ts'
import { id, text } from '../../packages/millrace/src/records/object/field.ts'
import { defineObject } from '../../packages/millrace/src/records/object/define-object.ts'
import { Schema } from '../../packages/millrace/src/records/object/schema.ts'
import type { Condition, Query, Scalar } from '../../packages/millrace/src/records/query/query.ts'
import { compile } from '../../packages/millrace/src/records/sql/compile.ts'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { soqlTemplate } from '../../packages/millrace/src/records/soql/template.ts'
import { difference } from './compare.ts'
import { benches, type Bench } from './databases.ts'
import { world } from './fixture-data.ts'
import { schema } from './fixture.ts'
import { evaluate } from './oracle/oracle.ts'
import { anyQuery } from './random/query.ts'
import { access, callerOf, run } from './run.ts'

/** Texts that would be SQL, in every place where a query takes something from outside. */
const attacks = [
  ...["'", "''", "' or '1'='1", "'; drop table accounts; --", "\\'; drop table accounts; --", "') or 1=1 --"],
  ...[
    '"',
    '"; drop table accounts; --',
    '`',
    '];--',
    '/*',
    '*/',
    '--',
    ';',
    '$1',
    '$0',
    '?',
    '?1',
    ':a',
    '@a',
  ],
  ...[
    '%',
    '_',
    '\\',
    '\\\\',
    '\\%',
    "E'\\047'",
    '$$',
    '$tag$',
    "x'41'",
    '{{1}}',
    '${1}',
    'null',
    'NaN',
    '\u2019',
  ],
  ...["' union select name, tenant from secrets --", '\ud83d\ude80', '\u02bc or 1=1', '0x27'],
]

let databases: readonly Bench[] = []
beforeAll(async () => {
  databases = await benches(world)
})
/** Nothing was lost on the way. */
afterAll(async () => {
  for (const bench of databases) {
    for (const { name } of schema.objects.filter(({ definition }) => definition.tenant === undefined)) {
      const query: Query = { from: name, select: [{ kind: 'count' }], allRows: true }
      expect(await run(bench, query, callerOf({}))).toEqual([world.rows[name]?.length])
    }
    await bench.close()
  }
})

const name = { kind: 'field', path: ['Name'] } as const
const places: Readonly<Record<string, (value: Scalar) => Condition>> = {
  '=': (right) => ({ kind: 'compare', left: name, op: '=', right }),
  '!=': (right) => ({ kind: 'compare', left: name, op: '!=', right }),
  '<': (right) => ({ kind: 'compare', left: name, op: '<', right }),
  LIKE: (pattern) => ({ kind: 'like', left: name, pattern }),
  IN: (value) => ({
    kind: 'in',
    left: name,
    negated: false,
    values: [value, { kind: 'text', value: 'acme' }],
  }),
  'NOT IN': (value) => ({ kind: 'in', left: name, negated: true, values: [value] }),
  id: (right) => ({ kind: 'compare', left: { kind: 'field', path: ['Id'] }, op: '=', right }),
  parent: (right) => ({ kind: 'compare', left: { kind: 'field', path: ['Owner', 'Name'] }, op: '!=', right }),
  picklist: (right) => ({ kind: 'compare', left: { kind: 'field', path: ['Industry'] }, op: '=', right }),
  label: (right) => ({
    ...({ kind: 'compare', op: '=', right } as const),
    left: { kind: 'call', call: { name: 'TOLABEL', args: [{ kind: 'field', path: ['Industry'] }] } },
  }),
  INCLUDES: (value) => ({
    ...({ kind: 'includes', negated: false, values: [value] } as const),
    left: { kind: 'field', path: ['Tags__c'] },
  }),
  subquery: (right) => ({
    ...({ kind: 'inQuery', left: { kind: 'field', path: ['Id'] }, negated: true } as const),
    query: {
      ...{ from: 'Contact', select: [{ kind: 'field', path: ['AccountId'] }] },
      where: { kind: 'compare', left: { kind: 'field', path: ['LastName'] }, op: '=', right },
    },
  }),
}

describe.each(Object.entries(places))('a value at %s', (_, place) => {
  it.each(attacks)('%s is a value and nothing else', async (value) => {
    const forms: readonly Scalar[] = [
      { kind: 'text', value },
      { kind: 'bind', name: 'given' },
      { kind: 'value', value },
    ]
    const binds = { given: value }
    for (const form of forms) {
      const query: Query = { from: 'Account', select: [{ kind: 'field', path: ['Id'] }], where: place(form) }
      const answer = evaluate(query, { world, caller: callerOf({}), binds })
      for (const bench of databases)
        expect(difference(answer, await run(bench, query, callerOf({}), binds)), bench.kind).toBeUndefined()
    }
  })
})

describe('names', () => {
  const selecting = (path: readonly string[]): Query => ({
    from: 'Account',
    select: [{ kind: 'field', path }],
  })
  const named: Readonly<Record<string, (given: string) => Query>> = {
    field: (given) => selecting([given]),
    parent: (given) => selecting([given, 'Name']),
    'parent field': (given) => selecting(['Owner', given]),
    object: (given) => ({ ...selecting(['Id']), from: given }),
    children: (given) => ({
      from: 'Account',
      select: [{ kind: 'children', relationship: given, query: { select: [name] } }],
    }),
    'order by': (given) => ({
      ...selecting(['Id']),
      orderBy: [{ by: { kind: 'field', path: [given] }, descending: false, nulls: 'first' }],
    }),
    'group by': (given) => ({
      ...selecting([given]),
      groupBy: { kind: 'plain', by: [{ kind: 'field', path: [given] }] },
    }),
    function: (given) => ({
      from: 'Account',
      select: [{ kind: 'call', call: { name: given, args: [name] }, alias: 'x' }],
    }),
    'date literal': (given) => ({
      ...selecting(['Id']),
      where: {
        ...({ kind: 'compare', op: '=', right: { kind: 'dateLiteral', name: given } } as const),
        left: { kind: 'field', path: ['CreatedDate'] },
      },
    }),
    date: (given) => ({
      ...selecting(['Id']),
      where: {
        ...({ kind: 'compare', op: '=', right: { kind: 'date', value: given } } as const),
        left: { kind: 'field', path: ['Founded__c'] },
      },
    }),
    datetime: (given) => ({
      ...selecting(['Id']),
      where: {
        ...({ kind: 'compare', op: '=', right: { kind: 'datetime', value: given } } as const),
        left: { kind: 'field', path: ['CreatedDate'] },
      },
    }),
    bind: (given) => ({
      ...selecting(['Id']),
      where: places['=']?.({ kind: 'bind', name: given }) ?? never(),
    }),
    limit: (given) => ({ ...selecting(['Id']), limit: { kind: 'value', value: given } }),
    offset: (given) => ({ ...selecting(['Id']), offset: { kind: 'value', value: given } }),
    typeof: (given) => ({
      from: 'Task',
      select: [
        {
          ...({ kind: 'typeof', relationship: ['What'], otherwise: [] } as const),
          when: [{ object: given, fields: [['Id']] }],
        },
      ],
    }),
  }
  const bad = attacks.filter((attack) => attack !== 'null')

  it.each(Object.entries(named))('of a %s that are SQL are refused by code', (_, make) => {
    for (const attack of [...bad, 'constructor', '__proto__', 'toString', '']) {
      for (const kind of ['sqlite', 'postgres'] as const) {
        const refused = () => compile(make(attack), { kind, schema, access, caller: callerOf({}) })
        expect(refused, attack).toThrow(MillraceError)
      }
    }
  })

  it('as aliases are names of the answer, or refused', async () => {
    let answered = 0
    for (const alias of [...bad, '__proto__', 'a"b', 'x, (select 1) as y']) {
      const query: Query = {
        from: 'Account',
        select: [{ kind: 'call', call: { name: 'COUNT', args: [{ kind: 'field', path: ['Id'] }] }, alias }],
      }
      for (const bench of databases) {
        const rows = await run(bench, query, callerOf({})).catch((error: unknown) => {
          if (error instanceof MillraceError) return []
          throw error
        })
        for (const row of rows) expect(Object.entries(row as object)).toEqual([[alias, 90]])
        answered += rows.length
      }
    }
    expect(answered).toBeGreaterThan(0)
  })

  it('of columns and tables are quoted, whatever they are', async () => {
    const odd = defineObject({
      name: 'Odd',
      table: 'accounts',
      fields: { Id: id({ column: 'id' }), Name: text({ column: 'na"me\' --' }) },
    })
    const query = parseSoql("SELECT Id, Name FROM Odd WHERE Name = 'a' ORDER BY Name")
    for (const bench of databases) {
      const compiled = compile(query, {
        kind: bench.kind,
        schema: new Schema([odd]),
        access,
        caller: callerOf({}),
      })
      // There is no such column, and that is all the database has to say.
      const asked = Promise.resolve().then(() => bench.query(compiled.statement))
      await expect(asked).rejects.toThrow(/na"me' --/)
    }
  })
})

describe('values of JavaScript', () => {
  const odd: readonly unknown[] = [
    ...[{}, { a: 1 }, [[]], () => 1, Symbol('s'), NaN, Infinity, -Infinity, 2n ** 70n, new Date(NaN), /a/],
    ...[
      new Map(),
      { toString: () => "' or 1=1" },
      { kind: 'text', value: 'x' },
      new String('x'),
      undefined,
      true,
      5,
    ],
  ]
  const fields = [
    'Name',
    'AnnualRevenue',
    'NumberOfEmployees',
    'Active__c',
    'Founded__c',
    'CreatedDate',
    'OwnerId',
  ]

  it('of the wrong kind are refused by code, or find what they should', async () => {
    for (const value of odd) {
      for (const path of fields) {
        for (const given of [value, [value]]) {
          const query: Query = {
            ...{ from: 'Account', select: [{ kind: 'field', path: ['Id'] }] },
            where: {
              ...({ kind: 'in', negated: false, values: [{ kind: 'value', value: given }] } as const),
              left: { kind: 'field', path: [path] },
            },
          }
          for (const bench of databases) {
            const rows = await run(bench, query, callerOf({})).catch((error: unknown) => {
              expect(error, `${path} ${bench.kind}`).toBeInstanceOf(MillraceError)
              return []
            })
            if (typeof value === 'object') expect(rows).toEqual([])
          }
        }
      }
    }
  })

  it('of a text with NUL are refused by code', async () => {
    const query = soqlTemplate(['SELECT Id FROM Account WHERE Name = ', ''], ['a\0b'])
    for (const bench of databases)
      await expect(Promise.resolve().then(() => run(bench, query, callerOf({})))).rejects.toBeInstanceOf(
        MillraceError,
      )
  })

  it('in templates never become text', async () => {
    for (const value of attacks) {
      const query = soqlTemplate(
        ['SELECT Id FROM Account WHERE Name = ', ' OR Description LIKE ', ''],
        [value, value],
      )
      const answer = evaluate(query, { world, caller: callerOf({}) })
      for (const bench of databases)
        expect(difference(answer, await run(bench, query, callerOf({})))).toBeUndefined()
    }
  })
})

it('statements hold names of the schema and words of SQL; all values are parameters', () => {
  fc.assert(
    fc.property(anyQuery, (query) => {
      const marked = JSON.parse(JSON.stringify(query), (_, part: unknown) => mark(part)) as Query
      for (const kind of ['sqlite', 'postgres'] as const) {
        const { statement } = compile(marked, { kind, schema, access, caller: callerOf({}) })
        expect(statement.segments.join('')).not.toContain('marked')
        expect(statement.segments).toHaveLength(statement.params.length + 1)
      }
    }),
    { numRuns: 300, seed: 11, endOnFailure: true },
  )
})

/** A text of a query, made one that would be seen. */
function mark(part: unknown): unknown {
  const isText = typeof part === 'object' && part !== null && (part as Scalar).kind === 'text'
  return isText ? { kind: 'text', value: 'marked' } : part
}

function never(): never {
  throw new Error('no such place')
}
