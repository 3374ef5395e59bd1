import type pg from 'pg'
import type { JobId } from '../../rules/execution.ts'
import { outcomes } from '../../rules/outcome.ts'

/** An execution somewhere: seq/attempt, and under which lease. */
interface Standing {
  readonly place: 'ready' | 'waiting' | 'lease'
  readonly seq: number
  readonly attempt: number
  readonly lease: number | null
}

interface Ended {
  readonly seq: number
  readonly attempt: number
  readonly outcome: number
  readonly lease: number
}

/** All that the tables say of a job. */
export interface JobRows {
  readonly id: JobId
  readonly stored: boolean
  readonly finalizer: boolean
  readonly standing: readonly Standing[]
  readonly done: readonly Ended[]
  readonly intent: boolean
  readonly effects: number
}

export interface KeyRows {
  readonly id: number
  readonly slots: number | null
  /** Permits of standing leases. */
  readonly used: number
  /** Members of standing leases that are not settled and need the key. */
  readonly running: number
  readonly waiting: number
  /** In `ready`. */
  readonly ready: number
  /** The pump will look at it. */
  readonly scheduled: boolean
}

export interface Rows {
  readonly jobs: ReadonlyMap<JobId, JobRows>
  readonly keys: readonly KeyRows[]
  readonly leases: readonly number[]
  readonly holders: ReadonlyMap<string, JobId>
}

const members = `select l.id as lease, u.job, coalesce(l.seqs[u.place], 0) as seq, coalesce(l.attempts[u.place], 1) as attempt
  from millrace.lease l cross join lateral unnest(l.jobs) with ordinality as u (job, place)
  where u.job is not null and not exists (
    select from millrace.done d where (d.job, d.seq, d.lease) = (u.job, coalesce(l.seqs[u.place], 0), l.id))`

const readRows = `with member as materialized (${members})
select
  (select coalesce(json_agg(json_build_object(
    'id', wanted.id, 'stored', j.id is not null, 'finalizer', j.options ->> 'finalizer' is not null,
    'standing', (select coalesce(json_agg(s), '[]') from (
      select 'ready' as place, seq, attempt, null::bigint as lease from millrace.ready where job = wanted.id
      union all select 'waiting', seq, attempt, null from millrace.waiting where job = wanted.id
      union all select 'lease', seq, attempt, lease from member where job = wanted.id) as s),
    'done', (select coalesce(json_agg(json_build_object(
      'seq', seq, 'attempt', attempt, 'outcome', outcome, 'lease', lease)), '[]') from millrace.done where job = wanted.id),
    'intent', exists (select from millrace.abort where job = wanted.id),
    'effects', (select count(*) from effect where job = wanted.id))), '[]')
   from unnest($1::uuid[]) as wanted (id) left join millrace.job j on j.id = wanted.id) as jobs,
  (select coalesce(json_agg(json_build_object(
    'id', k.id, 'slots', k.slots, 'scheduled', k.next is not null,
    'used', (select coalesce(sum(p.n), 0) from millrace.permit p join millrace.lease l on l.id = p.lease where p.key = k.id),
    'running', (select count(*) from member m join millrace.job j on j.id = m.job
      where m.seq >= 0 and (j.options -> 'keys')::jsonb @> to_jsonb(k.id)),
    'ready', (select count(*) from millrace.ready r join millrace.job j on j.id = r.job
      where r.seq >= 0 and (j.options -> 'keys')::jsonb @> to_jsonb(k.id)),
    'waiting', (select count(*) from millrace.waiting where gate = k.id))), '[]') from millrace.limit_key k) as keys,
  (select coalesce(json_agg(id), '[]') from millrace.lease) as leases,
  (select coalesce(json_agg(json_build_array(key, job)), '[]') from millrace.uniq) as holders`

interface Answer {
  readonly jobs: readonly JobRows[]
  readonly keys: readonly KeyRows[]
  readonly leases: readonly number[]
  readonly holders: readonly (readonly [string, JobId])[]
}

/** In one statement. The database holds the rows of one scene only. */
export async function rowsOf(admin: pg.Client, jobs: readonly JobId[]): Promise<Rows> {
  const { rows } = await admin.query<Answer>(readRows, [jobs])
  const [answer] = rows
  if (answer === undefined) throw new Error('no answer')
  const { keys, leases } = answer
  const byId = new Map(answer.jobs.map((job) => [job.id, job]))
  return { jobs: byId, keys, leases, holders: new Map(answer.holders) }
}

/** What no order of whatever statements may leave behind. `unreleased`: permits whose release has not been asked for yet. */
export function unsound(rows: Rows, unreleased = 0): string[] {
  const wrong = [...rows.jobs.values()].filter(({ stored }) => stored).flatMap(jobIsWrong)
  for (const { id, slots, used, running, waiting, scheduled } of rows.keys) {
    if (used < running || used > running + unreleased)
      wrong.push(`key ${id}: ${used} permits for ${running} executions under lease`)
    if (slots !== null && used > slots) wrong.push(`key ${id}: ${used} permits of ${slots}`)
    if (waiting > 0 && !scheduled && (slots === null || used < slots))
      wrong.push(`key ${id}: ${waiting} wait though there is room, and nobody will look`)
  }
  return wrong
}

function jobIsWrong(job: JobRows): string[] {
  const wrong: string[] = []
  const told = JSON.stringify(job)
  const own = job.standing.filter(({ seq }) => seq >= 0)
  const finalizers = job.standing.filter(({ seq }) => seq < 0)
  const attempts = job.done.filter(({ seq }) => seq === 0).map(({ attempt }) => attempt)
  const ends = job.done.filter(({ seq, outcome }) => seq >= 0 && outcome >= outcomes.completed)
  // A retry waits behind its finalizer, which writes it.
  const goesOn = ends.length === 0 ? finalizers.length : 0
  if (own.length + ends.length + goesOn !== 1)
    wrong.push(`in ${own.length + ends.length + goesOn} places instead of one: ${told}`)
  if (new Set(attempts).size !== attempts.length || Math.max(0, ...attempts) !== attempts.length)
    wrong.push(`attempts with a gap: ${told}`)
  for (const { attempt } of own) if (attempt !== attempts.length + 1) wrong.push(`a wrong attempt: ${told}`)
  if (job.finalizer) {
    for (const attempt of attempts) {
      const begun = finalizers.filter(({ seq }) => seq === -attempt).length
      const ended = job.done.some((one) => one.seq === -attempt) ? 1 : 0
      if (begun + ended !== 1) wrong.push(`${begun + ended} finalizers of attempt ${attempt}: ${told}`)
    }
  }
  return wrong
}
