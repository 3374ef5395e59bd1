import type { LeaseId, WorkerId } from '../rules/execution.ts'
import type { HandBackRow } from '../storage/executions.ts'
import { nextAttempt } from './attempt-history.ts'
import type { Connection } from './connection.ts'
import type { Writing } from './database.ts'
import { isSettled, placeOf, readLease, unsettledMembers, type StandingLease } from './lease-members.ts'
import { putBack, putWaiting } from './queue-rows.ts'
import { refundTokens } from './refund.ts'

/** A row is given back while its position still names it: a repeat changes nothing. */
export function handBack(
  writing: Writing,
  rows: readonly HandBackRow[],
): { readonly fenced: readonly LeaseId[] } {
  const fenced: LeaseId[] = []
  for (const [id, members] of byLease(rows)) {
    const lease = readLease(writing.connection, id)
    if (lease) handBackTo(writing, lease, members)
    else fenced.push(id)
  }
  return { fenced }
}

function byLease(rows: readonly HandBackRow[]): Map<LeaseId, HandBackRow[]> {
  const leases = new Map<LeaseId, HandBackRow[]>()
  for (const row of rows) {
    const members = leases.get(row.lease)
    if (members) members.push(row)
    else leases.set(row.lease, [row])
  }
  return leases
}

function handBackTo(writing: Writing, lease: StandingLease, rows: readonly HandBackRow[]): void {
  const { connection, now } = writing
  const jobs = [...lease.jobs]
  const running = new Set(lease.running)
  for (const row of rows) {
    if (jobs[row.position] !== row.job) continue
    if (isSettled(connection, row.job, row.seq, lease.id)) continue
    jobs[row.position] = null
    running.delete(row.position)
    if (row.wait) {
      putWaiting(writing, row, { dueAt: now + row.wait.dueInMs, reason: row.wait.reason })
    } else {
      putBack(writing, row)
      refundTokens(writing, row)
    }
  }
  if (jobs.every((job) => job === null)) {
    connection.run('delete from millrace_lease where id = ?', lease.id)
    return
  }
  connection.run(
    'update millrace_lease set jobs = ?, running = ? where id = ?',
    ...[JSON.stringify(jobs), JSON.stringify([...running]), lease.id],
  )
}

export function standingLeases(connection: Connection, worker: WorkerId): LeaseId[] {
  return connection
    .all<{ id: number }>('select id from millrace_lease where worker = ? order by id', worker)
    .map(({ id }) => id)
}

/** A lease whose claim's answer was lost: nothing of it has started, all of it goes back as it came. */
export function handBackLease(writing: Writing, worker: WorkerId, id: LeaseId): void {
  const { connection } = writing
  const lease = readLease(connection, id)
  if (lease?.worker !== worker) return
  for (const { job, seq, care } of unsettledMembers(connection, lease)) {
    const place = placeOf(connection, job)
    if (!place) continue
    const attempt = nextAttempt(connection, job, seq)
    const row = { job, seq, attempt, care, lane: place.lane, prio: place.prio }
    putBack(writing, row)
    refundTokens(writing, row)
  }
  connection.run('delete from millrace_lease where id = ?', id)
}
