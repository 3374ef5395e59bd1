import { waitReasons } from '../rules/decision.ts'
import type { LaneFilter } from '../storage/lanes.ts'
import type { JobStatus } from '../rules/status.ts'
import type { Connection } from './connection.ts'
import { outcomesOf } from './ends-by-status.ts'
import { findLanes } from './lanes.ts'
import { allLeases, unsettledMembers } from './lease-members.ts'

const cap = 10_000
const notEnded = (job: string): string =>
  `not exists (select 1 from millrace_done d where d.job = ${job} and d.seq >= 0 and d.outcome >= 10)`

const isBegun = (job: string): string => `exists (select 1 from millrace_state s where s.job = ${job})`
/** Of a job that runs. */
const isPreparing = `(coalesce(json_extract(options, '$.several'), 0) = 1 and not ${isBegun('id')}
  and not exists (select 1 from millrace_abort a where a.job = id))`

/** Ids of lanes as JSON; null: no filter, so that no lane needs to be looked at. */
function laneSet(connection: Connection, filter: LaneFilter): string | null {
  if (Object.values(filter).every((value) => value === undefined)) return null
  return JSON.stringify(findLanes(connection, filter).map((lane) => lane.id))
}

/** Jobs by status, each up to 10,000. */
export function countJobs(connection: Connection, filter: LaneFilter): Readonly<Record<JobStatus, number>> {
  const lanes = laneSet(connection, filter)
  const { started, queued } = leasedJobs(connection)
  return {
    Holding: countHolding(connection, lanes),
    Queued: countQueued(connection, lanes, queued),
    Preparing: countPreparing(connection, lanes, started),
    Processing: countProcessing(connection, lanes, started),
    Completed: countCompleted(connection, lanes),
    Failed: countBad(connection, lanes, 'Failed'),
    Aborted: countBad(connection, lanes, 'Aborted'),
  }
}

function count(connection: Connection, inner: string, ...params: string[]): number {
  return connection.get<{ n: number }>(`select count(*) as n from (${inner} limit ${cap})`, ...params)?.n ?? 0
}

const among = (lanes: string | null): string =>
  lanes === null ? '?1 is null' : 'lane in (select value from json_each(?1))'

/** Jobs that leases hold, apart by whether they have started; finalizers count for jobs that go on. */
function leasedJobs(connection: Connection): { readonly started: string; readonly queued: string } {
  const started: string[] = []
  const queued: string[] = []
  for (const lease of allLeases(connection)) {
    for (const member of unsettledMembers(connection, lease)) {
      if (member.seq >= 0 && member.started) started.push(member.job)
      else queued.push(member.job)
    }
  }
  return { started: JSON.stringify(started), queued: JSON.stringify(queued) }
}

function countQueued(connection: Connection, lanes: string | null, leased: string): number {
  const stands = (table: string): string => `select * from (
    select job from ${table} where ${among(lanes)} and (seq >= 0 or ${notEnded(`${table}.job`)})
      and not exists (select 1 from millrace_abort a where a.job = ${table}.job) and not ${isBegun(`${table}.job`)}
      ${table === 'millrace_waiting' ? `and reason <> ${waitReasons.holding}` : ''}
    limit ${cap})`
  const sql = `${stands('millrace_ready')} union ${stands('millrace_waiting')} union
    select id from millrace_job where id in (select value from json_each(?2)) and ${among(lanes)} and ${notEnded('id')}
      and not exists (select 1 from millrace_abort a where a.job = id) and not ${isBegun('id')}`
  return countWith(connection, sql, lanes, leased)
}

function countHolding(connection: Connection, lanes: string | null): number {
  const sql = `select job from millrace_waiting where reason = ${waitReasons.holding} and ${among(lanes)}
    and not exists (select 1 from millrace_abort a where a.job = millrace_waiting.job)`
  return connection.get<{ n: number }>(`select count(*) as n from (${sql} limit ${cap})`, lanes)?.n ?? 0
}

function countProcessing(connection: Connection, lanes: string | null, started: string): number {
  const sql = `select id from millrace_job
    where id in (select value from json_each(?2) union select job from millrace_abort union select job from millrace_state)
      and ${among(lanes)} and ${notEnded('id')} and not ${isPreparing}`
  return countWith(connection, sql, lanes, started)
}

function countPreparing(connection: Connection, lanes: string | null, started: string): number {
  const sql = `select id from millrace_job
    where id in (select value from json_each(?2)) and ${among(lanes)} and ${isPreparing}`
  return countWith(connection, sql, lanes, started)
}

function countCompleted(connection: Connection, lanes: string | null): number {
  const completed = `d.seq >= 0 and d.outcome in (${outcomesOf('Completed')})`
  if (lanes === null) return count(connection, `select 1 from millrace_done d where ${completed}`)
  return count(
    connection,
    `select 1 from millrace_job j cross join millrace_done d on d.job = j.id
     where j.${among(lanes)} and ${completed}`,
    lanes,
  )
}

function countBad(connection: Connection, lanes: string | null, status: 'Failed' | 'Aborted'): number {
  const sql = `select 1 from millrace_failure where outcome >= 10 and seq >= 0 and outcome in (${outcomesOf(status)})`
  return lanes === null ? count(connection, sql) : count(connection, `${sql} and ${among(lanes)}`, lanes)
}

function countWith(connection: Connection, sql: string, lanes: string | null, ids: string): number {
  return connection.get<{ n: number }>(`select count(*) as n from (${sql} limit ${cap})`, lanes, ids)?.n ?? 0
}
