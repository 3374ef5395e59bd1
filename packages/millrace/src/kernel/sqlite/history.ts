import type { JobId } from '../rules/execution.ts'
import type { Outcome } from '../rules/outcome.ts'
import type { AttemptRecord, History, JobEnd } from '../storage/history.ts'
import { deathsSoFar, storedError } from './attempt-history.ts'
import type { Connection } from './connection.ts'
import type { Database } from './database.ts'
import { countJobs } from './job-counts.ts'
import { listJobs } from './job-list.ts'
import { JobReader } from './job-record.ts'
import { prune } from './prune.ts'

interface AttemptRow {
  readonly seq: number
  readonly attempt: number
  readonly outcome: number
  readonly ms: number
  readonly lease: number
  readonly finished: number
  readonly error: string | null
}

function attempts(connection: Connection, job: JobId): AttemptRecord[] {
  return connection
    .all<AttemptRow>(
      `select d.seq, d.attempt, d.outcome, d.ms, d.lease, d.finished, f.error from millrace_done d
       left join millrace_failure f on f.job = d.job and f.seq = d.seq and f.attempt = d.attempt
       where d.job = ? order by d.finished, d.seq < 0, abs(d.seq), d.attempt`,
      job,
    )
    .map((row) => ({
      seq: row.seq,
      attempt: row.attempt,
      outcome: row.outcome as Outcome,
      ms: row.ms,
      error: storedError(row.error),
      deaths: deathsSoFar(connection, job, row.seq),
      lease: row.lease,
      finishedAt: row.finished,
    }))
}

function end(connection: Connection, job: JobId): JobEnd[] {
  const row = connection.get<{ outcome: number; error: string | null; result: string | null }>(
    `select d.outcome, f.error, (select value from millrace_result r where r.job = d.job) as result
     from millrace_done d
     left join millrace_failure f on f.job = d.job and f.seq = d.seq and f.attempt = d.attempt
     where d.job = ? and d.seq >= 0 and d.outcome >= 10 order by d.seq desc, d.attempt desc limit 1`,
    job,
  )
  return row ? [{ job, outcome: row.outcome, error: storedError(row.error), result: row.result }] : []
}

export function sqliteHistory(database: Database): History {
  return {
    jobs: (ids) => database.read((connection) => new JobReader(connection).records(ids)),
    attempts: (job) => database.read((connection) => attempts(connection, job)),
    ends: (ids) => database.read((connection) => ids.flatMap((id) => end(connection, id))),
    list: (filter, page) => listJobs(database, filter, page),
    counts: (filter) => database.read((connection) => countJobs(connection, filter)),
    prune: (params) => database.write('prune', (writing) => prune(writing, params)),
  }
}
