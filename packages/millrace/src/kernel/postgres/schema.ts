import { readFile } from 'node:fs/promises'
import { MillraceError } from '../rules/errors.ts'
import { compareReleases } from '../rules/release.ts'
import type { Schema } from '../storage/schema.ts'
import { hit, type Database } from './database.ts'
import type { Connection, Session } from './pool.ts'
import { statement } from './statement.ts'

const migrations = [
  { number: 1, file: '0001_kernel.sql' },
  { number: 2, file: '0002_snapshot.sql' },
  { number: 3, file: '0003_documents.sql' },
  { number: 4, file: '0004_state.sql' },
  { number: 5, file: '0005_schedule.sql' },
  { number: 6, file: '0006_flex_queue.sql' },
  { number: 7, file: '0007_hold.sql' },
]

/** Another process may be migrating: wait for it as long as that may take. */
const migrateWithinMs = 600_000

const hasTable = statement('has_table', 'select to_regclass($name) is not null as found')
const lock = statement(
  'migration_lock',
  `select pg_advisory_xact_lock(hashtext('millrace'), hashtext($schema))`,
)
const hasSchema = statement('has_schema', 'select to_regnamespace($name) is not null as found')
const applied = statement('migrations_applied', 'select number from millrace.migration order by number')
const record = statement(
  'migration_record',
  'insert into millrace.migration (number, release) values ($number, $release)',
)
const oldest = statement('oldest_release', `select value from millrace.setting where name = 'oldest_release'`)

export function schema(db: Database): Schema {
  const { statements } = db.main
  const quoted = `"${statements.schema}"`

  async function found(session: Session): Promise<Set<number> | null> {
    const table = await session.run<{ found: boolean }>(hasTable, { name: `${quoted}.migration` })
    if (table.rows[0]?.found !== true) return null
    const { rows } = await session.run<{ number: number }>(applied, {})
    return new Set(rows.map((row) => row.number))
  }

  /** One transaction for all of them: either the schema is there afterwards, or nothing is. */
  async function apply(connection: Connection): Promise<number[]> {
    // Transaction-scoped, so that it also works behind a pooler and never outlives us.
    await connection.run(lock, { schema: statements.schema })
    const there = await connection.run<{ found: boolean }>(hasSchema, { name: quoted })
    if (there.rows[0]?.found !== true) await connection.simple(`create schema ${quoted}`)
    if ((await found(connection)) === null) {
      await connection.simple(
        `create table ${quoted}.migration (
          number int primary key, release text not null, applied timestamptz not null default now())`,
      )
    }
    const before = (await found(connection)) ?? new Set()
    const missing = migrations.filter((migration) => !before.has(migration.number))
    for (const { number, file } of missing) {
      const text = await readFile(new URL(`./migrations/${file}`, import.meta.url), 'utf8')
      await connection.simple(statements.inSchema(text), migrateWithinMs)
      await connection.run(record, { number, release: db.release })
    }
    return missing.map((migration) => migration.number)
  }

  return {
    async migrate() {
      const before = await found(db.main)
      if (before !== null && migrations.every((migration) => before.has(migration.number))) return []
      const numbers = await db.main.transaction(apply, {
        deadlineMs: migrateWithinMs,
        beforeCommit: () => hit(db.faults, 'migrate', 'before-commit'),
      })
      await hit(db.faults, 'migrate', 'after-commit')
      return numbers
    },

    async check() {
      const there = await found(db.main)
      const missing = migrations.filter((migration) => there?.has(migration.number) !== true)
      if (missing.length > 0) {
        const what = there === null ? 'has no tables of Millrace' : 'lacks migrations of Millrace'
        throw new MillraceError('MILL_SCHEMA_MISSING', `schema ${statements.schema} ${what}`, {
          data: { missing: missing.map((migration) => migration.number) },
        })
      }
      const { rows } = await db.main.run<{ value: string }>(oldest, {})
      const least = rows[0]?.value
      if (least !== undefined && compareReleases(db.release, least) < 0) {
        throw new MillraceError(
          'MILL_RELEASE_TOO_OLD',
          `this is release ${db.release}, the database wants ${least} or newer`,
          { data: { release: db.release, oldest: least } },
        )
      }
    },
  }
}
