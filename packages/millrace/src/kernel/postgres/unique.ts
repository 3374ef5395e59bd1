import { outcomes } from '../rules/outcome.ts'
import type { EnqueueOutcome, UniqueClaim, UniqueUntil } from '../rules/unique.ts'
import type { NewJob } from '../storage/jobs.ts'
import type { Wake } from '../storage/wakeups.ts'
import { MillraceError } from '../rules/errors.ts'
import { broken } from './errors.ts'
import { insertJobs } from './insert-jobs.ts'
import type { Session } from './pool.ts'
import { statement } from './statement.ts'

/** Stored in `uniq.mode`. */
const modes = { started: 1, done: 2, time: 3 } as const

/** A rival whose transaction is open makes this wait until it ends: its key counts if it commits (R13). */
const take = statement(
  'uniq_take',
  `insert into millrace.uniq (key, job, mode, until)
   values ($key, $job, $mode, clock_timestamp() + $ms::float8 * interval '1 ms')
   on conflict do nothing`,
)

/** A new statement, so that it sees the rival that was waited for. */
const look = statement(
  'uniq_holder',
  `select u.job as holder, u.mode, u.until <= clock_timestamp() as passed, j.lane, j.prio,
     j.options ->> 'finalizer' is not null as finalizer, j.id is null as pruned,
     exists (select from millrace.done d where d.job = u.job and d.seq >= 0 and d.outcome >= 10) as ended
   from millrace.uniq u left join millrace.job j on j.id = u.job
   where u.key = $key`,
)

/**
 * A lock lets the holder start only after this transaction. Without it, `changed` = the row that was waited for has moved, or
 * the key has another holder: that is to be looked at anew.
 */
function lockUnstarted(name: string, strength: 'share' | 'update') {
  return statement(
    name,
    `with r as (
      select 1 from millrace.ready
      where (lane, prio, job, seq, attempt) = ($lane::int, $prio::smallint, $holder::uuid, 0, 1)
      for ${strength}
    ), w as (
      select 1 from millrace.waiting where (job, seq, attempt) = ($holder::uuid, 0, 1)
      for ${strength}
    )
    select exists (select from r union all select from w) as locked,
      exists (
        select from millrace.ready
        where (lane, prio, job, seq, attempt) = ($lane::int, $prio::smallint, $holder::uuid, 0, 1)
      ) or exists (
        select from millrace.waiting where (job, seq, attempt) = ($holder::uuid, 0, 1)
      ) or not exists (
        select from millrace.uniq where (key, job) = ($key, $holder::uuid)
      ) as changed`,
  )
}

/** Duplicates hold their holder together; who replaces it waits for them, as they are promised a run after their commit. */
const holdUnstarted = lockUnstarted('uniq_hold', 'share')
const seizeUnstarted = lockUnstarted('uniq_seize', 'update')

const takeOver = statement(
  'uniq_take_over',
  `update millrace.uniq
   set job = $job, mode = $mode, until = clock_timestamp() + $ms::float8 * interval '1 ms'
   where key = $key and job = $holder`,
)

/** Ends the holder, whose row is locked by this transaction. */
const replace = statement(
  'uniq_replace',
  `with r as (
    delete from millrace.ready
    where (lane, prio, job, seq, attempt) = ($lane::int, $prio::smallint, $holder::uuid, 0, 1) returning 1
  ), w as (
    delete from millrace.waiting where (job, seq, attempt) = ($holder::uuid, 0, 1) returning 1
  ), gone as (
    select from r union all select from w
  ), ended as (
    insert into millrace.done (job, seq, attempt, outcome, ms, lease, finished)
    select $holder::uuid, 0, 1, ${outcomes.replaced}, 0, 0, clock_timestamp() from gone
  ), listed as (
    insert into millrace.failure (job, seq, attempt, lane, outcome)
    select $holder::uuid, 0, 1, $lane::int, ${outcomes.replaced} from gone
  )
  insert into millrace.ready (lane, prio, care, job, seq, attempt)
  select $lane::int, $prio::smallint, 0, $holder::uuid, -1, 1 from gone where $finalizer::bool`,
)

interface Holder {
  readonly holder: string
  readonly mode: number
  readonly passed: boolean | null
  readonly ended: boolean
  readonly pruned: boolean
  readonly lane: number | null
  readonly prio: number | null
  readonly finalizer: boolean
}

/** Each turn ends in an answer, unless the holder changed in between. */
const mostTurns = 100

/** Inside a transaction of the caller; notifies `wakes` when the job was queued. */
export async function enqueueUnique(
  session: Session,
  job: NewJob,
  notice: { readonly channel: string; readonly wakes: readonly Wake[] },
): Promise<EnqueueOutcome> {
  const claim = job.unique
  if (claim === null) throw broken(`job ${job.id} has no unique key`)
  const outcome = await takeKey(session, job, claim)
  if (outcome.kind === 'duplicate') return outcome
  const filling = (await insertJobs(session, [job], notice.channel, notice.wakes)).get(job.id)
  return filling === undefined ? outcome : { ...outcome, filling }
}

async function takeKey(session: Session, job: NewJob, claim: UniqueClaim): Promise<EnqueueOutcome> {
  const { key } = claim
  const taking = { key, job: job.id, mode: modeOf(claim.until), ms: msOf(claim.until) }
  for (let turn = 0; turn < mostTurns; turn++) {
    if ((await session.run(take, taking)).count === 1) return { kind: 'queued', id: job.id }
    const holder = (await session.run<Holder>(look, { key })).rows[0]
    if (holder === undefined) continue
    // The answer to the first try was lost.
    if (holder.holder === job.id) return { kind: 'queued', id: job.id }

    const isFree = freeAtOnce(holder)
    const row = !isFree && needsLock(holder, claim) ? await lock(session, holder, claim) : null
    if (row === 'changed') continue
    const unstarted = row === 'locked'
    const isTaken = unstarted ? claim.on !== 'replace' : !isFree && holder.mode !== modes.started
    if (isTaken) return { kind: 'duplicate', holder: holder.holder }
    if ((await session.run(takeOver, { ...taking, holder: holder.holder })).count === 0) continue
    if (!unstarted) return { kind: 'queued', id: job.id }
    await session.run(replace, {
      holder: holder.holder,
      lane: holder.lane,
      prio: holder.prio,
      finalizer: holder.finalizer,
    })
    return { kind: 'replaced', id: job.id, ended: holder.holder }
  }
  throw new MillraceError('MILL_UNIQUE_BUSY', `the holder of unique key ${key} changes too often`, {
    data: { unknown: false },
  })
}

/** Without a look at the queue. A time passes whether the job ended or not: that is a throttle. */
function freeAtOnce({ mode, passed, ended, pruned }: Holder): boolean {
  return mode === modes.time ? passed === true : ended || pruned
}

function needsLock({ mode }: Holder, { on }: UniqueClaim): boolean {
  return mode === modes.started || on === 'replace'
}

async function lock(
  session: Session,
  { holder, lane, prio }: Holder,
  { key, on }: UniqueClaim,
): Promise<'locked' | 'changed' | 'started'> {
  const { rows } = await session.run<{ locked: boolean; changed: boolean }>(
    on === 'replace' ? seizeUnstarted : holdUnstarted,
    { key, holder, lane, prio },
  )
  if (rows[0]?.locked === true) return 'locked'
  return rows[0]?.changed === true ? 'changed' : 'started'
}

function modeOf(until: UniqueUntil): number {
  return typeof until === 'string' ? modes[until] : modes.time
}

function msOf(until: UniqueUntil): number | null {
  return typeof until === 'string' ? null : until.ms
}
