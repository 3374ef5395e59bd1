import pg from 'pg'
import { createTestDatabase } from '../../../../../tests/support/postgres.ts'
import { conformance } from './conformance/index.ts'
import { postgresRecords } from './test-support/records.ts'

const database = await createTestDatabase()

conformance(
  'PostgreSQL',
  async () => {
    if (database === undefined) throw new Error('there is no PostgreSQL')
    const pool = new pg.Pool({ connectionString: database.url, max: 2 })
    return {
      records: await postgresRecords(pool),
      dispose: async () => {
        await pool.end()
        await database.drop()
      },
    }
  },
  database === undefined,
)
