import { sql } from 'kysely'
import type { Operand, Ordering } from '../query/query.ts'
import type { Dialect } from './dialect.ts'
import { ignoresCase, kindOf, type Expr } from './expr.ts'
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
  return field.type === 'picklist' && field.values.length > 0 ? [rank(dialect, expr), text] : [text]
}

function rank(dialect: Dialect, expr: Expr): Sql {
  const cases = expr.field.values.map(
    ({ value }, at) => sql`when ${dialect.textIs(expr, value)} then ${sql.lit(at)}`,
  )
  return sql`(case ${sql.join(cases, sql` `)} when ${expr.sql} is null then null else ${sql.lit(cases.length)} end)`
}
