import type { ExecutionRow } from '../rules/execution.ts'
import { DEFAULT_PRIORITY } from '../rules/names.ts'
import { checkSearchArgument } from '../rules/search-argument.ts'
import type { NewJob } from '../storage/jobs.ts'
import type { Writing } from './database.ts'
import { putBack, putLast, putWaiting } from './queue-rows.ts'

const insertJob = `insert into millrace_job (id, lane, prio, parent, options, created, payload)
  values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`

/** false: it was stored before, and nothing is changed. */
export function storeJob(writing: Writing, job: NewJob): boolean {
  const { connection, now } = writing
  const options = job.options === null ? null : JSON.stringify(job.options)
  const { changes } = connection
    .prepare(insertJob)
    .run(job.id, job.lane, job.prio, job.parent, options, now, job.payload)
  if (changes === 0) return false
  for (const arg of job.args) {
    const { path, value } = arg
    checkSearchArgument(arg, `job ${job.id}`)
    connection.run(
      'insert into millrace_arg (path, value, job) values (?, ?, ?) on conflict do nothing',
      ...[path, value, job.id],
    )
  }
  queue(writing, job)
  return true
}

function queue(writing: Writing, { id, lane, prio, due }: NewJob): void {
  const row: ExecutionRow = { job: id, lane, prio, seq: 0, attempt: 1, care: 0 }
  const dueAt = due === null ? null : 'at' in due ? due.at : writing.now + due.inMs
  const reason = due !== null && 'at' in due ? (due.reason ?? 'scheduled') : 'scheduled'
  if (dueAt !== null && dueAt > writing.now) putWaiting(writing, row, { dueAt, reason })
  else if (prio === DEFAULT_PRIORITY) putLast(writing, row)
  else putBack(writing, row)
}
