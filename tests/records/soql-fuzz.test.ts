import fc from 'fast-check'
import { beforeEach, afterAll, beforeAll, expect, it } from 'vitest'
import { isMillraceError, type ErrorCode } from '../../packages/millrace/src/kernel/rules/errors.ts'
import type { Query } from '../../packages/millrace/src/records/query/query.ts'
import { formatSoql } from '../../packages/millrace/src/records/soql/test-support/format.ts'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { soqlTemplate } from '../../packages/millrace/src/records/soql/template.ts'
import { compile, type Compiled } from '../../packages/millrace/src/records/sql/compile.ts'
import { sqliteBench, type Bench } from './databases.ts'
import { markerOf, schema } from './fixture.ts'
import { world } from './fixture-data.ts'
import { anyText, anyValue, hostileQuery, mark } from './fuzz/texts.ts'
import { access, callerOf } from './run.ts'

/** How many queries; 100,000 by command: see CONTRIBUTING.md. */
const runs = Number(process.env['MILLRACE_FUZZ_RUNS'] ?? 2_000)
const timeout = 60_000 + runs * 30
const caller = callerOf({ user: 'u1' })

const ofText: readonly ErrorCode[] = ['MILL_SOQL_SYNTAX', 'MILL_SOQL_UNSUPPORTED']
const ofCompiler: readonly ErrorCode[] = [
  ...(['MILL_SOQL_UNSUPPORTED', 'MILL_QUERY_INVALID', 'MILL_OBJECT_UNKNOWN', 'MILL_FIELD_UNKNOWN'] as const),
  ...(['MILL_BIND_MISSING', 'MILL_ACCESS_DENIED', 'MILL_TEXT_UNSTORABLE'] as const),
]

/** What comes out, or undefined when it was refused by one of the codes; anything else fails the test. */
function attempt<T>(make: () => T, codes: readonly ErrorCode[]): T | undefined {
  try {
    return make()
  } catch (error) {
    if (isMillraceError(error) && codes.includes(error.code)) return undefined
    throw error
  }
}

let bench: Bench
let ran = 0

beforeAll(() => {
  bench = sqliteBench(world)
})
afterAll(() => bench.close())

/** Both statements keep every value out of their text, and what SQLite answers holds nothing of another tenant. */
async function check(query: Query, value: unknown): Promise<void> {
  const binds = new Proxy(
    {},
    {
      get: () => value,
      has: () => true,
      getOwnPropertyDescriptor: () => ({ value, configurable: true, enumerable: true }),
    },
  )
  const compileOn = (kind: 'sqlite' | 'postgres'): Compiled | undefined =>
    attempt(() => compile(query, { kind, schema, caller, access, binds }), ofCompiler)
  const [sqlite, postgres] = [compileOn('sqlite'), compileOn('postgres')]
  for (const { statement } of [sqlite, postgres].filter((one) => one !== undefined)) {
    expect(statement.segments).toHaveLength(statement.params.length + 1)
    expect(statement.segments.join('')).not.toContain(mark)
  }
  if (sqlite === undefined) return
  ran++
  const rows = await bench.query(sqlite.statement)
  const answer = JSON.stringify(rows.map((row) => sqlite.shape(row)))
  expect(answer).not.toContain(JSON.stringify(markerOf('globex')).slice(1, -1))
}

it(
  `${runs} texts: read or refused with a code, never a value in a statement, nothing of another tenant`,
  { timeout },
  async () => {
    await fc.assert(
      fc.asyncProperty(anyText, anyValue, async (text, value) => {
        const query = attempt(() => parseSoql(text), ofText)
        if (query === undefined) return
        expect(parseSoql(formatSoql(query))).toEqual(query)
        await check(query, value)
      }),
      { numRuns: runs },
    )
    expect(ran / runs).toBeGreaterThan(0.1)
  },
)

beforeEach(() => {
  ran = 0
})

it('trees with values of any kind, as templates and the builder make them', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(hostileQuery, anyValue, (query, value) => check(query, value)),
    { numRuns: Math.ceil(runs / 4) },
  )
  expect(ran).toBeGreaterThan(0)
})

/** Two values stand where they may, with more or less of a mess around. */
const template = fc
  .tuple(
    fc.constantFrom('SELECT Id FROM Account WHERE Name = ', 'SELECT Id FROM Contact WHERE LastName LIKE '),
    fc.oneof(fc.constantFrom(' OR Id = ', ' AND Id IN ', ' AND Id != '), anyText),
    fc.constantFrom('', ' ORDER BY Id', ' LIMIT 5', " AND Name != 'x", ' -- '),
  )
  .map((segments) => segments as readonly string[])

it('templates: whatever stands around the values', { timeout }, async () => {
  let read = 0
  await fc.assert(
    fc.asyncProperty(template, anyValue, anyValue, async (segments, first, second) => {
      const query = attempt(() => soqlTemplate(segments, [first, second]), [...ofText, 'MILL_QUERY_INVALID'])
      if (query === undefined) return
      read++
      await check(query, first)
    }),
    { numRuns: runs },
  )
  expect(read / runs).toBeGreaterThan(0.05)
  expect(ran).toBeGreaterThan(0)
})
