import type { Claimed, ExecutionRow, JobOptions } from '../rules/execution.ts'
import { limitKeysOf, type Admit, type GatedRow } from '../rules/limits.ts'
import { waitReasons } from '../rules/decision.ts'
import type { ClaimedBatch, ClaimParams, GatedClaim, LaneQuota } from '../storage/executions.ts'
import type { Connection } from './connection.ts'
import { nextNumber } from './counter.ts'
import type { Writing } from './database.ts'
import { keyStates, writeKey } from './limit-key.ts'

/** A row on its way from `ready` into a lease. */
interface Taken extends ExecutionRow {
  readonly payload: string
  readonly options: JobOptions | null
}

/** lane, prio, job, seq, attempt, care, payload, options: as an array, which costs less than an object. */
type TakenColumns = [number, number, string, number, number, number, string, string | null]

const selectHead = `select r.lane, r.prio, r.job, r.seq, r.attempt, r.care, j.payload, j.options
  from millrace_ready r cross join millrace_job j on j.id = r.job`
const fromHead = `${selectHead} where r.lane = ? order by r.prio, r.job, r.seq limit ?`
const fromPlace = `${selectHead} where r.lane = ? and (r.prio, r.job, r.seq) > (?, ?, ?)
  order by r.prio, r.job, r.seq limit ?`
const wokenTo = `select job, seq from millrace_ready
  where lane = ? and (prio, job, seq) <= (?, ?, ?) and gate is not null`
const deleteTo = 'delete from millrace_ready where lane = ? and (prio, job, seq) <= (?, ?, ?)'
const deleteBetween = `${deleteTo} and (prio, job, seq) > (?, ?, ?)`

function readQuota(connection: Connection, { lane, quota, after }: LaneQuota): Taken[] {
  const statement = connection.prepare(after ? fromPlace : fromHead)
  statement.setReturnArrays(true)
  const rows = (after
    ? statement.all(lane, after.prio, after.job, after.seq, quota)
    : statement.all(lane, quota)) as unknown as TakenColumns[]
  return rows.map(([laneId, prio, job, seq, attempt, care, payload, options]) => ({
    lane: laneId,
    prio,
    job,
    seq,
    attempt,
    care,
    payload,
    options: options === null ? null : (JSON.parse(options) as JobOptions),
  }))
}

/** A look of its own, so that plain claims do not pay for a column that only gated ones have. */
function readWoken(connection: Connection, rows: readonly Taken[], woken: Set<string>): void {
  const last = rows.at(-1)
  if (!last) return
  const found = connection.all<{ job: string; seq: number }>(
    wokenTo,
    ...[last.lane, last.prio, last.job, last.seq],
  )
  for (const { job, seq } of found) woken.add(`${job} ${seq}`)
}

/** What was read is the range up to the last row: nobody else writes meanwhile. */
function deleteRead(connection: Connection, { lane, after }: LaneQuota, rows: readonly Taken[]): void {
  const last = rows.at(-1)
  if (!last) return
  const to = [lane, last.prio, last.job, last.seq] as const
  if (after) connection.run(deleteBetween, ...to, after.prio, after.job, after.seq)
  else connection.run(deleteTo, ...to)
}

function byClaimOrder(a: ExecutionRow, b: ExecutionRow): number {
  return a.prio - b.prio || (a.job < b.job ? -1 : a.job > b.job ? 1 : a.seq - b.seq)
}

/** `woken` is given the rows among them that were woken for a limit. */
function take(connection: Connection, quotas: readonly LaneQuota[], woken?: Set<string>): Taken[] {
  const taken: Taken[] = []
  let lanes = 0
  for (const quota of quotas) {
    const rows = readQuota(connection, quota)
    if (rows.length === 0) continue
    if (woken) readWoken(connection, rows, woken)
    deleteRead(connection, quota, rows)
    for (const row of rows) taken.push(row)
    lanes += 1
  }
  return lanes > 1 ? taken.sort(byClaimOrder) : taken
}

function lives({ connection, now }: Writing, worker: number): boolean {
  return connection.get('select 1 from millrace_worker where id = ? and until > ?', worker, now) !== undefined
}

/** `rows` in claim order become the members of a new lease. */
function lease(writing: Writing, { worker, free }: ClaimParams, rows: readonly Taken[]): ClaimedBatch {
  const { connection, now } = writing
  const id = nextNumber(connection, 'lease')
  const jobs: string[] = []
  const seqs: number[] = []
  const cares: number[] = []
  const running: number[] = []
  const members: Claimed[] = []
  rows.forEach((row, position) => {
    // A row whose process died before is recorded as started when it starts, not before (R9).
    const marked = position < free && row.care <= 1
    if (marked) running.push(position)
    jobs.push(row.job)
    seqs.push(row.seq)
    cares.push(row.care)
    members.push({ ...row, lease: id, position, marked })
  })
  connection.run(
    `insert into millrace_lease (id, worker, claimed, running, jobs, seqs, cares) values (?, ?, ?, ?, ?, ?, ?)`,
    id,
    worker,
    now,
    JSON.stringify(running),
    JSON.stringify(jobs),
    JSON.stringify(seqs),
    cares.some((care) => care > 0) ? JSON.stringify(cares) : null,
  )
  return { lease: id, members }
}

export function claim(writing: Writing, params: ClaimParams): ClaimedBatch | null {
  if (!lives(writing, params.worker)) return null
  const rows = take(writing.connection, params.quotas)
  return rows.length === 0 ? null : lease(writing, params, rows)
}

export function claimGated(writing: Writing, params: ClaimParams, admit: Admit): GatedClaim {
  const { connection, now } = writing
  if (!lives(writing, params.worker)) return { batch: null, parked: 0 }
  const woken = new Set<string>()
  const taken = take(connection, params.quotas, woken)
  if (taken.length === 0) return { batch: null, parked: 0 }

  const payloads = new Map<GatedRow, Taken>()
  const rows = taken.map((row) => {
    const { lane, prio, job, seq, attempt, care } = row
    const gated: GatedRow = {
      ...{ lane, prio, job, seq, attempt, care },
      ...{ keys: limitKeysOf(row), woken: woken.has(`${job} ${seq}`) },
    }
    payloads.set(gated, row)
    return gated
  })
  const keys = [...new Set(rows.flatMap((row) => row.keys))].sort((a, b) => a - b)
  const admission = admit(rows, keyStates(connection, keys, params.worker), now)

  const admitted = admission.admitted.flatMap((row) => payloads.get(row) ?? [])
  const batch = admitted.length === 0 ? null : lease(writing, params, admitted)
  if (batch) {
    for (const { key, n } of admission.permits) {
      connection.run('insert into millrace_permit (key, lease, n) values (?, ?, ?)', key, batch.lease, n)
    }
  }
  for (const change of admission.keys) writeKey(writing, change)
  for (const { row, gate, reason } of admission.parked) {
    connection.run(
      `insert into millrace_waiting (job, seq, lane, prio, attempt, care, reason, due, gate, rank, tenant)
       values (?1, ?2, ?3, ?4, ?5, ?6, ?7, null, ?8, ?4, (select tenant from millrace_lane where id = ?3))`,
      ...[row.job, row.seq, row.lane, row.prio, row.attempt, row.care],
      ...[waitReasons[reason], gate],
    )
  }
  return { batch, parked: admission.parked.length }
}
