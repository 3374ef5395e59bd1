import type { EndedAttempt } from '../rules/decision.ts'
import { jobFinalizerSeq, type ExecutionKey, type LaneId, type LeaseId } from '../rules/execution.ts'
import { outcomes, type Outcome, type StoredError } from '../rules/outcome.ts'
import type { Connection } from './connection.ts'

/** The lease of an attempt that was ended without one: aborted or replaced in its queue. */
export const noLease: LeaseId = 0

/** Ends whose job is listed as completed: they have no row in `failure` unless there was an error. */
const goodEnds: readonly number[] = [outcomes.completed, outcomes.skipped]

export function isBadEnd(outcome: number): boolean {
  return outcome >= 10 && !goodEnds.includes(outcome)
}

export interface AttemptEnd {
  readonly key: ExecutionKey
  readonly lane: LaneId
  readonly lease: LeaseId
  readonly outcome: Outcome
  readonly ms: number
  readonly error: StoredError | null
}

const insertDone = `insert into millrace_done (job, seq, attempt, outcome, ms, lease, finished)
  values (?, ?, ?, ?, ?, ?, ?)`

/** Appends the history of one ended attempt; its key refuses a second end. */
export function appendEnd(connection: Connection, end: AttemptEnd, now: number): void {
  const { job, seq, attempt } = end.key
  connection.prepare(insertDone).run(job, seq, attempt, end.outcome, end.ms, end.lease, now)
  if (end.error === null && !isBadEnd(end.outcome)) return
  connection.run(
    'insert into millrace_failure (job, seq, attempt, lane, outcome, error) values (?, ?, ?, ?, ?, ?)',
    ...[job, seq, attempt, end.lane, end.outcome],
    end.error === null ? null : JSON.stringify(end.error),
  )
}

export function storedError(text: string | null): StoredError | null {
  return text === null ? null : (JSON.parse(text) as StoredError)
}

/** How often this execution's process died. */
export function deathsSoFar(connection: Connection, job: string, seq: number): number {
  const row = connection.get<{ n: number }>(
    'select count(*) as n from millrace_done where job = ? and seq = ? and outcome = ?',
    ...[job, seq, outcomes.lost],
  )
  return row?.n ?? 0
}

/** Number of the attempt that comes after those that ended. */
export function nextAttempt(connection: Connection, job: string, seq: number): number {
  const row = connection.get<{ attempt: number }>(
    'select coalesce(max(attempt), 0) + 1 as attempt from millrace_done where job = ? and seq = ?',
    ...[job, seq],
  )
  return row?.attempt ?? 1
}

/** The attempt, or what ended the job, as a finalizer sees it; null when it has not ended. */
export function endedAttempt(
  connection: Connection,
  { job, seq, attempt }: ExecutionKey,
): EndedAttempt | null {
  const row = connection.get<{ seq: number; outcome: number; ms: number; error: string | null }>(
    `select d.seq, d.outcome, d.ms, f.error from millrace_done d
     left join millrace_failure f on f.job = d.job and f.seq = d.seq and f.attempt = d.attempt
     where d.job = ?1 and d.seq >= 0 and case when ?3 = ${-jobFinalizerSeq} then d.outcome >= 10 else d.seq = ?2 and d.attempt = ?3 end
     order by d.seq desc, d.attempt desc limit 1`,
    ...[job, seq, attempt],
  )
  if (!row) return null
  return {
    outcome: row.outcome as Outcome,
    ms: row.ms,
    error: storedError(row.error),
    deaths: deathsSoFar(connection, job, row.seq),
  }
}

export function hasEnded(connection: Connection, job: string): boolean {
  return (
    connection.get(
      'select 1 from millrace_done where job = ? and seq >= 0 and outcome >= 10 limit 1',
      job,
    ) !== undefined
  )
}
