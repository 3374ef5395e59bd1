import { type DatabaseSync } from 'node:sqlite'
import type pg from 'pg'
import type { FieldInfo, ObjectInfo } from '../../packages/millrace/src/records/object/schema.ts'
import type { Rec, World } from './oracle/world.ts'

/**
 * The application's own tables, as teams write them: on SQLite without types of its own for days, instants and truth, on PostgreSQL
 * with them.
 */
type Kind = 'sqlite' | 'postgres'

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

function typeOf({ type, numeric, storedAs }: FieldInfo, kind: Kind): string {
  const [sqlite, postgres] = ((): readonly [string, string] => {
    switch (type) {
      case 'id':
      case 'reference':
        return numeric ? ['integer', 'bigint'] : ['text', 'text']
      case 'number':
        return ['real', 'double precision']
      case 'currency':
        return ['real', 'numeric(18,2)']
      case 'integer':
        return ['integer', 'bigint']
      case 'boolean':
        return ['integer', 'boolean']
      case 'date':
        return ['text', 'date']
      case 'datetime':
        return storedAs === 'native' ? ['text', 'timestamptz'] : ['integer', 'bigint']
      case 'json':
        return ['text', 'jsonb']
      default:
        return ['text', 'text']
    }
  })()
  return kind === 'sqlite' ? sqlite : postgres
}

function createTable({ definition, fields, idField }: ObjectInfo, kind: Kind): string {
  const columns = fields.flatMap((field) => [
    `${quoted(field.column)} ${typeOf(field, kind)}`,
    ...(field.typeColumn === undefined ? [] : [`${quoted(field.typeColumn)} text`]),
  ])
  const tenant = fields.filter(({ name }) => name === definition.tenant)
  const key = [...tenant, idField].map(({ column }) => quoted(column))
  return `create table ${definition.table} (${columns.join(', ')}, primary key (${key.join(', ')}))`
}

function columnsOf(object: ObjectInfo, rec: Rec, kind: Kind): readonly (readonly [string, unknown])[] {
  return object.fields.flatMap((field) => [
    [field.column, stored(field, rec[field.name], kind)] as const,
    ...(field.typeColumn === undefined ? [] : [[field.typeColumn, rec[`${field.name}:type`]] as const]),
  ])
}

function stored({ type, storedAs }: FieldInfo, value: unknown, kind: Kind): unknown {
  if (value === null || value === undefined) return null
  if (type === 'json') return JSON.stringify(value)
  if (type === 'multipicklist') return (value as readonly string[]).join(';')
  if (typeof value === 'boolean') return kind === 'sqlite' ? Number(value) : value
  if (!(value instanceof Date)) return value
  if (storedAs === 'epochMs') return value.getTime()
  if (storedAs === 'epochSeconds') return Math.floor(value.getTime() / 1000)
  return kind === 'sqlite' ? value.toISOString() : value
}

export function fillSqlite(database: DatabaseSync, { schema, rows }: World): void {
  for (const object of schema.objects) {
    database.exec(createTable(object, 'sqlite'))
    for (const rec of rows[object.name] ?? []) {
      const columns = columnsOf(object, rec, 'sqlite')
      const names = columns.map(([name]) => quoted(name)).join(', ')
      const holes = columns.map(() => '?').join(', ')
      database
        .prepare(`insert into ${object.definition.table} (${names}) values (${holes})`)
        .run(...columns.map(([, value]) => value as string | number | null))
    }
  }
}

export async function fillPostgres(client: pg.Client, { schema, rows }: World): Promise<void> {
  for (const object of schema.objects) {
    await client.query(createTable(object, 'postgres'))
    for (const rec of rows[object.name] ?? []) {
      const columns = columnsOf(object, rec, 'postgres')
      const names = columns.map(([name]) => quoted(name)).join(', ')
      const holes = columns.map((_, at) => `$${at + 1}`).join(', ')
      await client.query(
        `insert into ${object.definition.table} (${names}) values (${holes})`,
        columns.map(([, value]) => value),
      )
    }
  }
}
