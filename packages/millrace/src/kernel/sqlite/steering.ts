import type { JobId } from '../rules/execution.ts'
import type { Outcome } from '../rules/outcome.ts'
import type { StandingJob, Steering } from '../storage/steering.ts'
import type { Writing } from './database.ts'
import { placeOf } from './lease-members.ts'
import { putWhen, queuedRows, removeQueued } from './queue-rows.ts'
import { putState, readState } from './states.ts'

/** On the connection of a transaction, which is the one writer. */
export function steeringOn(
  write: <T>(work: (writing: Writing) => T) => Promise<T>,
  read: <T>(work: (writing: Writing) => T) => Promise<T>,
): Steering {
  return {
    take: (job) => write((writing) => take(writing, job)),
    put: (row, when) => write((writing) => putWhen(writing, row, when)),
    putState: (job, change) => write((writing) => putState(writing, job, change)),
    hold: (job, { by, due }) =>
      write(
        ({ connection, now }) =>
          connection
            .prepare(
              'insert into millrace_hold (job, since, by, due) values (?, ?, ?, ?) on conflict do nothing',
            )
            .run(job, now, by, due).changes > 0,
      ),
    release: (job) =>
      write(
        ({ connection }) =>
          connection.prepare('delete from millrace_hold where job = ?').run(job).changes > 0,
      ),
    isHeld: (job) =>
      read(
        ({ connection }) => connection.get('select 1 from millrace_hold where job = ?', job) !== undefined,
      ),
  }
}

function take(writing: Writing, job: JobId): StandingJob | null {
  const { connection, now } = writing
  const place = placeOf(connection, job)
  if (!place) return null
  const row = queuedRows(writing, { id: job, ...place }).find(({ seq }) => seq >= 0)
  const due =
    row?.table === 'waiting'
      ? connection.get<{ due: number | null }>(
          'select due from millrace_waiting where job = ? and seq = ?',
          ...[job, row.seq],
        )
      : undefined
  if (row !== undefined) removeQueued(writing, row)
  const end = connection.get<{ outcome: Outcome }>(
    'select outcome from millrace_done where job = ? and seq >= 0 and outcome >= 10 limit 1',
    job,
  )
  return {
    state: readState(connection, job),
    queued: row === undefined ? null : { ...row, due: due?.due ?? null },
    ended: end?.outcome ?? null,
    hold: connection.get<{ due: number | null }>('select due from millrace_hold where job = ?', job) ?? null,
    now,
  }
}
