import type { ObjectInfo, Schema } from '../object/schema.ts'
import { dayAfter, startOfDay } from '../query/date-range.ts'
import type { Comparison, Condition, Operand, Scalar } from '../query/query.ts'
import { findField } from './field-path.ts'
import { allOf, parseFilterLogic, type FilterLogic } from './filter-logic.ts'
import { readValues, isSearch, type ReadValue } from './filter-values.ts'
import { operatorsOf, type Filter, type FilterOperator } from './filter.ts'
import type { Issues } from './issues.ts'
import { join } from './shape.ts'

/** What filters are read under. */
export interface FilterContext {
  readonly schema: Schema
  /** IANA name: where days of instants begin. */
  readonly timeZone: string
  readonly issues: Issues
}

/** The filters of an object, put together by their logic; undefined when there are none or one is wrong, which is then an issue. */
export function filtersCondition(
  context: FilterContext,
  object: ObjectInfo,
  given: { readonly filters: readonly Filter[]; readonly filterLogic: string | undefined },
  path: string,
): Condition | undefined {
  const { filters, filterLogic } = given
  const conditions = filters.map((filter, at) =>
    filterCondition(context, object, filter, join(path, `filters[${at}]`)),
  )
  const logic = logicOf(context.issues, filterLogic, filters.length, join(path, 'filterLogic'))
  if (logic === undefined || conditions.includes(undefined)) return undefined
  return combine(logic, (number) => (conditions as readonly Condition[])[number - 1] ?? nothing)
}

function logicOf(
  issues: Issues,
  text: string | undefined,
  filters: number,
  path: string,
): FilterLogic | undefined {
  if (text === undefined) return allOf(filters)
  const { logic, problem } = parseFilterLogic(text, filters)
  if (problem !== undefined) issues.add(path, problem)
  return logic
}

/** The logic names no filter that is not there. */
const nothing: Condition = { kind: 'or', of: [] }

function combine(logic: FilterLogic, filter: (number: number) => Condition): Condition {
  switch (logic.kind) {
    case 'filter':
      return filter(logic.number)
    case 'not':
      return { kind: 'not', of: combine(logic.of, filter) }
    default:
      return { kind: logic.kind, of: logic.of.map((one) => combine(one, filter)) }
  }
}

function filterCondition(
  { schema, timeZone, issues }: FilterContext,
  object: ObjectInfo,
  { field: text, operator, value }: Filter,
  path: string,
): Condition | undefined {
  const found = findField(schema, object, text)
  if ('problem' in found) {
    issues.add(join(path, 'field'), found.problem)
    return undefined
  }
  const { field } = found
  const operators = operatorsOf[field.type]
  if (!operators.includes(operator)) {
    const there = operators.length === 0 ? 'it cannot be filtered' : `it has ${operators.join(', ')}`
    issues.add(
      join(path, 'operator'),
      `${operator} is not for ${field.name}, which is of type ${field.type}; ${there}`,
    )
    return undefined
  }
  const values = readValues(field, operator, value)
  const problem = 'problem' in values ? values.problem : misfit(operator, values)
  if (problem !== undefined) {
    issues.add(join(path, 'value'), problem)
    return undefined
  }
  return conditionOf({ kind: 'field', path: found.path }, operator, values as readonly ReadValue[], timeZone)
}

/** What an operator cannot be given. */
function misfit(operator: FilterOperator, values: readonly ReadValue[]): string | undefined {
  if (operator === 'equals' || operator === 'notEqual') return undefined
  if (values.some(({ kind }) => kind === 'null'))
    return `must be given: ${operator} compares with a value (for none there are equals and notEqual)`
  const takesSeveral = isSearch(operator) || operator === 'includes' || operator === 'excludes'
  return takesSeveral || values.length === 1
    ? undefined
    : `has ${values.length} values; ${operator} takes one`
}

const comparisons: Partial<Record<FilterOperator, Comparison>> = {
  equals: '=',
  notEqual: '!=',
  lessThan: '<',
  lessOrEqual: '<=',
  greaterThan: '>',
  greaterOrEqual: '>=',
}

function conditionOf(
  left: Operand,
  operator: FilterOperator,
  values: readonly ReadValue[],
  timeZone: string,
): Condition {
  const op = comparisons[operator]
  if (op !== undefined) {
    // None of several: not the first, and not the second; also for records without a value.
    return joined(op === '!=' ? 'and' : 'or', withLists(left, op, values, timeZone))
  }
  const scalars = values as readonly Scalar[]
  if (operator === 'includes' || operator === 'excludes')
    return { kind: 'includes', left, negated: operator === 'excludes', values: scalars }
  const any = joined(
    'or',
    scalars.map((scalar) => ({ kind: 'like', left, pattern: patternOf(operator, scalar) })),
  )
  return operator === 'notContain' ? { kind: 'not', of: any } : any
}

function withLists(
  left: Operand,
  op: Comparison,
  values: readonly ReadValue[],
  timeZone: string,
): readonly Condition[] {
  const isPlain = ({ kind }: ReadValue): boolean =>
    kind !== 'null' && kind !== 'day' && kind !== 'dateLiteral'
  const plain = values.filter(isPlain) as readonly Scalar[]
  if (op !== '=' || plain.length < 2) return values.map((value) => compared(left, op, value, timeZone))
  const rest = values.filter((value) => !isPlain(value)).map((value) => compared(left, op, value, timeZone))
  return [{ kind: 'in', left, negated: false, values: plain }, ...rest]
}

function compared(left: Operand, op: Comparison, value: ReadValue, timeZone: string): Condition {
  if (value.kind !== 'day') return { kind: 'compare', left, op, right: value }
  const instant = (day: string): Scalar => ({
    kind: 'datetime',
    value: new Date(startOfDay(day, timeZone)).toISOString(),
  })
  const [begin, end] = [instant(value.value), instant(dayAfter(value.value))]
  const compare = (comparison: Comparison, right: Scalar): Condition => ({
    kind: 'compare',
    left,
    op: comparison,
    right,
  })
  switch (op) {
    case '=':
      return { kind: 'and', of: [compare('>=', begin), compare('<', end)] }
    case '!=':
      return { kind: 'or', of: [compare('<', begin), compare('>=', end), compare('=', { kind: 'null' })] }
    case '<':
      return compare('<', begin)
    case '<=':
      return compare('<', end)
    case '>':
      return compare('>=', end)
    default:
      return compare('>=', begin)
  }
}

/** What is searched for stands for itself, also `%` and `_`. */
function patternOf(operator: FilterOperator, scalar: Scalar): Scalar {
  const text = String((scalar as { readonly value: unknown }).value).replace(/[\\%_]/g, '\\$&')
  return { kind: 'text', value: `${operator === 'startsWith' ? '' : '%'}${text}%` }
}

export function joined(kind: 'and' | 'or', of: readonly Condition[]): Condition {
  const [only, other] = of
  return only !== undefined && other === undefined ? only : { kind, of }
}

/** Days from and to, both included, or a relative date, of a date or datetime field. */
export function rangeCondition(
  left: Operand,
  type: 'date' | 'datetime',
  range: Scalar | { readonly from: string | undefined; readonly to: string | undefined },
  timeZone: string,
): Condition | undefined {
  if ('kind' in range) return { kind: 'compare', left, op: '=', right: range }
  const valueOf = (day: string): ReadValue => ({ kind: type === 'date' ? 'date' : 'day', value: day })
  const of = [
    ...(range.from === undefined ? [] : [compared(left, '>=', valueOf(range.from), timeZone)]),
    ...(range.to === undefined ? [] : [compared(left, '<=', valueOf(range.to), timeZone)]),
  ]
  return of.length === 0 ? undefined : joined('and', of)
}
