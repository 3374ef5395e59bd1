import { waitReasons } from '../rules/decision.ts'
import { isMillraceError } from '../rules/errors.ts'
import { DEFAULT_PRIORITY } from '../rules/names.ts'
import { checkSearchArgument } from '../rules/search-argument.ts'
import type { JobId } from '../rules/execution.ts'
import type { FlexFilling } from '../rules/flex-queue.ts'
import { dueReason, type NewJob } from '../storage/jobs.ts'
import type { Wake } from '../storage/wakeups.ts'
import type { Database } from './database.ts'
import { holdAll } from './flex-queue.ts'
import { encode, WakeSet } from './notices.ts'
import type { Session, Values } from './pool.ts'
import { plain, statement, texts } from './statement.ts'

const notify = 'select pg_notify($channel, notice) from unnest($notices::text[]) as notice'

const enqueueText = (onConflict: string): string => `with stored as (
    insert into millrace.job (id, lane, prio, parent, options, payload)
    select id, lane, prio, parent, options::json, payload
    from unnest($ids::uuid[], $lanes::int[], $prios::smallint[], $parents::uuid[], $options::text[], $payloads::text[])
      as input (id, lane, prio, parent, options, payload)
    ${onConflict}
    returning id, lane, prio
  ), queued as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    select lane, prio, 0, id, 0, 1 from stored
  )
  ${notify}`

/** The usual case, that no id is stored already: ON CONFLICT would write a record more for each row. */
const enqueueNew = statement('enqueue_new', enqueueText(''))

/** The same for one: by values it takes a good third less time than by arrays. */
const enqueueOne = statement(
  'enqueue_one',
  `with queued as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    values ($lane::int, $prio::smallint, 0, $id::uuid, 0, 1)
  )
  insert into millrace.job (id, lane, prio, parent, options, payload)
  values ($id::uuid, $lane::int, $prio::smallint, $parent::uuid, $options::json, $payload::text)
  returning pg_notify($channel, $notice)`,
)

/** Rows that are stored already come back from no `insert`, so they are not queued again either. */
const enqueuePlain = statement('enqueue', enqueueText('on conflict (id) do nothing'))

/** The same with due times and arguments. */
const enqueueAny = statement(
  'enqueue_any',
  `with due as materialized (
    select id, reason, case
        when at is not null then to_timestamp(at / 1000)
        when delay is not null then clock_timestamp() + delay * interval '1 ms'
      end as due
    from unnest($ids::uuid[], $delays::float8[], $ats::float8[], $reasons::smallint[]) as d (id, delay, at, reason)
  ), input as materialized (
    -- Judged once: a row due at this very moment goes to one table and not to both or none.
    select input.*, due, reason, coalesce(due > clock_timestamp(), false) as later
    from unnest($ids::uuid[], $lanes::int[], $prios::smallint[], $parents::uuid[], $options::text[], $payloads::text[])
      as input (id, lane, prio, parent, options, payload)
    join due using (id)
  ), stored as (
    insert into millrace.job (id, lane, prio, parent, options, payload)
    select id, lane, prio, parent, options::json, payload from input
    on conflict (id) do nothing
    returning id
  ), queued as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    select lane, prio, 0, id, 0, 1 from input join stored using (id)
    where not later
  ), delayed as (
    insert into millrace.waiting (lane, prio, care, job, seq, attempt, rank, due, reason)
    select lane, prio, 0, id, 0, 1, prio, due, reason from input join stored using (id)
    where later
  ), searchable as (
    insert into millrace.arg (path, value, job)
    select path, value, job
    from unnest($arg_paths::text[], $arg_values::text[], $arg_jobs::uuid[]) as a (path, value, job)
    join stored on stored.id = a.job
    on conflict do nothing
  )
  ${notify}`,
)

/** A transaction of its own, so it can fail and be repeated when an id was there already. */
export async function insertGroup(
  { hot, wakeups }: Database,
  list: readonly NewJob[],
  wakes: readonly Wake[],
): Promise<void> {
  const unique = withoutRepeats(list)
  if (unique.every(isPlain)) {
    try {
      const [job, another] = unique
      if (job !== undefined && another === undefined)
        await hot.run(enqueueOne, oneJobValues(job, wakeups.channel, wakes))
      else await hot.run(enqueueNew, jobValues(unique, wakeups.channel, wakes))
      return
    } catch (error) {
      if (!isRepeat(error)) throw error
    }
  }
  await insertJobs(hot, unique, wakeups.channel, wakes)
}

/**
 * Jobs of flex queues take more than one statement: `session` is a transaction then. `isBounded`: they are refused where their queue has
 * no room. Answers by job which queues are filling up.
 */
export async function insertJobs(
  session: Session,
  list: readonly NewJob[],
  channel: string,
  wakes: readonly Wake[],
  isBounded = true,
): Promise<ReadonlyMap<JobId, FlexFilling>> {
  const flexible = list.filter(isFlexible)
  const others = flexible.length === 0 ? list : list.filter((job) => !isFlexible(job))
  const filling =
    flexible.length === 0
      ? new Map<JobId, FlexFilling>()
      : await holdAll(session, withoutRepeats(flexible), channel, isBounded)
  if (others.length > 0 || wakes.length > 0) await insertOthers(session, others, channel, wakes)
  return filling
}

export function isFlexible({ options }: NewJob): boolean {
  return options?.flex !== undefined
}

async function insertOthers(
  session: Session,
  list: readonly NewJob[],
  channel: string,
  wakes: readonly Wake[],
): Promise<void> {
  const unique = withoutRepeats(list)
  const values = jobValues(unique, channel, wakes)
  if (unique.every(isPlain)) {
    await session.run(enqueuePlain, values)
    return
  }
  const args = unique.flatMap((job) =>
    job.args.map((arg) => {
      checkSearchArgument(arg, `job ${job.id}`)
      return { ...arg, job: job.id }
    }),
  )
  await session.run(enqueueAny, {
    ...values,
    delays: plain(unique.map(({ due }) => (due !== null && 'inMs' in due ? due.inMs : null))),
    ats: plain(unique.map(({ due }) => (due !== null && 'at' in due ? due.at : null))),
    reasons: plain(unique.map(({ due }) => waitReasons[dueReason(due)])),
    arg_paths: texts(args.map((arg) => arg.path)),
    arg_values: texts(args.map((arg) => arg.value)),
    arg_jobs: plain(args.map((arg) => arg.job)),
  })
}

function jobValues(list: readonly NewJob[], channel: string, wakes: readonly Wake[]): Values {
  return {
    channel,
    notices: texts(encode(wakes)),
    ids: plain(list.map((job) => job.id)),
    lanes: plain(list.map((job) => job.lane)),
    prios: plain(list.map((job) => job.prio)),
    parents: plain(list.map((job) => job.parent)),
    options: texts(list.map((job) => (job.options === null ? null : JSON.stringify(job.options)))),
    payloads: texts(list.map((job) => job.payload)),
  }
}

function oneJobValues(job: NewJob, channel: string, wakes: readonly Wake[]): Values {
  const { id, lane, prio, parent, options, payload } = job
  const [notice = ''] = encode(wakes)
  return {
    ...{ channel, notice, id, lane, prio, parent, payload },
    options: options === null ? null : JSON.stringify(options),
  }
}

function isPlain({ due, args }: NewJob): boolean {
  return due === null && args.length === 0
}

function isRepeat(error: unknown): boolean {
  return isMillraceError(error) && error.data['sqlstate'] === '23505'
}

/** Whom these rows wake. An absolute instant counts as now: only the database's clock knows how far away it is (R16). */
export function wakesOf(list: readonly NewJob[]): Wake[] {
  const woken = new WakeSet()
  for (const { lane, prio, due, options } of list) {
    if (options?.flex !== undefined) {
      woken.back(lane)
      woken.due(due !== null && 'inMs' in due ? due.inMs : 0)
    } else if (due !== null) woken.due('inMs' in due ? due.inMs : 0)
    else if (prio === DEFAULT_PRIORITY) woken.new(lane)
    else woken.back(lane)
  }
  return woken.wakes
}

/** One id twice in one call would be queued twice. */
function withoutRepeats(list: readonly NewJob[]): readonly NewJob[] {
  const ids = new Set(list.map((job) => job.id))
  return ids.size === list.length ? list : [...new Map(list.map((job) => [job.id, job])).values()]
}
