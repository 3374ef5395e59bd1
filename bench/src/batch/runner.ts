import type { Place } from '../contestant.ts'

/** Somebody who raises every row of `item` by one. */
export interface Runner {
  /** Until it is on disk that all `rows` rows were raised. */
  run(rows: number): Promise<unknown>
  close(): unknown
}

/** Opens one in its place, with the table filled; what it loads at its first use is loaded. */
export type Open = (place: Place, scope: number) => Promise<Runner>
