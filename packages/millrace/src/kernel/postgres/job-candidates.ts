import type { JobId, LaneId } from '../rules/execution.ts'
import type { JobFilter } from '../storage/history.ts'
import type { Session, Values } from './pool.ts'
import { isCompleted, leasedCtes } from './probes.ts'
import { plain, statement, type Statement } from './statement.ts'
import { outcomesOf } from './status-outcomes.ts'

/** A part of a walk through job ids, newest first. */
export interface Walk {
  readonly ids: readonly JobId[]
  /** Everything from here on was seen: go on before it. null: nothing is left. */
  readonly end: JobId | null
}

/** Jobs that may fit a filter; never misses one, may name some that do not. Looks at `size` rows at most. */
export type Candidates = (session: Session, place: JobId, size: number) => Promise<Walk>

/** The newest `$size` of one list of (job) or (job, lane); `fits` tells which of them to name. */
function walking(name: string, newest: string, fits = 'true'): Statement {
  return statement(
    `list_${name}`,
    `with page as materialized (
      ${newest} limit $size::int
    )
    select array(select job from page where ${fits} order by job desc) as ids,
      (select case when count(*) >= $size::int then (array_agg(job order by job))[1] end from page) as "end"`,
  )
}

/** Where a lane's own list is: `named` gives the rows that name a list, `list` reads one, newest first. */
interface Lists {
  /** CTEs, the last of them `named`. */
  readonly named: string
  /** Columns of `named`. */
  readonly columns: string
  readonly list: string
}

/**
 * The newest of many lists lie in those with the newest heads (kernel.md 9). Each of them is read only as far as it may be
 * needed; complete is what is newer than the end of every list that was cut, and than the last head looked at.
 */
function walkingLists(name: string, { named, columns, list }: Lists, fits = 'true'): Statement {
  return statement(
    `list_${name}`,
    `with recursive ${named}, heads as materialized (
      select ${columns}, head.job
      from named cross join lateral (${list} limit 1) as head
      order by head.job desc limit $size::int
    ), depth as materialized (
      select least($size::int, 10 + 2 * $size::int / greatest(count(*), 1)::int) as rows from heads
    ), newest as materialized (
      select ${columns}, page.job
      from heads as named cross join lateral (${list} limit (select rows from depth)) as page
    ), cut as materialized (
      (select (array_agg(job order by job))[1] as job from newest
       group by ${columns} having count(*) >= (select rows from depth))
      union all
      (select (array_agg(job order by job))[1] from heads having count(*) >= $size::int)
    ), edge as materialized (
      select (array_agg(job order by job desc))[1] as job from cut
    ), page as materialized (
      select distinct job from newest where job >= coalesce((select job from edge), '${bottom}')
    )
    select array(select job from page where ${fits} order by job desc) as ids, (select job from edge) as "end"`,
  )
}

const bottom = '00000000-0000-0000-0000-000000000000'
const inLanes = '($lanes::int[] is null or lane = any ($lanes::int[]))'

const allJobs = 'select id as job from millrace.job where id < $place order by id desc'
const jobsOfLanes: Lists = {
  named: 'named as (select lane from unnest($lanes::int[]) as l (lane))',
  columns: 'lane',
  list: `select id as job from millrace.job where job.lane = named.lane and id < $place order by id desc`,
}

const stored = walking('all', allJobs)
const storedInLanes = walkingLists('lanes', jobsOfLanes)
const completed = walking('completed', allJobs, isCompleted('page.job'))
const completedInLanes = walkingLists('completed_lanes', jobsOfLanes, isCompleted('page.job'))

/** Without named lanes: all lanes there are. */
function badEnds(status: 'Failed' | 'Aborted'): Statement {
  return walkingLists(status.toLowerCase(), {
    named: `named as materialized (
      select lane from unnest($lanes::int[]) as l (lane)
      union all
      select id from millrace.lane where $lanes::int[] is null
    )`,
    columns: 'lane',
    list: `select job from millrace.failure f
      where f.lane = named.lane and f.job < $place and f.lane is not null and f.outcome in (${outcomesOf(status)})
      order by f.job desc`,
  })
}

const failed = badEnds('Failed')
const aborted = badEnds('Aborted')

/** The rows of a lane lie apart by priority. */
const ready = walkingLists('ready', {
  named: `active (lane) as (
    (select lane from millrace.ready order by lane limit 1)
    union all
    select (select ready.lane from millrace.ready where ready.lane > active.lane order by ready.lane limit 1)
    from active where active.lane is not null
  ), named as materialized (
    select lane, prio::smallint as prio from active cross join generate_series(0, 9) as prio
    where lane is not null and ${inLanes}
  )`,
  columns: 'lane, prio',
  list: `select job from millrace.ready r
    where r.lane = named.lane and r.prio = named.prio and r.job < $place
    order by r.job desc, r.seq desc`,
})

const waiting = walking(
  'waiting',
  'select job, lane from millrace.waiting where job < $place order by job desc, seq desc',
  inLanes,
)

/** What leases hold unsettled, by whether it has started, and jobs with an open abort. There is not much: all at once. */
function held(name: string, started: boolean): Statement {
  return statement(
    `list_${name}`,
    `with ${leasedCtes(
      `u.job < $place and ${started ? '(u.place - 1)::smallint = any (l.running)' : 'true'}`,
      '($lanes::int[] is null or j.lane = any ($lanes::int[]))',
    )}, page as materialized (
      select job from leased where ${started ? 'true' : 'not started or seq < 0'}
      ${started ? 'union select job from millrace.abort where job < $place' : ''}
    )
    select array(select distinct job from page order by job desc) as ids, null as "end"`,
  )
}

const processing = held('processing', true)
const claimed = held('claimed', false)

/** Jobs of several executions whose first has ended, also those that have ended themselves. */
const begun = walking('begun', 'select job from millrace.state where job < $place order by job desc')

const byArgument = walking(
  'arg',
  'select job from millrace.arg where path = $path and value = $value and job < $place order by job desc',
)

export function candidatesOf({ arg, status }: JobFilter, lanes: readonly LaneId[] | null): Candidates {
  const named = { lanes: lanes === null ? null : plain(lanes) }
  if (arg !== undefined) return walk(byArgument, { path: arg.path, value: arg.value })
  switch (status) {
    case 'Holding':
      return walk(waiting, named)
    case 'Preparing':
      return walk(processing, named)
    case 'Processing':
      return merged([walk(processing, named), walk(begun, {})])
    case 'Queued':
      return merged([walk(claimed, named), walk(waiting, named), walk(ready, named)])
    case 'Failed':
      return walk(failed, named)
    case 'Aborted':
      return walk(aborted, named)
    case 'Completed':
      return lanes === null ? walk(completed, {}) : walk(completedInLanes, named)
    default:
      return lanes === null ? walk(stored, {}) : walk(storedInLanes, named)
  }
}

function walk(what: Statement, values: Values): Candidates {
  return async (session, place, size) => {
    const { rows } = await session.run<Walk>(what, { ...values, place, size })
    return rows[0] ?? { ids: [], end: null }
  }
}

/** Several walks as one: as far as the slowest of them has come. */
function merged(sources: readonly Candidates[]): Candidates {
  return async (session, place, size) => {
    const walks = await Promise.all(sources.map((source) => source(session, place, size)))
    const end = newest(walks.flatMap((one) => one.end ?? []))[0] ?? null
    const ids = newest(walks.flatMap((one) => one.ids)).filter((id) => end === null || id >= end)
    return { ids, end }
  }
}

function newest(ids: readonly JobId[]): JobId[] {
  return [...new Set(ids)].sort().reverse()
}
