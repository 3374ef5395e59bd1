import type { Lane, LaneId, LaneSpec } from '../rules/execution.ts'
import type { LaneFilter, LaneHead, Lanes } from '../storage/lanes.ts'
import type { Connection } from './connection.ts'
import type { Database } from './database.ts'

interface LaneRow {
  readonly id: number
  readonly tenant: string
  readonly queue: string
  readonly name: string
  readonly version: number
  readonly gated: number
}

const columns = 'id, tenant, queue, name, version, gated'

function toLane(row: LaneRow): Lane {
  return {
    id: row.id,
    tenant: row.tenant,
    queue: row.queue,
    name: row.name,
    version: row.version,
    gated: row.gated !== 0,
  }
}

export function intern(connection: Connection, spec: LaneSpec): Lane {
  const values = [spec.tenant, spec.queue, spec.name, spec.version, spec.gated ? 1 : 0] as const
  const found = `select ${columns} from millrace_lane
    where tenant = ? and queue = ? and name = ? and version = ? and gated = ?`
  const row =
    connection.get<LaneRow>(found, ...values) ??
    connection.get<LaneRow>(
      `insert into millrace_lane (tenant, queue, name, version, gated) values (?, ?, ?, ?, ?) returning ${columns}`,
      ...values,
    )
  if (!row) throw new Error('a lane was neither found nor made')
  return toLane(row)
}

export function readLane(connection: Connection, id: LaneId): Lane | null {
  const row = connection.get<LaneRow>(`select ${columns} from millrace_lane where id = ?`, id)
  return row ? toLane(row) : null
}

/** Lanes that fit; all of them for an empty filter. There are few, so they are walked. */
export function findLanes(connection: Connection, filter: LaneFilter): Lane[] {
  return connection
    .all<LaneRow>(
      `select ${columns} from millrace_lane
       where (?1 is null or tenant = ?1) and (?2 is null or queue = ?2)
         and (?3 is null or name = ?3) and (?4 is null or version = ?4)
       order by id`,
      filter.tenant ?? null,
      filter.queue ?? null,
      filter.name ?? null,
      filter.version ?? null,
    )
    .map(toLane)
}

/** Loose index scan: from each lane with rows to the next. */
const activeLanes = `with recursive active (lane) as (
  select min(lane) from millrace_ready
  union all
  select (select min(lane) from millrace_ready where lane > active.lane) from active where active.lane is not null)
select lane from active where lane is not null`

export function laneHeads(connection: Connection): LaneHead[] {
  return connection
    .all<{ lane: number }>(activeLanes)
    .flatMap(
      ({ lane }) =>
        connection.get<{ lane: number; prio: number; job: string }>(
          'select lane, prio, job from millrace_ready where lane = ? order by prio, job, seq limit 1',
          lane,
        ) ?? [],
    )
}

export function sqliteLanes(database: Database): Lanes {
  return {
    intern: (specs) =>
      database.write(null, ({ connection }) => specs.map((spec) => intern(connection, spec))),
    read: (ids) => database.read((connection) => ids.flatMap((id) => readLane(connection, id) ?? [])),
    find: (filter) => database.read((connection) => findLanes(connection, filter)),
    heads: () => database.read(laneHeads),
  }
}
