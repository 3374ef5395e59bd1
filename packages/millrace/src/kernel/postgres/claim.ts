import { waitReasons } from '../rules/decision.ts'
import type { Claimed, JobOptions } from '../rules/execution.ts'
import { limitKeysOf, type Admission, type Admit, type GatedRow } from '../rules/limits.ts'
import type { ClaimParams, ClaimedBatch, GatedClaim } from '../storage/executions.ts'
import type { Wake } from '../storage/wakeups.ts'
import { committing, hit, type Database } from './database.ts'
import { broken } from './errors.ts'
import { keyStates, lockKeys } from './limit-keys.ts'
import type { Connection, Session, Values } from './pool.ts'
import { plain, statement } from './statement.ts'

/** Nothing for a worker whose time has passed: its leases would be taken away again at once. */
const taken = `taken as (
  delete from millrace.ready
  where ctid = any (array(
    select head.ctid
    from unnest($lanes::int[], $quotas::int[], $prios::smallint[], $jobs::uuid[], $seqs::int[])
      as named (lane, quota, prio, job, seq)
    cross join lateral (
      select ctid from millrace.ready
      where ready.lane = named.lane and (ready.prio, ready.job, ready.seq) > (named.prio, named.job, named.seq)
      order by lane, prio, job, seq
      limit named.quota
      for update skip locked) as head
    where exists (select from millrace.worker where id = $worker and until > clock_timestamp())))
  returning lane, prio, care, job, seq, attempt, gate
)`

/**
 * Places are numbered in the statement, so that the lease's arrays and the answer cannot differ. A column costs Node more to read than
 * the database to leave out, and nearly every row is the first attempt of a job's first execution.
 */
const claimPlain = statement(
  'claim',
  `with ${taken}, numbered as materialized (
    select *, (row_number() over (order by prio, job, seq) - 1)::smallint as place from taken
  ), leased as (
    insert into millrace.lease (worker, jobs, seqs, attempts, cares, running)
    select $worker,
      array(select job from numbered order by place),
      case when bool_or(seq <> 0) then array(select seq from numbered order by place) end,
      case when bool_or(attempt <> 1) then array(select attempt from numbered order by place) end,
      case when bool_or(care <> 0) then array(select care from numbered order by place) end,
      array(select place from numbered where place < $free::int and care <= 1 order by place)
    from numbered having count(*) > 0
    returning id
  )
  select case when n.place = 0 then leased.id end as lease, n.lane, n.prio, n.job,
    case when n.seq <> 0 or n.attempt <> 1 or n.care <> 0 then array[n.seq, n.attempt, n.care] end as unusual,
    j.payload, j.options
  from leased cross join numbered n join millrace.job j on j.id = n.job
  order by n.place`,
)

const takeGated = statement(
  'claim_gated',
  `with ${taken}
  select t.lane, t.prio, t.care, t.job, t.seq, t.attempt, t.gate, j.payload, j.options
  from taken t join millrace.job j on j.id = t.job
  order by t.prio, t.job, t.seq`,
)

/** `jobs` is empty when every row was parked: then there is no lease. */
const writeGated = statement(
  'claim_gated_write',
  `with leased as (
    insert into millrace.lease (worker, jobs, seqs, attempts, cares, running)
    select $worker, $jobs::uuid[], $seqs::int[], $attempts::int[], $cares::smallint[], $running::smallint[]
    where cardinality($jobs::uuid[]) > 0
    returning id
  ), granted as (
    insert into millrace.permit (key, lease, n)
    select g.key, leased.id, g.n
    from leased cross join unnest($permit_keys::int[], $permit_ns::int[]) as g (key, n)
  ), changed as (
    update millrace.limit_key set
      tokens = c.tokens,
      at = to_timestamp(c.at / 1000),
      -- Others may wait since before: here it only comes nearer, and the pump clears it.
      next = least(limit_key.next, clock_timestamp() + c.next * interval '1 ms')
    from unnest($key_ids::int[], $key_tokens::float8[], $key_ats::float8[], $key_nexts::float8[])
      as c (key, tokens, at, next)
    where id = c.key
  ), parked as (
    insert into millrace.waiting (lane, prio, care, job, seq, attempt, rank, gate, reason, tenant)
    select p.lane, prio, care, job, seq, attempt, prio, gate, reason, lane.tenant
    from unnest($p_lanes::int[], $p_prios::smallint[], $p_cares::smallint[], $p_jobs::uuid[], $p_seqs::int[],
      $p_attempts::int[], $p_gates::int[], $p_reasons::smallint[])
      as p (lane, prio, care, job, seq, attempt, gate, reason)
    join millrace.lane on lane.id = p.lane
  )
  select id as lease from leased`,
)

interface TakenRow {
  readonly lane: number
  readonly prio: number
  readonly care: number
  readonly job: string
  readonly seq: number
  readonly attempt: number
  readonly payload: string
  readonly options: JobOptions | null
}

interface PlainRow extends Omit<TakenRow, 'care' | 'seq' | 'attempt'> {
  /** On the first row. */
  readonly lease: number | null
  readonly unusual: readonly [seq: number, attempt: number, care: number] | null
}

const usual = [0, 1, 0] as const

interface GatedTaken extends TakenRow {
  readonly gate: number | null
}

/** Before every place. */
const noJob = '00000000-0000-0000-0000-000000000000'

export async function claim(db: Database, params: ClaimParams): Promise<ClaimedBatch | null> {
  if (params.quotas.length === 0) return null
  const { rows } = await committing(db.faults, 'claim', () =>
    db.claims.run<PlainRow>(claimPlain, {
      ...quotaValues(params),
      free: params.free,
    }),
  )
  const lease = rows[0]?.lease
  if (lease === undefined || lease === null) return null
  const members = rows.map(({ lane, prio, job, unusual, payload, options }, position): Claimed => {
    const [seq, attempt, care] = unusual ?? usual
    const marked = marks(params, position, care)
    return { job, seq, attempt, lane, prio, care, lease, position, marked, payload, options }
  })
  return { lease, members }
}

/** Lock order: rows of `ready` (never waited for), then the keys ascending; usage in a statement after those locks. */
export async function claimGated(db: Database, params: ClaimParams, admit: Admit): Promise<GatedClaim> {
  if (params.quotas.length === 0) return { batch: null, parked: 0 }
  const claimed = await db.claims.transaction(
    async (connection) => {
      const { rows } = await connection.run<GatedTaken>(takeGated, quotaValues(params))
      return rows.length === 0 ? null : await decide(connection, params, admit, rows)
    },
    { beforeCommit: () => hit(db.faults, 'claim', 'before-commit') },
  )
  await hit(db.faults, 'claim', 'after-commit')
  if (claimed === null) return { batch: null, parked: 0 }
  db.wakeups.emit(claimed.wakes)
  return { batch: claimed.batch, parked: claimed.parked }
}

async function decide(
  connection: Connection,
  params: ClaimParams,
  admit: Admit,
  rows: readonly GatedTaken[],
): Promise<GatedClaim & { readonly wakes: readonly Wake[] }> {
  const gated = new Map<GatedRow, TakenRow>(rows.map((row) => [gatedRow(row), row]))
  const ids = [...new Set([...gated.keys()].flatMap((row) => row.keys))].sort((a, b) => a - b)
  await lockKeys(connection, ids)
  const { keys, nowMs } = await keyStates(connection, ids, params.worker)
  const admission = admit([...gated.keys()], keys, nowMs)
  const admitted = admission.admitted.flatMap((row) => gated.get(row) ?? [])
  const lease = await write(connection, params, admission, admitted)
  const next = Math.min(...admission.keys.map((key) => key.nextInMs ?? Infinity))
  return {
    batch: lease === null ? null : batchOf(params, lease, admitted),
    parked: admission.parked.length,
    wakes: next < Infinity ? [{ topic: 'due', inMs: next }] : [],
  }
}

async function write(
  session: Session,
  params: ClaimParams,
  { parked, keys, permits }: Admission,
  admitted: readonly TakenRow[],
): Promise<number | null> {
  const places = admitted.flatMap((row, place) => (marks(params, place, row.care) ? [place] : []))
  const { rows } = await session.run<{ lease: number }>(writeGated, {
    worker: params.worker,
    jobs: plain(admitted.map((row) => row.job)),
    seqs: unless(
      0,
      admitted.map((row) => row.seq),
    ),
    attempts: unless(
      1,
      admitted.map((row) => row.attempt),
    ),
    cares: unless(
      0,
      admitted.map((row) => row.care),
    ),
    running: plain(places),
    permit_keys: plain(permits.map((permit) => permit.key)),
    permit_ns: plain(permits.map((permit) => permit.n)),
    key_ids: plain(keys.map((key) => key.id)),
    key_tokens: plain(keys.map((key) => key.tokens)),
    key_ats: plain(keys.map((key) => key.at)),
    key_nexts: plain(keys.map((key) => key.nextInMs)),
    p_lanes: plain(parked.map(({ row }) => row.lane)),
    p_prios: plain(parked.map(({ row }) => row.prio)),
    p_cares: plain(parked.map(({ row }) => row.care)),
    p_jobs: plain(parked.map(({ row }) => row.job)),
    p_seqs: plain(parked.map(({ row }) => row.seq)),
    p_attempts: plain(parked.map(({ row }) => row.attempt)),
    p_gates: plain(parked.map(({ gate }) => gate)),
    p_reasons: plain(parked.map(({ reason }) => waitReasons[reason])),
  })
  const lease = rows[0]?.lease ?? null
  if ((lease === null) !== (admitted.length === 0)) throw broken('a gated claim and its lease differ')
  return lease
}

function batchOf(params: ClaimParams, lease: number, admitted: readonly TakenRow[]): ClaimedBatch {
  return { lease, members: admitted.map((row, position) => claimed(params, lease, row, position)) }
}

/** Field by field: a spread costs half a microsecond, and this runs for every job. */
function claimed(params: ClaimParams, lease: number, row: TakenRow, position: number): Claimed {
  const { job, seq, attempt, lane, prio, care, payload, options } = row
  const marked = marks(params, position, care)
  return { job, seq, attempt, lane, prio, care, lease, position, marked, payload, options }
}

/** A row whose process died before is recorded as started when it starts, not before (R9). */
function marks({ free }: ClaimParams, position: number, care: number): boolean {
  return position < free && care <= 1
}

function gatedRow(row: GatedTaken): GatedRow {
  const { lane, prio, care, job, seq, attempt, gate } = row
  return { lane, prio, care, job, seq, attempt, keys: limitKeysOf(row), woken: gate !== null }
}

/** The lease keeps no array of what is the same for nearly every job. */
function unless(usual: number, values: readonly number[]): string | null {
  return values.every((value) => value === usual) ? null : plain(values)
}

function quotaValues({ worker, quotas }: ClaimParams): Values {
  return {
    worker,
    lanes: plain(quotas.map(({ lane }) => lane)),
    quotas: plain(quotas.map(({ quota }) => quota)),
    prios: plain(quotas.map(({ after }) => after?.prio ?? -1)),
    jobs: plain(quotas.map(({ after }) => after?.job ?? noJob)),
    seqs: plain(quotas.map(({ after }) => after?.seq ?? 0)),
  }
}
