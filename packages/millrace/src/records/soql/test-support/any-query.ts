import fc from 'fast-check'
import type {
  Call,
  Condition,
  GroupBy,
  Operand,
  Ordering,
  Path,
  Query,
  Scalar,
  Selected,
} from '../../query/query.ts'
import { aggregateFunctions, dateFunctions, dateLiterals, dateNLiterals } from '../words.ts'

/** Queries that text can tell, each as `parseSoql` would make it. */

/** Without what is undefined: the tree has no such fields. */
function present<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T
}
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined })
const few = <T>(arbitrary: fc.Arbitrary<T>, minLength = 1): fc.Arbitrary<T[]> =>
  fc.array(arbitrary, { minLength, maxLength: 3 })

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,8}$/).map((word) => `${word}__c`)
const path: fc.Arbitrary<Path> = few(name)
const field = path.map((one) => ({ kind: 'field', path: one }) as const)

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom("'", "' OR Id != '", '\\', '\n', '\u2028', '${x}', ':a', '/* */', '// '),
)
const day = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((at) => at.toISOString())
const bind: fc.Arbitrary<Scalar> = fc
  .oneof(
    path.map((one) => one.join('.')),
    fc.constantFrom('list[0].Id', "a+'b c'", 'new Set<Id>{a,b}', 'm.keySet()', '(a-1)'),
  )
  .map((one) => ({ kind: 'bind', name: one }))
const number: fc.Arbitrary<Scalar> = fc
  .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
  .map((value) => ({ kind: 'number', value: value === 0 ? 0 : value }))
const currency: fc.Arbitrary<Scalar> = fc.nat().map((cents) => ({
  kind: 'currency',
  code: 'EUR',
  value: cents / 100,
}))
const literal: fc.Arbitrary<Scalar> = fc.oneof(
  text.map((value) => ({ kind: 'text', value }) as const),
  number,
  currency,
  fc.boolean().map((value) => ({ kind: 'boolean', value }) as const),
  fc.constant({ kind: 'null' } as const),
  day.map((value) => ({ kind: 'date', value: value.slice(0, 10) }) as const),
  day.map((value) => ({ kind: 'datetime', value }) as const),
  fc.constantFrom(...dateLiterals).map((one) => ({ kind: 'dateLiteral', name: one }) as const),
  fc
    .tuple(fc.constantFrom(...dateNLiterals), fc.nat(9999))
    .map(([one, n]) => ({ kind: 'dateLiteral', name: one, n }) as const),
)
const scalar = fc.oneof({ weight: 4, arbitrary: literal }, bind)
const pattern: fc.Arbitrary<Scalar> = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom('%', '_', '\\%', '\\_', '\\\\', "'"), fc.stringMatching(/^[a-z ]{1,4}$/)))
    .map((parts) => ({ kind: 'text', value: parts.join('') }) as const),
  bind,
)
const call = (names: Iterable<string>): fc.Arbitrary<Call> =>
  fc.tuple(fc.constantFrom(...names), field).map(([one, arg]) => ({ name: one, args: [arg] }))
const asOperand = (one: Call): Operand => ({ kind: 'call', call: one })
const dateCall = call(dateFunctions)
const aggregate = call(aggregateFunctions)
const operand: fc.Arbitrary<Operand> = fc.oneof({ weight: 3, arbitrary: field }, dateCall.map(asOperand))

const compare = (left: fc.Arbitrary<Operand>): fc.Arbitrary<Condition> =>
  fc
    .tuple(left, fc.constantFrom('=', '!=', '<', '<=', '>', '>='), scalar)
    .map(([one, op, right]) => ({ kind: 'compare', left: one, op, right }) as const)

function conditions(leaf: fc.Arbitrary<Condition>): fc.Arbitrary<Condition> {
  return fc.letrec<{ node: Condition }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      fc
        .tuple(fc.constantFrom('and', 'or'), few(tie('node'), 2))
        .map(([kind, of]) => ({ kind, of }) as const),
      tie('node').map((of) => ({ kind: 'not', of }) as const),
    ),
  })).node
}

const simple: fc.Arbitrary<Condition> = fc.oneof(
  compare(operand),
  fc.tuple(operand, pattern).map(([left, one]) => ({ kind: 'like', left, pattern: one }) as const),
  fc
    .tuple(fc.constantFrom('in', 'includes'), operand, fc.boolean(), few(scalar))
    .map(([kind, left, negated, values]) => ({ kind, left, negated, values }) as const),
)

const calendar = fc.oneof(field, dateCall.map(asOperand))
const groupBy: fc.Arbitrary<GroupBy> = fc.oneof(
  few(calendar).map((by) => ({ kind: 'plain', by }) as const),
  fc.tuple(fc.constantFrom('rollup', 'cube'), few(field)).map(([kind, by]) => ({ kind, by }) as const),
)
const ordering: fc.Arbitrary<Ordering> = fc
  .tuple(fc.oneof(calendar, aggregate.map(asOperand)), fc.boolean(), fc.constantFrom('first', 'last'))
  .map(([by, descending, nulls]) => ({ by, descending, nulls }))
const count: fc.Arbitrary<Scalar> = fc.oneof(
  fc.nat(50_000).map((value) => ({ kind: 'number', value }) as const),
  bind,
)

const column: fc.Arbitrary<Selected> = fc.oneof(
  fc.tuple(path, maybe(name)).map(([one, alias]) => present({ kind: 'field', path: one, alias }) as Selected),
  fc
    .tuple(fc.oneof(aggregate, dateCall, call(['TOLABEL', 'FORMAT'])), maybe(name))
    .map(([one, alias]) => present({ kind: 'call', call: one, alias }) as Selected),
  fc
    .tuple(path, few(fc.record({ object: name, fields: few(path) })), fc.array(path, { maxLength: 2 }))
    .map(([relationship, when, otherwise]) => ({ kind: 'typeof', relationship, when, otherwise }) as const),
  fc.constantFrom('all', 'standard', 'custom').map((which) => ({ kind: 'fields', which }) as const),
)

type Inner = Omit<Query, 'from'>

function inner(
  select: fc.Arbitrary<readonly Selected[]>,
  leaf: fc.Arbitrary<Condition>,
): fc.Arbitrary<Inner> {
  return fc
    .record({
      alias: maybe(name),
      select,
      scope: maybe(fc.constantFrom('everything' as const, 'mine' as const)),
      where: maybe(conditions(leaf)),
      mode: maybe(fc.constantFrom('system' as const, 'user' as const, 'securityEnforced' as const)),
      groupBy: maybe(groupBy),
      having: maybe(conditions(compare(aggregate.map(asOperand)))),
      orderBy: maybe(few(ordering)),
      limit: maybe(count),
      offset: maybe(count),
      forUpdate: maybe(fc.constant(true)),
    })
    .map(
      (query) =>
        // HAVING needs GROUP BY.
        present(query.groupBy === undefined ? { ...query, having: undefined } : query) as Inner,
    )
}

const subquery: fc.Arbitrary<Query> = fc
  .tuple(name, inner(few(column), simple))
  .map(([from, rest]) => ({ from, ...rest }))
const semiJoin: fc.Arbitrary<Condition> = fc
  .tuple(field, fc.boolean(), subquery)
  .map(([left, negated, query]) => ({ kind: 'inQuery', left, negated, query }) as const)
const children: fc.Arbitrary<Selected> = fc
  .tuple(name, inner(few(column), simple))
  .map(([relationship, query]) => ({ kind: 'children', relationship, query }) as const)

export const anyQuery: fc.Arbitrary<Query> = fc
  .tuple(
    name,
    inner(
      fc.oneof(
        { weight: 5, arbitrary: few(fc.oneof({ weight: 4, arbitrary: column }, children)) },
        fc.constant([{ kind: 'count' } as const]),
      ),
      fc.oneof({ weight: 4, arbitrary: simple }, semiJoin),
    ),
    maybe(fc.constant(true)),
  )
  .map(([from, rest, allRows]) => present({ from, ...rest, allRows }) as Query)
