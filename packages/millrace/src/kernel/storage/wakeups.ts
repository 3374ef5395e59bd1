import type { JobId, LaneId } from '../rules/execution.ts'

/** Hints, never truth: any may be lost, doubled or late (R8). */
export type Wake =
  /** Lanes that got new rows at their end. */
  | { readonly topic: 'new'; readonly lanes: readonly LaneId[] }
  /** Lanes that got rows before the place reached: retries, hand-backs, other priorities. */
  | { readonly topic: 'back'; readonly lanes: readonly LaneId[] }
  | { readonly topic: 'abort'; readonly jobs: readonly JobId[] }
  /** Pauses or settings changed. */
  | { readonly topic: 'config' }
  /** Something changed, nobody knows what: look at everything. */
  | { readonly topic: 'rescan' }
  /** A row with a due time sooner than any other may stand in waiting. */
  | { readonly topic: 'due'; readonly inMs: number }

export interface Wakeups {
  /** Wakes of this process are delivered at once; those of others as the database allows. Returns the unsubscribe. */
  subscribe(listener: (wake: Wake) => void): () => void
  /** Starts listening to other processes (PostgreSQL: LISTEN; SQLite: data_version). Re-listens by itself, then says `rescan`. */
  start(): Promise<void>
  stop(): Promise<void>
}
