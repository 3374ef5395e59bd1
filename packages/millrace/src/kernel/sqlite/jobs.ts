import { MillraceError } from '../rules/errors.ts'
import type { Jobs } from '../storage/jobs.ts'
import type { Database } from './database.ts'
import { storeJob } from './enqueue.ts'
import { enqueueOne } from './unique.ts'

export function sqliteJobs(database: Database): Jobs {
  return {
    enqueue: async (jobs) => {
      if (jobs.length === 0) return
      await database.write('enqueue', (writing) => {
        for (const job of jobs) storeJob(writing, job)
      })
    },
    // On SQLite a rival transaction holds the one writer: the wait for that is what is bounded.
    enqueueAlone: (job, lockTimeoutMs) =>
      database.write('enqueue', (writing) => enqueueOne(writing, job), {
        withinMs: lockTimeoutMs,
        late: (cause) => {
          const [code, what] =
            job.unique === null
              ? (['MILL_FLEX_QUEUE_BUSY', 'flex queue'] as const)
              : (['MILL_UNIQUE_BUSY', 'unique key'] as const)
          return new MillraceError(
            code,
            `No ${what} could be looked at for ${lockTimeoutMs} ms: another transaction is writing.`,
            { cause },
          )
        },
      }),
  }
}
