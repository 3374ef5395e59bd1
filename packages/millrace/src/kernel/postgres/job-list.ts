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
const growth = 4
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
  if (limit < 1) return { jobs: [], next: null }
  const floor = filter.from === undefined ? bottom : idFloor(filter.from)
  const fits = fitting(filter, named)
  const jobs: JobRecord[] = []
  let place = least(before ?? top, filter.to === undefined ? top : idFloor(filter.to))
  let size = limit + 1
  for (let left = mostCandidates; left > 0; left -= size, size = Math.min(left, size * growth)) {
    const { ids, end } = await source(session, place, size)
    for await (const record of recordsOf(session, ids, floor, limit + 1)) {
      if (!fits(record)) continue
      if (jobs.length === limit) return { jobs, next: jobs.at(-1)?.id ?? null }
      jobs.push(record)
    }
    if (end === null || end <= floor) return { jobs, next: null }
    place = end
  }
  return { jobs, next: place }
}

/** Read a page at a time: mostly the first is enough. */
async function* recordsOf(
  session: Session,
  ids: readonly JobId[],
  floor: JobId,
  page: number,
): AsyncGenerator<JobRecord> {
  const wanted = ids.filter((id) => id >= floor)
  for (let at = 0; at < wanted.length; at += page) yield* await readJobs(session, wanted.slice(at, at + page))
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
