import type { JobId, LaneId } from '../rules/execution.ts'
import { idFloor } from '../rules/ids.ts'
import { statusOf } from '../rules/job-status.ts'
import type { JobFilter, JobPage, JobRecord } from '../storage/history.ts'
import type { LaneFilter, Lanes } from '../storage/lanes.ts'
import { candidatesOf } from './job-candidates.ts'
import { readJobs } from './job-record.ts'
import type { Session } from './pool.ts'

/** A scan ends here, with a cursor to go on from. */
const mostCandidates = 20_000
const smallestChunk = 50
const largestChunk = 1_000
/** Outside every id. */
const top: JobId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
const bottom: JobId = '00000000-0000-0000-0000-000000000000'

/** Newest first. Candidates come from where jobs of the status stand; each is then read and judged by its facts. */
export async function listJobs(
  session: Session,
  lanes: Lanes,
  filter: JobFilter,
  { before, limit }: { readonly before: JobId | null; readonly limit: number },
): Promise<JobPage> {
  const named = await laneFilter(lanes, filter)
  const source = candidatesOf(filter, named)
  if (source === null || limit < 1) return { jobs: [], next: null }
  const floor = filter.from === undefined ? bottom : idFloor(filter.from)
  const fits = fitting(filter, named)
  const jobs: JobRecord[] = []
  let place = least(before ?? top, filter.to === undefined ? top : idFloor(filter.to))
  let size = Math.min(largestChunk, Math.max(smallestChunk, limit + 1))
  for (let looked = 0; looked < mostCandidates; looked += size, size = Math.min(largestChunk, size * 2)) {
    const { ids, end } = await source(session, place, size)
    const records = await readJobs(
      session,
      ids.filter((id) => id >= floor),
    )
    for (const record of records.filter(fits)) {
      if (jobs.length === limit) return { jobs, next: jobs.at(-1)?.id ?? null }
      jobs.push(record)
    }
    if (end === null || end <= floor) return { jobs, next: null }
    place = end
  }
  return { jobs, next: place }
}

/** null: every lane. */
export async function laneFilter(lanes: Lanes, filter: LaneFilter): Promise<readonly LaneId[] | null> {
  const { tenant, queue, name, version } = filter
  if ([tenant, queue, name, version].every((field) => field === undefined)) return null
  return (await lanes.find(filter)).map((lane) => lane.id)
}

function fitting({ status }: JobFilter, lanes: readonly LaneId[] | null): (record: JobRecord) => boolean {
  const named = lanes === null ? null : new Set(lanes)
  return ({ lane, facts }) => {
    if (named?.has(lane.id) === false) return false
    // What holds the lane changes the substatus only.
    return status === undefined || statusOf(facts, { paused: false, known: true }).status === status
  }
}

function least(a: JobId, b: JobId): JobId {
  return a < b ? a : b
}
