import { waitReasons, type QueuedWhen } from '../rules/decision.ts'
import type { ExecutionRow, JobId } from '../rules/execution.ts'
import type { Outcome } from '../rules/outcome.ts'
import type { StateChange } from '../rules/state.ts'
import type { StandingJob, Steering } from '../storage/steering.ts'
import type { Wake } from '../storage/wakeups.ts'
import { WakeSet } from './notices.ts'
import type { Session } from './pool.ts'
import { readState, stateAssignments } from './states.ts'
import { statement } from './statement.ts'

/** The row of `job` is written by nobody else: only operators wait for each other. */
const lockJob = statement('steer_lock', 'select id from millrace.job where id = $job for no key update')

/** Waits for nobody: a row that is being claimed or moved counts as one that runs. */
const takeQueued = statement(
  'steer_take',
  `with wanted as materialized (
    select id, lane, prio from millrace.job where id = $job
  ), r as (
    delete from millrace.ready where ctid = any (array(
      select head.ctid from wanted cross join lateral (
        select ctid from millrace.ready
        where ready.lane = wanted.lane and ready.prio = wanted.prio and ready.job = wanted.id and ready.seq >= 0
        for update skip locked) as head))
    returning lane, prio, job, seq, attempt, care, null::float8 as due
  ), w as (
    delete from millrace.waiting where ctid = any (array(
      select ctid from millrace.waiting where job = $job and seq >= 0 for update skip locked))
    returning lane, prio, job, seq, attempt, care, (extract(epoch from due) * 1000)::float8 as due
  )
  select * from r union all select * from w`,
)

const look = statement(
  'steer_look',
  `select
     (select d.outcome from millrace.done d where d.job = $job and d.seq >= 0 and d.outcome >= 10 limit 1) as ended,
     h.job is not null as held, (extract(epoch from h.due) * 1000)::float8 as due,
     (extract(epoch from clock_timestamp()) * 1000)::float8 as now
   from (values ($job::uuid)) as one (id) left join millrace.hold h on h.job = one.id`,
)

const putReady = statement(
  'steer_ready',
  `insert into millrace.ready (lane, prio, care, job, seq, attempt)
   values ($lane, $prio, $care, $job, $seq, $attempt)`,
)

const putWaiting = statement(
  'steer_waiting',
  `insert into millrace.waiting (lane, prio, care, job, seq, attempt, rank, due, reason)
   values ($lane, $prio::smallint, $care, $job, $seq, $attempt, $prio::smallint, clock_timestamp() + $delay::float8 * interval '1 ms', $reason)`,
)

const putStateOf = statement(
  'steer_state',
  `insert into millrace.state (job, seq, phase, data, total, processed, failed, chunks, total_chunks, errors, error, pace, spread, updated)
   values ($job, $seq, $phase, $data, $total, $processed, $failed, $chunks, $total_chunks, $errors, $error::json, $pace, $spread,
     clock_timestamp())
   on conflict (job) do update set ${stateAssignments}`,
)

const insertHold = statement(
  'steer_hold',
  `insert into millrace.hold (job, by, due) values ($job, $by, to_timestamp($due::float8 / 1000)) on conflict do nothing`,
)
const deleteHold = statement('steer_release', 'delete from millrace.hold where job = $job')
const waitForHold = statement('steer_hold_lock', 'select job from millrace.hold where job = $job for update')
/** Whoever lets the job go waits for this execution's end, and then finds what it put aside. */
const lockHold = statement('steer_held', 'select job from millrace.hold where job = $job for key share')

type Run = Session['run']

/** In a transaction; `wakes` are told when it has committed. */
export function steeringOn(run: Run, wakes: (wakes: readonly Wake[]) => void): Steering {
  return {
    take: (job) => take(run, job),
    async put(row, when) {
      await put(run, row, when)
      wakes(wakesOf(row, when))
    },
    async putState(job, change) {
      await run(putStateOf, stateValues(job, change))
    },
    hold: async (job, { by, due }) => (await run(insertHold, { job, by, due })).count > 0,
    release: async (job) => (await run(deleteHold, { job })).count > 0,
    isHeld: async (job) => (await run(lockHold, { job })).rows.length > 0,
  }
}

async function take(run: Run, job: JobId): Promise<StandingJob | null> {
  if ((await run(lockJob, { job })).rows.length === 0) return null
  await run(waitForHold, { job })
  const [queued] = (await run<ExecutionRow & { due: number | null }>(takeQueued, { job })).rows
  const [state] = (await run<StateChange>(readState, { job })).rows
  const [seen] = (
    await run<{ ended: Outcome | null; held: boolean; due: number | null; now: number }>(look, { job })
  ).rows
  return {
    state: state ?? null,
    queued: queued ?? null,
    ended: seen?.ended ?? null,
    hold: seen?.held === true ? { due: seen.due } : null,
    now: seen?.now ?? 0,
  }
}

async function put(run: Run, row: ExecutionRow, when: QueuedWhen): Promise<void> {
  const { lane, prio, care, job, seq, attempt } = row
  const values = { lane, prio, care, job, seq, attempt }
  if ('ready' in when) await run(putReady, values)
  else {
    const delay = 'held' in when ? null : when.dueInMs
    await run(putWaiting, { ...values, delay, reason: waitReasons[when.reason ?? 'paused'] })
  }
}

function stateValues(
  job: JobId,
  { error, ...change }: StateChange,
): Readonly<Record<string, string | number | null>> {
  const { seq, phase, data, total, processed, failed, chunks, totalChunks, errors, pace, spread } = change
  return {
    ...{ job, seq, phase, data, total, processed, failed, chunks, errors, pace, spread },
    total_chunks: totalChunks,
    error: error === null ? null : JSON.stringify(error),
  }
}

function wakesOf({ lane }: ExecutionRow, when: QueuedWhen): readonly Wake[] {
  const woken = new WakeSet()
  if ('ready' in when) woken.back(lane)
  else if ('dueInMs' in when) woken.due(when.dueInMs)
  return woken.wakes
}
