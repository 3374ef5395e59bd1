import type { RecordsDatabase } from '../database.ts'

/**
 * `work` with plans that take the rows of an `unnest` one after another, by the index of the table: so an update locks them in the order
 * of the array without a statement of its own for that, which would cost nearly as much as the update. What was set before is set
 * again; if `work` throws, by going back to the caller's savepoint.
 */
export async function inOrder<T>(database: RecordsDatabase, work: () => Promise<T>): Promise<T> {
  const [before] = await database.query({
    segments: [
      `select current_setting('enable_hashjoin') as hash, current_setting('enable_mergejoin') as merge,
        set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`,
    ],
    params: [],
  })
  const answer = await work()
  await database.query({
    segments: [
      `select set_config('enable_hashjoin', `,
      `, true), set_config('enable_mergejoin', `,
      `, true)`,
    ],
    params: [before?.['hash'], before?.['merge']],
  })
  return answer
}
