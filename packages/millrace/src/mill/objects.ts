import { MillraceError } from '../kernel/rules/errors.ts'
import { nearestName } from '../kernel/rules/nearest-name.ts'
import { engineObjects } from '../records/engine/engine-objects.ts'
import { tableStatements } from '../records/object/ddl.ts'
import { introspect } from '../records/object/introspect.ts'
import { postgresTables } from '../records/object/postgres-tables.ts'
import { Schema } from '../records/object/schema.ts'
import { sourceText } from '../records/object/source-text.ts'
import { sqliteTables } from '../records/object/sqlite-tables.ts'
import { tableName, type TableDescription } from '../records/object/table.ts'
import { readingDatabase } from '../records/storage-database.ts'
import type { MillConfig } from './config.ts'
import { loadDefinitions } from './definitions.ts'
import { settingsOf } from './settings.ts'
import { openStorage } from './storage-url.ts'

export interface IntrospectOptions {
  /** Names in any case; on PostgreSQL `schema.table` for what the search path does not find. Default: every table but Millrace's own. */
  readonly tables?: readonly string[]
}

export interface ObjectSummary {
  readonly name: string
  readonly label: string
  /** null: of the engine. */
  readonly table: string | null
  readonly fields: number
  readonly readOnly: boolean
}

export interface CreateObjectsOptions {
  /** Names in any case. Default: all of the configuration. */
  readonly names?: readonly string[]
  /** Default: that of the configured storage. */
  readonly database?: 'sqlite' | 'postgres'
}

/**
 * TypeScript that defines an object for each table of the database, foreign keys as relationships both ways. Reads the catalog alone.
 * Throws MILL_OBJECT_UNKNOWN for a table that is not there, and MILL_STORAGE_*.
 */
export async function introspectObjects(
  config: MillConfig = {},
  { tables }: IntrospectOptions = {},
): Promise<string> {
  const settings = settingsOf(config)
  const { storage } = await openStorage(settings, config, {})
  try {
    const database = readingDatabase(storage.kind, storage.reader, settings.records.queryTimeoutMs)
    const read = (only?: readonly string[]): Promise<TableDescription[]> =>
      storage.kind === 'sqlite'
        ? sqliteTables(database, only)
        : postgresTables(database, config.postgres?.schema ?? 'millrace', only)
    const found = await read(tables)
    const absent = tables?.find((name) => !found.some((one) => isNamed(one, name)))
    if (absent !== undefined) throw unknownTable(absent, await read())
    return sourceText(introspect(found))
  } finally {
    await storage.close()
  }
}

/**
 * The SQL that makes the tables of the configured objects, for who has none yet. Opens no database. Throws MILL_OBJECT_UNKNOWN, and
 * what loading the definitions throws.
 */
export async function objectStatements(
  config: MillConfig = {},
  { names, database }: CreateObjectsOptions = {},
): Promise<readonly string[]> {
  const schema = await schemaOf(config)
  const objects = names === undefined ? schema.objects : names.map((name) => schema.object(name))
  const isPostgres = /^postgres(ql)?:/.test(config.storage ?? '')
  return tableStatements(objects, schema, database ?? (isPostgres ? 'postgres' : 'sqlite'))
}

/** The objects of the configuration and of the engine, by name. Opens no database. */
export async function listObjects(config: MillConfig = {}): Promise<readonly ObjectSummary[]> {
  const { objects } = await schemaOf(config)
  return objects
    .map(({ name, definition, fields }) => ({
      name,
      label: definition.label,
      table: definition.source === undefined ? definition.table : null,
      fields: fields.length,
      readOnly: definition.readOnly,
    }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en'))
}

async function schemaOf(config: MillConfig): Promise<Schema> {
  const { objects } = await loadDefinitions(config.definitions)
  return new Schema([...objects, ...engineObjects(config.postgres?.schema)])
}

/** The catalog was asked for `schema.table` as well: of such a name the table is enough here. */
function isNamed(table: TableDescription, name: string): boolean {
  return table.name.toLowerCase() === name.toLowerCase().split('.').at(-1)
}

function unknownTable(name: string, there: readonly TableDescription[]): MillraceError {
  const near = nearestName(name, there.map(tableName))
  return new MillraceError(
    'MILL_OBJECT_UNKNOWN',
    `there is no table ${name}${near === undefined ? '' : ` (did you mean ${near}?)`}.`,
    { data: { table: name, ...(near === undefined ? {} : { near }) } },
  )
}
