import { finalizerSeq } from '../rules/decide.ts'
import type { JobId, JobOptions } from '../rules/execution.ts'
import { outcomes, type Outcome } from '../rules/outcome.ts'
import { appendEnd, hasEnded, noLease } from './attempt-history.ts'
import type { Writing } from './database.ts'
import { lookSoon } from './flex-queue.ts'
import { placeOf } from './lease-members.ts'
import { putBack, queuedRows, removeQueued, type QueuedRow } from './queue-rows.ts'

/** Ends a queued execution without running it: its history, and its finalizer if the job has one. */
export function endQueued(writing: Writing, row: QueuedRow, outcome: Outcome, options: string | null): void {
  const { job, seq, attempt, lane, prio } = row
  removeQueued(writing, row)
  appendEnd(
    writing.connection,
    { key: { job, seq, attempt }, lane, lease: noLease, outcome, ms: 0, error: null },
    writing.now,
  )
  if (options === null) return
  const { finalizer, flex } = JSON.parse(options) as JobOptions
  if (flex !== undefined) lookSoon(writing, flex)
  if (finalizer) {
    putBack(writing, { job, lane, prio, seq: finalizerSeq(seq, attempt), attempt: 1, care: 0 })
  }
}

export function abort(writing: Writing, id: JobId): 'aborted' | 'requested' | 'ended' | 'unknown' {
  const outcome = abortQueued(writing, id)
  if (outcome !== 'standing') return outcome
  const { connection, changes, now } = writing
  connection.run('insert into millrace_abort (job, since) values (?, ?) on conflict do nothing', id, now)
  changes.abort(id)
  return 'requested'
}

function abortQueued(writing: Writing, id: JobId): 'aborted' | 'standing' | 'ended' | 'unknown' {
  const { connection } = writing
  const place = placeOf(connection, id)
  if (!place) return 'unknown'
  if (hasEnded(connection, id)) return 'ended'
  const rows = queuedRows(writing, { id, ...place }).filter((row) => row.seq >= 0)
  if (rows.length === 0) return 'standing'
  for (const row of rows) endQueued(writing, row, outcomes.aborted, place.options)
  return 'aborted'
}

export function sweepAborts(writing: Writing): JobId[] {
  const { connection } = writing
  const open: JobId[] = []
  for (const { job } of connection.all<{ job: string }>('select job from millrace_abort order by job')) {
    if (abortQueued(writing, job) === 'standing') open.push(job)
    else connection.run('delete from millrace_abort where job = ?', job)
  }
  return open
}
