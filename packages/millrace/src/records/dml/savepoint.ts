import type { RecordsDatabase } from '../database.ts'

const run = (database: RecordsDatabase, text: string): Promise<unknown> =>
  database.query({ segments: [text], params: [] })

/**
 * What `work` writes stays if it returns; if it throws, it alone is undone, and its error is thrown again. The newest savepoint of
 * the name is the one that counts, so they nest.
 */
export async function savepoint<T>(database: RecordsDatabase, work: () => Promise<T>): Promise<T> {
  await run(database, 'savepoint mill_records')
  let answer: T
  try {
    answer = await work()
  } catch (error) {
    try {
      await run(database, 'rollback to savepoint mill_records')
      await run(database, 'release savepoint mill_records')
    } catch {
      // The transaction is lost as a whole: what happened first says why.
    }
    throw error
  }
  await run(database, 'release savepoint mill_records')
  return answer
}
