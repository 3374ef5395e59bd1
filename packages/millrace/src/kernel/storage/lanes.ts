import type { JobId, Lane, LaneId, LaneSpec } from '../rules/execution.ts'

export interface LaneHead {
  readonly lane: LaneId
  readonly prio: number
  readonly job: JobId
}

export interface LaneFilter {
  readonly tenant?: string
  readonly queue?: string
  readonly name?: string
  readonly version?: number
}

/** Lanes are interned once and never deleted. */
export interface Lanes {
  /** In a transaction of its own, sorted to avoid deadlock; the answer has the input's order. */
  intern(specs: readonly LaneSpec[]): Promise<readonly Lane[]>
  /** Unknown ids are left out. */
  read(ids: readonly LaneId[]): Promise<readonly Lane[]>
  find(filter: LaneFilter): Promise<readonly Lane[]>
  /** Every lane with rows in `ready`, with its first row, by loose index scan: cost grows with lanes, not rows. */
  heads(): Promise<readonly LaneHead[]>
}
