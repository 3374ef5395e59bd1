import type { ExecutionRow } from '../rules/execution.ts'
import type { FlexFilling } from '../rules/flex-queue.ts'
import { DEFAULT_PRIORITY } from '../rules/names.ts'
import { checkSearchArgument } from '../rules/search-argument.ts'
import { dueReason, type NewJob } from '../storage/jobs.ts'
import type { Writing } from './database.ts'
import { holdJob, holdLater } from './flex-queue.ts'
import { readKey } from './limit-key.ts'
import { putBack, putLast, putWaiting } from './queue-rows.ts'

const insertJob = `insert into millrace_job (id, lane, prio, parent, options, created, payload)
  values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`

/**
 * Changes nothing when it was stored before. `isBounded`: a job that its flex queue has no room for is refused. Answers where that queue is
 * filling up.
 */
export function storeJob(writing: Writing, job: NewJob, isBounded = true): FlexFilling | undefined {
  const { connection, now } = writing
  const options = job.options === null ? null : JSON.stringify(job.options)
  const { changes } = connection
    .prepare(insertJob)
    .run(job.id, job.lane, job.prio, job.parent, options, now, job.payload)
  if (changes === 0) return undefined
  for (const arg of job.args) {
    const { path, value } = arg
    checkSearchArgument(arg, `job ${job.id}`)
    connection.run(
      'insert into millrace_arg (path, value, job) values (?, ?, ?) on conflict do nothing',
      ...[path, value, job.id],
    )
  }
  return queue(writing, job, isBounded)
}

function queue(
  writing: Writing,
  { id, lane, prio, due, options }: NewJob,
  isBounded: boolean,
): FlexFilling | undefined {
  const row: ExecutionRow = { job: id, lane, prio, seq: 0, attempt: 1, care: 0 }
  const dueAt = due === null ? null : 'at' in due ? due.at : writing.now + due.inMs
  const reason = dueReason(due)
  const isLater = dueAt !== null && dueAt > writing.now
  const key = options?.flex === undefined ? undefined : readKey(writing.connection, options.flex)
  if (key !== undefined) {
    if (!isLater) return holdJob(writing, row, key, isBounded)
    holdLater(writing, row, key.id, { dueAt, reason })
    return undefined
  }
  if (isLater) putWaiting(writing, row, { dueAt, reason })
  else if (prio === DEFAULT_PRIORITY) putLast(writing, row)
  else putBack(writing, row)
  return undefined
}
