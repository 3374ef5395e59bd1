import type { RecordsDatabase } from '../database.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { tableIdentifier } from '../object/identifier.ts'

/** What DML must know of a table of PostgreSQL. */
export interface PostgresTable {
  /** The type of a column, to cast to; without its length, so that a longer text is refused and not cut. */
  readonly typeOf: (column: string) => string
  /** Whether a row that does not name the column gets something else than null. */
  readonly hasDefault: (column: string) => boolean
  /** Whether the column alone has a unique index. */
  readonly isUnique: (column: string) => boolean
  /** Columns of a constraint or unique index, by its name. */
  readonly columnsOf: (constraint: string) => readonly string[]
}

interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly filled: boolean
}

interface ConstraintRow {
  readonly name: string
  readonly columns: readonly string[]
  readonly unique: boolean
}

const known = new WeakMap<ObjectInfo, Promise<PostgresTable>>()

/** Asked once for each object. `forget` it when the database contradicts: the table was altered. */
export function postgresTable(database: RecordsDatabase, object: ObjectInfo): Promise<PostgresTable> {
  let table = known.get(object)
  if (table === undefined) {
    table = load(database, object)
    known.set(object, table)
    table.catch(() => known.delete(object))
  }
  return table
}

export function forgetTable(object: ObjectInfo): void {
  known.delete(object)
}

async function load(database: RecordsDatabase, object: ObjectInfo): Promise<PostgresTable> {
  const table = tableIdentifier(object.definition.table)
  const columns = (await database.query({
    segments: [
      `select a.attname as name, quote_ident(n.nspname) || '.' || quote_ident(t.typname) as type,
        a.atthasdef or a.attidentity <> '' as filled
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_type t on t.oid = a.atttypid
      join pg_catalog.pg_namespace n on n.oid = t.typnamespace
      where a.attrelid = cast(cast(`,
      ` as text) as regclass) and a.attnum > 0 and not a.attisdropped`,
    ],
    params: [table],
  })) as unknown as ColumnRow[]
  const constraints = (await database.query({
    segments: [
      `with t as (select cast(cast(`,
      ` as text) as regclass)::oid as oid)
      select c.name, array_agg(distinct a.attname::text) as columns, bool_or(c.is_unique) as unique
      from t
      join (
        select conrelid as rel, conname::text as name, conkey as keys, false as is_unique
        from pg_catalog.pg_constraint
        union all
        select i.indrelid, r.relname::text, i.indkey::int2[], i.indisvalid and i.indpred is null
        from pg_catalog.pg_index i join pg_catalog.pg_class r on r.oid = i.indexrelid where i.indisunique
      ) c on c.rel = t.oid
      join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = any (c.keys)
      group by c.name`,
    ],
    params: [table],
  })) as unknown as ConstraintRow[]
  const byName = new Map(columns.map((column) => [column.name, column]))
  const byConstraint = new Map(constraints.map((one) => [one.name, one.columns]))
  return {
    // A column that is not there is told by the statement itself.
    typeOf: (column) => byName.get(column)?.type ?? 'pg_catalog.text',
    hasDefault: (column) => byName.get(column)?.filled ?? false,
    isUnique: (column) =>
      constraints.some(({ columns, unique }) => unique && columns.length === 1 && columns[0] === column),
    columnsOf: (constraint) => byConstraint.get(constraint) ?? [],
  }
}
