import type { Decision } from '../rules/decision.ts'
import type { StoredError } from '../rules/outcome.ts'
import type {
  Aside,
  LockedState,
  NewAside,
  StandingState,
  StateAccess,
  StatesInside,
  StateView,
} from '../storage/states.ts'
import type { Wake } from '../storage/wakeups.ts'
import { committing, type Database } from './database.ts'
import type { Values } from './pool.ts'
import { plain, statement, texts, type Statement } from './statement.ts'

/** All but when it began. */
export const stateAssignments = `seq = excluded.seq, phase = excluded.phase, data = excluded.data, total = excluded.total,
    processed = excluded.processed, failed = excluded.failed, chunks = excluded.chunks, total_chunks = excluded.total_chunks,
    errors = excluded.errors, scope = excluded.scope, error = excluded.error, pace = excluded.pace, spread = excluded.spread, updated = excluded.updated`

/** The change of a decision whose lease is in the CTE `held`. */
export const statedCte = `stated as (
  insert into millrace.state (job, seq, phase, data, total, processed, failed, chunks, total_chunks, errors, scope, error, pace, spread,
    updated)
  select s.job, s.seq, s.phase, s.data, s.total, s.processed, s.failed, s.chunks, s."totalChunks", s.errors, s.scope, s.error, s.pace, s.spread,
    clock_timestamp()
  from json_to_recordset($states::json) as s (job uuid, lease bigint, seq int, phase smallint, data text, total bigint,
    processed bigint, failed bigint, chunks int, "totalChunks" int, errors int, scope int, error json, pace float8, spread float8)
  join held on held.id = s.lease
  on conflict (job) do update set ${stateAssignments}
)`

/** `$states` of the CTE. */
export function statesText(decisions: readonly Decision[]): string {
  const changes = decisions.flatMap(({ key, lease, state }) =>
    state === undefined ? [] : [{ ...state, job: key.job, lease }],
  )
  return changes.length === 0 ? '[]' : JSON.stringify(changes)
}

/** What a row of the table is to lists, each column called `state_…`. */
export function stateColumns(state: string): string {
  const same = [
    'phase',
    'total',
    'processed',
    'failed',
    'chunks',
    'total_chunks',
    'errors',
    'scope',
    'pace',
    'spread',
  ]
  return [
    `(select coalesce(sum(o.count), 0)::int from millrace.set_aside o where o.job = ${state}.job) as state_set_aside`,
    ...same.map((column) => `${state}.${column} as state_${column}`),
    ...['begun', 'updated'].map(
      (column) => `(extract(epoch from ${state}.${column}) * 1000)::float8 as state_${column}`,
    ),
  ].join(', ')
}

export interface StateColumns {
  readonly state_phase: number | null
  readonly state_total: number | null
  readonly state_processed: number
  readonly state_failed: number
  readonly state_chunks: number
  readonly state_total_chunks: number | null
  readonly state_errors: number
  readonly state_scope: number | null
  readonly state_pace: number | null
  readonly state_spread: number | null
  readonly state_set_aside: number
  readonly state_begun: number
  readonly state_updated: number
}

/** null where there is no row. */
export function stateOf(row: StateColumns): StateView | null {
  if (row.state_phase === null) return null
  return {
    phase: row.state_phase,
    total: row.state_total,
    processed: row.state_processed,
    failed: row.state_failed,
    chunks: row.state_chunks,
    totalChunks: row.state_total_chunks,
    errors: row.state_errors,
    scope: row.state_scope,
    pace: row.state_pace,
    spread: row.state_spread,
    setAside: row.state_set_aside,
    begunAt: row.state_begun,
    updatedAt: row.state_updated,
  }
}

const stateFields = `s.seq, s.phase, s.data, s.total, s.processed, s.failed, s.chunks, s.total_chunks as "totalChunks", s.errors, s.scope,
     s.error, s.pace, s.spread`

export const readState = statement(
  'state_plain',
  `select ${stateFields} from millrace.state s where s.job = $job`,
)

const readStanding = statement(
  'state',
  `select ${stateFields}, exists (select from millrace.hold h where h.job = s.job) as held,
     exists (select from millrace.abort a where a.job = s.job) as aborting,
     (select f.error from millrace.failure f where f.job = s.job and f.seq = s.seq and f.error is not null
      order by f.attempt desc limit 1) as failure
   from millrace.state s where s.job = $job`,
)

const readLocked = statement(
  'state_locked',
  `select ${stateFields}, (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
     exists (select from millrace.done d where d.job = s.job and d.seq >= 0 and d.outcome >= 10) as ended
   from millrace.state s where s.job = $job for no key update of s`,
)

const putState = statement(
  'state_put',
  `update millrace.state set seq = $seq, phase = $phase, data = $data, total = $total, processed = $processed, failed = $failed,
     chunks = $chunks, total_chunks = $total_chunks, errors = $errors, scope = $scope, error = $error::json, pace = $pace, spread = $spread,
     updated = clock_timestamp()
   where job = $job`,
)

const hasEnded = statement(
  'state_ended',
  `select exists (select from millrace.done d where d.job = $job and d.seq >= 0 and d.outcome >= 10)
     or not exists (select from millrace.job j where j.id = $job) as ended`,
)

const hasten = statement(
  'state_hasten',
  'update millrace.waiting set due = clock_timestamp() where job = $job and seq >= 0 and gate is null',
)

const putPage = statement(
  'state_put_page',
  'insert into millrace.state_page (job, lease, number, rows) values ($job, $lease, $number, $rows)',
)

const readPage = statement(
  'state_page',
  'select rows from millrace.state_page where job = $job and lease = $lease and number = $number',
)

/**
 * Of the job whose records they are, in a statement of its own: what those wrote who had it before shows to the next statement only. Whoever
 * has it goes on to write the state of its own job, and nobody who has written that waits for this one: no two wait for each other.
 */
const lockState = statement(
  'asides_lock',
  'select job from millrace.state where job = $job for no key update',
)

/** Without the lock two of one number collide, and the later one fails. */
const addAsides = statement(
  'asides_add',
  `insert into millrace.set_aside (job, number, seq, records, count, error, tries, by)
   select $job::uuid, last.number + a.place, a.seq, a.records, a.count, a.error::json, a.tries, a.by
   from (select coalesce(max(number), -1) as number from millrace.set_aside where job = $job::uuid) as last,
     unnest($seqs::int[], $records::text[], $counts::int[], $errors::text[], $tries::int[], $bys::uuid[])
       with ordinality as a (seq, records, count, error, tries, by, place)`,
)

const replaceAside = statement(
  'aside_replace',
  `update millrace.set_aside set seq = $seq, records = $records, count = $count, error = $error::json, tries = $tries, by = $by,
     at = clock_timestamp()
   where job = $job and number = $number`,
)

const dropAside = statement(
  'aside_drop',
  'delete from millrace.set_aside where job = $job and number = $number',
)

const readAsides = statement(
  'asides',
  `select number, seq, records, count, error, tries, by, (extract(epoch from at) * 1000)::float8 as at
   from millrace.set_aside
   where job = $job and number >= $from and ($by::uuid is null or by = $by::uuid) order by number limit $limit`,
)

const takeAsides = statement(
  'asides_take',
  `with taken as (
     update millrace.set_aside a set by = $by
     where a.job = $job and (a.by = $by or ($numbers::int[] is null or a.number = any ($numbers::int[])) and (a.by is null
       or (select true from millrace.done d where d.job = a.by and d.seq >= 0 and d.outcome >= 10 limit 1) is not null
       or (select true from millrace.job j where j.id = a.by limit 1) is null))
     returning count
   )
   select count(*)::int as asides, coalesce(sum(count), 0)::int as records from taken`,
)

/** Runs a statement in a transaction, or by itself. */
export type RunStatement = <R extends object>(
  statement: Statement,
  values: Values,
) => Promise<{ readonly rows: readonly R[] }>

/** Runs statements in one transaction. */
export type RunTogether = <T>(work: (run: RunStatement) => Promise<T>) => Promise<T>

export function statesOn(run: RunStatement, together: RunTogether): StateAccess {
  return {
    get: async (job) => (await run<StandingState>(readStanding, { job })).rows[0] ?? null,
    putPage: async (job, lease, number, rows) => {
      await run(putPage, { job, lease, number, rows })
    },
    page: async (job, lease, number) =>
      (await run<{ rows: string }>(readPage, { job, lease, number })).rows[0]?.rows ?? null,
    addAsides: (job, asides) =>
      together(async (run) => {
        await run(lockState, { job })
        await run(addAsides, { job, ...asideValues(asides) })
      }),
    replaceAside: async (job, number, { error, ...aside }) => {
      await run(replaceAside, { job, number, ...aside, error: errorText(error) })
    },
    dropAside: async (job, number) => {
      await run(dropAside, { job, number })
    },
    asides: async (job, { from, limit, by }) =>
      (await run<Aside>(readAsides, { job, from, limit, by: by ?? null })).rows,
    takeAsides: (job, by, numbers) =>
      together(async (run) => {
        await run(lockState, { job })
        const { rows } = await run<{ asides: number; records: number }>(takeAsides, {
          ...{ job, by },
          numbers: numbers === undefined ? null : plain(numbers),
        })
        return rows[0] ?? { asides: 0, records: 0 }
      }),
  }
}

/** `wake` is told once the transaction has committed. */
export function statesInside(run: RunStatement, wake: (wake: Wake) => void): StatesInside {
  return {
    ...statesOn(run, (work) => work(run)),
    lock: async (job) => (await run<LockedState>(readLocked, { job })).rows[0] ?? null,
    put: async (job, { error, totalChunks, ...change }) => {
      await run(putState, { job, ...change, total_chunks: totalChunks, error: errorText(error) })
    },
    hasEnded: async (job) => (await run<{ ended: boolean }>(hasEnded, { job })).rows[0]?.ended === true,
    hasten: async (job) => {
      await run(hasten, { job })
      wake({ topic: 'due', inMs: 0 })
    },
  }
}

export function states(db: Database): StateAccess {
  const beside = statesOn(
    (statement, values) => db.hot.run(statement, values),
    (work) =>
      db.hot.transaction((connection) => work((statement, values) => connection.run(statement, values))),
  )
  return {
    ...beside,
    putPage: (job, lease, number, rows) =>
      committing(db.faults, 'page', () => beside.putPage(job, lease, number, rows)),
  }
}

function asideValues(asides: readonly NewAside[]): Values {
  return {
    seqs: plain(asides.map(({ seq }) => seq)),
    records: texts(asides.map(({ records }) => records)),
    counts: plain(asides.map(({ count }) => count)),
    errors: texts(asides.map(({ error }) => errorText(error))),
    tries: plain(asides.map(({ tries }) => tries)),
    bys: plain(asides.map(({ by }) => by)),
  }
}

function errorText(error: StoredError | null): string | null {
  return error === null ? null : JSON.stringify(error)
}
