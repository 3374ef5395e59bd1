import fc from 'fast-check'
import type { ObjectInfo } from '../../../packages/millrace/src/records/object/schema.ts'
import type {
  Condition,
  Operand,
  Ordering,
  Query,
  Scalar,
  Selected,
} from '../../../packages/millrace/src/records/query/query.ts'
import { schema } from '../fixture.ts'
import { dateFunctions } from '../oracle/time.ts'
import { anyCondition } from './condition.ts'
import { ofType, reachable, type Reachable } from './operands.ts'

/** Queries over the fixture, of bounded size: of records, and of groups. */
export const anyQuery: fc.Arbitrary<Query> = fc
  .constantFrom(...schema.objects)
  .chain((object) =>
    fc.oneof(
      { weight: 3, arbitrary: recordQuery(object) },
      { weight: 2, arbitrary: groupQuery(object) },
      { weight: 1, arbitrary: countQuery(object) },
    ),
  )

const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 1): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq })

/** Without what is undefined. */
const query = (parts: { readonly [Key in keyof Query]: Query[Key] | undefined }): Query =>
  Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as unknown as Query

const number = (least: number, most: number): fc.Arbitrary<Scalar> =>
  fc.integer({ min: least, max: most }).map((value) => ({ kind: 'number', value }))

const where = (object: ObjectInfo): fc.Arbitrary<Condition | undefined> => maybe(anyCondition(object, 3), 4)

function ordering(by: Operand): fc.Arbitrary<Ordering> {
  return fc
    .tuple(fc.boolean(), fc.constantFrom('first' as const, 'last' as const))
    .map(([descending, nulls]) => ({ by, descending, nulls }))
}

const sortable = (object: ObjectInfo): readonly Reachable[] =>
  reachable(object).filter(({ field }) => !['json', 'multipicklist'].includes(field.type))

const orderBy = (object: ObjectInfo): fc.Arbitrary<readonly Ordering[]> =>
  fc.array(
    fc.constantFrom(...sortable(object)).chain(({ operand }) => ordering(operand)),
    { maxLength: 3 },
  )

function fieldsOf(object: ObjectInfo): fc.Arbitrary<readonly Selected[]> {
  return fc
    .uniqueArray(fc.constantFrom(...reachable(object)), {
      ...{ minLength: 1, maxLength: 5, selector: ({ path }: Reachable) => path.join('.') },
    })
    .map((some) => some.map(({ path }) => ({ kind: 'field', path }) as const))
}

function recordQuery(object: ObjectInfo): fc.Arbitrary<Query> {
  const children = () =>
    fc.uniqueArray(childrenOf(object), {
      ...{ maxLength: 2, selector: (one: Selected) => (one.kind === 'children' ? one.relationship : '') },
    })
  const parts = {
    ...{ from: fc.constant(object.name), fields: fieldsOf(object), where: where(object) },
    children: object.children.length === 0 ? fc.constant([]) : children(),
    ...{ orderBy: orderBy(object), limit: maybe(number(0, 40)), offset: maybe(number(0, 20), 2) },
    ...{ allRows: fc.boolean() },
  }
  return fc.record(parts).map(({ fields, children, allRows, orderBy, ...rest }) =>
    query({
      ...rest,
      select: [...fields, ...children],
      orderBy: orderBy.length === 0 ? undefined : orderBy,
      allRows: allRows || undefined,
    }),
  )
}

/** With an order that leaves nothing open, or with neither order nor limit. */
function childrenOf(object: ObjectInfo): fc.Arbitrary<Selected> {
  return fc.constantFrom(...object.children).chain(({ name, object: from }) => {
    const child = schema.object(from)
    const total = {
      by: { kind: 'field', path: [child.idField.name] },
      descending: false,
      nulls: 'first',
    } as const
    return fc
      .record({
        ...{ fields: fieldsOf(child), where: maybe(anyCondition(child, 1)), limit: maybe(number(0, 3)) },
        ...{ order: orderBy(child), ordered: fc.boolean() },
      })
      .map(({ fields, where, limit, order, ordered }) => {
        const { from: _, ...inner } = query({
          ...{ from, select: fields, where },
          orderBy: ordered ? [...order, total] : undefined,
          limit: ordered ? limit : undefined,
        })
        return { kind: 'children', relationship: name, query: inner } as const
      })
  })
}

const countQuery = (object: ObjectInfo): fc.Arbitrary<Query> =>
  fc
    .record({ where: where(object), limit: maybe(number(0, 30)), allRows: fc.boolean() })
    .map(({ where, limit, allRows }) =>
      query({ from: object.name, select: [{ kind: 'count' }], where, limit, allRows: allRows || undefined }),
    )

const groupable = ['text', 'picklist', 'reference', 'boolean', 'date', 'integer', 'currency', 'id']

function groupQuery(object: ObjectInfo): fc.Arbitrary<Query> {
  const grouping = fc.constantFrom('plain' as const, 'rollup' as const, 'cube' as const)
  return fc
    .tuple(fc.uniqueArray(keyOf(object), { maxLength: 3, selector: JSON.stringify }), grouping)
    .chain(([by, kind]) => {
      const calls = fc.array(aggregateOf(object), {
        minLength: by.length === 0 ? 1 : 0,
        maxLength: 3,
      })
      return fc
        .record({
          ...{ calls, where: where(object), allRows: fc.boolean() },
          having: by.length === 0 ? fc.constant(undefined) : maybe(havingOf(object)),
          order:
            by.length === 0
              ? fc.constant([])
              : fc.array(fc.constantFrom(...by, countId(object)).chain(ordering), { maxLength: 3 }),
          limit: by.length === 0 ? fc.constant(undefined) : maybe(number(1, 20), 3),
        })
        .map(({ calls, where, having, order, limit, allRows }) => {
          const plain = kind === 'plain' || by.some((one) => one.kind === 'call')
          return query({
            ...{ from: object.name, where, having, limit, allRows: allRows || undefined },
            select: [...by, ...calls].map((one, at) => ({ ...one, alias: `x${at}` })),
            groupBy: by.length === 0 ? undefined : { kind: plain ? 'plain' : kind, by },
            orderBy: order.length === 0 ? undefined : order,
          })
        })
    })
}

function keyOf(object: ObjectInfo): fc.Arbitrary<Operand> {
  const fields = reachable(object).filter(({ field }) => groupable.includes(field.type) && !field.numeric)
  const days = ofType(object, 'date', 'datetime')
  const plain = fc.constantFrom(...fields).map(({ operand }) => operand)
  if (days.length === 0) return plain
  return fc.oneof(
    { weight: 3, arbitrary: plain },
    { weight: 1, arbitrary: fc.constantFrom(...days).chain(partOf) },
  )
}

function partOf({ operand, field }: Reachable): fc.Arbitrary<Operand> {
  const isInstant = field.type === 'datetime'
  const names = dateFunctions.filter((name) => isInstant || !['DAY_ONLY', 'HOUR_IN_DAY'].includes(name))
  return fc.tuple(fc.constantFrom(...names), fc.boolean()).map(([name, zoned]): Operand => {
    const inner: Operand =
      zoned && isInstant ? { kind: 'call', call: { name: 'CONVERTTIMEZONE', args: [operand] } } : operand
    return { kind: 'call', call: { name, args: [inner] } }
  })
}

const countId = (object: ObjectInfo): Operand => ({
  kind: 'call',
  call: { name: 'COUNT', args: [{ kind: 'field', path: [object.idField.name] }] },
})

function aggregateOf(object: ObjectInfo): fc.Arbitrary<Operand> {
  const call = (names: readonly string[], fields: readonly Reachable[]): readonly fc.Arbitrary<Operand>[] =>
    fields.length === 0
      ? []
      : [
          fc
            .tuple(fc.constantFrom(...names), fc.constantFrom(...fields))
            .map(([name, { operand }]): Operand => ({ kind: 'call', call: { name, args: [operand] } })),
        ]
  return fc.oneof(
    fc.constant(countId(object)),
    ...call(['COUNT', 'COUNT_DISTINCT'], ofType(object, 'text', 'picklist', 'date', 'currency', 'reference')),
    ...call(['SUM', 'AVG', 'MIN', 'MAX'], ofType(object, 'number', 'integer', 'currency')),
    ...call(['MIN', 'MAX'], ofType(object, 'text', 'date', 'datetime', 'picklist')),
  )
}

/** Bounds of sums stand where no sum of the fixture comes near. */
function havingOf(object: ObjectInfo): fc.Arbitrary<Condition> {
  const counts = fc
    .tuple(fc.constantFrom('>' as const, '<=' as const, '=' as const, '!=' as const), number(1, 6))
    .map(([op, right]): Condition => ({ kind: 'compare', left: countId(object), op, right }))
  const amounts = ofType(object, 'currency')
  if (amounts.length === 0) return counts
  const sums = fc
    .tuple(
      fc.constantFrom(...amounts),
      fc.constantFrom('SUM', 'MAX', 'AVG'),
      fc.constantFrom('>' as const, '<' as const),
    )
    .map(([{ operand }, name, op]): Condition => ({
      ...{ kind: 'compare', left: { kind: 'call', call: { name, args: [operand] } }, op },
      right: { kind: 'number', value: 1234.567 },
    }))
  return fc.oneof(
    counts,
    sums,
    fc.tuple(counts, sums).map(([a, b]): Condition => ({ kind: 'or', of: [a, { kind: 'not', of: b }] })),
  )
}
