import type { RecordsDatabase, Row } from '../database.ts'
import { declaredType, literalsOf } from './declared-type.ts'
import type { ColumnDescription, ForeignKey, TableDescription } from './table.ts'

type Catalog = Pick<RecordsDatabase, 'query'>

interface TableRow {
  readonly name: string
  readonly sql: string
}
interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly notnull: number
  readonly dflt_value: string | null
  readonly pk: number
  readonly hidden: number
}

/** The tables of a SQLite database by name, without SQLite's and Millrace's own. `only`: names in any case. */
export async function sqliteTables(database: Catalog, only?: readonly string[]): Promise<TableDescription[]> {
  const tables = await rows<TableRow>(
    database,
    `select t.name, s.sql from pragma_table_list t join sqlite_schema s on s.type = 'table' and s.name = t.name
     where t.schema = 'main' and t.type = 'table'
       and t.name not like 'sqlite\\_%' escape '\\' and t.name not like 'millrace\\_%' escape '\\'
     order by t.name`,
  )
  const wanted = only?.map((name) => name.toLowerCase())
  const found: TableDescription[] = []
  for (const table of tables)
    if (wanted === undefined || wanted.includes(table.name.toLowerCase()))
      found.push(await describe(database, table))
  return found
}

async function describe(database: Catalog, { name, sql }: TableRow): Promise<TableDescription> {
  const columns = await rows<ColumnRow>(database, 'select * from pragma_table_xinfo(', name, ') order by cid')
  const links = await rows<{ id: number; from: string; to: string | null; table: string }>(
    database,
    'select id, "from", "to", "table" from pragma_foreign_key_list(',
    name,
    ') order by id desc, seq',
  )
  const uniques = await rows<{ index: string; column: string | null }>(
    database,
    'select l.name as "index", c.name as "column" from pragma_index_list(',
    name,
    `) l, pragma_index_info(l.name) c where l."unique" = 1 and l.partial = 0 order by l.seq, c.seqno`,
  )
  const checks = checksOf(sql)
  return {
    schema: undefined,
    name,
    columns: columns.filter((one) => one.hidden !== 1).map((one) => columnOf(one, checks)),
    primaryKey: columns
      .filter((one) => one.pk > 0)
      .sort((a, b) => a.pk - b.pk)
      .map((one) => one.name),
    uniques: grouped(uniques, (one) => one.index)
      .map((group) => group.flatMap((one) => one.column ?? []))
      .filter((one) => one.length > 0),
    foreignKeys: grouped(links, (one) => String(one.id)).map((group): ForeignKey => ({
      columns: group.map((one) => one.from),
      schema: undefined,
      table: group[0]?.table ?? '',
      targets: group.flatMap((one) => one.to ?? []),
    })),
  }
}

function columnOf(row: ColumnRow, checks: ReadonlyMap<string, readonly string[]>): ColumnDescription {
  return {
    name: row.name,
    ...declaredType(row.type),
    nullable: row.notnull === 0 && row.pk === 0,
    default: row.dflt_value ?? undefined,
    values: checks.get(row.name.toLowerCase()),
    generated: row.hidden > 1,
  }
}

const inCheck =
  /check\s*\(\s*(?:"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|(\w+))\s+in\s*\(((?:\s*(?:'(?:[^']|'')*'|-?\d+)\s*,?)+)\)\s*\)/gi

/** Values by column in lower case. The text is only searched: what looks like a check elsewhere (a comment) is taken for one. */
function checksOf(sql: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...sql.matchAll(inCheck)].flatMap(([, quoted, ticked, bracketed, plain, list = '']) => {
      const column = quoted?.replaceAll('""', '"') ?? ticked ?? bracketed ?? plain ?? ''
      const values = literalsOf(list)
      return values === undefined ? [] : [[column.toLowerCase(), values] as const]
    }),
  )
}

async function rows<R>(database: Catalog, before: string, param?: string, after = ''): Promise<R[]> {
  const found: Row[] = await database.query(
    param === undefined ? { segments: [before], params: [] } : { segments: [before, after], params: [param] },
  )
  return found as R[]
}

/** In the order of the first of each. */
function grouped<R>(all: readonly R[], key: (one: R) => string): readonly (readonly R[])[] {
  return [...Map.groupBy(all, key).values()]
}
