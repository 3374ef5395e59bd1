import type { RecordsDatabase } from '../database.ts'
import { declaredType, literalsOf } from './declared-type.ts'
import type { ColumnDescription, TableDescription } from './table.ts'

type Catalog = Pick<RecordsDatabase, 'query'>

interface ColumnRow {
  readonly name: string
  readonly declared: string
  readonly nullable: boolean
  readonly default: string | null
  readonly labels: readonly string[] | null
  readonly generated: boolean
}
interface KeyRow {
  readonly kind: 'p' | 'u' | 'f' | 'c'
  readonly columns: readonly string[]
  readonly schema: string | null
  readonly table: string | null
  readonly targets: readonly string[] | null
  readonly check: string | null
}
interface TableRow {
  readonly schema: string | null
  readonly name: string
  readonly columns: readonly ColumnRow[]
  readonly keys: readonly KeyRow[]
}

/** A schema that is found without its name is null. */
const schemaOf = (relation: string): string =>
  `(select case when pg_table_is_visible(c.oid) then null else n.nspname end
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = ${relation})`

const namesOf = (relation: string, numbers: string): string =>
  `(select json_agg(a.attname order by u.place) from unnest(${numbers}) with ordinality as u (number, place)
    join pg_attribute a on a.attrelid = ${relation} and a.attnum = u.number)`

const columns = `(select json_agg(json_build_object(
    'name', a.attname,
    'declared', format_type(case when t.typtype = 'd' then t.typbasetype else a.atttypid end,
      case when t.typtype = 'd' then t.typtypmod else a.atttypmod end),
    'nullable', not a.attnotnull,
    'default', pg_get_expr(d.adbin, d.adrelid),
    'labels', (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = a.atttypid),
    'generated', a.attgenerated <> '' or a.attidentity = 'a') order by a.attnum)
  from pg_attribute a join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`

/** Constraints, and unique indexes that are none: of whole tables and plain columns. */
const keys = `(select json_agg(k) from (
    select k.contype as kind, ${namesOf('k.conrelid', 'k.conkey')} as columns, ${schemaOf('k.confrelid')} as schema,
      (select relname from pg_class where oid = k.confrelid) as "table", ${namesOf('k.confrelid', 'k.confkey')} as targets,
      case when k.contype = 'c' then pg_get_constraintdef(k.oid, true) end as "check"
    from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'f', 'c')
    union all
    select 'u', ${namesOf('i.indrelid', 'i.indkey::int2[]')}, null, null, null, null
    from pg_index i where i.indrelid = c.oid and i.indisunique and not i.indisprimary and i.indpred is null
      and i.indexprs is null and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
  ) as k)`

const tables = `select case when pg_table_is_visible(c.oid) then null else n.nspname end as schema, c.relname as name,
    ${columns} as columns, ${keys} as keys
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'`

/**
 * The tables of a PostgreSQL database that the search path finds, without the schema of Millrace. `only`: names in any case, or
 * `schema.table` for what lies elsewhere.
 */
export async function postgresTables(
  database: Catalog,
  engineSchema: string,
  only?: readonly string[],
): Promise<TableDescription[]> {
  const order = ' order by c.relname, n.nspname'
  const found = await database.query(
    only === undefined
      ? {
          segments: [`${tables} and pg_table_is_visible(c.oid) and n.nspname <> `, order],
          params: [engineSchema],
        }
      : {
          segments: [
            `${tables} and (lower(n.nspname || '.' || c.relname) = any (`,
            ') or pg_table_is_visible(c.oid) and lower(c.relname) = any (',
            `))${order}`,
          ],
          params: [only.map((name) => name.toLowerCase()), only.map((name) => name.toLowerCase())],
        },
  )
  return (found as unknown as TableRow[]).map(describe)
}

function describe({ schema, name, columns, keys }: TableRow): TableDescription {
  const all = keys ?? []
  const checks = new Map(all.map(checkOf).filter((one) => one !== undefined))
  return {
    schema: schema ?? undefined,
    name,
    columns: (columns ?? []).map((row) => columnOf(row, checks)),
    primaryKey: all.find((key) => key.kind === 'p')?.columns ?? [],
    uniques: all.filter((key) => key.kind === 'u' || key.kind === 'p').map((key) => key.columns),
    foreignKeys: all
      .filter((key) => key.kind === 'f')
      .map((key) => ({
        columns: key.columns,
        schema: key.schema ?? undefined,
        table: key.table ?? '',
        targets: key.targets ?? [],
      })),
  }
}

function columnOf(row: ColumnRow, checks: ReadonlyMap<string, readonly string[]>): ColumnDescription {
  return {
    name: row.name,
    ...declaredType(row.declared),
    ...(row.labels === null ? {} : { type: 'enum' }),
    nullable: row.nullable,
    default: row.default ?? undefined,
    values: row.labels ?? checks.get(row.name),
    generated: row.generated,
  }
}

/** As PostgreSQL gives `column in (…)` back: `CHECK ((column)::text = ANY (ARRAY['a'::text, …]))`, or `= 'a'::text` for one. */
function checkOf({ kind, columns, check }: KeyRow): readonly [string, readonly string[]] | undefined {
  const [column, ...more] = columns ?? []
  if (kind !== 'c' || check === null || column === undefined || more.length > 0) return undefined
  const list =
    /^CHECK \(+(?:"(?:[^"]|"")+"|\w+)\)?(?:::[\w ]+)? = ANY \(+ARRAY\[(.*)\]\)?(?:::[\w ]+\[\])?\)+$/s.exec(
      check,
    )?.[1]
  const one = /^CHECK \(+(?:"(?:[^"]|"")+"|\w+)\)?(?:::[\w ]+)? = ('(?:[^']|'')*'::[\w ]+)\)+$/s.exec(
    check,
  )?.[1]
  const values = literalsOf(list ?? one ?? '')
  return values === undefined ? undefined : [column, values]
}
