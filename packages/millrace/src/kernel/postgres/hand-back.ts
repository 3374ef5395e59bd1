import { waitReasons } from '../rules/decision.ts'
import type { LeaseId, WorkerId } from '../rules/execution.ts'
import type { HandBackRow } from '../storage/executions.ts'
import type { Wake } from '../storage/wakeups.ts'
import { hit, type Database } from './database.ts'
import { encode, WakeSet } from './notices.ts'
import { isSettled } from './probes.ts'
import { plain, statement, texts } from './statement.ts'

/** Waits for settles under way; what they wrote shows to the next statement only. */
const lockLeases = statement(
  'hand_back_lock',
  'select id from millrace.lease where id = any ($leases::bigint[]) order by id for update',
)

/**
 * Tokens of rates that rows of the CTE `back` took and did not use (their slots go with their permits). The keys
 * are locked ascending before one of them is changed.
 */
const refundCtes = `unused as materialized (
  select k.id, b.n
  from (
    select key.value::int as id, count(*)::int as n
    from back join millrace.job j on j.id = back.job and back.seq >= 0
    cross join lateral json_array_elements_text(j.options -> 'keys') as key (value)
    group by key.value) as b
  join millrace.limit_key k using (id)
  where k.burst is not null
  order by k.id for update of k
), refunded as (
  update millrace.limit_key k set
    tokens = least(k.burst, unused.n + case
      when k.tokens is null or k.at is null then k.burst
      else k.tokens + greatest(0, extract(epoch from clock_timestamp() - k.at)::float8 * 1000) * k.per_ms end),
    at = clock_timestamp(),
    next = case when exists (select from millrace.waiting where gate = k.id) then clock_timestamp() else k.next end
  from unused where k.id = unused.id
)`

/** A row is given back while its position still names it and it is not settled: a repeat changes nothing. */
const handBackRows = statement(
  'hand_back',
  `with held as materialized (
    select id, jobs, running from millrace.lease where id = any ($leases::bigint[])
  ), given as materialized (
    select g.*
    from unnest($lanes::int[], $prios::smallint[], $cares::smallint[], $jobs::uuid[], $seqs::int[], $attempts::int[],
      $row_leases::bigint[], $places::int[], $delays::float8[], $reasons::smallint[])
      as g (lane, prio, care, job, seq, attempt, lease, place, delay, reason)
    join held on held.id = g.lease
    where held.jobs[g.place + 1] = g.job
      and not ${isSettled('g.job', 'g.seq', 'g.lease')}
  ), back as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    select lane, prio, care, job, seq, attempt from given where delay is null
    returning job, seq
  ), snoozed as (
    insert into millrace.waiting (lane, prio, care, job, seq, attempt, rank, due, reason)
    select lane, prio, care, job, seq, attempt, prio, clock_timestamp() + delay * interval '1 ms', reason
    from given where delay is not null
  ), ${refundCtes}, remaining as materialized (
    select held.id,
      array(
        select case when given.place is null then member.job end
        from unnest(held.jobs) with ordinality as member (job, place)
        left join given on given.lease = held.id and given.place = member.place - 1
        order by member.place) as jobs,
      array(
        select place from unnest(held.running) as place
        where place not in (select given.place from given where given.lease = held.id)) as running
    from held where exists (select from given where given.lease = held.id)
  ), nulled as (
    update millrace.lease set jobs = remaining.jobs, running = remaining.running
    from remaining where lease.id = remaining.id and array_remove(remaining.jobs, null) <> '{}'
  ), emptied as (
    delete from millrace.lease using remaining
    where lease.id = remaining.id and array_remove(remaining.jobs, null) = '{}'
  )
  select array(select id from held) as held,
    (select count(pg_notify($channel, notice)) from unnest($notices::text[]) as notice) as notified`,
)

/** Nothing of it began, so all goes back as it came. A rescue that was first leaves no lease to take. */
const takeLease = statement(
  'hand_back_take',
  `select id from millrace.lease where id = $lease and worker = $worker for update`,
)

const handBackWhole = statement(
  'hand_back_lease',
  `with gone as (
    delete from millrace.lease where id = $lease returning id, jobs, seqs, attempts, cares
  ), freed as (
    delete from millrace.permit using gone where permit.lease = gone.id
  ), back as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    select j.lane, j.prio, coalesce(gone.cares[member.place], 0), j.id, coalesce(gone.seqs[member.place], 0),
      coalesce(gone.attempts[member.place], 1)
    from gone cross join unnest(gone.jobs) with ordinality as member (job, place)
    join millrace.job j on j.id = member.job
    where not ${isSettled('member.job', 'coalesce(gone.seqs[member.place], 0)', 'gone.id')}
    returning job, seq, lane
  ), ${refundCtes}, lanes as materialized (
    select array_agg(distinct lane) as lanes from back having count(*) > 0
  )
  select lanes, pg_notify($channel,
    case when cardinality(lanes) > 400 then 'rescan' else 'back ' || array_to_string(lanes, ',') end) as notified
  from lanes`,
)

export async function handBack(
  db: Database,
  rows: readonly HandBackRow[],
): Promise<{ readonly fenced: readonly LeaseId[] }> {
  const leases = [...new Set(rows.map(({ lease }) => lease))]
  if (leases.length === 0) return { fenced: [] }
  const wakes = wakesOfRows(rows)
  const standing = await db.hot.transaction(
    async (connection) => {
      await connection.run(lockLeases, { leases: plain(leases) })
      const answer = await connection.run<{ held: number[] }>(handBackRows, {
        leases: plain(leases),
        lanes: plain(rows.map(({ lane }) => lane)),
        prios: plain(rows.map(({ prio }) => prio)),
        cares: plain(rows.map(({ care }) => care)),
        jobs: plain(rows.map(({ job }) => job)),
        seqs: plain(rows.map(({ seq }) => seq)),
        attempts: plain(rows.map(({ attempt }) => attempt)),
        row_leases: plain(rows.map(({ lease }) => lease)),
        places: plain(rows.map(({ position }) => position)),
        delays: plain(rows.map(({ wait }) => wait?.dueInMs ?? null)),
        reasons: plain(rows.map(({ wait }) => (wait === null ? null : waitReasons[wait.reason]))),
        channel: db.wakeups.channel,
        notices: texts(encode(wakes)),
      })
      return new Set(answer.rows[0]?.held)
    },
    { beforeCommit: () => hit(db.faults, 'handback', 'before-commit') },
  )
  await hit(db.faults, 'handback', 'after-commit')
  db.wakeups.emit(wakes)
  return { fenced: leases.filter((lease) => !standing.has(lease)) }
}

export async function handBackLease(db: Database, worker: WorkerId, lease: LeaseId): Promise<void> {
  const lanes = await db.hot.transaction(
    async (connection) => {
      if ((await connection.run(takeLease, { worker, lease })).rows.length === 0) return []
      const { channel } = db.wakeups
      const { rows } = await connection.run<{ lanes: number[] }>(handBackWhole, { lease, channel })
      return rows[0]?.lanes ?? []
    },
    { beforeCommit: () => hit(db.faults, 'handback', 'before-commit') },
  )
  await hit(db.faults, 'handback', 'after-commit')
  if (lanes.length > 0) db.wakeups.emit([{ topic: 'back', lanes }])
}

function wakesOfRows(rows: readonly HandBackRow[]): Wake[] {
  const woken = new WakeSet()
  for (const { wait, lane } of rows) {
    if (wait === null) woken.back(lane)
    else woken.due(wait.dueInMs)
  }
  return woken.wakes
}
