import { waitReasons } from '../rules/decision.ts'
import type { JobId } from '../rules/execution.ts'
import {
  isFilling,
  moved,
  roomOf,
  type FlexFilling,
  type FlexPlace,
  type FlexStanding,
} from '../rules/flex-queue.ts'
import { checkSearchArgument } from '../rules/search-argument.ts'
import { dueReason, type NewJob } from '../storage/jobs.ts'
import { flexKeyName, flexQueueFull, tenantOfFlexKey, type FlexQueues } from '../storage/flex-queues.ts'
import type { Database } from './database.ts'
import { activeJobs, lockKeys } from './limit-keys.ts'
import type { Connection, Session } from './pool.ts'
import { pumpKeys } from './pump-keys.ts'
import { plain, statement, texts } from './statement.ts'

/** After the lock of the key, so that it shows what those have written who had it before. */
const readStanding = statement(
  'flex_standing',
  `select k.id, k.name, k.slots, k.most,
     (select count(*)::int from ${activeJobs('k.id')} as active) as active,
     (select count(*)::int from millrace.waiting w where w.gate = k.id and w.tenant is not null) as holding,
     (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
     array(select j.id from millrace.job j where j.id = any ($jobs::uuid[])) as stored
   from millrace.limit_key k where k.id = any ($keys::int[]) and k.flex order by k.id`,
)

interface Standing extends Omit<FlexStanding, 'tenant'> {
  readonly id: number
  readonly name: string
  readonly now: number
  /** Of the jobs that are to be enqueued: stored before. */
  readonly stored: readonly JobId[]
}

/** In input order behind those that are there. One that is due later waits for that alone, and for its queue no sooner. */
const holdJobs = statement(
  'flex_hold',
  `with input as materialized (
    select h.*, coalesce(h.due > clock_timestamp(), false) as later
    from (
      select id, lane, prio, parent, options, payload, key, reason, place, case
          when at is not null then to_timestamp(at / 1000)
          when delay is not null then clock_timestamp() + delay * interval '1 ms'
        end as due
      from unnest($ids::uuid[], $lanes::int[], $prios::smallint[], $parents::uuid[], $options::text[], $payloads::text[],
        $keys::int[], $reasons::smallint[], $delays::float8[], $ats::float8[])
        with ordinality as i (id, lane, prio, parent, options, payload, key, reason, delay, at, place)) as h
  ), stored as (
    insert into millrace.job (id, lane, prio, parent, options, payload)
    select id, lane, prio, parent, options::json, payload from input
    on conflict (id) do nothing
    returning id
  ), held as (
    insert into millrace.waiting (lane, prio, care, job, seq, attempt, gate, reason, due, tenant, rank)
    select lane, prio, 0, id, 0, 1, key, case when later then reason else ${waitReasons.holding} end,
      case when later then due end, case when not later then (select tenant from millrace.lane where lane.id = input.lane) end,
      place + (select coalesce(max(w.rank), 0) from millrace.waiting w where w.gate = input.key and w.tenant is not null)
    from input join stored using (id)
  ), searchable as (
    insert into millrace.arg (path, value, job)
    select path, value, job
    from unnest($arg_paths::text[], $arg_values::text[], $arg_jobs::uuid[]) as a (path, value, job)
    join stored on stored.id = a.job
    on conflict do nothing
  )
  select count(*) from stored`,
)

/** How many of them are Holding in the end, after those that have room were let start. */
const countHolding = statement(
  'flex_holding',
  `select k.id, (select count(*)::int from millrace.waiting w where w.gate = k.id and w.tenant is not null) as holding
   from millrace.limit_key k where k.id = any ($keys::int[])`,
)

/**
 * Jobs of flex queues, in the caller's transaction, which holds the lock of their keys until it ends. `isBounded`: all are refused when one
 * has no room. Answers by job which queues are filling up.
 */
export async function holdAll(
  session: Session,
  list: readonly NewJob[],
  channel: string,
  isBounded: boolean,
): Promise<ReadonlyMap<JobId, FlexFilling>> {
  const keys = [...new Set(list.map(keyOf))].sort((a, b) => a - b)
  await lockKeys(session, keys)
  const jobs = plain(list.map(({ id }) => id))
  const { rows } = await session.run<Standing>(readStanding, { keys: plain(keys), jobs })
  if (isBounded) for (const standing of rows) demandRoom(standing, list)
  await session.run(holdJobs, valuesOf(list))
  await pumpKeys(session, channel, keys)
  const after = await session.run<{ id: number; holding: number }>(countHolding, { keys: plain(keys) })
  const holding = new Map(after.rows.map((row) => [row.id, row.holding]))
  return fillings(rows, holding, list)
}

function demandRoom(standing: Standing, list: readonly NewJob[]): void {
  const isLater = ({ due }: NewJob): boolean => due !== null && ('inMs' in due || due.at > standing.now)
  const wanted = list.filter(
    (job) => keyOf(job) === standing.id && !isLater(job) && !standing.stored.includes(job.id),
  ).length
  if (wanted > roomOf(standing)) throw flexQueueFull({ ...standing, tenant: tenantOfFlexKey(standing.name) })
}

function fillings(
  before: readonly Standing[],
  after: ReadonlyMap<number, number>,
  list: readonly NewJob[],
): ReadonlyMap<JobId, FlexFilling> {
  const told = new Map<JobId, FlexFilling>()
  for (const { id, name, holding: was, most } of before) {
    const holding = after.get(id) ?? 0
    const last = list.findLast((job) => keyOf(job) === id)
    if (last !== undefined && isFilling(was, holding, most))
      told.set(last.id, { tenant: tenantOfFlexKey(name), holding, most })
  }
  return told
}

export function keyOf({ options }: Pick<NewJob, 'options'>): number {
  return options?.flex ?? 0
}

function valuesOf(list: readonly NewJob[]) {
  const args = list.flatMap((job) =>
    job.args.map((arg) => {
      checkSearchArgument(arg, `job ${job.id}`)
      return { ...arg, job: job.id }
    }),
  )
  return {
    ids: plain(list.map((job) => job.id)),
    lanes: plain(list.map((job) => job.lane)),
    prios: plain(list.map((job) => job.prio)),
    parents: plain(list.map((job) => job.parent)),
    options: texts(list.map((job) => JSON.stringify(job.options))),
    payloads: texts(list.map((job) => job.payload)),
    keys: plain(list.map(keyOf)),
    reasons: plain(list.map(({ due }) => waitReasons[dueReason(due)])),
    delays: plain(list.map(({ due }) => (due !== null && 'inMs' in due ? due.inMs : null))),
    ats: plain(list.map(({ due }) => (due !== null && 'at' in due ? due.at : null))),
    arg_paths: texts(args.map((arg) => arg.path)),
    arg_values: texts(args.map((arg) => arg.value)),
    arg_jobs: plain(args.map((arg) => arg.job)),
  }
}

const lookAt = statement(
  'flex_look',
  `select k.id, k.name, k.slots, k.most, array(select job from ${activeJobs('k.id')} as active order by job) as "activeJobs",
     array(select w.job from millrace.waiting w where w.gate = k.id and w.tenant is not null
       order by w.tenant, w.rank, w.job, w.seq) as "holdingJobs"
   from millrace.limit_key k where k.name = $name and k.flex`,
)

const queueOf = statement(
  'flex_queue_of',
  `select gate from millrace.waiting where job = $job and reason = ${waitReasons.holding}`,
)

const readOrder = statement(
  'flex_order',
  `select job from millrace.waiting where gate = $key and tenant is not null order by tenant, rank, job, seq`,
)

const writeOrder = statement(
  'flex_move',
  `update millrace.waiting w set rank = o.place
   from unnest($jobs::uuid[]) with ordinality as o (job, place)
   where w.job = o.job and w.gate = $key and w.rank <> o.place`,
)

export function flexQueues(db: Database): FlexQueues {
  return {
    async look(tenant) {
      const { rows } = await db.hot.run<Pick<FlexStanding, 'slots' | 'most'> & Jobs>(lookAt, {
        name: flexKeyName(tenant),
      })
      const row = rows[0]
      if (row === undefined) return null
      const { slots, most, activeJobs, holdingJobs } = row
      return {
        ...{ tenant, slots, most, activeJobs, holdingJobs },
        ...{ active: activeJobs.length, holding: holdingJobs.length },
      }
    },

    async standing(key) {
      const { rows } = await db.hot.run<Standing>(readStanding, { keys: plain([key]), jobs: '{}' })
      const row = rows[0]
      if (row === undefined) return null
      const { slots, most, active, holding } = row
      return { tenant: tenantOfFlexKey(row.name), slots, most, active, holding }
    },

    move: (job, place) => db.background.transaction((connection) => move(connection, job, place)),
  }
}

interface Jobs {
  readonly activeJobs: readonly JobId[]
  readonly holdingJobs: readonly JobId[]
}

async function move(
  connection: Connection,
  job: JobId,
  place: FlexPlace,
): Promise<'moved' | 'there' | 'notHolding' | 'otherNotHolding'> {
  const key = (await connection.run<{ gate: number }>(queueOf, { job })).rows[0]?.gate
  if (key === undefined) return 'notHolding'
  await lockKeys(connection, [key])
  // It may have left while the lock was waited for.
  const order = (await connection.run<{ job: JobId }>(readOrder, { key })).rows.map((row) => row.job)
  if (!order.includes(job)) return 'notHolding'
  if ('other' in place && !order.includes(place.other)) return 'otherNotHolding'
  const after = moved(order, job, place)
  if (after === null) return 'there'
  await connection.run(writeOrder, { key, jobs: plain(after) })
  return 'moved'
}
