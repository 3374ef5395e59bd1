import { isMillraceError, MillraceError } from '../rules/errors.ts'
import type { JobId } from '../rules/execution.ts'
import type { FlexFilling } from '../rules/flex-queue.ts'
import type { EnqueueOutcome } from '../rules/unique.ts'
import type { Jobs, NewJob } from '../storage/jobs.ts'
import type { Wake } from '../storage/wakeups.ts'
import { committing, hit, type Database } from './database.ts'
import { insertGroup, insertJobs, isFlexible, wakesOf } from './insert-jobs.ts'
import type { Session } from './pool.ts'
import { enqueueUnique } from './unique.ts'

export function jobs(db: Database): Jobs {
  return {
    async enqueue(list) {
      if (list.length === 0) return
      const wakes = wakesOf(list)
      await committing<unknown>(db.faults, 'enqueue', () =>
        list.some(isFlexible)
          ? db.background.transaction((connection) => insertJobs(connection, list, db.wakeups.channel, wakes))
          : insertGroup(db, list, wakes),
      )
      db.wakeups.emit(wakes)
    },

    async enqueueAlone(job, lockTimeoutMs) {
      const wakes = wakesOf([job])
      const outcome = await busyKey(
        job,
        // It may wait long for a rival: nothing waits behind it.
        db.background.transaction(
          (connection) => enqueueOne(connection, job, { channel: db.wakeups.channel, wakes }),
          {
            settings: [`lock_timeout = ${Math.max(1, Math.ceil(lockTimeoutMs))}`],
            beforeCommit: () => hit(db.faults, 'enqueue', 'before-commit'),
          },
        ),
      )
      await hit(db.faults, 'enqueue', 'after-commit')
      if (outcome.kind !== 'duplicate') db.wakeups.emit(wakes)
      return outcome
    },
  }
}

/** Whoever holds the key did not end in time. */
async function busyKey<T>(job: NewJob, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!isMillraceError(error, 'MILL_STORAGE_BUSY')) throw error
    const [code, what] =
      job.unique === null
        ? (['MILL_FLEX_QUEUE_BUSY', 'flex queue'] as const)
        : (['MILL_UNIQUE_BUSY', 'unique key'] as const)
    throw new MillraceError(code, `${what} of job ${job.id}: ${error.message}`, {
      cause: error,
      data: { unknown: false },
    })
  }
}

async function enqueueOne(
  session: Session,
  job: NewJob,
  notice: { readonly channel: string; readonly wakes: readonly Wake[] },
): Promise<EnqueueOutcome> {
  if (job.unique !== null) return enqueueUnique(session, job, notice)
  return queued(job, await insertJobs(session, [job], notice.channel, notice.wakes))
}

function queued({ id }: NewJob, told: ReadonlyMap<JobId, FlexFilling>): EnqueueOutcome {
  const filling = told.get(id)
  return { kind: 'queued', id, ...(filling && { filling }) }
}

/** Jobs of one transaction that somebody else commits, so nothing is notified. Outcomes in input order; unique keys ascending. */
export async function enqueueInside(session: Session, list: readonly NewJob[]): Promise<EnqueueOutcome[]> {
  const plainJobs = list.filter((job) => job.unique === null)
  const told = plainJobs.length > 0 ? await insertJobs(session, plainJobs, '', []) : new Map<JobId, never>()
  const outcomes = new Map<NewJob, EnqueueOutcome>(plainJobs.map((job) => [job, queued(job, told)]))
  const keyed = list.filter((job) => job.unique !== null)
  for (const job of keyed.sort((a, b) => ((a.unique?.key ?? '') < (b.unique?.key ?? '') ? -1 : 1))) {
    outcomes.set(job, await enqueueUnique(session, job, { channel: '', wakes: [] }))
  }
  return list.flatMap((job) => outcomes.get(job) ?? [])
}
