import { sql } from 'kysely'
import type { Condition, Operand, Query } from '../query/query.ts'
import { condition, type ConditionContext } from './condition.ts'
import { ignoresCase, kindOf, type Expr } from './expr.ts'
import { rowOperand } from './operand.ts'
import { invalid, unsupported } from './refuse.ts'
import { Scope } from './scope.ts'
import { some, type Sql } from './statement.ts'

/** What a row must fulfil: the tenant, not deleted, the scope, the condition, and what else is given. */
export function where(scope: Scope, query: Omit<Query, 'from'>, others: readonly Sql[] = []): Sql {
  const conditions = [
    ...others,
    ...scope.visible(),
    ...(query.scope === 'mine' ? [scope.mine()] : []),
    ...(query.where === undefined ? [] : [rowCondition(scope, query.where)]),
  ]
  return conditions.length === 0 ? sql`` : sql` where ${sql.join(conditions, sql` and `)}`
}

function rowCondition(scope: Scope, given: Condition): Sql {
  return condition(rowContext(scope), given)
}

function rowContext(scope: Scope): ConditionContext {
  const resolve = (operand: Operand): Expr => rowOperand(scope, operand, 'filter', 'WHERE')
  return {
    statement: scope.statement,
    resolve,
    isInQuery: (left, query, negated) => isInQuery(scope, resolve(left), query, negated),
  }
}

/**
 * A semi-join or anti-join. Null is in no answer, and a null in the answer of NOT IN hides nothing (SOQL reference: "Comparison
 * Operators", semi-joins): a left side that is null is not in it.
 */
function isInQuery(outer: Scope, left: Expr, query: Query, negated: boolean): Sql {
  const place = `${left.name} ${negated ? 'NOT IN' : 'IN'} (SELECT … FROM ${query.from})`
  if (outer.depth >= deepest) throw unsupported(place, `queries can be nested ${deepest} levels deep`)
  const scope = new Scope(outer.statement, query.from, query, outer)
  const right = rowOperand(scope, selected(query, place), 'select', place)
  if (kindOf(left.field) !== kindOf(right.field) || kindOf(left.field) === 'json')
    throw invalid(place, `compares ${left.field.type} with ${right.field.type}`)
  const [own, other] = foldedPair(outer, left, right)
  const { kind } = outer.statement.env
  if (!negated || kind === 'sqlite') {
    const found = where(scope, query, [hasValue(right)])
    const rows = sql`(select ${other} from ${scope.from()}${found})`
    if (!negated) return sql`${own} in ${rows}`
    const absent = sql`${own} not in ${rows}`
    return left.notNull ? absent : some([absent, sql`${left.sql} is null`])
  }
  // PostgreSQL plans NOT EXISTS as an anti-join, and NOT IN as a search for each row.
  const found = where(scope, query, [sql`${other} = ${own}`, hasValue(right)])
  return sql`not exists (select from ${scope.from()}${found})`
}

/** Empty text is null. */
const hasValue = ({ sql: value, field }: Expr): Sql =>
  kindOf(field) === 'text' ? sql`${value} <> ''` : sql`${value} is not null`

/** Queries within queries. */
const deepest = 20

function foldedPair({ dialect }: Scope, left: Expr, right: Expr): [Sql, Sql] {
  if (!ignoresCase(left.field) || !ignoresCase(right.field)) return [left.sql, right.sql]
  const fold = (expr: Expr): Sql => (expr.folded === true ? expr.sql : dialect.fold(expr.sql))
  return [fold(left), fold(right)]
}

function selected(query: Query, place: string): Operand {
  const [only, ...others] = query.select
  if (only === undefined || others.length > 0 || only.kind !== 'field')
    throw invalid(place, 'needs a query that selects one field')
  const clauses = {
    'GROUP BY': query.groupBy,
    'ORDER BY': query.orderBy,
    LIMIT: query.limit,
    OFFSET: query.offset,
  }
  for (const [clause, given] of Object.entries(clauses))
    if (given !== undefined)
      throw unsupported(`${clause} in ${place}`, 'a semi-join takes all rows of its query, in no order')
  return { kind: 'field', path: only.path }
}
