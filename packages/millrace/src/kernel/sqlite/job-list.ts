import type { JobId, LaneId } from '../rules/execution.ts'
import { idFloor } from '../rules/ids.ts'
import { statusOf } from '../rules/job-status.ts'
import type { JobStatus } from '../rules/status.ts'
import type { JobFilter, JobPage, JobRecord } from '../storage/history.ts'
import { hasEnded } from './attempt-history.ts'
import type { Connection } from './connection.ts'
import type { Database } from './database.ts'
import { candidatesOf, type Candidates } from './job-candidates.ts'
import { JobReader } from './job-record.ts'
import { findLanes } from './lanes.ts'
import { placeOf } from './lease-members.ts'

/** A scan ends here, with a cursor to go on from. */
const mostCandidates = 20_000
/** Candidates looked at before others of this event loop have their turn. */
const chunk = 250
/** Above every id. */
const top: JobId = 'g'

export interface PageParams {
  readonly before: JobId | null
  readonly limit: number
}

/** What one look brought: the jobs that fit, and where to go on; null: nothing is left. */
interface Look {
  readonly jobs: readonly JobRecord[]
  readonly place: JobId | null
}

/** Newest first. Candidates come from where jobs of the status stand; each is then read and judged by its facts. */
export async function listJobs(database: Database, filter: JobFilter, page: PageParams): Promise<JobPage> {
  const lanes = await database.read((connection) => laneFilter(connection, filter))
  const source = candidatesOf(filter, lanes)
  if (page.limit < 1) return { jobs: [], next: null }

  const search = {
    filter,
    lanes,
    source,
    size: filter.status === undefined ? Math.min(page.limit + 1, chunk) : chunk,
  }
  const jobs: JobRecord[] = []
  let place = least(page.before ?? top, filter.to === undefined ? top : idFloor(filter.to))
  for (let looked = 0; looked < mostCandidates; looked += search.size) {
    const wanted = page.limit + 1 - jobs.length
    const look = await database.read((connection) => lookBefore(connection, search, place, wanted))
    jobs.push(...look.jobs)
    if (jobs.length > page.limit) return { jobs: jobs.slice(0, -1), next: jobs.at(-2)?.id ?? null }
    if (look.place === null) return { jobs, next: null }
    place = look.place
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { jobs, next: place }
}

interface Search {
  readonly filter: JobFilter
  readonly lanes: ReadonlySet<LaneId> | null
  readonly source: Candidates
  readonly size: number
}

function lookBefore(connection: Connection, search: Search, before: JobId, wanted: number): Look {
  const { filter, source, size } = search
  const floor = filter.from === undefined ? '' : idFloor(filter.from)
  const { ids, end } = source.before(connection, before, size)
  const worth = ids.filter((id) => id >= floor && isWorthReading(connection, search, id))
  const reader = new JobReader(connection)
  const jobs: JobRecord[] = []
  for (let at = 0; at < worth.length && jobs.length < wanted; at += wanted) {
    jobs.push(...reader.records(worth.slice(at, at + wanted)).filter((record) => fits(record, filter)))
  }
  return { jobs: jobs.slice(0, wanted), place: end === null || end <= floor ? null : end }
}

/** What few columns tell: most candidates of a rare kind are no more than that. */
function isWorthReading(connection: Connection, { filter, lanes }: Search, id: JobId): boolean {
  if (lanes !== null) {
    const place = placeOf(connection, id)
    if (place === null || !lanes.has(place.lane)) return false
  }
  if (filter.status === undefined) return true
  return hasEnded(connection, id) === endedStatuses.includes(filter.status)
}

const endedStatuses: readonly JobStatus[] = ['Completed', 'Failed', 'Aborted']

function least(a: JobId, b: JobId): JobId {
  return a < b ? a : b
}

function laneFilter(
  connection: Connection,
  { tenant, queue, name, version }: JobFilter,
): ReadonlySet<LaneId> | null {
  if (tenant === undefined && queue === undefined && name === undefined && version === undefined) return null
  const fields = {
    ...(tenant !== undefined && { tenant }),
    ...(queue !== undefined && { queue }),
    ...(name !== undefined && { name }),
    ...(version !== undefined && { version }),
  }
  return new Set(findLanes(connection, fields).map((lane) => lane.id))
}

/** What holds the lane changes the substatus only. */
function fits({ facts }: JobRecord, { status }: JobFilter): boolean {
  return status === undefined || statusOf(facts, { paused: false, known: true }).status === status
}
