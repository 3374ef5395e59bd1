import type { Mill } from 'millrace'
import type { Run } from './runs.ts'

export interface AirportDelay {
  readonly origin: string
  readonly city: string
  readonly state: string
  readonly flights: number
  /** Minutes; early arrivals count as negative. */
  readonly meanDelay: number
  /** Flights more than 15 minutes late. */
  readonly late: number
  readonly worstDelay: number
}

export interface Attempt {
  readonly origin: string
  readonly attempt: number
  readonly result: 'SUCCESS' | 'UNHANDLED_EXCEPTION' | 'LOST' | 'ABORTED'
}

export interface RunResult {
  readonly run: number
  readonly airports: number
  /** Rows of figures. */
  readonly rows: number
  /** As many rows as airports, and none of them twice. */
  readonly writtenOnce: boolean
  readonly flights: number
  /** Rows of ratings. */
  readonly ratings: number
  /** As many rows as flights, and none of them twice. */
  readonly ratedOnce: boolean
  /** Flights by their rating. */
  readonly rated: Readonly<Record<string, number>>
  /** Processes that wrote figures. */
  readonly processes: number
  /** As the finalizers noted them. */
  readonly attempts: readonly Attempt[]
  /** The most delayed first. */
  readonly delays: readonly AirportDelay[]
}

/** Read in one transaction. */
export function readResult(mill: Mill, { id, airports, flights }: Run): Promise<RunResult> {
  return mill.transaction(async (tx) => {
    const delays = await tx.sql<AirportDelay & { pid: number }>`
      select origin, city, state, flights, mean_delay as "meanDelay", late, worst_delay as "worstDelay", pid
      from airport_delays join airports on iata = origin
      where run = ${id} order by mean_delay desc, origin`
    const attempts = await tx.sql<Attempt>`
      select origin, attempt, result from airport_attempts where run = ${id} order by origin, attempt`
    const rated = await tx.sql<{ rating: string; ratings: number; flights: number }>`
      select rating, cast(count(*) as integer) as ratings, cast(count(distinct flight) as integer) as flights
      from flight_ratings where run = ${id} group by rating order by rating`
    const ratings = rated.reduce((sum, one) => sum + one.ratings, 0)
    return {
      run: id,
      airports,
      flights,
      ratings,
      ratedOnce: ratings === flights && rated.every((one) => one.ratings === one.flights),
      rated: Object.fromEntries(rated.map((one) => [one.rating, one.ratings])),
      rows: delays.length,
      writtenOnce:
        delays.length === airports && new Set(delays.map(({ origin }) => origin)).size === airports,
      processes: new Set(delays.map(({ pid }) => pid)).size,
      attempts,
      delays: delays.map(({ pid: _pid, ...delay }) => delay),
    }
  })
}
