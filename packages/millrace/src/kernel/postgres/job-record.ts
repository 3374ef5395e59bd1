import type { JobId, JobOptions } from '../rules/execution.ts'
import { idTime } from '../rules/ids.ts'
import type { StoredError } from '../rules/outcome.ts'
import type { JobRecord } from '../storage/history.ts'
import type { Session } from './pool.ts'
import { leasedCtes } from './probes.ts'
import { stateColumns, stateOf, type StateColumns } from './states.ts'
import { plain, statement } from './statement.ts'

/** One statement, so one snapshot: a job on its way from one table to the next stands in exactly one of them. */
const read = statement(
  'jobs',
  `with wanted as materialized (
    select id, place from unnest($ids::uuid[]) with ordinality as wanted (id, place)
  ), ${leasedCtes('u.job in (select id from wanted)', 'true')}
  select j.id, j.prio, j.parent, j.options, j.payload,
    l.id as lane, l.tenant, l.queue, l.name, l.version, l.gated,
    ended.outcome as ended_outcome, ended.attempt as ended_attempt,
    (extract(epoch from ended.finished) * 1000)::float8 as ended_at,
    ready.attempt as ready_attempt,
    waits.attempt as waiting_attempt, waits.reason as waiting_reason, waits.gate as waiting_gate,
    (extract(epoch from waits.due) * 1000)::float8 as waiting_due,
    held.attempt as held_attempt, held.started as held_started, held.worker as held_worker,
    exists (select from millrace.ready r where (r.lane, r.prio, r.job) = (j.lane, j.prio, j.id) and r.seq < 0)
      or exists (select from millrace.waiting w where w.job = j.id and w.seq < 0)
      or exists (select from leased where leased.job = j.id and leased.seq < 0) as finalizing,
    exists (select from millrace.abort a where a.job = j.id) as aborting,
    coalesce(state.error, (select f.error from millrace.failure f
     where f.job = j.id and f.seq >= 0 and f.error is not null order by f.seq desc, f.attempt desc limit 1)) as error,
    ${stateColumns('state')},
    (select value from millrace.result where result.job = j.id) as result
  from wanted
  join millrace.job j on j.id = wanted.id
  join millrace.lane l on l.id = j.lane
  left join lateral (select * from millrace.state s where s.job = j.id limit 1) as state on true
  left join lateral (
    select outcome, attempt, finished from millrace.done d where d.job = j.id and d.seq >= 0
    order by seq desc, attempt desc limit 1) as ended on true
  left join lateral (
    select attempt from millrace.ready r where (r.lane, r.prio, r.job) = (j.lane, j.prio, j.id) and r.seq >= 0
    order by seq desc limit 1) as ready on true
  left join lateral (
    select w.attempt, w.reason, w.due, k.name as gate
    from millrace.waiting w left join millrace.limit_key k on k.id = w.gate
    where w.job = j.id and w.seq >= 0
    order by w.seq desc limit 1) as waits on true
  left join lateral (
    select attempt, started, worker from leased where leased.job = j.id and leased.seq >= 0
    order by started desc, seq desc limit 1) as held on true
  order by wanted.place`,
)

interface Row extends StateColumns {
  readonly id: JobId
  readonly prio: number
  readonly parent: JobId | null
  readonly options: JobOptions | null
  readonly payload: string
  readonly lane: number
  readonly tenant: string
  readonly queue: string
  readonly name: string
  readonly version: number
  readonly gated: boolean
  readonly ended_outcome: number | null
  readonly ended_attempt: number | null
  readonly ended_at: number | null
  readonly ready_attempt: number | null
  readonly waiting_attempt: number | null
  readonly waiting_reason: number | null
  readonly waiting_gate: string | null
  readonly waiting_due: number | null
  readonly held_attempt: number | null
  readonly held_started: boolean | null
  readonly held_worker: number | null
  readonly finalizing: boolean
  readonly aborting: boolean
  readonly error: StoredError | null
  readonly result: string | null
}

/** In the order asked for; unknown ids are left out. */
export async function readJobs(session: Session, ids: readonly JobId[]): Promise<readonly JobRecord[]> {
  if (ids.length === 0) return []
  return (await session.run<Row>(read, { ids: plain(ids) })).rows.map(recordOf)
}

function recordOf(row: Row): JobRecord {
  const { id, prio, parent, options, payload, error, result, finalizing, aborting } = row
  const { tenant, queue, name, version, gated } = row
  const isEnded = row.ended_outcome !== null && row.ended_outcome >= 10
  return {
    id,
    lane: { id: row.lane, tenant, queue, name, version, gated },
    prio,
    parent,
    options,
    payload,
    createdAt: idTime(id),
    facts: {
      ended: isEnded ? row.ended_outcome : null,
      ready: row.ready_attempt !== null,
      waiting:
        row.waiting_reason === null
          ? null
          : { reason: row.waiting_reason, dueAt: row.waiting_due, gate: row.waiting_gate },
      leased:
        row.held_worker === null ? null : { started: row.held_started === true, worker: row.held_worker },
      finalizing,
      aborting,
      ...(options?.several && { several: true }),
      ...(row.state_phase !== null && { begun: true }),
    },
    attempt: row.ready_attempt ?? row.waiting_attempt ?? row.held_attempt ?? row.ended_attempt ?? 1,
    finishedAt: isEnded ? row.ended_at : null,
    error,
    result,
    state: stateOf(row),
  }
}
