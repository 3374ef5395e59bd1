import type { JobId } from '../rules/execution.ts'
import type { StoredError } from '../rules/outcome.ts'
import type { StateChange } from '../rules/state.ts'
import type {
  Aside,
  LockedState,
  NewAside,
  StandingState,
  StateAccess,
  StatesInside,
  StateView,
} from '../storage/states.ts'
import { hasEnded, storedError } from './attempt-history.ts'
import type { Connection } from './connection.ts'
import type { Database, Writing } from './database.ts'

interface StateRow {
  readonly seq: number
  readonly phase: number
  readonly data: string
  readonly total: number | null
  readonly processed: number
  readonly failed: number
  readonly chunks: number
  readonly total_chunks: number | null
  readonly errors: number
  readonly scope: number | null
  readonly error: string | null
  readonly pace: number | null
  readonly spread: number | null
  readonly begun: number
  readonly updated: number
}

interface AsideRow extends Omit<Aside, 'error'> {
  readonly error: string | null
}

const upsert = `insert into millrace_state
  (job, seq, phase, data, total, processed, failed, chunks, total_chunks, errors, scope, error, pace, spread, begun, updated)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (job) do update set seq = excluded.seq, phase = excluded.phase, data = excluded.data, total = excluded.total,
    processed = excluded.processed, failed = excluded.failed, chunks = excluded.chunks, total_chunks = excluded.total_chunks,
    errors = excluded.errors, scope = excluded.scope, error = excluded.error, pace = excluded.pace, spread = excluded.spread, updated = excluded.updated`

/** With the settle whose decision it is of. */
export function putState({ connection, now }: Writing, job: JobId, state: StateChange): void {
  connection
    .prepare(upsert)
    .run(
      ...[job, state.seq, state.phase, state.data, state.total, state.processed, state.failed, state.chunks],
      ...[state.totalChunks, state.errors, state.scope, errorText(state.error), state.pace, state.spread],
      ...[now, now],
    )
}

/** null: there is none. */
export function stateView(
  connection: Connection,
  job: JobId,
): { readonly view: StateView; readonly error: StoredError | null } | null {
  const row = connection.get<Omit<StateRow, 'data'>>(
    `select seq, phase, total, processed, failed, chunks, total_chunks, errors, scope, error, pace, spread, begun, updated
     from millrace_state where job = ?`,
    job,
  )
  if (!row) return null
  return {
    view: {
      ...countsOf(row),
      setAside: setAsideOf(connection, job),
      begunAt: row.begun,
      updatedAt: row.updated,
    },
    error: storedError(row.error),
  }
}

function setAsideOf(connection: Connection, job: JobId): number {
  const sum = 'select coalesce(sum(count), 0) as n from millrace_set_aside where job = ?'
  return connection.get<{ n: number }>(sum, job)?.n ?? 0
}

export interface StateSession {
  readonly read: <T>(work: (connection: Connection) => T) => Promise<T>
  readonly write: <T>(work: (writing: Writing) => T) => Promise<T>
}

/** On the connection of a transaction, or in one of its own. */
export function statesOn({ read, write }: StateSession): StateAccess {
  return {
    get: (job) => read((connection) => get(connection, job)),
    putPage: (job, lease, number, rows) =>
      write(({ connection }) => {
        connection.run(
          'insert into millrace_state_page (job, lease, number, rows) values (?, ?, ?, ?)',
          ...[job, lease, number, rows],
        )
      }),
    page: (job, lease, number) =>
      read(
        (connection) =>
          connection.get<{ rows: string }>(
            'select rows from millrace_state_page where job = ? and lease = ? and number = ?',
            ...[job, lease, number],
          )?.rows ?? null,
      ),
    addAsides: (job, asides) => write((writing) => addAsides(writing, job, asides)),
    replaceAside: (job, number, { seq, records, count, error, tries, by }) =>
      write(({ connection, now }) => {
        connection.run(
          'update millrace_set_aside set seq = ?, records = ?, count = ?, error = ?, tries = ?, by = ?, at = ? where job = ? and number = ?',
          ...[seq, records, count, errorText(error), tries, by, now, job, number],
        )
      }),
    dropAside: (job, number) =>
      write(({ connection }) => {
        connection.run('delete from millrace_set_aside where job = ? and number = ?', job, number)
      }),
    asides: (job, page) => read((connection) => asides(connection, job, page)),
    takeAsides: (job, by, numbers) => write(({ connection }) => takeAsides(connection, job, by, numbers)),
  }
}

/** In a transaction, which nobody writes beside. */
export function statesInside(session: StateSession): StatesInside {
  const { read, write } = session
  return {
    ...statesOn(session),
    lock: (job) => write((writing) => locked(writing, job)),
    put: (job, change) => write((writing) => putState(writing, job, change)),
    hasEnded: (job) => read((connection) => !isKnown(connection, job) || hasEnded(connection, job)),
    hasten: (job) =>
      write(({ connection, changes, now }) => {
        connection.run(
          'update millrace_waiting set due = ? where job = ? and seq >= 0 and gate is null',
          ...[now, job],
        )
        changes.due(0)
      }),
  }
}

function isKnown(connection: Connection, job: JobId): boolean {
  return connection.get('select 1 from millrace_job where id = ?', job) !== undefined
}

export function sqliteStates(database: Database): StateAccess {
  const states = (step: 'page' | null): StateAccess =>
    statesOn({
      read: (work) => database.read(work),
      write: (work) => database.write(step, work),
    })
  const pages = states('page')
  return {
    ...states(null),
    putPage: (job, lease, number, rows) => pages.putPage(job, lease, number, rows),
  }
}

function locked({ connection, now }: Writing, job: JobId): LockedState | null {
  const row = connection.get<StateRow>('select * from millrace_state where job = ?', job)
  return row ? { ...changeOf(row), ended: hasEnded(connection, job), now } : null
}

function changeOf(row: StateRow): StateChange {
  return { ...countsOf(row), seq: row.seq, data: row.data, error: storedError(row.error) }
}

export function readState(connection: Connection, job: JobId): StateChange | null {
  const row = connection.get<StateRow>('select * from millrace_state where job = ?', job)
  if (!row) return null
  return { ...countsOf(row), seq: row.seq, data: row.data, error: storedError(row.error) }
}

function get(connection: Connection, job: JobId): StandingState | null {
  const row = connection.get<StateRow & { failure: string | null; aborting: number; held: number }>(
    `select s.*, exists (select 1 from millrace_abort a where a.job = s.job) as aborting,
       exists (select 1 from millrace_hold h where h.job = s.job) as held,
       (select f.error from millrace_failure f where f.job = s.job and f.seq = s.seq and f.error is not null
        order by f.attempt desc limit 1) as failure
     from millrace_state s where s.job = ?`,
    job,
  )
  if (!row) return null
  return {
    ...changeOf(row),
    failure: storedError(row.failure),
    aborting: row.aborting === 1,
    held: row.held === 1,
  }
}

function countsOf(row: Omit<StateRow, 'data'>): Omit<StateView, 'setAside' | 'begunAt' | 'updatedAt'> {
  const { phase, total, processed, failed, chunks, errors, scope, pace, spread } = row
  const counts = { phase, total, processed, failed, chunks, totalChunks: row.total_chunks, errors, scope }
  return { ...counts, pace, spread }
}

function addAsides({ connection, now }: Writing, job: JobId, asides: readonly NewAside[]): void {
  for (const { seq, records, count, error, tries, by } of asides)
    connection.run(
      `insert into millrace_set_aside (job, number, seq, records, count, error, tries, by, at)
       select ?1, coalesce(max(number), -1) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 from millrace_set_aside where job = ?1`,
      ...[job, seq, records, count, errorText(error), tries, by, now],
    )
}

function asides(
  connection: Connection,
  job: JobId,
  { from, limit, by }: { readonly from: number; readonly limit: number; readonly by?: JobId },
): Aside[] {
  return connection
    .all<AsideRow>(
      `select number, seq, records, count, error, tries, by, at from millrace_set_aside
       where job = ?1 and number >= ?2 and (?4 is null or by = ?4) order by number limit ?3`,
      ...[job, from, limit, by ?? null],
    )
    .map((row) => ({ ...row, error: storedError(row.error) }))
}

function takeAsides(
  connection: Connection,
  job: JobId,
  by: JobId,
  numbers?: readonly number[],
): { asides: number; records: number } {
  const taken = connection.all<{ count: number }>(
    `update millrace_set_aside set by = ?2
     where job = ?1 and (by = ?2 or (?3 is null or number in (select value from json_each(?3))) and (by is null
       or exists (select 1 from millrace_done d where d.job = millrace_set_aside.by and d.seq >= 0 and d.outcome >= 10)
       or not exists (select 1 from millrace_job j where j.id = millrace_set_aside.by)))
     returning count`,
    ...[job, by, numbers === undefined ? null : JSON.stringify(numbers)],
  )
  return { asides: taken.length, records: taken.reduce((sum, { count }) => sum + count, 0) }
}

function errorText(error: StoredError | null): string | null {
  return error === null ? null : JSON.stringify(error)
}
