import { MillraceError } from '../kernel/rules/errors.ts'
import { meant, nearestName } from '../kernel/rules/nearest-name.ts'
import { engineObjects } from '../records/engine/engine-objects.ts'
import { tableStatements } from '../records/object/ddl.ts'
import { introspect } from '../records/object/introspect.ts'
import { postgresTables } from '../records/object/postgres-tables.ts'
import { Schema, type ObjectInfo } from '../records/object/schema.ts'
import { sourceText } from '../records/object/source-text.ts'
import { sqliteTables } from '../records/object/sqlite-tables.ts'
import { tableName, type TableDescription } from '../records/object/table.ts'
import { readingDatabase } from '../records/storage-database.ts'
import { databaseTriggers, toldOperations } from '../records/trigger/database-triggers.ts'
import { TriggerSet } from '../records/trigger/trigger-set.ts'
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

export interface TriggerStatementsOptions {
  /** Names of objects, in any case. Default: all that have after-triggers. */
  readonly names?: readonly string[]
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
  return tableStatements(objects, schema, database ?? (isPostgres(config) ? 'postgres' : 'sqlite'))
}

function isPostgres({ storage = '' }: MillConfig): boolean {
  return /^postgres(ql)?:/.test(storage)
}

/**
 * PostgreSQL: the SQL of triggers that tell Millrace what anybody changes in the tables of objects, so that their after-triggers run.
 * For an object that is named and has no after-triggers: the SQL that takes such triggers away. Opens no database. Throws
 * MILL_NOT_ON_SQLITE, MILL_OBJECT_UNKNOWN, MILL_OBJECT_READ_ONLY for one of the engine, and what loading the definitions throws.
 */
export async function triggerStatements(
  config: MillConfig = {},
  { names }: TriggerStatementsOptions = {},
): Promise<readonly string[]> {
  if (!isPostgres(config))
    throw new MillraceError(
      'MILL_NOT_ON_SQLITE',
      'SQLite has no triggers that could tell of changes, and the storage is SQLite: call notifyChanged where you change records',
    )
  const { triggers: definitions } = await loadDefinitions(config.definitions)
  const schema = await schemaOf(config)
  const triggers = new TriggerSet(schema, definitions)
  const objects =
    names?.map((name) => withTable(schema.object(name))) ??
    schema.objects.filter((object) => toldOperations(object, triggers).length > 0)
  const own = config.postgres?.schema ?? 'millrace'
  return objects.flatMap((object) => databaseTriggers(object, toldOperations(object, triggers), own))
}

function withTable(object: ObjectInfo): ObjectInfo {
  if (object.definition.source === undefined) return object
  throw new MillraceError(
    'MILL_OBJECT_READ_ONLY',
    `${object.name} is of the engine: it has no table to tell of`,
    {
      data: { object: object.name },
    },
  )
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
  const names = there.map(tableName)
  const near = nearestName(name, names)
  return new MillraceError('MILL_OBJECT_UNKNOWN', `there is no table ${name}${meant(name, names)}.`, {
    data: { table: name, ...(near === undefined ? {} : { near }) },
  })
}
