import type { JobId, LaneId } from '../rules/execution.ts'
import type { JobFilter } from '../storage/history.ts'
import type { Connection } from './connection.ts'
import { outcomesOf } from './ends-by-status.ts'
import { allLeases } from './lease-members.ts'

/** A part of a walk through job ids, newest first. */
export interface Walk {
  readonly ids: readonly JobId[]
  /** Everything from here on was seen: go on before it. null: nothing is left. */
  readonly end: JobId | null
}

/** Jobs that may fit a filter; never misses one, may name some that do not. */
export interface Candidates {
  before(connection: Connection, place: JobId, size: number): Walk
}

export function candidatesOf(filter: JobFilter, lanes: ReadonlySet<LaneId> | null): Candidates {
  const { arg, status } = filter
  if (arg !== undefined) return byArgument(arg)
  if (status === undefined) return inLanes(lanes, null, stored)
  switch (status) {
    case 'Holding':
      return waiting
    case 'Preparing':
      return held
    case 'Processing':
      return merged([held, begun])
    case 'Queued':
      return merged([held, waiting, inLanes(lanes, readyLanes, ready)])
    case 'Failed':
    case 'Aborted':
      return inLanes(lanes, null, badEnds(outcomesOf(status)))
    case 'Completed':
      return inLanes(lanes, null, stored)
  }
}

/** Ids below a place, newest first: of all lanes, or of one. */
interface Scan {
  all(connection: Connection, place: JobId, size: number): JobId[]
  lane(connection: Connection, lane: LaneId, place: JobId, size: number): JobId[]
}

function idsOf(connection: Connection, sql: string, ...params: (string | number)[]): JobId[] {
  return connection.all<{ job: string }>(sql, ...params).map(({ job }) => job)
}

function walkOf(ids: readonly JobId[], size: number): Walk {
  return { ids, end: ids.length < size ? null : (ids.at(-1) ?? null) }
}

function byArgument({ path, value }: { readonly path: string; readonly value: string }): Candidates {
  return {
    before: (connection, place, size) =>
      walkOf(
        idsOf(
          connection,
          'select job from millrace_arg where path = ? and value = ? and job < ? order by job desc limit ?',
          ...[path, value, place, size],
        ),
        size,
      ),
  }
}

const stored: Scan = {
  all: (connection, place, size) =>
    idsOf(
      connection,
      'select id as job from millrace_job where id < ? order by id desc limit ?',
      place,
      size,
    ),
  lane: (connection, lane, place, size) =>
    idsOf(
      connection,
      'select id as job from millrace_job where lane = ? and id < ? order by id desc limit ?',
      ...[lane, place, size],
    ),
}

function badEnds(outcomes: string): Scan {
  const bad = `outcome >= 10 and seq >= 0 and outcome in (${outcomes})`
  return {
    all: (connection, place, size) =>
      idsOf(
        connection,
        `select job from millrace_failure where job < ? and ${bad} order by job desc limit ?`,
        ...[place, size],
      ),
    lane: (connection, lane, place, size) =>
      idsOf(
        connection,
        `select job from millrace_failure where lane = ? and job < ? and ${bad} order by job desc limit ?`,
        ...[lane, place, size],
      ),
  }
}

/** The rows of a lane lie apart by priority. */
const ready: Scan = {
  all: () => [],
  lane: (connection, lane, place, size) => {
    const prios = connection.all<{ prio: number }>(
      `with recursive found (prio) as (
         select min(prio) from millrace_ready where lane = ?1
         union all
         select (select min(prio) from millrace_ready where lane = ?1 and prio > found.prio) from found
         where found.prio is not null)
       select prio from found where prio is not null`,
      lane,
    )
    return newest(
      prios.flatMap(({ prio }) =>
        idsOf(
          connection,
          'select job from millrace_ready where lane = ? and prio = ? and job < ? order by job desc limit ?',
          ...[lane, prio, place, size],
        ),
      ),
    ).slice(0, size)
  },
}

function readyLanes(connection: Connection): LaneId[] {
  return connection
    .all<{ lane: number }>(
      `with recursive active (lane) as (
         select min(lane) from millrace_ready
         union all
         select (select min(lane) from millrace_ready where lane > active.lane) from active
         where active.lane is not null)
       select lane from active where lane is not null`,
    )
    .map(({ lane }) => lane)
}

const waiting: Candidates = {
  before: (connection, place, size) =>
    walkOf(
      idsOf(
        connection,
        'select job from millrace_waiting where job < ? order by job desc, seq desc limit ?',
        ...[place, size],
      ),
      size,
    ),
}

/** Jobs in leases, and those with an open abort. There are few: all at once. */
const held: Candidates = {
  before: (connection, place) => {
    const leased = allLeases(connection).flatMap((lease) => lease.jobs.filter((job) => job !== null))
    const aborting = idsOf(connection, 'select job from millrace_abort')
    return { ids: newest([...leased, ...aborting]).filter((job) => job < place), end: null }
  },
}

/** Jobs of several executions whose first has ended, also those that have ended themselves. */
const begun: Candidates = {
  before: (connection, place, size) =>
    walkOf(
      idsOf(
        connection,
        'select job from millrace_state where job < ? order by job desc limit ?',
        place,
        size,
      ),
      size,
    ),
}

function newest(ids: readonly JobId[]): JobId[] {
  return [...new Set(ids)].sort().reverse()
}

/**
 * The newest of a set of lanes lie in the lanes with the newest heads: one head per lane, the best of them, their
 * pages, merged (kernel.md 9). Without a set: all at once, or the lanes that `active` names.
 */
function inLanes(
  lanes: ReadonlySet<LaneId> | null,
  active: ((connection: Connection) => readonly LaneId[]) | null,
  scan: Scan,
): Candidates {
  return {
    before: (connection, place, size) => {
      if (lanes === null && active === null) return walkOf(scan.all(connection, place, size), size)
      const named = lanes === null ? (active?.(connection) ?? []) : [...lanes]
      const heads = named
        .flatMap((lane) => scan.lane(connection, lane, place, 1).map((job) => ({ lane, job })))
        .sort((a, b) => (a.job < b.job ? 1 : -1))
        .slice(0, size)
      const ids = heads.flatMap(({ lane }) => scan.lane(connection, lane, place, size))
      return walkOf(newest(ids).slice(0, size), size)
    },
  }
}

/** Several walks as one: as far as the slowest of them has come. */
function merged(sources: readonly Candidates[]): Candidates {
  return {
    before: (connection, place, size) => {
      const walks = sources.map((source) => source.before(connection, place, size))
      const ends = walks.flatMap(({ end }) => end ?? [])
      const end = ends.length === 0 ? null : (newest(ends)[0] ?? null)
      const ids = newest(walks.flatMap((walk) => walk.ids)).filter((id) => end === null || id >= end)
      return { ids, end }
    },
  }
}
