import { sql } from 'kysely'
import type { Row, Statement } from '../database.ts'
import type { ObjectInfo } from '../object/schema.ts'
import type { Query } from '../query/query.ts'
import { isGrouped, selectGroups } from './aggregate.ts'
import type { CompileEnv } from './env.ts'
import type { Column, ResultRecord } from './projection.ts'
import { invalid } from './refuse.ts'
import { Scope, StatementContext } from './scope.ts'
import { limitOf, orderBy, selectRows, type RowSelect } from './select.ts'
import { list, toStatement, type Sql } from './statement.ts'
import { encode } from './values.ts'
import { where } from './where.ts'

export type { CompileEnv, KeyRange } from './env.ts'
export type { Column, ResultRecord } from './projection.ts'

export interface Compiled {
  readonly statement: Statement
  readonly columns: readonly Column[]
  /** A row of the statement as a record; of COUNT() too, as `{ count }`. */
  shape(row: Row): ResultRecord
  /** The query was SELECT COUNT(): its answer is the number in its only row. */
  readonly count: boolean
  readonly object: ObjectInfo
}

/**
 * A query as one parameterised statement. Names become quoted identifiers of the schema's definitions; every value, pattern, literal and
 * time zone is a parameter. Throws MILL_OBJECT_UNKNOWN, MILL_FIELD_UNKNOWN, MILL_ACCESS_DENIED, MILL_BIND_MISSING,
 * MILL_QUERY_INVALID and MILL_SOQL_UNSUPPORTED, `data` naming the place.
 */
export function compile(query: Query, env: CompileEnv): Compiled {
  const statement = contextOf(env)
  const [first, ...others] = query.select
  if (first?.kind === 'count') {
    if (others.length > 0) throw invalid('COUNT()', 'stands alone in SELECT')
    return compileCount(statement, query)
  }
  return isGrouped(query) ? compileGroups(statement, query) : compileRows(statement, query)
}

/** The ids alone, in a column `id`, in the query's order and within its limit, or by `range`. Throws as `compile`, and for queries of groups. */
export function compileIds(query: Query, env: CompileEnv): Statement {
  const statement = contextOf(env)
  if (isGrouped(query) || query.select[0]?.kind === 'count')
    throw invalid(`a query of ${query.from}`, 'whose rows are groups has no ids')
  const rows = selectRows(statement, query.from, onlyId(query, env), undefined, (scope) =>
    keyBounds(scope, env),
  )
  const [id] = rows.projection.expressions
  return toStatement(sql`select ${id} as ${sql.id('id')}${rows.rows}${tail(rows, env)}`, env.kind)
}

function onlyId(query: Query, env: CompileEnv): Query {
  return { ...query, select: [{ kind: 'field', path: [env.schema.object(query.from).idField.name] }] }
}

function contextOf(env: CompileEnv): StatementContext {
  const { fiscalYearStart = 1 } = env
  if (!Number.isInteger(fiscalYearStart) || fiscalYearStart < 1 || fiscalYearStart > 12)
    throw invalid('fiscalYearStart', 'is a month from 1 to 12')
  return new StatementContext(env)
}

function compileRows(statement: StatementContext, query: Query): Compiled {
  if (query.having !== undefined) throw invalid('HAVING', 'needs GROUP BY')
  const { env } = statement
  const rows = selectRows(statement, query.from, query, undefined, (scope) => keyBounds(scope, env))
  const { scope, projection } = rows
  if (query.forUpdate === true && scope.object.definition.source !== undefined)
    throw invalid('FOR UPDATE', `cannot lock ${scope.object.name}, which is Millrace’s own`)
  const lock = query.forUpdate === true ? scope.dialect.forUpdate(scope.table) : sql``
  const values = projection.expressions.map((value, at) => sql`${value} as ${sql.id(`c${at}`)}`)
  return {
    statement: toStatement(sql`select ${list(values)}${rows.rows}${tail(rows, env)}${lock}`, env.kind),
    columns: projection.columns,
    shape: (row) => projection.shape((at) => row[`c${at}`]),
    count: false,
    object: scope.object,
  }
}

/** Of a page by primary key. */
function keyBounds(scope: Scope, env: CompileEnv): Sql[] {
  const { range } = env
  if (range === undefined) return []
  const { after, upTo } = range
  return [
    ...(after === undefined ? [] : [sql`${keyOf(scope)} > ${keyValue(scope, env, after)}`]),
    ...(upTo === undefined ? [] : [sql`${keyOf(scope)} <= ${keyValue(scope, env, upTo)}`]),
  ]
}

const keyOf = (scope: Scope): Sql => sql.id(scope.base.targets[0]?.alias ?? '', scope.object.idField.column)

function keyValue({ object, dialect }: Scope, env: CompileEnv, value: unknown): Sql {
  return dialect.value(object.idField, encode(object.idField, value, env.kind))
}

function tail({ scope, order, limit }: RowSelect, env: CompileEnv): Sql {
  const { range } = env
  if (range === undefined) return sql`${orderBy(order)}${limit}`
  return sql`${orderBy([keyOf(scope)])}${scope.dialect.limit(range.limit, undefined)}`
}

/** SELECT COUNT() … LIMIT 10 counts to ten. */
function compileCount(statement: StatementContext, query: Query): Compiled {
  const { env } = statement
  if (query.groupBy !== undefined || query.having !== undefined)
    throw invalid('COUNT()', 'cannot be grouped; use COUNT(Id)')
  const scope = new Scope(statement, query.from, query)
  const found = where(scope, query, keyBounds(scope, env))
  const rows = sql` from ${scope.from()}${found}`
  const bounded = query.limit !== undefined || query.offset !== undefined
  const counted = bounded ? sql` from (select 1${rows}${limitOf(statement, query)}) as ${sql.id('r')}` : rows
  return {
    statement: toStatement(sql`select count(*) as ${sql.id('c0')}${counted}`, env.kind),
    columns: [{ path: ['count'], name: 'count', kind: 'aggregate', type: 'integer', field: undefined }],
    shape: (row) => ({ count: Number(row['c0']) }),
    count: true,
    object: scope.object,
  }
}

function compileGroups(statement: StatementContext, query: Query): Compiled {
  const { env } = statement
  if (env.range !== undefined)
    throw invalid(`a query of ${query.from}`, 'whose rows are groups has no pages by id')
  const { scope, projection, piece } = selectGroups(statement, query)
  return {
    statement: toStatement(piece, env.kind),
    columns: projection.columns,
    shape: (row) => projection.shape((at) => row[`c${at}`]),
    count: false,
    object: scope.object,
  }
}
