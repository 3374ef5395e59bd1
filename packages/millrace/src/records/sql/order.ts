import { sql } from 'kysely'
import type { Operand, Ordering } from '../query/query.ts'
import type { Dialect } from './dialect.ts'
import { ignoresCase, kindOf, type Expr, type ValueField } from './expr.ts'
import { invalid } from './refuse.ts'
import { type Sql } from './statement.ts'

/**
 * ORDER BY: text by its lower case, picklists by the order of their values (others after them, by text), as in Salesforce ("ORDER BY"
 * of the SOQL reference). Where a field is never null, nothing is said of nulls, so that an index gives the order.
 */
export function orderings(
  dialect: Dialect,
  given: readonly Ordering[],
  resolve: (operand: Operand) => Expr,
): Sql[] {
  return sortTerms(dialect, given, resolve).map(({ key, direction }) => sql`${key}${direction}`)
}

export interface SortTerm {
  readonly key: Sql
  /** With NULLS FIRST or LAST. */
  readonly direction: Sql
}

export function sortTerms(
  dialect: Dialect,
  given: readonly Ordering[],
  resolve: (operand: Operand) => Expr,
): SortTerm[] {
  return given.flatMap(({ by, descending, nulls }) => {
    const expr = resolve(by)
    const nullsAt = expr.required ? sql`` : nulls === 'first' ? sql` nulls first` : sql` nulls last`
    const direction = sql`${descending ? sql` desc` : sql``}${nullsAt}`
    return sortKeys(dialect, expr).map((key) => ({ key, direction }))
  })
}

function sortKeys(dialect: Dialect, expr: Expr): Sql[] {
  const { field } = expr
  const kind = kindOf(field)
  if (kind === 'json' || field.type === 'multipicklist')
    throw invalid(expr.name, `is of type ${field.type}, which has no order`, { field: expr.name })
  if (kind !== 'text') return [expr.sql]
  const text =
    expr.folded === true ? expr.sql : ignoresCase(field) ? dialect.fold(expr.sql) : dialect.exact(expr.sql)
  return isRanked(field) ? [rank(dialect, expr), text] : [text]
}

/** Whether its values have an order of their own. */
export const isRanked = (field: ValueField): boolean => field.type === 'picklist' && field.values.length > 0

/** The place of a value among those of its picklist, others after them; null of null. */
function rank(dialect: Dialect, expr: Expr): Sql {
  return ranked(dialect, expr, (at) => sql.lit(at))
}

/** The same as text of `rankLength` digits, to be put before the value. */
export const rankText = (dialect: Dialect, expr: Expr): Sql =>
  ranked(dialect, expr, (at) => sql.lit(String(at).padStart(rankLength, '0')))

export const rankLength = 6

function ranked(dialect: Dialect, expr: Expr, placed: (at: number) => Sql): Sql {
  const cases = expr.field.values.map(
    ({ value }, at) => sql`when ${dialect.textIs(expr, value)} then ${placed(at)}`,
  )
  return sql`(case ${sql.join(cases, sql` `)} when ${expr.sql} is null then null else ${placed(cases.length)} end)`
}
