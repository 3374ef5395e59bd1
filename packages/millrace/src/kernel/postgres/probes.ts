import { jobFinalizerSeq } from '../rules/execution.ts'
import { outcomesOf } from './status-outcomes.ts'

/**
 * Questions to `done` that are answered by its key, row by row. The limit keeps the planner from turning them into a join,
 * for which it may read the whole history.
 */

/** The execution was settled under this lease. */
export function isSettled(job: string, seq: string, lease: string): string {
  return `(select true from millrace.done d
    where d.job = ${job} and d.seq = ${seq} and d.lease = ${lease} limit 1) is not null`
}

/** The row of `done` of this attempt, or that which ended the job: what a finalizer is told of. */
export function finalizedBy(job: string, seq: string, attempt: string): string {
  return `select d.job, d.seq, d.attempt, d.outcome, d.ms from millrace.done d
    where d.job = ${job} and (d.seq, d.attempt) = (${seq}, ${attempt})
    union all (select d.job, d.seq, d.attempt, d.outcome, d.ms from millrace.done d
      where ${attempt} = ${-jobFinalizerSeq} and d.job = ${job} and d.seq >= 0 and d.outcome >= 10
      order by d.seq desc, d.attempt desc limit 1)`
}

/** Its first execution has ended. */
export function isBegun(job: string): string {
  return `(select true from millrace.state s where s.job = ${job} limit 1) is not null`
}

export function isEnded(job: string): string {
  return `(select true from millrace.done d
    where d.job = ${job} and d.seq >= 0 and d.outcome >= 10 limit 1) is not null`
}

export function isCompleted(job: string): string {
  return `(select true from millrace.done d
    where d.job = ${job} and d.seq >= 0 and d.outcome in (${outcomesOf('Completed')}) limit 1) is not null`
}

export function isAborting(job: string): string {
  return `(exists (select from millrace.abort)
    and (select true from millrace.abort a where a.job = ${job} limit 1) is not null)`
}

/**
 * CTEs that end in `leased`: members of standing leases that are not settled, as (job, lane, seq, attempt, worker, started).
 * `which` narrows them by `u.job` before the history is asked, `whose` by the job `j`.
 */
export function leasedCtes(which: string, whose: string): string {
  return `member as materialized (
    select u.job, coalesce(l.seqs[u.place], 0) as seq, coalesce(l.attempts[u.place], 1) as attempt, l.id as lease,
      l.worker, (u.place - 1)::smallint = any (l.running) as started
    from millrace.lease l cross join lateral unnest(l.jobs) with ordinality as u (job, place)
    where ${which}
  ), leased as materialized (
    select m.job, j.lane, m.seq, m.attempt, m.worker, m.started
    from member m join millrace.job j on j.id = m.job
    where ${whose} and not ${isSettled('m.job', 'm.seq', 'm.lease')}
  )`
}
