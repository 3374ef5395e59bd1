import type { Call, Comparison, Condition, Operand, Ordering, Query, Scalar } from '../../query/query.ts'

type Field = Extract<Operand, { kind: 'field' }>
type CallOperand = Extract<Operand, { kind: 'call' }>

export const f = (path: string): Field => ({ kind: 'field', path: path.split('.') })
export const call = (name: string, ...args: Call['args']): CallOperand => ({
  kind: 'call',
  call: { name, args },
})
export const operand = (given: string | Operand): Operand => (typeof given === 'string' ? f(given) : given)

/** Of a JavaScript value; scalars as they are. */
export function scalar(value: unknown): Scalar {
  if (typeof value === 'object' && value !== null && 'kind' in value) return value as Scalar
  if (value === null) return { kind: 'null' }
  if (typeof value === 'string') return { kind: 'text', value }
  if (typeof value === 'number') return { kind: 'number', value }
  if (typeof value === 'boolean') return { kind: 'boolean', value }
  return { kind: 'value', value }
}
export const day = (value: string): Scalar => ({ kind: 'date', value })
export const time = (value: string): Scalar => ({ kind: 'datetime', value })
export const bind = (name: string): Scalar => ({ kind: 'bind', name })
export const js = (value: unknown): Scalar => ({ kind: 'value', value })
export const dateLiteral = (name: string, n?: number): Scalar => ({
  kind: 'dateLiteral',
  name,
  ...(n === undefined ? {} : { n }),
})

export const is = (left: string | Operand, op: Comparison, right: unknown): Condition => ({
  kind: 'compare',
  left: operand(left),
  op,
  right: scalar(right),
})
export const like = (left: string | Operand, pattern: unknown): Condition => ({
  kind: 'like',
  left: operand(left),
  pattern: scalar(pattern),
})
export const isIn = (left: string | Operand, ...values: readonly unknown[]): Condition => ({
  kind: 'in',
  left: operand(left),
  negated: false,
  values: values.map(scalar),
})
export const notIn = (left: string | Operand, ...values: readonly unknown[]): Condition => ({
  ...(isIn(left, ...values) as Extract<Condition, { kind: 'in' }>),
  negated: true,
})
export const inQuery = (left: string, query: Query, negated = false): Condition => ({
  kind: 'inQuery',
  left: f(left),
  negated,
  query,
})
export const includes = (left: string, values: readonly unknown[], negated = false): Condition => ({
  kind: 'includes',
  left: f(left),
  negated,
  values: values.map(scalar),
})
export const not = (of: Condition): Condition => ({ kind: 'not', of })
export const and = (...of: readonly Condition[]): Condition => ({ kind: 'and', of })
export const or = (...of: readonly Condition[]): Condition => ({ kind: 'or', of })

export const by = (
  given: string | Operand,
  descending = false,
  nulls: 'first' | 'last' = 'first',
): Ordering => ({
  by: operand(given),
  descending,
  nulls,
})

/** A query of some fields; ordered by Id unless said otherwise. */
export function from(
  object: string,
  select: readonly (string | Query['select'][number])[],
  more: Partial<Query> = {},
): Query {
  return { from: object, select: select.map((one) => (typeof one === 'string' ? f(one) : one)), ...more }
}
