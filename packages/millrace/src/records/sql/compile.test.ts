import { sqliteRecords } from './test-support/records.ts'
import { conformance } from './conformance/index.ts'

conformance('SQLite', async () => {
  const records = sqliteRecords()
  return { records, dispose: async () => records.db.close() }
})
