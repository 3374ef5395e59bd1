import type { EnqueueOutcome } from '../rules/unique.ts'
import type { NewJob } from './jobs.ts'

/** Enqueue inside a transaction that somebody else began (PostgreSQL: an application's `pg` client). */
export interface ForeignTransactions {
  /** Writes with the client's connection, never begins or commits. Lanes must be interned before. */
  enqueueWith(client: unknown, jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]>
}
