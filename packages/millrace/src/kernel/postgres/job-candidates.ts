import type { JobId, LaneId } from '../rules/execution.ts'
import type { JobFilter } from '../storage/history.ts'
import type { Session, Values } from './pool.ts'
import { plain, statement, type Statement } from './statement.ts'
import { outcomesOf } from './status-outcomes.ts'

/** A part of a walk through job ids, newest first. */
export interface Walk {
  readonly ids: readonly JobId[]
  /** Everything from here on was seen: go on before it. null: nothing is left. */
  readonly end: JobId | null
}

/** Jobs that may fit a filter; never misses one, may name some that do not. */
export type Candidates = (session: Session, place: JobId, size: number) => Promise<Walk>

const stored = statement(
  'list_all',
  'select id as job from millrace.job where id < $place order by id desc limit $size::int',
)

/** The newest of a set of lanes lie in the lanes with the newest heads (kernel.md 9). */
const storedInLanes = statement(
  'list_lanes',
  `with heads as materialized (
    select named.lane, head.id
    from unnest($lanes::int[]) as named (lane)
    cross join lateral (
      select id from millrace.job where job.lane = named.lane and id < $place order by id desc limit 1) as head
    order by head.id desc limit $size::int
  )
  select page.id as job
  from heads cross join lateral (
    select id from millrace.job where job.lane = heads.lane and id < $place order by id desc limit $size::int) as page
  order by page.id desc limit $size::int`,
)

/** Without named lanes: all lanes there are. */
const namedLanes = `named as materialized (
  select lane from unnest($lanes::int[]) as l (lane)
  union all
  select id from millrace.lane where $lanes::int[] is null
)`

function badEnds(status: 'Failed' | 'Aborted'): Statement {
  const inLane = `millrace.failure f
    where f.lane = named.lane and f.job < $place and f.lane is not null and f.outcome in (${outcomesOf(status)})
    order by f.job desc`
  return statement(
    `list_${status.toLowerCase()}`,
    `with ${namedLanes}, heads as materialized (
      select named.lane, head.job from named cross join lateral (select job from ${inLane} limit 1) as head
      order by head.job desc limit $size::int
    )
    select page.job
    from heads as named cross join lateral (select job from ${inLane} limit $size::int) as page
    order by page.job desc limit $size::int`,
  )
}

const failed = badEnds('Failed')
const aborted = badEnds('Aborted')

/** The rows of a lane lie apart by priority. */
const ready = statement(
  'list_ready',
  `with recursive active (lane) as (
    (select lane from millrace.ready order by lane limit 1)
    union all
    select (select ready.lane from millrace.ready where ready.lane > active.lane order by ready.lane limit 1)
    from active where active.lane is not null
  ), named as materialized (
    select lane from active where lane is not null and ($lanes::int[] is null or lane = any ($lanes::int[]))
  )
  select distinct page.job
  from named cross join generate_series(0, 9) as prio cross join lateral (
    select job from millrace.ready r
    where r.lane = named.lane and r.prio = prio::smallint and r.job < $place
    order by r.job desc limit $size::int) as page
  order by page.job desc limit $size::int`,
)

const waiting = statement(
  'list_waiting',
  'select job from millrace.waiting where job < $place order by job desc, seq desc limit $size::int',
)

/** Jobs in leases, and those with an open abort. There are few: all at once. */
const held = statement(
  'list_held',
  `select distinct job from (
    select unnest(jobs) as job from millrace.lease union all select job from millrace.abort
  ) as held
  where job < $place
  order by job desc`,
)

const byArgument = statement(
  'list_arg',
  `select job from millrace.arg where path = $path and value = $value and job < $place
   order by job desc limit $size::int`,
)

/** null: no job of this version of Millrace has the status. */
export function candidatesOf({ arg, status }: JobFilter, lanes: readonly LaneId[] | null): Candidates | null {
  const inLanes = { lanes: lanes === null ? null : plain(lanes) }
  if (arg !== undefined) return walk(byArgument, { path: arg.path, value: arg.value })
  switch (status) {
    case 'Holding':
    case 'Preparing':
      return null
    case 'Processing':
      return walkAll(held)
    case 'Queued':
      return merged([walkAll(held), walk(waiting, {}), walk(ready, inLanes)])
    case 'Failed':
      return walk(failed, inLanes)
    case 'Aborted':
      return walk(aborted, inLanes)
    default:
      return lanes === null ? walk(stored, {}) : walk(storedInLanes, inLanes)
  }
}

function walk(what: Statement, values: Values): Candidates {
  return async (session, place, size) => {
    const { rows } = await session.run<{ job: JobId }>(what, { ...values, place, size })
    return { ids: rows.map(({ job }) => job), end: rows.length < size ? null : (rows.at(-1)?.job ?? null) }
  }
}

function walkAll(what: Statement): Candidates {
  return async (session, place) => {
    const { rows } = await session.run<{ job: JobId }>(what, { place })
    return { ids: rows.map(({ job }) => job), end: null }
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
