import type { KnownConditions } from '../object/object.ts'
import type { FieldInfo } from '../object/schema.ts'
import type { Condition, Operand, Scalar } from '../query/query.ts'
import { literals, type Literal } from './literal.ts'
import type { Scope } from './scope.ts'

const dayMs = 86_400_000

type Compared = {
  readonly field: FieldInfo
  readonly op: '=' | '<' | '>'
  readonly values: readonly Literal[]
}

/**
 * What the conditions that all hold (joined by AND) say of the object's own fields. Never narrower than the query: what cannot be told is
 * left out, bounds of time are a day wider where days of a zone are meant.
 */
export function knownConditions(
  scope: Scope,
  where: Condition | undefined,
  uses: (field: string) => boolean,
): KnownConditions {
  const { createdAt } = scope.object.definition
  const all = where === undefined ? [] : conjuncts(where).flatMap((one) => compared(scope, one) ?? [])
  const bounds = all.filter(({ field }) => field.name === createdAt)
  const from = bounds.flatMap(({ op, values }) => (op === '<' ? [] : least(values)))
  const to = bounds.flatMap(({ op, values }) => (op === '>' ? [] : greatest(values)))
  return {
    uses,
    oneOf(name) {
      const found = all.find(({ field, op }) => field.name === name && op === '=')
      const values = found?.values.map((one) => (one.kind === 'value' ? one.value : undefined))
      return values?.includes(undefined) ? undefined : values
    },
    from: from.length === 0 ? undefined : Math.max(...from),
    to: to.length === 0 ? undefined : Math.min(...to),
  }
}

function conjuncts(condition: Condition): readonly Condition[] {
  return condition.kind === 'and' ? condition.of.flatMap(conjuncts) : [condition]
}

function compared(scope: Scope, condition: Condition): Compared | undefined {
  if (condition.kind === 'in')
    return condition.negated ? undefined : comparedField(scope, condition.left, '=', condition.values)
  if (condition.kind !== 'compare' || condition.op === '!=') return undefined
  const op = condition.op === '=' ? '=' : condition.op.startsWith('<') ? '<' : '>'
  return comparedField(scope, condition.left, op, [condition.right])
}

function comparedField(
  scope: Scope,
  left: Operand,
  op: Compared['op'],
  scalars: readonly Scalar[],
): Compared | undefined {
  const field = left.kind === 'field' ? scope.ownField(left.path) : undefined
  if (field === undefined) return undefined
  const expr = scope.field([field.name], 'filter')
  return { field, op, values: literals(scalars, expr, scope.statement.env) }
}

/** Nothing where a value is no time. */
function least(values: readonly Literal[]): number[] {
  const times = values.map((one) => timeOf(one, 'from'))
  return times.includes(undefined) || times.length === 0 ? [] : [Math.min(...(times as number[]))]
}

function greatest(values: readonly Literal[]): number[] {
  const times = values.map((one) => timeOf(one, 'to'))
  return times.includes(undefined) || times.length === 0 ? [] : [Math.max(...(times as number[]))]
}

function timeOf(literal: Literal, end: 'from' | 'to'): number | undefined {
  if (literal.kind === 'days') return Date.parse(literal.days[end]) + (end === 'from' ? -dayMs : dayMs)
  return literal.kind === 'value' && literal.value instanceof Date ? literal.value.getTime() : undefined
}
