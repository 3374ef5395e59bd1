import pg from 'pg'
import { userTypes } from '../../kernel/postgres/row-types.ts'
import { createTestDatabase } from '../../../../../tests/support/postgres.ts'
import { conformance, planConformance } from './conformance/index.ts'
import type { Subject } from './conformance/subject.ts'
import { postgresRecords } from './test-support/records.ts'

const first = await createTestDatabase()
const there = first !== undefined
await first?.drop()

async function open(): Promise<Subject> {
  const database = await createTestDatabase()
  if (database === undefined) throw new Error('there is no PostgreSQL')
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  return {
    records: await postgresRecords(pool, userTypes),
    dispose: async () => {
      await pool.end()
      await database.drop()
    },
  }
}

conformance('PostgreSQL', open, !there)
planConformance('PostgreSQL', open, !there)
