import type { JobId, LaneId, LeaseId, WorkerId } from '../rules/execution.ts'
import type { Connection } from './connection.ts'

/** A lease as it stands, its JSON read. */
export interface StandingLease {
  readonly id: LeaseId
  readonly worker: WorkerId
  /** null: handed back. */
  readonly jobs: readonly (JobId | null)[]
  readonly seqs: readonly number[]
  readonly cares: readonly number[] | null
  readonly running: ReadonlySet<number>
}

interface LeaseRow {
  readonly id: number
  readonly worker: number
  readonly jobs: string
  readonly seqs: string
  readonly cares: string | null
  readonly running: string
}

const columns = 'id, worker, jobs, seqs, cares, running'

function toLease(row: LeaseRow): StandingLease {
  return {
    id: row.id,
    worker: row.worker,
    jobs: JSON.parse(row.jobs) as (JobId | null)[],
    seqs: JSON.parse(row.seqs) as number[],
    cares: row.cares === null ? null : (JSON.parse(row.cares) as number[]),
    running: new Set(JSON.parse(row.running) as number[]),
  }
}

export function readLease(connection: Connection, id: LeaseId): StandingLease | null {
  const row = connection.get<LeaseRow>(`select ${columns} from millrace_lease where id = ?`, id)
  return row ? toLease(row) : null
}

export function allLeases(connection: Connection): StandingLease[] {
  return connection.all<LeaseRow>(`select ${columns} from millrace_lease order by id`).map(toLease)
}

/** Leases that name the job. There are few leases, so their texts are searched. */
export function leasesNaming(connection: Connection, job: JobId): StandingLease[] {
  return connection
    .all<LeaseRow>(`select ${columns} from millrace_lease where instr(jobs, ?) > 0`, job)
    .map(toLease)
}

export interface Member {
  readonly lease: LeaseId
  readonly worker: WorkerId
  readonly position: number
  readonly job: JobId
  readonly seq: number
  readonly care: number
  readonly started: boolean
}

export function isSettled(connection: Connection, job: JobId, seq: number, lease: LeaseId): boolean {
  return (
    connection.get(
      'select 1 from millrace_done where job = ? and seq = ? and lease = ? limit 1',
      ...[job, seq, lease],
    ) !== undefined
  )
}

/** What the lease still holds: neither handed back nor settled under it. */
export function unsettledMembers(connection: Connection, lease: StandingLease): Member[] {
  return lease.jobs.flatMap((job, position) => {
    const seq = lease.seqs[position] ?? 0
    if (job === null || isSettled(connection, job, seq, lease.id)) return []
    return {
      lease: lease.id,
      worker: lease.worker,
      position,
      job,
      seq,
      care: lease.cares?.[position] ?? 0,
      started: lease.running.has(position),
    }
  })
}

/** Where a job's rows stand; null when the job is gone. */
export function placeOf(
  connection: Connection,
  job: JobId,
): { readonly lane: LaneId; readonly prio: number; readonly options: string | null } | null {
  return connection.get('select lane, prio, options from millrace_job where id = ?', job) ?? null
}
