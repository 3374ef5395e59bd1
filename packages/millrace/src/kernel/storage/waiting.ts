import type { LaneId } from '../rules/execution.ts'

export interface Moved {
  readonly moved: number
  readonly lanes: readonly LaneId[]
}

export interface Waiting {
  /** Moves up to `limit` due rows to ready, those of jobs in a flex queue to the end of that. `nextInMs`: until the next row is due (0 = more are due now), null = none. */
  moveDue(limit: number): Promise<Moved & { readonly nextInMs: number | null }>
  /**
   * Looks at up to 500 limit keys whose `next` has come (skip locked): wakes as many waiters as have room, their tenants
   * taking turns, each its first by (rank, job); sets `next` anew (next token, or 1 s while anyone waits, else null).
   */
  pump(): Promise<Moved & { readonly nextInMs: number | null }>
}
