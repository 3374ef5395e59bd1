import fc from 'fast-check'
import type { ObjectInfo } from '../../../packages/millrace/src/records/object/schema.ts'
import type { Comparison, Condition, Query } from '../../../packages/millrace/src/records/query/query.ts'
import { schema } from '../fixture.ts'
import { ofType, reachable, type Reachable } from './operands.ts'
import { anyPattern, literal, valueFor } from './values.ts'

const none: fc.Arbitrary<{ readonly kind: 'null' }> = fc.constant({ kind: 'null' })
const equality = ['=', '!='] as const
const all = ['=', '!=', '<', '<=', '>', '>='] as const

/** A tree of conditions over one object, at most `depth` deep. */
export function anyCondition(object: ObjectInfo, depth: number): fc.Arbitrary<Condition> {
  const leaf = anyLeaf(object, depth)
  if (depth === 0) return leaf
  const inner = anyCondition(object, depth - 1)
  const several = fc.array(inner, { minLength: 2, maxLength: 3 })
  return fc.oneof(
    { weight: 4, arbitrary: leaf },
    { weight: 2, arbitrary: several.map((of): Condition => ({ kind: 'and', of })) },
    { weight: 2, arbitrary: several.map((of): Condition => ({ kind: 'or', of })) },
    { weight: 2, arbitrary: inner.map((of): Condition => ({ kind: 'not', of })) },
  )
}

function anyLeaf(object: ObjectInfo, depth: number): fc.Arbitrary<Condition> {
  const comparable = reachable(object).filter(({ field }) => field.type !== 'json')
  const kinds = [fc.constantFrom(...comparable).chain(comparing)]
  const texts = ofType(object, 'text', 'picklist')
  if (texts.length > 0) kinds.push(fc.constantFrom(...texts).chain(matching))
  const lists = ofType(object, 'multipicklist')
  if (lists.length > 0) kinds.push(fc.constantFrom(...lists).chain(including))
  const keys = ofType(object, 'id', 'reference').filter(({ field }) => !field.numeric)
  if (depth > 0 && keys.length > 0)
    kinds.push(fc.constantFrom(...keys).chain((key) => joining(key, depth - 1)))
  const days = ofType(object, 'date', 'datetime')
  if (days.length > 0) kinds.push(fc.constantFrom(...days).chain(dating))
  return fc.oneof(...kinds)
}

function comparing({ operand, field }: Reachable): fc.Arbitrary<Condition> {
  const ops: readonly Comparison[] = ['boolean', 'multipicklist'].includes(field.type) ? equality : all
  const value = valueFor(field)
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .tuple(fc.constantFrom(...ops), value)
        .map(([op, right]): Condition => ({ kind: 'compare', left: operand, op, right })),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(...equality)
        .chain((op) => none.map((right): Condition => ({ kind: 'compare', left: operand, op, right }))),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.array(fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: none }), {
            minLength: 1,
            maxLength: 4,
          }),
          fc.boolean(),
        )
        .map(([values, negated]): Condition => ({ kind: 'in', left: operand, negated, values })),
    },
  )
}

const matching = ({ operand }: Reachable): fc.Arbitrary<Condition> =>
  anyPattern.map((value) => ({ kind: 'like', left: operand, pattern: { kind: 'text', value } }))

const including = ({ operand }: Reachable): fc.Arbitrary<Condition> =>
  fc
    .tuple(
      fc.array(fc.constantFrom('Red', 'green', 'Red;Green', 'blue;X-Ray;red', 'no'), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.boolean(),
    )
    .map(([values, negated]) => ({
      ...({ kind: 'includes', left: operand, negated } as const),
      values: values.map((value) => ({ kind: 'text', value }) as const),
    }))

const dating = ({ operand }: Reachable): fc.Arbitrary<Condition> =>
  fc
    .tuple(fc.constantFrom(...all), literal())
    .map(([op, right]) => ({ kind: 'compare', left: operand, op, right }))

function joining({ operand }: Reachable, depth: number): fc.Arbitrary<Condition> {
  return fc.constantFrom(...schema.objects).chain((object) => {
    const keys = ofType(object, 'id', 'reference').filter(({ field }) => !field.numeric)
    if (keys.length === 0) return comparing(reachable(object)[0] as Reachable)
    return fc
      .tuple(
        fc.constantFrom(...keys),
        fc.option(anyCondition(object, depth), { nil: undefined }),
        fc.boolean(),
      )
      .map(([{ path }, where, negated]): Condition => {
        const query: Query = {
          ...{ from: object.name, select: [{ kind: 'field', path }] },
          ...(where === undefined ? {} : { where }),
        }
        return { kind: 'inQuery', left: operand, negated, query }
      })
  })
}
