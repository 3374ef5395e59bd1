import { waitReasons, type Decision } from '../rules/decision.ts'
import type { LeaseId } from '../rules/execution.ts'
import { outcomes, type Outcome } from '../rules/outcome.ts'
import type { Wake } from '../storage/wakeups.ts'
import { WakeSet } from './notices.ts'
import type { Values } from './pool.ts'
import { statedCte, statesText } from './states.ts'
import { plain, texts, uuids } from './statement.ts'

/**
 * CTEs that write decisions whose lease is in the CTE `held`. `$d_` the decisions, `$r_` and `$w_` next executions in `ready`
 * and `waiting`, `$f_` failures, `$v_` results, `$states` states, `$a_` abort intents.
 */
export function settledCte(finished: string): string {
  return `settled as (
  insert into millrace.done (job, seq, attempt, outcome, ms, lease, finished)
  select d.job, coalesce(d.seq, 0), coalesce(d.attempt, 1), d.outcome, d.ms, held.id, ${finished}
  from unnest($d_jobs::uuid[], $d_seqs::int[], $d_attempts::int[], $d_outcomes::smallint[], $d_ms::real[], $d_places::smallint[])
    as d (job, seq, attempt, outcome, ms, place)
  join held on held.id = ($d_leases::bigint[])[d.place]
  returning 1
)`
}

export const consequencesCtes = `next_ready as (
  insert into millrace.ready (lane, prio, care, job, seq, attempt)
  select r.lane, r.prio, r.care, r.job, r.seq, r.attempt
  from unnest($r_lanes::int[], $r_prios::smallint[], $r_cares::smallint[], $r_jobs::uuid[], $r_seqs::int[],
    $r_attempts::int[], $r_leases::bigint[]) as r (lane, prio, care, job, seq, attempt, lease)
  join held on held.id = r.lease
), next_waiting as (
  insert into millrace.waiting (lane, prio, care, job, seq, attempt, rank, due, reason)
  select w.lane, w.prio, w.care, w.job, w.seq, w.attempt, w.prio, clock_timestamp() + w.delay * interval '1 ms', w.reason
  from unnest($w_lanes::int[], $w_prios::smallint[], $w_cares::smallint[], $w_jobs::uuid[], $w_seqs::int[],
    $w_attempts::int[], $w_leases::bigint[], $w_delays::float8[], $w_reasons::smallint[])
    as w (lane, prio, care, job, seq, attempt, lease, delay, reason)
  join held on held.id = w.lease
), failed as (
  insert into millrace.failure (job, seq, attempt, lane, outcome, error)
  select f.job, f.seq, f.attempt, f.lane, f.outcome, f.error::json
  from unnest($f_jobs::uuid[], $f_seqs::int[], $f_attempts::int[], $f_leases::bigint[], $f_lanes::int[],
    $f_outcomes::smallint[], $f_errors::text[]) as f (job, seq, attempt, lease, lane, outcome, error)
  join held on held.id = f.lease
), returned as (
  insert into millrace.result (job, value)
  select v.job, v.value
  from unnest($v_jobs::uuid[], $v_values::text[], $v_leases::bigint[]) as v (job, value, lease)
  join held on held.id = v.lease
), ${statedCte}, aborted as (
  delete from millrace.abort
  using unnest($a_jobs::uuid[], $a_leases::bigint[]) as a (job, lease) join held on held.id = a.lease
  where abort.job = a.job
)`

/** Short, because both sides read every character: a lease is named by its place among them, what is as usual is left out. */
export function decisionValues(decisions: readonly Decision[]): Values {
  const leases = new Map<LeaseId, number>()
  const places = decisions.map(({ lease }) => {
    const known = leases.get(lease)
    if (known === undefined) leases.set(lease, leases.size + 1)
    return known ?? leases.size
  })
  return {
    d_jobs: uuids(decisions.map(({ key }) => key.job)),
    d_seqs: decisions.every(({ key }) => key.seq === 0) ? '{}' : plain(decisions.map(({ key }) => key.seq)),
    d_attempts: decisions.every(({ key }) => key.attempt === 1)
      ? '{}'
      : plain(decisions.map(({ key }) => key.attempt)),
    d_outcomes: plain(decisions.map(({ outcome }) => outcome)),
    d_ms: plain(decisions.map(({ ms }) => ms)),
    d_places: plain(places),
    d_leases: plain([...leases.keys()]),
  }
}

/** Whether a decision needs {@link consequencesCtes}. */
export function hasConsequences(decision: Decision): boolean {
  const { next, error, result, state, endsAbort } = decision
  return (
    next.length > 0 ||
    state !== undefined ||
    error !== undefined ||
    result !== undefined ||
    endsAbort === true ||
    isBadEnd(decision)
  )
}

export function consequenceValues(decisions: readonly Decision[]): Values {
  const next = decisions.flatMap((decision) => decision.next.map((row) => ({ ...row, decision })))
  const ready = next.filter((row) => 'ready' in row.when)
  const waiting = next.flatMap(({ when, ...row }) =>
    'dueInMs' in when || 'held' in when ? [{ ...row, when }] : [],
  )
  const failures = decisions.filter((decision) => decision.error !== undefined || isBadEnd(decision))
  const results = decisions.flatMap(({ key, lease, result }) =>
    result === undefined ? [] : [{ key, lease, result }],
  )
  const aborts = decisions.filter((decision) => decision.endsAbort === true)
  return {
    ...nextValues('r', ready),
    ...nextValues('w', waiting),
    w_delays: plain(waiting.map(({ when }) => ('held' in when ? null : when.dueInMs))),
    w_reasons: plain(waiting.map(({ when }) => waitReasons[when.reason ?? 'paused'])),
    f_jobs: plain(failures.map(({ key }) => key.job)),
    f_seqs: plain(failures.map(({ key }) => key.seq)),
    f_attempts: plain(failures.map(({ key }) => key.attempt)),
    f_leases: plain(failures.map(({ lease }) => lease)),
    f_lanes: plain(failures.map((one) => (isBadEnd(one) ? one.lane : null))),
    f_outcomes: plain(failures.map((one) => (isBadEnd(one) ? one.outcome : null))),
    f_errors: texts(failures.map(({ error }) => (error === undefined ? null : JSON.stringify(error)))),
    v_jobs: plain(results.map(({ key }) => key.job)),
    v_values: texts(results.map(({ result }) => result)),
    v_leases: plain(results.map(({ lease }) => lease)),
    states: statesText(decisions),
    a_jobs: plain(aborts.map(({ key }) => key.job)),
    a_leases: plain(aborts.map(({ lease }) => lease)),
  }
}

interface NextRow {
  readonly seq: number
  readonly attempt: number
  readonly care: number
  readonly decision: Decision
}

function nextValues(prefix: 'r' | 'w', rows: readonly NextRow[]): Values {
  return {
    [`${prefix}_lanes`]: plain(rows.map(({ decision }) => decision.lane)),
    [`${prefix}_prios`]: plain(rows.map(({ decision }) => decision.prio)),
    [`${prefix}_cares`]: plain(rows.map(({ care }) => care)),
    [`${prefix}_jobs`]: plain(rows.map(({ decision }) => decision.key.job)),
    [`${prefix}_seqs`]: plain(rows.map(({ seq }) => seq)),
    [`${prefix}_attempts`]: plain(rows.map(({ attempt }) => attempt)),
    [`${prefix}_leases`]: plain(rows.map(({ decision }) => decision.lease)),
  }
}

/** Next executions may stand before the place reached in their lane. */
export function wakesOfDecisions(decisions: readonly Decision[]): Wake[] {
  const woken = new WakeSet()
  for (const { lane, next } of decisions) {
    for (const { when } of next) {
      if ('ready' in when) woken.back(lane)
      else if ('dueInMs' in when) woken.due(when.dueInMs)
    }
  }
  return woken.wakes
}

const badEnds: ReadonlySet<Outcome> = new Set([
  outcomes.failed,
  outcomes.aborted,
  outcomes.completedWithErrors,
  outcomes.expired,
  outcomes.parked,
  outcomes.replaced,
])

/** Ends that lists look for by their lane: they keep a row in `failure` even without an error. */
function isBadEnd({ key, outcome }: Decision): boolean {
  return key.seq >= 0 && badEnds.has(outcome)
}
