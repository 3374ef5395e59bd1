import { MillraceError } from '../kernel/rules/errors.ts'
import type { Query } from './query/query.ts'
import type { RecordsEnv } from './env.ts'
import type { ReadBounds } from './database.ts'
import type { Compiled, ResultRecord } from './sql/compile.ts'
import { compileEnv } from './sql/env.ts'

export interface RunOptions extends ReadBounds {
  /** Values of `:name`. */
  readonly binds?: Readonly<Record<string, unknown>> | undefined
}

/** Throws MILL_QUERY_INVALID for SELECT COUNT(), which has no rows. */
export async function runQuery(
  env: RecordsEnv,
  query: Query,
  options: RunOptions = {},
): Promise<ResultRecord[]> {
  const compiled = await compiledRows(env, query, options)
  const rows = await env.database.query(compiled.statement, options)
  return rows.map((row) => compiled.shape(row))
}

/** Pages of at most `size`; memory holds one. */
export async function* streamQuery(
  env: RecordsEnv,
  query: Query,
  size: number,
  options: RunOptions = {},
): AsyncGenerator<ResultRecord[], void, undefined> {
  const compiled = await compiledRows(env, query, options)
  for await (const rows of env.database.stream(compiled.statement, size))
    yield rows.map((row) => compiled.shape(row))
}

/** How many rows the query has; of a SELECT COUNT() its answer. Throws MILL_QUERY_INVALID for one that groups. */
export async function countQuery(env: RecordsEnv, query: Query, options: RunOptions = {}): Promise<number> {
  const { isGrouped } = await import('./sql/aggregate.ts')
  if (isGrouped(query))
    throw new MillraceError(
      'MILL_QUERY_INVALID',
      'a query with GROUP BY or aggregates has groups, which count() does not count; await it and take the length',
    )
  const { orderBy: _, ...rest } = query
  const { statement } = await compiled(env, { ...rest, select: [{ kind: 'count' }] }, options)
  const [row] = await env.database.query(statement, options)
  return Number(Object.values(row ?? {})[0] ?? 0)
}

async function compiledRows(env: RecordsEnv, query: Query, options: RunOptions): Promise<Compiled> {
  const made = await compiled(env, query, options)
  if (!made.count) return made
  throw new MillraceError(
    'MILL_QUERY_INVALID',
    'SELECT COUNT() has a number for an answer, not rows; ask for it with count(), or SELECT COUNT(Id) total',
  )
}

/** The compiler is loaded with the first query. */
async function compiled(env: RecordsEnv, query: Query, { binds }: RunOptions): Promise<Compiled> {
  const { compile } = await import('./sql/compile.ts')
  return compile(query, { ...compileEnv(env), ...(binds === undefined ? {} : { binds }) })
}
