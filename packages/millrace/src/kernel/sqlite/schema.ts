import { readdirSync, readFileSync } from 'node:fs'
import { MillraceError } from '../rules/errors.ts'
import { compareReleases } from '../rules/release.ts'
import type { Schema } from '../storage/schema.ts'
import type { Connection } from './connection.ts'
import { readSetting } from './controls.ts'
import type { Database, Writing } from './database.ts'

interface Migration {
  readonly number: number
  readonly name: string
  readonly file: URL
}

const folder = new URL('./migrations/', import.meta.url)

/** The files of ./migrations, `0001_name.sql` and on, in order. */
function migrations(): Migration[] {
  return readdirSync(folder)
    .flatMap((file) => {
      const [, number, name] = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file) ?? []
      return number === undefined || name === undefined
        ? []
        : { number: Number(number), name, file: new URL(file, folder) }
    })
    .sort((a, b) => a.number - b.number)
}

function hasTable(connection: Connection, name: string): boolean {
  return connection.get("select 1 from sqlite_schema where type = 'table' and name = ?", name) !== undefined
}

function applied(connection: Connection): Set<number> {
  if (!hasTable(connection, 'millrace_migration')) return new Set()
  return new Set(
    connection.all<{ number: number }>('select number from millrace_migration').map(({ number }) => number),
  )
}

function migrate({ connection, changes, now }: Writing): number[] {
  connection.db.exec(
    `create table if not exists millrace_migration (
       number integer primary key, name text not null, applied integer not null) strict`,
  )
  const done = applied(connection)
  const missing = migrations().filter(({ number }) => !done.has(number))
  for (const { number, name, file } of missing) {
    connection.db.exec(readFileSync(file, 'utf8'))
    connection.run(
      'insert into millrace_migration (number, name, applied) values (?, ?, ?)',
      ...[number, name, now],
    )
  }
  if (missing.length > 0) changes.config()
  return missing.map(({ number }) => number)
}

/** Throws MILL_RELEASE_TOO_OLD when the database was made ready for newer releases only. */
export function checkRelease(connection: Connection, release: string): void {
  if (!hasTable(connection, 'millrace_setting')) return
  const oldest = readSetting(connection, 'oldest_release')
  if (oldest === null || compareReleases(release, oldest) >= 0) return
  throw new MillraceError(
    'MILL_RELEASE_TOO_OLD',
    `The database needs Millrace ${oldest} or newer; this is ${release}.`,
    { data: { oldest, release } },
  )
}

function check(connection: Connection, release: string): void {
  const done = applied(connection)
  const missing = migrations().flatMap(({ number }) => (done.has(number) ? [] : [number]))
  checkRelease(connection, release)
  if (missing.length === 0) return
  throw new MillraceError(
    'MILL_SCHEMA_MISSING',
    done.size === 0
      ? 'The database has no tables of Millrace.'
      : `The database lacks migrations ${missing.join(', ')} of Millrace.`,
    { data: { missing } },
  )
}

export function sqliteSchema(database: Database, release: string): Schema {
  return {
    migrate: () =>
      database.write('migrate', (writing) => {
        checkRelease(writing.connection, release)
        return migrate(writing)
      }),
    check: () => database.read((connection) => check(connection, release)),
  }
}
