import { createTestDatabase } from '../support/postgres.ts'
import { postgresTarget, sqliteTarget, type Target } from './target.ts'

export interface TestDatabases {
  /** Each opens an empty target; SQLite, and PostgreSQL where there is one. */
  readonly all: readonly (readonly ['sqlite' | 'postgres', () => Promise<Target>])[]
  drop(): Promise<void>
}

export async function testDatabases(): Promise<TestDatabases> {
  const database = await createTestDatabase()
  return {
    all: [
      ['sqlite', sqliteTarget],
      ...(database === undefined ? [] : [['postgres', () => postgresTarget(database.url)] as const]),
    ],
    drop: async () => database?.drop(),
  }
}
