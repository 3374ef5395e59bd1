import type { RowId } from '../../kernel/storage/snapshots.ts'
import type { Row, Statement } from '../database.ts'
import type { RecordsEnv } from '../env.ts'
import type { ObjectInfo } from '../object/schema.ts'
import type { Query } from '../query/query.ts'
import { compile, compileIds, type CompileEnv, type KeyRange, type ResultRecord } from '../sql/compile.ts'
import { compileEnv } from '../sql/env.ts'
import { decode } from '../sql/values.ts'
import type { BoundQuery } from './stored-query.ts'

/** A record with the id by which it was asked for. */
export interface Identified {
  readonly id: RowId
  readonly record: ResultRecord
}

/** Selected beside what the query selects, and taken out of the records again. */
const idAlias = 'MillracePageId'

/** The records of a range of ids, in the order of their ids. */
export async function recordsInRange(
  env: RecordsEnv,
  { query, binds }: BoundQuery,
  range: KeyRange,
): Promise<ResultRecord[]> {
  return recordsOf(env, query, { ...compileEnv(env), binds, range })
}

/** The ids of a range, in order. */
export async function idsInRange(
  env: RecordsEnv,
  { query, binds }: BoundQuery,
  range: KeyRange,
): Promise<RowId[]> {
  return idsOf(env, env.schema.object(query.from), compileIds(query, { ...compileEnv(env), binds, range }))
}

export async function idsOf(env: RecordsEnv, object: ObjectInfo, statement: Statement): Promise<RowId[]> {
  return (await env.database.query(statement)).map((row) => rowId(env, object, row))
}

/**
 * What is there now of these ids, in their order (semantics C-02): the conditions under which they were found do not count again,
 * deleted rows are missing.
 */
export async function rowsOfIds(
  env: RecordsEnv,
  { query, binds }: BoundQuery,
  ids: readonly RowId[],
): Promise<Identified[]> {
  if (ids.length === 0) return []
  const { from, alias, select, mode, allRows, forUpdate } = query
  const { idField } = env.schema.object(from)
  const asked: Query = {
    from,
    select: [...select, { kind: 'field', path: [idField.name], alias: idAlias }],
    where: {
      kind: 'in',
      left: { kind: 'field', path: [idField.name] },
      negated: false,
      values: [{ kind: 'value', value: ids }],
    },
    limit: { kind: 'number', value: ids.length },
    ...(alias === undefined ? {} : { alias }),
    ...(mode === undefined ? {} : { mode }),
    ...(allRows === undefined ? {} : { allRows }),
    ...(forUpdate === undefined ? {} : { forUpdate }),
  }
  const found = await recordsOf(env, asked, { ...compileEnv(env), binds })
  const byId = new Map(found.map(({ [idAlias]: id, ...record }) => [String(id), { id: id as RowId, record }]))
  return ids.flatMap((id) => byId.get(String(id)) ?? [])
}

async function recordsOf(env: RecordsEnv, query: Query, how: CompileEnv): Promise<ResultRecord[]> {
  const compiled = compile(query, how)
  return (await env.database.query(compiled.statement)).map((row) => compiled.shape(row))
}

/** Of a row that has it as the column `id`. */
export function rowId(env: RecordsEnv, { idField }: ObjectInfo, row: Row): RowId {
  return decode(idField, row['id'], env.database.kind) as RowId
}
