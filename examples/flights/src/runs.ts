import type { Mill, MillTransaction } from 'millrace'
import { airportDelays } from './jobs.ts'

/** One calculation of all airports' figures: a row, so that whoever starts again knows whether to go on or to begin anew. */
export interface Run {
  readonly id: number
  readonly resumed: boolean
  readonly airports: number
  /** Origins that had no figures when it began or went on. */
  readonly missing: readonly string[]
  /** How many of these were queued then; the others were queued before. */
  readonly queued: number
}

export interface RunProgress {
  /** Rows of figures: one for each airport, if all is well. */
  readonly rows: number
  /** Airports that have figures. */
  readonly written: number
  /** Airports whose success the finalizer has noted. */
  readonly noted: number
}

/**
 * Goes on with the run that was not finished, or begins one. The run and its jobs come into the database in one
 * transaction. Whoever went before may have left workers that still work: a job that lives is found by its unique key,
 * one that ended has written figures.
 */
export async function beginRun(mill: Mill, pauseMsFor: (airports: number) => number): Promise<Run> {
  for (;;) {
    try {
      return await mill.transaction((tx) => queueMissing(tx, pauseMsFor))
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error
    }
  }
}

/** A job ended between the look for figures and the enqueue, which would calculate that airport a second time. */
class Overtaken extends Error {}

async function queueMissing(tx: MillTransaction, pauseMsFor: (airports: number) => number): Promise<Run> {
  const [unfinished] = await tx.sql<{ id: number }>`select id from runs where finished is null`
  const id = unfinished?.id ?? (await insertRun(tx))
  const origins = await tx.sql<{ origin: string; written: number }>`
    select origin, case when origin in (select origin from airport_delays where run = ${id}) then 1 else 0 end as written
    from flights group by origin order by count(*) desc, origin`
  const pauseMs = pauseMsFor(origins.length)

  const missing = origins.flatMap(({ origin, written }) => (written === 0 ? origin : []))
  const queued: string[] = []
  for (const origin of missing) {
    const job = await tx.enqueue(
      airportDelays,
      { run: id, origin, pauseMs },
      {
        unique: { key: ['airport-delays', origin, id], until: 'done', on: 'return' },
        tags: [origin, runTag(id)],
      },
    )
    if (!job.duplicate) queued.push(origin)
  }

  const overtaken = await tx.sql`
    select origin from airport_delays where run = ${id} and origin in ${queued}`
  if (overtaken.length > 0) throw new Overtaken()
  return {
    id,
    resumed: unfinished !== undefined,
    airports: origins.length,
    missing,
    queued: queued.length,
  }
}

export function runTag(run: number): string {
  return `run-${run}`
}

async function insertRun(tx: MillTransaction): Promise<number> {
  const [run] = await tx.sql<{ id: number }>`
    insert into runs (id, started) select coalesce(max(id), 0) + 1, ${new Date().toISOString()} from runs
    returning id`
  if (run === undefined) throw new Error('The database made no run.')
  return run.id
}

export async function runProgress(mill: Mill, run: Run): Promise<RunProgress> {
  const [progress] = await mill.transaction((tx) => {
    return tx.sql<RunProgress>`
      select cast(count(*) as integer) as rows, cast(count(distinct origin) as integer) as written,
        (select cast(count(distinct origin) as integer) from airport_attempts
         where run = ${run.id} and result = 'SUCCESS') as noted
      from airport_delays where run = ${run.id}`
  })
  return progress ?? { rows: 0, written: 0, noted: 0 }
}

/** The next start begins a new run. */
export async function finishRun(mill: Mill, run: Run): Promise<void> {
  await mill.transaction((tx) => {
    return tx.sql`update runs set finished = ${new Date().toISOString()} where id = ${run.id}`
  })
}
