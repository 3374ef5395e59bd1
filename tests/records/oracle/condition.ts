import type {
  Comparison,
  Condition,
  Operand,
  Scalar,
} from '../../../packages/millrace/src/records/query/query.ts'
import { compareText, fold, like } from './text.ts'
import { daysOf, localDay, startOfDay, textOf } from './time.ts'
import { kindOf, valueOf, zoneOf, type Kind } from './value.ts'
import type { OracleEnv, Rec, Scope } from './world.ts'

/**
 * Conditions are true or false, never unknown: a record without a value is not equal to one, not less and not greater, not LIKE
 * anything, so `!=`, NOT IN, EXCLUDES and NOT are true for it ("Comparison Operators", "Logical Operators", "Use null in WHERE").
 * An empty text is null; a null in a boolean field is false.
 */
export interface Evaluation {
  readonly scope: Scope
  /** The value of an operand in what is judged: a record, or a group of records in HAVING. */
  value(operand: Operand): unknown
  /** Values of a semi-join's one field. */
  subquery(query: Extract<Condition, { kind: 'inQuery' }>['query']): readonly unknown[]
}

export function holds(condition: Condition, by: Evaluation): boolean {
  const { env } = by.scope
  switch (condition.kind) {
    case 'and':
      return condition.of.every((one) => holds(one, by))
    case 'or':
      return condition.of.some((one) => holds(one, by))
    case 'not':
      return !holds(condition.of, by)
    case 'compare':
      return compares(by.value(condition.left), kindOf(condition.left, by.scope), condition, env)
    case 'like': {
      const kind = kindOf(condition.left, by.scope)
      const patterns = [scalarValue(condition.pattern, env)].flat()
      return patterns.some((pattern) => isLike(by.value(condition.left), pattern, kind))
    }
    case 'in': {
      const kind = kindOf(condition.left, by.scope)
      const value = by.value(condition.left)
      const among = condition.values
        .flatMap((one) => scalarValue(one, env))
        .some((wanted) => relates(value, '=', wanted, kind))
      return among !== condition.negated
    }
    case 'inQuery': {
      const kind = kindOf(condition.left, by.scope)
      const value = by.value(condition.left)
      const found = by.subquery(condition.query)
      const among = !isNull(value) && found.some((one) => !isNull(one) && relates(value, '=', one, kind))
      return among !== condition.negated
    }
    case 'includes': {
      const value = by.value(condition.left)
      const has = (Array.isArray(value) ? value : []).map((one) => fold(String(one)))
      const any = condition.values
        .flatMap((one) => scalarValue(one, env))
        .some((all) =>
          String(all)
            .split(';')
            .every((one) => has.includes(fold(one.trim()))),
        )
      return any !== condition.negated
    }
  }
}

export const recordEvaluation = (scope: Scope, rec: Rec, subquery: Evaluation['subquery']): Evaluation => ({
  scope,
  value: (operand) => valueOf(operand, scope, rec),
  subquery,
})

export const isNull = (value: unknown): boolean => value === null || value === undefined || value === ''

export function scalarValue(scalar: Scalar, { binds }: Pick<OracleEnv, 'binds'>): unknown {
  switch (scalar.kind) {
    case 'null':
      return null
    case 'bind':
      if (binds === undefined || !Object.hasOwn(binds, scalar.name)) throw new Error(`no bind ${scalar.name}`)
      return binds[scalar.name]
    case 'datetime':
      return new Date(scalar.value)
    case 'dateLiteral':
      return scalar
    default:
      return scalar.value
  }
}

function compares(
  value: unknown,
  kind: Kind,
  { op, right }: Extract<Condition, { kind: 'compare' }>,
  env: OracleEnv,
): boolean {
  if (right.kind === 'dateLiteral') return withinDays(value, kind, op, right, env)
  return relates(value, op, scalarValue(right, env), kind)
}

/** A literal names days: `=` within them, `<` before the first, `>` after the last. */
function withinDays(
  value: unknown,
  kind: Kind,
  op: Comparison,
  literal: Extract<Scalar, { kind: 'dateLiteral' }>,
  env: OracleEnv,
): boolean {
  if (isNull(value)) return op === '!='
  const zone = zoneOf(env)
  const { from, until } = daysOf(literal, localDay(env.caller.now, zone))
  const [start, end, at] =
    kind.type === 'date'
      ? [textOf(from), textOf(until), String(value)]
      : [startOfDay(from, zone), startOfDay(until, zone), (value as Date).getTime()]
  switch (op) {
    case '=':
      return at >= start && at < end
    case '!=':
      return at < start || at >= end
    case '<':
      return at < start
    case '<=':
      return at < end
    case '>':
      return at >= end
    case '>=':
      return at >= start
  }
}

function relates(value: unknown, op: Comparison, wanted: unknown, kind: Kind): boolean {
  if (kind.type === 'boolean') {
    const same = (value === true) === (wanted === true)
    return op === '!=' ? !same : same
  }
  if (isNull(value) || isNull(wanted)) {
    const same = isNull(value) && isNull(wanted)
    return op === '=' ? same : op === '!=' ? !same : false
  }
  const order = compareValues(value, wanted, kind)
  switch (op) {
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}

/** Order of two values that are there, as comparisons see them. */
export function compareValues(a: unknown, b: unknown, kind: Kind): number {
  const [left, right] = [comparable(a, kind), comparable(b, kind)]
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right)
  return left < right ? -1 : left > right ? 1 : 0
}

function comparable(value: unknown, { type, caseSensitive }: Kind): string | number {
  if (Array.isArray(value)) return fold(value.join(';'))
  if (value instanceof Date) return type === 'date' ? value.toISOString().slice(0, 10) : value.getTime()
  if (typeof value === 'boolean') return value ? 1 : 0
  if (type === 'datetime' && typeof value === 'string') return Date.parse(value)
  if (typeof value === 'number') return value
  return caseSensitive ? String(value) : fold(String(value))
}

function isLike(value: unknown, pattern: unknown, { caseSensitive }: Kind): boolean {
  if (isNull(value) || isNull(pattern)) return false
  const [text, wanted] = [String(value), String(pattern)]
  return caseSensitive ? like(text, wanted) : like(fold(text), fold(wanted))
}
