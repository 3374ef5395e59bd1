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
  /** Processes that wrote figures. */
  readonly processes: number
  /** As the finalizers noted them. */
  readonly attempts: readonly Attempt[]
  /** The most delayed first. */
  readonly delays: readonly AirportDelay[]
}

/** Read in one transaction. */
export function readResult(mill: Mill, { id, airports }: Run): Promise<RunResult> {
  return mill.transaction(async (tx) => {
    const delays = await tx.sql<AirportDelay & { pid: number }>`
      select origin, city, state, flights, mean_delay as "meanDelay", late, worst_delay as "worstDelay", pid
      from airport_delays join airports on iata = origin
      where run = ${id} order by mean_delay desc, origin`
    const attempts = await tx.sql<Attempt>`
      select origin, attempt, result from airport_attempts where run = ${id} order by origin, attempt`
    return {
      run: id,
      airports,
      rows: delays.length,
      writtenOnce:
        delays.length === airports && new Set(delays.map(({ origin }) => origin)).size === airports,
      processes: new Set(delays.map(({ pid }) => pid)).size,
      attempts,
      delays: delays.map(({ pid: _pid, ...delay }) => delay),
    }
  })
}
