import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

export type Kind = 'sqlite' | 'postgres'

/** An empty database; undefined where there is no PostgreSQL. */
export async function openDatabase(kind: Kind): Promise<TestDatabase | undefined> {
  if (kind === 'postgres') return createTestDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-fairness-'))
  return {
    url: `sqlite:${join(folder, 'mill.db')}`,
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** The kinds that can be opened here. */
export async function kinds(): Promise<readonly Kind[]> {
  const postgres = await openDatabase('postgres')
  await postgres?.drop()
  return postgres === undefined ? ['sqlite'] : ['sqlite', 'postgres']
}
