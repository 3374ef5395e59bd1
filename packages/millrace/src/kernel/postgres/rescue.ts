import type { Decision, EndedAttempt, Rescue, Rescued, Unsettled } from '../rules/decision.ts'
import type { LeaseId, WorkerId } from '../rules/execution.ts'
import { outcomes, type Outcome, type StoredError } from '../rules/outcome.ts'
import type { RescueReport } from '../storage/workers.ts'
import { hit, type Database } from './database.ts'
import {
  consequencesCtes,
  consequenceValues,
  decisionValues,
  settledCte,
  wakesOfDecisions,
} from './decisions.ts'
import { broken } from './errors.ts'
import { roomCte } from './limit-keys.ts'
import { encode, WakeSet } from './notices.ts'
import type { Connection } from './pool.ts'
import { finalizedBy, isSettled } from './probes.ts'
import { plain, statement, texts } from './statement.ts'

/** Never waits: whoever holds the row is renewing it, or rescues this worker, and may be frozen while doing so. */
const lockWorker = statement(
  'rescue_worker',
  `with locked as (
    select until > clock_timestamp() as alive from millrace.worker where id = $worker for update skip locked
  )
  select coalesce((select alive from locked), false) as alive,
    exists (select from millrace.worker where id = $worker) and not exists (select from locked) as taken`,
)

/** Waits for settles under way, which hold the row; the next statement sees what they wrote. */
const takeLease = statement(
  'rescue_lease',
  `delete from millrace.lease where id = $lease and worker = $worker returning jobs, seqs, attempts, cares, running`,
)

const findUnsettled = statement(
  'rescue_unsettled',
  `select j.id as job, m.seq, m.attempt, m.care, j.lane, j.prio,
     m.place = any ($running::int[]) as started,
     (select count(*)::int from millrace.done d
      where (d.job, d.seq) = (m.job, m.seq) and d.outcome = ${outcomes.lost}) as deaths,
     m.seq > 0 or j.options ->> 'several' is not null as several,
     j.options ->> 'finalizer' is not null as finalizer,
     coalesce((j.options ->> 'deadline')::float8 <= extract(epoch from clock_timestamp()) * 1000, false) as expired,
     e.outcome as ended_outcome, e.ms as ended_ms, f.error as ended_error,
     (select count(*)::int from millrace.done d
      where (d.job, d.seq) = (m.job, e.seq) and d.attempt <= e.attempt
        and d.outcome in (${outcomes.lost}, ${outcomes.parked})) as ended_deaths
   from unnest($places::int[], $jobs::uuid[], $seqs::int[], $attempts::int[], $cares::int[])
     as m (place, job, seq, attempt, care)
   join millrace.job j on j.id = m.job
   left join lateral (${finalizedBy('m.job', '0', '-m.seq')}) e on m.seq < 0
   left join millrace.failure f on (f.job, f.seq, f.attempt) = (e.job, e.seq, e.attempt)
   where not ${isSettled('m.job', 'm.seq', '$lease::bigint')}
   order by m.place`,
)

const write = statement(
  'rescue_write',
  `with held as (
    select $lease::bigint as id
  ), ${settledCte('clock_timestamp()')}, ${consequencesCtes}, back as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    select b.lane, b.prio, b.care, b.job, b.seq, b.attempt
    from unnest($b_lanes::int[], $b_prios::smallint[], $b_cares::smallint[], $b_jobs::uuid[], $b_seqs::int[],
      $b_attempts::int[]) as b (lane, prio, care, job, seq, attempt)
  ), freed as (
    -- One that is being released is left: it does not count without its lease, and waiting for it could deadlock.
    delete from millrace.permit where ctid = any (array(
      select ctid from millrace.permit where lease = $lease for update skip locked))
    returning key
  ), ${roomCte}
  select count(pg_notify($channel, notice)) from unnest($notices::text[]) as notice`,
)

interface LeaseRow {
  readonly jobs: readonly (string | null)[]
  readonly seqs: readonly number[] | null
  readonly attempts: readonly number[] | null
  readonly cares: readonly number[] | null
  readonly running: readonly number[]
}

interface UnsettledRow extends Omit<Unsettled, 'ended'> {
  readonly ended_outcome: Outcome | null
  readonly ended_ms: number | null
  readonly ended_error: StoredError | null
  readonly ended_deaths: number
}

type Lost = Extract<Rescued, { kind: 'lost' }>

export async function rescueLease(
  db: Database,
  worker: WorkerId,
  lease: LeaseId,
  rescue: Rescue,
): Promise<Omit<RescueReport, 'leases'> | null> {
  const done = await db.hot.transaction(
    async (connection) => {
      const [owner] = (await connection.run<{ alive: boolean; taken: boolean }>(lockWorker, { worker })).rows
      if (owner === undefined || owner.alive || owner.taken) return null
      const row = (await connection.run<LeaseRow>(takeLease, { worker, lease })).rows[0]
      return row === undefined ? null : await recover(db, connection, lease, row, rescue)
    },
    { beforeCommit: () => hit(db.faults, 'rescue', 'before-commit') },
  )
  await hit(db.faults, 'rescue', 'after-commit')
  if (done === null) return null
  db.wakeups.emit(done.wakes)
  return done.report
}

async function recover(db: Database, connection: Connection, lease: LeaseId, row: LeaseRow, rescue: Rescue) {
  const unsettled = await readUnsettled(connection, lease, row)
  const judged = unsettled.map((one) => ({ one, rescued: rescue(one) }))
  const decisions = judged.flatMap(({ one, rescued }) =>
    rescued.kind === 'lost' ? [decisionOf(lease, one, rescued)] : [],
  )
  const back = judged.flatMap(({ one, rescued }) =>
    rescued.kind === 'handBack' ? [{ ...one, care: rescued.care }] : [],
  )
  // What waited for its slots may go on.
  const woken = new WakeSet().due(0)
  for (const { lane } of back) woken.back(lane)
  const wakes = [...wakesOfDecisions(decisions), ...woken.wakes]
  await connection.run(write, {
    lease,
    ...decisionValues(decisions),
    ...consequenceValues(decisions),
    b_lanes: plain(back.map(({ lane }) => lane)),
    b_prios: plain(back.map(({ prio }) => prio)),
    b_cares: plain(back.map(({ care }) => care)),
    b_jobs: plain(back.map(({ job }) => job)),
    b_seqs: plain(back.map(({ seq }) => seq)),
    b_attempts: plain(back.map(({ attempt }) => attempt)),
    channel: db.wakeups.channel,
    notices: texts(encode(wakes)),
  })
  const parked = decisions.filter(({ outcome }) => outcome === outcomes.parked).length
  return { wakes, report: { lost: decisions.length - parked, handedBack: back.length, parked } }
}

async function readUnsettled(connection: Connection, lease: LeaseId, row: LeaseRow): Promise<Unsettled[]> {
  const members = row.jobs.flatMap((job, place) => {
    if (job === null) return []
    const [seq, attempt, care] = [row.seqs?.[place] ?? 0, row.attempts?.[place] ?? 1, row.cares?.[place] ?? 0]
    return [{ job, place, seq, attempt, care }]
  })
  const { rows } = await connection.run<UnsettledRow>(findUnsettled, {
    lease,
    running: plain(row.running),
    places: plain(members.map(({ place }) => place)),
    jobs: plain(members.map(({ job }) => job)),
    seqs: plain(members.map(({ seq }) => seq)),
    attempts: plain(members.map(({ attempt }) => attempt)),
    cares: plain(members.map(({ care }) => care)),
  })
  return rows.map(({ ended_outcome, ended_ms, ended_error, ended_deaths, ...one }) => {
    const ended: EndedAttempt | null =
      ended_outcome === null
        ? null
        : { outcome: ended_outcome, ms: ended_ms ?? 0, error: ended_error, deaths: ended_deaths }
    return { ...one, ended }
  })
}

function decisionOf(lease: LeaseId, one: Unsettled, { outcome, error, next }: Lost): Decision {
  const { job, seq, attempt, lane, prio } = one
  if (seq < 0 && outcome >= 10) throw broken(`the rescue of finalizer ${seq} of ${job} ended its job`)
  return { key: { job, seq, attempt }, lease, lane, prio, outcome, ms: 0, error, next }
}
