import type { JobId, JobOptions, Lane, LaneId } from '../rules/execution.ts'
import { idTime } from '../rules/ids.ts'
import type { StoredError } from '../rules/outcome.ts'
import type { JobFacts } from '../rules/status.ts'
import type { JobRecord } from '../storage/history.ts'
import { nextAttempt, storedError } from './attempt-history.ts'
import type { Connection } from './connection.ts'
import { readLane } from './lanes.ts'
import { stateView } from './states.ts'
import { allLeases, isSettled, leasesNaming, type Member, type StandingLease } from './lease-members.ts'

interface JobRow {
  readonly id: string
  readonly lane: number
  readonly prio: number
  readonly parent: string | null
  readonly options: string | null
  readonly payload: string
}

interface EndRow {
  readonly seq: number
  readonly attempt: number
  readonly outcome: number
  readonly finished: number
}

interface WaitingRow {
  readonly seq: number
  readonly attempt: number
  readonly reason: number
  readonly due: number | null
  readonly gate: string | null
}

/** More jobs than this are looked up in all leases at once. */
const fewJobs = 8

/** Jobs as they stand now; to be used inside one read. Lanes and leases are read once for many jobs. */
export class JobReader {
  readonly #connection: Connection
  readonly #lanes = new Map<LaneId, Lane>()
  #named: ReadonlyMap<JobId, readonly StandingLease[]> | null = null

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** In the order given; unknown ids are left out. */
  records(ids: readonly JobId[]): JobRecord[] {
    if (ids.length > fewJobs) this.#named ??= leasesByJob(this.#connection)
    return ids.flatMap((id) => this.#record(id) ?? [])
  }

  #record(id: JobId): JobRecord | null {
    const job = this.#connection.get<JobRow>('select * from millrace_job where id = ?', id)
    if (!job) return null
    const ready = this.#readyRows(job)
    const waiting = this.#waitingRows(id)
    const members = this.#members(id)
    const ended = this.#newestEnd(id, 'outcome >= 10')
    const state = stateView(this.#connection, id)
    const options = job.options === null ? null : (JSON.parse(job.options) as JobOptions)
    const last = ended ?? this.#newestEnd(id, 'true')
    const standing = [...ready, ...waiting, ...members.map((member) => this.#withAttempt(member))].filter(
      isRun,
    )
    return {
      id,
      lane: this.#lane(job.lane),
      prio: job.prio,
      parent: job.parent,
      options,
      payload: job.payload,
      createdAt: idTime(job.id),
      facts: {
        ...this.#facts(id, ended, ready, waiting, members),
        ...(options?.several && { several: true }),
        ...(state && { begun: true }),
      },
      attempt: standing[0]?.attempt ?? last?.attempt ?? 1,
      finishedAt: ended?.finished ?? null,
      error: state?.error ?? this.#error(id, ended),
      result: this.#result(id),
      state: state?.view ?? null,
    }
  }

  #facts(
    id: JobId,
    ended: EndRow | null,
    ready: readonly { readonly seq: number }[],
    waiting: readonly WaitingRow[],
    members: readonly Member[],
  ): JobFacts {
    const waits = waiting.find(isRun)
    const running = members.filter(isRun)
    const leased = running.find((member) => member.started) ?? running[0]
    return {
      ended: ended?.outcome ?? null,
      ready: ready.some(isRun),
      waiting: waits ? { reason: waits.reason, dueAt: waits.due, gate: waits.gate } : null,
      leased: leased ? { started: leased.started, worker: leased.worker } : null,
      finalizing: [...ready, ...waiting, ...members].some((row) => !isRun(row)),
      aborting: this.#connection.get('select 1 from millrace_abort where job = ?', id) !== undefined,
    }
  }

  #readyRows({ id, lane, prio }: JobRow): { readonly seq: number; readonly attempt: number }[] {
    return this.#connection.all(
      'select seq, attempt from millrace_ready where lane = ? and prio = ? and job = ? order by seq desc',
      ...[lane, prio, id],
    )
  }

  #waitingRows(id: JobId): WaitingRow[] {
    return this.#connection.all(
      `select w.seq, w.attempt, w.reason, w.due, coalesce(k.name, w.gate) as gate
       from millrace_waiting w left join millrace_limit_key k on k.id = w.gate
       where w.job = ? order by w.seq desc`,
      id,
    )
  }

  /** What standing leases hold of the job. */
  #members(id: JobId): Member[] {
    const leases = this.#named ? (this.#named.get(id) ?? []) : leasesNaming(this.#connection, id)
    return leases.flatMap((lease) =>
      lease.jobs.flatMap((job, position) => {
        const seq = lease.seqs[position] ?? 0
        if (job !== id || isSettled(this.#connection, id, seq, lease.id)) return []
        const care = lease.cares?.[position] ?? 0
        const started = lease.running.has(position)
        return { lease: lease.id, worker: lease.worker, position, job, seq, care, started }
      }),
    )
  }

  #withAttempt({ job, seq }: Member): { readonly seq: number; readonly attempt: number } {
    return { seq, attempt: nextAttempt(this.#connection, job, seq) }
  }

  #newestEnd(id: JobId, condition: 'outcome >= 10' | 'true'): EndRow | null {
    return (
      this.#connection.get<EndRow>(
        `select seq, attempt, outcome, finished from millrace_done
         where job = ? and seq >= 0 and ${condition} order by seq desc, attempt desc limit 1`,
        id,
      ) ?? null
    )
  }

  #error(id: JobId, ended: EndRow | null): StoredError | null {
    const row = ended
      ? this.#connection.get<{ error: string | null }>(
          'select error from millrace_failure where job = ? and seq = ? and attempt = ?',
          ...[id, ended.seq, ended.attempt],
        )
      : this.#connection.get<{ error: string | null }>(
          `select error from millrace_failure where job = ? and seq >= 0 and error is not null
           order by seq desc, attempt desc limit 1`,
          id,
        )
    return storedError(row?.error ?? null)
  }

  #result(id: JobId): string | null {
    return (
      this.#connection.get<{ value: string }>('select value from millrace_result where job = ?', id)?.value ??
      null
    )
  }

  #lane(id: LaneId): Lane {
    const lane = this.#lanes.get(id) ?? readLane(this.#connection, id)
    if (!lane) throw new Error(`lane ${id} of a job is not there`)
    this.#lanes.set(id, lane)
    return lane
  }
}

/** Not a finalizer. */
function isRun({ seq }: { readonly seq: number }): boolean {
  return seq >= 0
}

function leasesByJob(connection: Connection): Map<JobId, StandingLease[]> {
  const named = new Map<JobId, StandingLease[]>()
  for (const lease of allLeases(connection)) {
    for (const job of new Set(lease.jobs)) {
      if (job === null) continue
      const leases = named.get(job)
      if (leases) leases.push(lease)
      else named.set(job, [lease])
    }
  }
  return named
}
