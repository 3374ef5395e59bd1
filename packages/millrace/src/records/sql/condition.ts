import { sql } from 'kysely'
import { dayAfter, startOfDay, type DayRange } from '../query/date-range.ts'
import type { Comparison, Condition, Operand, Query } from '../query/query.ts'
import { ignoresCase, kindOf, type Expr } from './expr.ts'
import { matchesEmpty, parseLike } from './like.ts'
import { literal, literals, type Literal } from './literal.ts'
import { invalid, unsupported } from './refuse.ts'
import type { StatementContext } from './scope.ts'
import { all, some, type Sql } from './statement.ts'
import { encode } from './values.ts'

/**
 * Conditions of SOQL as SQL that is true or not; unknown counts as not true and is never under a NOT of SQL, because NOT is moved down
 * to the comparisons first. Rules (SOQL reference: "Use null in WHERE", "Comparison Operators", "null Values in Lookup Relationships"):
 *
 * - Null is a value: `!= 'x'`, NOT IN, EXCLUDES and every NOT include the rows that have null. `=` null finds them.
 * - `<`, `<=`, `>`, `>=` and LIKE are false where either side is null.
 * - Empty text is null; Salesforce stores it so, tables of an application may have both.
 * - A boolean that is null is false: `= null` is `= false`.
 * - A date literal is a range: `=` within, `<` before, `<=` before its end, `>` after, `>=` from its start.
 */
export interface ConditionContext {
  readonly statement: StatementContext
  /** Refuses what may not stand in this clause. */
  resolve(operand: Operand): Expr
  /** A semi-join or anti-join. */
  isInQuery(left: Operand, query: Query, negated: boolean): Sql
}

export function condition(at: ConditionContext, given: Condition): Sql {
  return compiled(at, given, false, 0)
}

/** Conditions within conditions; both databases and JavaScript's own stack can do more. */
const deepest = 200

function compiled(at: ConditionContext, given: Condition, negated: boolean, depth: number): Sql {
  if (depth > deepest) throw unsupported('a condition', `it is nested more than ${deepest} levels deep`)
  switch (given.kind) {
    case 'and':
    case 'or': {
      const parts = given.of.map((one) => compiled(at, one, negated, depth + 1))
      return (given.kind === 'and') !== negated ? all(parts) : some(parts)
    }
    case 'not':
      return compiled(at, given.of, !negated, depth + 1)
    case 'compare':
      return compare(at, given, negated)
    case 'like':
      return like(at, given, negated)
    case 'in':
      return isIn(at, given, given.negated !== negated)
    case 'inQuery':
      return at.isInQuery(given.left, given.query, given.negated !== negated)
    case 'includes':
      return includes(at, given, given.negated !== negated)
  }
}

type Of<K extends Condition['kind']> = Extract<Condition, { kind: K }>

const opposite: Readonly<Record<Comparison, Comparison>> = {
  '=': '!=',
  '!=': '=',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
}
const operators: Readonly<Record<Comparison, Sql>> = {
  '=': sql`=`,
  '!=': sql`<>`,
  '<': sql`<`,
  '<=': sql`<=`,
  '>': sql`>`,
  '>=': sql`>=`,
}
const isOrder = (op: Comparison): boolean => op !== '=' && op !== '!='

function compare(at: ConditionContext, { left, op, right }: Of<'compare'>, negated: boolean): Sql {
  const expr = comparable(at, left)
  const value = literal(right, expr, at.statement.env)
  if (kindOf(expr.field) === 'boolean') return compareBoolean(at, expr, op, value, negated)
  if (value.kind === 'null' || isEmptyText(expr, value)) {
    if (isOrder(op)) return negated ? sql`true` : sql`false`
    return isNull(expr, (op === '=') !== negated)
  }
  const actual = negated ? opposite[op] : op
  // Whether null belongs to the answer: it is different from each value, and neither above nor below it.
  const withNull = actual === '!=' || (isOrder(op) && negated)
  if (value.kind === 'days') return compareDays(at, expr, actual, value.days, withNull)
  return compareValue(at, expr, actual, value.value, withNull)
}

function compareValue(
  at: ConditionContext,
  expr: Expr,
  op: Comparison,
  value: string | number | boolean | Date,
  withNull: boolean,
): Sql {
  const compared = binary(at, expr, op, value)
  if (withNull) return orNull(expr, compared)
  const emptyIsBelow = kindOf(expr.field) === 'text' && (op === '<' || op === '<=')
  return emptyIsBelow ? all([compared, isNull(expr, false)]) : compared
}

/** Salesforce has no empty text. */
function isEmptyText(expr: Expr, value: Literal): boolean {
  return value.kind === 'value' && value.value === '' && kindOf(expr.field) === 'text'
}

/** True for null (and empty text) or by the condition. */
function orNull(expr: Expr, positive: Sql): Sql {
  return expr.notNull ? positive : some([positive, isNull(expr, true)])
}

function binary(
  at: ConditionContext,
  expr: Expr,
  op: Comparison,
  value: string | number | boolean | Date,
): Sql {
  const { dialect } = at.statement
  const days = daysOf(expr, value)
  if (days !== undefined) return within(at, days.of, op, days.range, days.zone)
  if (value instanceof Date) return compareInstant(at, expr, op, value.getTime())
  if (kindOf(expr.field) === 'text') {
    const text = String(value)
    if (op === '=') return dialect.textIs(expr, text)
    const [own, other] = foldedPair(at, expr, text)
    return sql`${own} ${operators[op]} ${other}`
  }
  return sql`${expr.sql} ${operators[op]} ${dialect.value(expr.field, value)}`
}

function foldedPair(at: ConditionContext, expr: Expr, text: string): [Sql, Sql] {
  const { dialect } = at.statement
  if (!ignoresCase(expr.field)) return [dialect.exact(expr.sql), sql`${text}`]
  return [expr.folded === true ? expr.sql : dialect.fold(expr.sql), sql`${text.toLowerCase()}`]
}

/** In whole seconds where the table has those: nothing is lost by rounding when the operator goes along. */
function compareInstant(at: ConditionContext, expr: Expr, op: Comparison, epochMs: number): Sql {
  const { dialect, env } = at.statement
  const bound = (instant: number): Sql =>
    sql`${expr.sql} ${operators[op]} ${dialect.value(expr.field, encode(expr.field, new Date(instant), env.kind))}`
  if (expr.field.storedAs !== 'epochSeconds' || epochMs % 1000 === 0) return bound(epochMs)
  if (op === '=') return sql`false`
  if (op === '!=') return sql`true`
  const up = op === '<' || op === '>='
  return bound((up ? Math.ceil(epochMs / 1000) : Math.floor(epochMs / 1000)) * 1000)
}

/** Of DAY_ONLY(…) and CALENDAR_YEAR(…): comparing them with a value is comparing the time with a range of days. */
function daysOf(
  { period }: Expr,
  value: unknown,
): { readonly of: Expr; readonly zone: string; readonly range: DayRange } | undefined {
  if (period === undefined) return undefined
  const { of, zone, unit } = period
  if (unit === 'day')
    return typeof value === 'string' && value < lastDay ? { of, zone, range: oneDay(value) } : undefined
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 9998) return undefined
  const year = (of_: number): string => `${String(of_).padStart(4, '0')}-01-01`
  return { of, zone, range: { from: year(value), to: year(value + 1) } }
}

/** Beyond it, no database has a day. */
const lastDay = '9999-12-31'
const oneDay = (day: string): DayRange => ({ from: day, to: dayAfter(day) })

function compareDays(
  at: ConditionContext,
  expr: Expr,
  op: Comparison,
  days: DayRange,
  withNull: boolean,
): Sql {
  const compared = within(at, expr, op, days, at.statement.env.caller.timeZone)
  return withNull ? orNull(expr, compared) : compared
}

/** Days of a date, or those that a datetime is in there. */
function within(at: ConditionContext, expr: Expr, op: Comparison, days: DayRange, zone: string): Sql {
  const edge = (comparison: Comparison, day: string): Sql =>
    kindOf(expr.field) === 'date'
      ? binary(at, expr, comparison, day)
      : compareInstant(at, expr, comparison, startOfDay(day, zone))
  switch (op) {
    case '=':
      return all([edge('>=', days.from), edge('<', days.to)])
    case '!=':
      return some([edge('<', days.from), edge('>=', days.to)])
    case '<':
      return edge('<', days.from)
    case '<=':
      return edge('<', days.to)
    case '>':
      return edge('>=', days.to)
    case '>=':
      return edge('>=', days.from)
  }
}

function compareBoolean(
  at: ConditionContext,
  expr: Expr,
  op: Comparison,
  value: Literal,
  negated: boolean,
): Sql {
  if (isOrder(op)) throw invalid(expr.name, `is a boolean and can only be compared by = and !=, not by ${op}`)
  const wanted = (value.kind === 'value' && value.value === true) === ((op === '=') !== negated)
  return booleanIs(at, expr, wanted)
}

function booleanIs(at: ConditionContext, expr: Expr, wanted: boolean): Sql {
  const { dialect } = at.statement
  if (wanted) return dialect.isTrue(expr.sql)
  return expr.notNull ? dialect.isFalse(expr.sql) : dialect.isNotTrue(expr.sql)
}

function isNull(expr: Expr, wanted: boolean): Sql {
  const text = kindOf(expr.field) === 'text'
  if (wanted) return text ? some([sql`${expr.sql} is null`, sql`${expr.sql} = ''`]) : sql`${expr.sql} is null`
  return text ? sql`${expr.sql} <> ''` : sql`${expr.sql} is not null`
}

function like(at: ConditionContext, { left, pattern }: Of<'like'>, negated: boolean): Sql {
  const expr = comparable(at, left)
  const { type } = expr.field
  if (type !== 'text' && type !== 'picklist')
    throw invalid(expr.name, `is of type ${type}; LIKE is for text`, { field: expr.name, type })
  // A bind may be a list, as in Apex: any of the patterns.
  const patterns = literals([pattern], expr, at.statement.env).flatMap((one) =>
    one.kind === 'value' ? [parseLike(String(one.value))] : [],
  )
  const matched = some(patterns.map((one) => at.statement.dialect.like(expr, one)))
  if (negated) return patterns.length === 0 ? sql`true` : orNull(expr, sql`not ${matched}`)
  return patterns.some(matchesEmpty) ? all([matched, isNull(expr, false)]) : matched
}

function isIn(at: ConditionContext, { left, values }: Of<'in'>, negated: boolean): Sql {
  const expr = comparable(at, left)
  const listed = literals(values, expr, at.statement.env)
  if (kindOf(expr.field) === 'boolean') return isInBooleans(at, expr, listed, negated)
  const hasNull = listed.some((one) => one.kind === 'null' || isEmptyText(expr, one))
  const days = listed.flatMap((one) => (one.kind === 'days' ? [one.days] : []))
  const plain = listed.flatMap((one) => (one.kind === 'value' && !isEmptyText(expr, one) ? [one.value] : []))
  const parts = [
    ...(plain.length === 0 ? [] : [among(at, expr, plain, negated)]),
    ...days.map((one) => compareDays(at, expr, negated ? '!=' : '=', one, false)),
  ]
  if (!negated) return some([...parts, ...(hasNull ? [isNull(expr, true)] : [])])
  return hasNull
    ? all([...parts, isNull(expr, false)])
    : parts.length === 0
      ? sql`true`
      : orNull(expr, all(parts))
}

function among(
  at: ConditionContext,
  expr: Expr,
  values: readonly (string | number | boolean | Date)[],
  negated: boolean,
): Sql {
  const { dialect, env } = at.statement
  const encoded = [...new Set(values.flatMap((value) => whole(expr, value, env.kind)))]
  const [only] = values
  if (encoded.length === 0) return negated ? sql`true` : sql`false`
  if (values.length === 1 && only !== undefined) return binary(at, expr, negated ? '!=' : '=', only)
  return dialect.isOneOf(expr, encoded, negated)
}

/** An instant between two seconds is in no table that keeps whole seconds. */
function whole(expr: Expr, value: unknown, kind: 'sqlite' | 'postgres'): unknown[] {
  const between =
    value instanceof Date && expr.field.storedAs === 'epochSeconds' && value.getTime() % 1000 !== 0
  return between ? [] : [encode(expr.field, value, kind)]
}

function isInBooleans(at: ConditionContext, expr: Expr, listed: readonly Literal[], negated: boolean): Sql {
  const wanted = new Set(listed.map((one) => one.kind === 'value' && one.value === true))
  const parts = [true, false].filter((one) => wanted.has(one) !== negated)
  return parts.length === 2 ? sql`true` : some(parts.map((one) => booleanIs(at, expr, one)))
}

function includes(at: ConditionContext, { left, values }: Of<'includes'>, negated: boolean): Sql {
  const expr = comparable(at, left)
  if (expr.field.type !== 'multipicklist')
    throw invalid(expr.name, `is of type ${expr.field.type}; INCLUDES and EXCLUDES are for multipicklists`)
  const { dialect, env } = at.statement
  const own = ignoresCase(expr.field) ? dialect.fold(expr.sql) : expr.sql
  const fold = (text: string): string => (ignoresCase(expr.field) ? text.toLowerCase() : text)
  const wanted = literals(values, expr, env)
  const hasNull = wanted.some((one) => one.kind !== 'value' || one.value === '')
  const found = wanted.flatMap((one) => {
    if (one.kind !== 'value' || one.value === '') return []
    const choices = String(one.value).split(';').filter(Boolean)
    // No choice is in no list.
    if (choices.length === 0) return []
    return [all(choices.map((choice) => dialect.contains(sql`(';' || ${own} || ';')`, `;${fold(choice)};`)))]
  })
  if (!negated) return some([...found, ...(hasNull ? [isNull(expr, true)] : [])])
  const none = sql`not ${some(found)}`
  return hasNull ? all([none, isNull(expr, false)]) : orNull(expr, none)
}

function comparable(at: ConditionContext, operand: Operand): Expr {
  const expr = at.resolve(operand)
  if (kindOf(expr.field) === 'json')
    throw invalid(expr.name, 'is of type json, which cannot be compared', { field: expr.name })
  return expr
}
