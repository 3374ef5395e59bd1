import type { Mill, MillTransaction } from 'millrace'
import { airportDelays } from './jobs.ts'
import { badFlight, flightsPerChunk, rateFlights } from './ratings.ts'

/** One calculation of all airports' figures: a row, so that whoever starts again knows whether to go on or to begin anew. */
export interface Run {
  readonly id: number
  readonly resumed: boolean
  readonly airports: number
  readonly flights: number
  /** The job of its batch. */
  readonly batch: string
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
  /** Rows of ratings: one for each flight, if all is well. */
  readonly ratings: number
}

/**
 * Goes on with the run that was not finished, or begins one. The run and its jobs come into the database in one
 * transaction. Whoever went before may have left workers that still work: a job that lives is found by its unique key,
 * one that ended has written figures.
 */
export async function beginRun(mill: Mill, { runMs, slots }: Pace): Promise<Run> {
  for (;;) {
    try {
      return await mill.transaction((tx) => queueMissing(tx, { runMs, slots }))
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error
    }
  }
}

/** How long a run should take, and how many jobs run at once. One of these is the batch's. */
interface Pace {
  readonly runMs: number
  readonly slots: number
}

/** A job ended between the look for figures and the enqueue, which would calculate that airport a second time. */
class Overtaken extends Error {}

async function queueMissing(tx: MillTransaction, { runMs, slots }: Pace): Promise<Run> {
  const [unfinished] = await tx.sql<RunRow>`select id, batch from runs where finished is null`
  const [{ flights } = { flights: 0 }] = await tx.sql<{ flights: number }>`
    select cast(count(*) as integer) as flights from flights`
  const { id, batch } =
    unfinished ?? (await insertRun(tx, Math.round((runMs * flightsPerChunk) / Math.max(flights, 1))))
  const origins = await tx.sql<{ origin: string; written: number }>`
    select origin, case when origin in (select origin from airport_delays where run = ${id}) then 1 else 0 end as written
    from flights group by origin order by count(*) desc, origin`
  const pauseMs = Math.round((runMs * (slots - 1)) / Math.max(origins.length, 1))

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
    flights,
    batch,
    missing,
    queued: queued.length,
  }
}

export function runTag(run: number): string {
  return `run-${run}`
}

interface RunRow {
  readonly id: number
  readonly batch: string
}

async function insertRun(tx: MillTransaction, pauseMs: number): Promise<RunRow> {
  const [run] = await tx.sql<{ id: number }>`
    insert into runs (id, started) select coalesce(max(id), 0) + 1, ${new Date().toISOString()} from runs
    returning id`
  if (run === undefined) throw new Error('The database made no run.')
  await tx.sql`update flights set distance = null where id = ${badFlight.id}`
  const { id: batch } = await tx.enqueue(rateFlights, { run: run.id, pauseMs }, { tags: [runTag(run.id)] })
  await tx.sql`update runs set batch = ${batch} where id = ${run.id}`
  return { id: run.id, batch }
}

/**
 * The flights that the run's batch has set aside are mended and tried again, by a job that is given these alone; returns how many. Killed
 * before that job was queued, they are still there at the next start.
 */
export async function retryBadFlights(mill: Mill, { batch }: Run): Promise<number> {
  const { failed } = await mill.batches.failed(batch)
  if (failed.length === 0) return 0
  await mill.transaction((tx) => {
    return tx.sql`update flights set distance = ${badFlight.distance} where id = ${badFlight.id}`
  })
  await mill.batches.retryFailed(batch)
  return failed.reduce((sum, { count }) => sum + count, 0)
}

export async function runProgress(mill: Mill, run: Run): Promise<RunProgress> {
  const [progress] = await mill.transaction((tx) => {
    return tx.sql<RunProgress>`
      select cast(count(*) as integer) as rows, cast(count(distinct origin) as integer) as written,
        (select cast(count(distinct origin) as integer) from airport_attempts
         where run = ${run.id} and result = 'SUCCESS') as noted,
        (select cast(count(*) as integer) from flight_ratings where run = ${run.id}) as ratings
      from airport_delays where run = ${run.id}`
  })
  return progress ?? { rows: 0, written: 0, noted: 0, ratings: 0 }
}

/** The next start begins a new run. */
export async function finishRun(mill: Mill, run: Run): Promise<void> {
  await mill.transaction((tx) => {
    return tx.sql`update runs set finished = ${new Date().toISOString()} where id = ${run.id}`
  })
}
