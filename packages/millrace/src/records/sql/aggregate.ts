import { sql } from 'kysely'
import type { Call, Operand, Query, Selected } from '../query/query.ts'
import { condition } from './condition.ts'
import type { Expr } from './expr.ts'
import { formatted } from './format.ts'
import { GroupRows, type KeySet } from './group-rows.ts'
import { isAggregate, soleOperand } from './operand.ts'
import { sortTerms, type SortTerm } from './order.ts'
import { Projection } from './projection.ts'
import { invalid, unsupported } from './refuse.ts'
import { Scope, type StatementContext } from './scope.ts'
import { aliased, aliasName, limitOf, orderBy } from './select.ts'
import { list, type Sql } from './statement.ts'
import { where } from './where.ts'

/** Whether its rows are groups: it has GROUP BY, or an aggregate is selected. */
export function isGrouped({ select, groupBy }: Query): boolean {
  return groupBy !== undefined || select.some((one) => one.kind === 'call' && hasAggregate(one.call))
}

const hasAggregate = (call: Call): boolean =>
  isAggregate(call) || call.args.some((arg) => arg.kind === 'call' && hasAggregate(arg.call))

export interface GroupSelect {
  readonly scope: Scope
  readonly projection: Projection
  readonly piece: Sql
}

/**
 * A SELECT of groups. The rows are a subselect `q` that computes each group key and each argument once, so that keys with parameters
 * (a time zone) are one and the same wherever they are used; both databases take such a subselect apart. Text is grouped by its lower
 * case and shown as the first of its spellings. ROLLUP and CUBE are PostgreSQL's own; on SQLite one SELECT per grouping over the same `q`.
 */
export function selectGroups(statement: StatementContext, query: Query): GroupSelect {
  refuseClauses(query)
  const rows = new GroupRows(new Scope(statement, query.from, query), query.groupBy)
  const united = rows.kind !== 'plain' && statement.env.kind === 'sqlite'
  const parts = united ? rows.sets().map((set) => part(rows, query, set)) : [part(rows, query, undefined)]
  const [first] = parts
  if (first === undefined) throw invalid('GROUP BY', 'names nothing')
  const { scope } = rows
  // By now every path has been met.
  const q = rows.select(where(scope, query))
  const limit = limitOf(statement, query)
  const id = sql.id('q')
  if (!united) {
    const order = orderBy(first.order.map(({ key, direction }) => sql`${key}${direction}`))
    const piece = sql`select ${list(first.values)} from ${q} as ${id}${first.group}${first.having}${order}${limit}`
    return { scope, projection: first.projection, piece }
  }
  const selects = parts.map(({ values, order, group, having }) => {
    const keys = order.map(({ key }, at) => sql`${key} as ${sql.id(`o${at}`)}`)
    // The count makes one row of the grouping that keeps no key, also where nothing else would.
    return sql`select ${list([...values, ...keys, sql`count(*) as ${sql.id('n')}`])} from ${id}${group}${having}`
  })
  const order = orderBy(first.order.map(({ direction }, at) => sql`${sql.id('r', `o${at}`)}${direction}`))
  const united_ = sql`(${sql.join(selects, sql` union all `)}) as ${sql.id('r')}`
  return {
    scope,
    projection: first.projection,
    piece: sql`with ${id} as materialized ${q} select * from ${united_}${order}${limit}`,
  }
}

function refuseClauses(query: Query): void {
  if (query.forUpdate === true) throw invalid('FOR UPDATE', 'cannot lock groups')
  if (query.groupBy !== undefined) return
  if (query.having !== undefined) throw invalid('HAVING', 'needs GROUP BY')
  const alone = 'makes no sense where all rows become one; leave it out, or add GROUP BY'
  if (query.orderBy !== undefined) throw invalid('ORDER BY', alone)
  if (query.limit !== undefined) throw invalid('LIMIT', alone)
  if (query.offset !== undefined) throw invalid('OFFSET', alone)
}

interface Part {
  readonly projection: Projection
  readonly values: readonly Sql[]
  readonly group: Sql
  readonly having: Sql
  readonly order: readonly SortTerm[]
}

/** One SELECT over `q`; with a set, of that grouping alone. */
function part(rows: GroupRows, query: Query, set: KeySet | undefined): Part {
  const { statement, dialect } = rows.scope
  const projection = new Projection(dialect, statement.env.kind)
  for (const selected of query.select) selectOfGroup(rows, projection, selected, set)
  const resolve = (clause: string) => (operand: Operand) => rows.resolve(aliased(query, operand), clause, set)
  const having =
    query.having === undefined
      ? sql``
      : sql` having ${condition({ statement, resolve: resolve('HAVING'), isInQuery: refuseSemiJoin }, query.having)}`
  return {
    projection,
    values: projection.expressions.map((value, at) => sql`${value} as ${sql.id(`c${at}`)}`),
    group: rows.groupBy(set),
    having,
    order: sortTerms(dialect, query.orderBy ?? [], resolve('ORDER BY')),
  }
}

function refuseSemiJoin(): never {
  throw unsupported('a semi-join in HAVING', 'it stands in WHERE')
}

function selectOfGroup(
  rows: GroupRows,
  projection: Projection,
  selected: Selected,
  set: KeySet | undefined,
): void {
  if (selected.kind !== 'field' && selected.kind !== 'call')
    throw invalid(`SELECT of ${rows.scope.object.name}`, `has ${selected.kind} among groups`)
  if (selected.kind === 'field') {
    const expr = rows.resolve({ kind: 'field', path: selected.path }, 'SELECT', set)
    const name = selected.alias ?? expr.field.name ?? selected.path.at(-1) ?? ''
    add(projection, name, expr, 'field', projection.reader(expr))
    return
  }
  const { call } = selected
  const format = call.name.toUpperCase() === 'FORMAT'
  const operand: Operand = format ? soleOperand(call) : { kind: 'call', call }
  const expr = rows.resolve(operand, 'SELECT', set)
  const read = projection.reader(expr)
  const { timeZone } = rows.scope.statement.env.caller
  const name = selected.alias ?? nextExpression(projection)
  add(
    projection,
    name,
    expr,
    'aggregate',
    format ? (values) => formatted(expr.field, read(values), timeZone) : read,
  )
}

function add(
  projection: Projection,
  name: string,
  { field }: Expr,
  kind: 'field' | 'aggregate',
  read: Parameters<Projection['add']>[2],
): void {
  projection.add({ path: [aliasName(name)], name, kind, type: field.type, field: undefined }, [], read)
}

/** Values without an alias are expr0, expr1, … */
function nextExpression(projection: Projection): string {
  let number = 0
  while (projection.has([`expr${number}`])) number += 1
  return `expr${number}`
}
