import type { LaneId } from '../rules/execution.ts'
import { waitReasons } from '../rules/decision.ts'
import type { JobStatus } from '../rules/status.ts'
import type { Session } from './pool.ts'
import { plain, statement, type Statement } from './statement.ts'
import { isAborting, isBegun, isCompleted, isEnded, leasedCtes } from './probes.ts'
import { outcomesOf } from './status-outcomes.ts'

/** Counts are exact up to here. */
const cap = 10_000
/** How far what has not completed is counted, to tell by subtraction how many have. */
const reach = 50_000

/** A finalizer counts for its job when that goes on behind it, so that nothing else of it stands anywhere. */
function isQueued(row: string): string {
  return `(${row}.seq >= 0 or not (${isEnded(`${row}.job`)} or ${isBesides(row)})) and not ${isAborting(`${row}.job`)}
    and not (exists (select from millrace.state) and ${isBegun(`${row}.job`)})`
}

function isBesides(row: string): string {
  return `(select true from millrace.job j join millrace.ready r on (r.lane, r.prio, r.job) = (j.lane, j.prio, j.id)
      where j.id = ${row}.job and r.seq >= 0 limit 1) is not null
    or (select true from millrace.waiting w where w.job = ${row}.job and w.seq >= 0 limit 1) is not null`
}

/** Rows of a table with a lane: of all lanes, or of the named ones by an index that begins with it. */
function rowsOf(table: string, columns: string, named: boolean): string {
  return named
    ? `unnest($lanes::int[]) as named (lane) cross join lateral (
        select ${columns} from millrace.${table} where ${table}.lane = named.lane) as t`
    : `millrace.${table} as t`
}

function counting(named: boolean): Statement {
  const ofLanes = named ? 'lane = any ($lanes::int[])' : 'true'
  const bad = (status: 'Failed' | 'Aborted'): string => `(select count(*)::int from (
    select from ${rowsOf('failure', 'outcome, lane', named)}
    where t.lane is not null and t.outcome in (${outcomesOf(status)}) limit ${reach}) as c)`
  return statement(
    named ? 'counts_lanes' : 'counts',
    `with ${leasedCtes('u.job is not null', named ? 'j.lane = any ($lanes::int[])' : 'true')}, queued as (
      select count(*)::int as n from (
        select from ${rowsOf('ready', 'job, seq', named)} where ${isQueued('t')}
        union all
        select from millrace.waiting as t where ${ofLanes} and t.reason <> ${waitReasons.holding} and ${isQueued('t')}
        union all
        select from leased as t where not (t.started and t.seq >= 0) and ${isQueued('t')}
        limit ${reach}) as q
    ), holding as (
      select count(*)::int as n from (
        select from millrace.waiting as t
        where ${ofLanes} and t.reason = ${waitReasons.holding} and not ${isAborting('t.job')} limit ${reach}) as h
    ), preparing as (
      select leased.job from leased join millrace.job j on j.id = leased.job
      where started and seq >= 0 and j.options ->> 'several' is not null
        and not ${isBegun('leased.job')} and not ${isAborting('leased.job')}
    ), processing as (
      (select job from leased where started and seq >= 0 except select job from preparing)
      union
      select a.job from (select job from millrace.abort union select job from millrace.state) a
      cross join lateral (select lane from millrace.job j where j.id = a.job limit 1) j
      where ${ofLanes} and not ${isEnded('a.job')}
    ), numbers as materialized (
      select (select n from queued) as queued, (select n from holding) as holding, (select count(*)::int from processing) as processing,
        (select count(*)::int from preparing) as preparing,
        ${bad('Failed')} as failed, ${bad('Aborted')} as aborted
    )
    select numbers.*, (select count(*)::int from (
      select from ${rowsOf('job', 'id', named)}
      limit (select ${cap} + queued + holding + processing + preparing + failed + aborted from numbers)) as c) as total
    from numbers`,
  )
}

/** The oldest first: those are the most likely to have completed. */
function countingCompleted(named: boolean): Statement {
  const oldest = named
    ? `unnest($lanes::int[]) as named (lane) cross join lateral (
        select id from millrace.job where job.lane = named.lane order by id limit ${reach}) as t`
    : `(select id from millrace.job order by id limit ${reach}) as t`
  return statement(
    named ? 'counts_completed_lanes' : 'counts_completed',
    `select count(*)::int as n from (
      select from ${oldest}
      where ${isCompleted('t.id')}
      limit ${cap}) as c`,
  )
}

const countAll = counting(false)
const countLanes = counting(true)
const completedOfAll = countingCompleted(false)
const completedOfLanes = countingCompleted(true)

interface Numbers {
  readonly queued: number
  readonly holding: number
  readonly processing: number
  readonly preparing: number
  readonly failed: number
  readonly aborted: number
  readonly total: number
}

/**
 * Jobs by status, each up to 10,000. Completed is what is left of all jobs; above 50,000 jobs of another status it is
 * counted among the oldest 50,000 instead, and may be too low.
 */
export async function countJobs(
  session: Session,
  lanes: readonly LaneId[] | null,
): Promise<Readonly<Record<JobStatus, number>>> {
  const values = lanes === null ? {} : { lanes: plain(lanes) }
  const { rows } = await session.run<Numbers>(lanes === null ? countAll : countLanes, values)
  const { queued = 0, holding = 0, processing = 0, preparing = 0 } = rows[0] ?? {}
  const { failed = 0, aborted = 0, total = 0 } = rows[0] ?? {}
  let completed = total - queued - holding - processing - preparing - failed - aborted
  if (Math.max(queued, holding, failed, aborted) >= reach) {
    const found = await session.run<{ n: number }>(lanes === null ? completedOfAll : completedOfLanes, values)
    completed = found.rows[0]?.n ?? 0
  }
  const capped = (n: number): number => Math.max(0, Math.min(cap, n))
  return {
    Holding: capped(holding),
    Queued: capped(queued),
    Preparing: capped(preparing),
    Processing: capped(processing),
    Completed: capped(completed),
    Failed: capped(failed),
    Aborted: capped(aborted),
  }
}
