import type { Lane, LaneSpec } from '../rules/execution.ts'
import type { LaneFilter, LaneHead, Lanes } from '../storage/lanes.ts'
import { broken } from './errors.ts'
import type { Database } from './database.ts'
import type { Values } from './pool.ts'
import { plain, statement, texts } from './statement.ts'

const columns = 'lane.id, lane.tenant, lane.queue, lane.name, lane.version, lane.gated'
const specs = `unnest($tenants::text[], $queues::text[], $names::text[], $versions::int[], $gated::bool[])
  as spec (tenant, queue, name, version, gated)`

const known = statement(
  'lanes_known',
  `select ${columns} from ${specs} join millrace.lane using (tenant, queue, name, version, gated)`,
)

/** The order of the arrays is the lock order: two processes that intern the same lanes wait, never deadlock. */
const add = statement(
  'lanes_add',
  `insert into millrace.lane (tenant, queue, name, version, gated)
   select tenant, queue, name, version, gated
   from unnest($tenants::text[], $queues::text[], $names::text[], $versions::int[], $gated::bool[])
     with ordinality as spec (tenant, queue, name, version, gated, place)
   order by place
   on conflict do nothing`,
)

const read = statement(
  'lanes_read',
  `select ${columns} from millrace.lane where id = any ($ids::int[]) order by id`,
)

const find = statement(
  'lanes_find',
  `select ${columns} from millrace.lane
   where ($tenant::text is null or tenant = $tenant)
     and ($queue::text is null or queue = $queue)
     and ($lane_name::text is null or name = $lane_name)
     and ($version::int is null or version = $version)
   order by id`,
)

const heads = statement(
  'lanes_heads',
  `with recursive head as (
    (select lane, prio, job from millrace.ready order by lane, prio, job, seq limit 1)
    union all
    select next.lane, next.prio, next.job
    from head cross join lateral (
      select lane, prio, job from millrace.ready
      where ready.lane > head.lane
      order by lane, prio, job, seq limit 1) as next
  )
  select lane, prio, job from head`,
)

export function lanes(db: Database): Lanes {
  return {
    async intern(wanted) {
      if (wanted.length === 0) return []
      const unique = [...new Map(wanted.map((spec) => [keyOf(spec), spec])).entries()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, spec]) => spec)
      let rows = (await db.hot.run<Lane>(known, arraysOf(unique))).rows
      if (rows.length < unique.length) {
        const there = new Set(rows.map(keyOf))
        await db.hot.run(add, arraysOf(unique.filter((spec) => !there.has(keyOf(spec)))))
        // A rival's lane that was waited for shows to a new statement only.
        rows = (await db.hot.run<Lane>(known, arraysOf(unique))).rows
      }
      const byKey = new Map(rows.map((lane) => [keyOf(lane), lane]))
      return wanted.map((spec) => {
        const lane = byKey.get(keyOf(spec))
        if (lane === undefined) throw broken(`lane ${keyOf(spec)} was not interned`)
        return lane
      })
    },

    async read(ids) {
      if (ids.length === 0) return []
      return (await db.hot.run<Lane>(read, { ids: plain(ids) })).rows
    },

    async find(filter) {
      return (await db.hot.run<Lane>(find, filterValues(filter))).rows
    },

    async heads() {
      return (await db.hot.run<LaneHead>(heads, {})).rows
    },
  }
}

/** For statements that take a filter as $tenant, $queue, $lane_name, $version. */
export function filterValues(filter: LaneFilter): Values {
  return {
    tenant: filter.tenant ?? null,
    queue: filter.queue ?? null,
    lane_name: filter.name ?? null,
    version: filter.version ?? null,
  }
}

function arraysOf(list: readonly LaneSpec[]): Values {
  return {
    tenants: texts(list.map((spec) => spec.tenant)),
    queues: texts(list.map((spec) => spec.queue)),
    names: texts(list.map((spec) => spec.name)),
    versions: plain(list.map((spec) => spec.version)),
    gated: plain(list.map((spec) => String(spec.gated))),
  }
}

function keyOf(spec: LaneSpec): string {
  return JSON.stringify([spec.tenant, spec.queue, spec.name, spec.version, spec.gated])
}
