import { waitReasons, type NextExecution, type QueuedWhen, type WaitReason } from '../rules/decision.ts'
import type { ExecutionRow, JobId, LaneId, LeaseId } from '../rules/execution.ts'
import type { Writing } from './database.ts'

/** Rows of `ready` and `waiting` as everybody writes and moves them. */

const insertReady = `insert into millrace_ready (lane, prio, job, seq, attempt, care) values (?, ?, ?, ?, ?, ?)`
const insertWoken = `insert into millrace_ready (lane, prio, job, seq, attempt, care, gate) values (?, ?, ?, ?, ?, ?, ?)`
const insertWaiting = `insert into millrace_waiting (job, seq, lane, prio, attempt, care, reason, due, gate, rank)
  values (?, ?, ?, ?, ?, ?, ?, ?, null, ?)`

/** A next execution takes the place of the one before it. */
const keep = `update millrace_lease set seqs = json_set(seqs, ?1, ?2), cares = json_set(cares, ?1, ?3) where id = ?4`

/** Back into a lane, perhaps before the place a claim has reached. */
export function putBack({ connection, changes }: Writing, row: ExecutionRow): void {
  connection.prepare(insertReady).run(row.lane, row.prio, row.job, row.seq, row.attempt, row.care)
  changes.back(row.lane)
}

/** The same for a row that has its turn at a limit key. */
export function putWoken({ connection, changes }: Writing, row: ExecutionRow, gate: number): void {
  connection.prepare(insertWoken).run(row.lane, row.prio, row.job, row.seq, row.attempt, row.care, gate)
  changes.back(row.lane)
}

/** At the end of its lane. */
export function putLast({ connection, changes }: Writing, row: ExecutionRow): void {
  connection.prepare(insertReady).run(row.lane, row.prio, row.job, row.seq, row.attempt, row.care)
  changes.fresh(row.lane)
}

export function putWaiting(
  { connection, changes, now }: Writing,
  row: ExecutionRow,
  wait: { readonly dueAt: number; readonly reason: WaitReason },
): void {
  const due = Math.ceil(wait.dueAt)
  connection
    .prepare(insertWaiting)
    .run(
      ...[row.job, row.seq, row.lane, row.prio, row.attempt, row.care],
      ...[waitReasons[wait.reason], due, row.prio],
    )
  changes.due(due - now)
}

/** Until its job is let go, or answered. */
function putHeld({ connection }: Writing, row: ExecutionRow, reason: WaitReason): void {
  connection
    .prepare(insertWaiting)
    .run(
      ...[row.job, row.seq, row.lane, row.prio, row.attempt, row.care],
      ...[waitReasons[reason], null, row.prio],
    )
}

export function putWhen(writing: Writing, row: ExecutionRow, when: QueuedWhen): void {
  if ('ready' in when) putBack(writing, row)
  else if ('held' in when) putHeld(writing, row, when.reason ?? 'paused')
  else putWaiting(writing, row, { dueAt: writing.now + when.dueInMs, reason: when.reason })
}

/** The executions that follow a settled one. */
export function putNext(
  writing: Writing,
  of: { readonly job: JobId; readonly lane: LaneId; readonly prio: number; readonly lease: LeaseId },
  next: readonly NextExecution[],
): void {
  for (const { seq, attempt, care, when } of next) {
    const row: ExecutionRow = { job: of.job, lane: of.lane, prio: of.prio, seq, attempt, care }
    if ('keep' in when) writing.connection.run(keep, `$[${when.keep}]`, seq, care, of.lease)
    else putWhen(writing, row, when)
  }
}

export interface QueuedRow extends ExecutionRow {
  readonly table: 'ready' | 'waiting'
}

/** The job's rows that stand in `ready` or `waiting`. */
export function queuedRows(
  { connection }: Pick<Writing, 'connection'>,
  job: { readonly id: JobId; readonly lane: LaneId; readonly prio: number },
): QueuedRow[] {
  return connection.all<QueuedRow>(
    `select 'ready' as "table", lane, prio, job, seq, attempt, care from millrace_ready
     where lane = ?1 and prio = ?2 and job = ?3
     union all
     select 'waiting', lane, prio, job, seq, attempt, care from millrace_waiting where job = ?3`,
    ...[job.lane, job.prio, job.id],
  )
}

export function removeQueued({ connection }: Writing, row: QueuedRow): void {
  if (row.table === 'waiting') {
    connection.run('delete from millrace_waiting where job = ? and seq = ?', row.job, row.seq)
    return
  }
  connection.run(
    'delete from millrace_ready where lane = ? and prio = ? and job = ? and seq = ?',
    ...[row.lane, row.prio, row.job, row.seq],
  )
}
