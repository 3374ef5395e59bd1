import { addFunctions } from '../../kernel/sqlite/functions.ts'
import { conformance, planConformance } from './conformance/index.ts'
import type { Subject } from './conformance/subject.ts'
import { sqliteRecords } from './test-support/records.ts'

const open = async (): Promise<Subject> => {
  const records = sqliteRecords(addFunctions)
  return { records, dispose: async () => records.db.close() }
}

conformance('SQLite', open)
planConformance('SQLite', open)
