import type { JobId } from '../rules/execution.ts'
import { outcomes } from '../rules/outcome.ts'
import type { EnqueueOutcome, UniqueClaim } from '../rules/unique.ts'
import type { NewJob } from '../storage/jobs.ts'
import { endQueued } from './abort.ts'
import { hasEnded } from './attempt-history.ts'
import type { Writing } from './database.ts'
import { storeJob } from './enqueue.ts'
import { placeOf } from './lease-members.ts'
import { queuedRows, type QueuedRow } from './queue-rows.ts'

/** Stored in `uniq.mode`. */
const modes = { started: 1, done: 2, time: 3 } as const

interface Holder {
  readonly job: JobId
  readonly mode: number
  /** Epoch ms until which the key is taken, whatever becomes of the job; null for until started or done. */
  readonly until: number | null
}

/** One job, unique or not, inside whatever transaction is open. */
export function enqueueOne(writing: Writing, job: NewJob): EnqueueOutcome {
  if (job.unique !== null) return enqueueUnique(writing, job)
  return queued(writing, job)
}

export function enqueueUnique(writing: Writing, job: NewJob): EnqueueOutcome {
  const { connection } = writing
  const claim = job.unique
  // A repeat after a lost answer: it has its key, or had it.
  if (claim === null || placeOf(connection, job.id)) return queued(writing, job)

  const holder = connection.get<Holder>('select job, mode, until from millrace_uniq where key = ?', claim.key)
  if (!holder || isFree(writing, holder)) {
    takeKey(writing, claim, job.id)
    return queued(writing, job)
  }
  const unstarted = unstartedRow(writing, holder.job)
  if (claim.on !== 'replace' || unstarted === null) return { kind: 'duplicate', holder: holder.job }
  endQueued(writing, unstarted.row, outcomes.replaced, unstarted.options)
  takeKey(writing, claim, job.id)
  const filling = storeJob(writing, job)
  return { kind: 'replaced', id: job.id, ended: holder.job, ...(filling && { filling }) }
}

function queued(writing: Writing, job: NewJob): EnqueueOutcome {
  const filling = storeJob(writing, job)
  return { kind: 'queued', id: job.id, ...(filling && { filling }) }
}

/** Nothing deletes keys when a job starts or ends: whether one is free is found out here, by what its holder asked for. */
function isFree(writing: Writing, holder: Holder): boolean {
  if (holder.until !== null) return holder.until <= writing.now
  if (!placeOf(writing.connection, holder.job) || hasEnded(writing.connection, holder.job)) return true
  return holder.mode === modes.started && unstartedRow(writing, holder.job) === null
}

function takeKey({ connection, now }: Writing, { key, until }: UniqueClaim, job: JobId): void {
  const [mode, end] =
    typeof until === 'object' ? [modes.time, now + Math.ceil(until.ms)] : [modes[until], null]
  connection.run(
    `insert into millrace_uniq (key, job, mode, until) values (?, ?, ?, ?)
     on conflict (key) do update set job = excluded.job, mode = excluded.mode, until = excluded.until`,
    ...[key, job, mode, end],
  )
}

/** The holder's first execution, if it still stands where nobody has begun it. */
function unstartedRow(
  writing: Writing,
  id: JobId,
): { readonly row: QueuedRow; readonly options: string | null } | null {
  const place = placeOf(writing.connection, id)
  if (!place) return null
  const row = queuedRows(writing, { id, ...place }).find((one) => one.seq === 0 && one.attempt === 1)
  return row ? { row, options: place.options } : null
}
