import type { JobId, LeaseId } from '../rules/execution.ts'
import type { StoredError } from '../rules/outcome.ts'
import type { StateChange, StateCounts } from '../rules/state.ts'

/** The state of a job as its next execution finds it. */
export interface StandingState extends StateChange {
  /** Why the execution that it is for was tried in vain, newest attempt; null: it was not yet. */
  readonly failure: StoredError | null
  /** An abort of the job was asked for. */
  readonly aborting: boolean
  /** An operator holds it. */
  readonly held: boolean
}

/** A state that nobody else writes until the transaction ends. */
export interface LockedState extends StateChange {
  /** Its job has ended, so what is written changes no more than what lists show. */
  readonly ended: boolean
  /** The database's clock, epoch ms. */
  readonly now: number
}

/** Of a job, as lists show it. */
export interface StateView extends StateCounts {
  /** Records that are set aside now. */
  readonly setAside: number
  readonly begunAt: number
  readonly updatedAt: number
}

/** Records that were given up, as the tool describes them. */
export interface Aside {
  /** Within its job, from 0. */
  readonly number: number
  /** The execution that gave them up. */
  readonly seq: number
  /** JSON text: ids, their bounds, or the records themselves. */
  readonly records: string
  readonly count: number
  readonly error: StoredError | null
  /** How often they were given up. */
  readonly tries: number
  /** The job that is to try them again; null: nobody does. */
  readonly by: JobId | null
  readonly at: number
}

export type NewAside = Omit<Aside, 'at' | 'number'>

/** What jobs of several executions keep. */
export interface StateAccess {
  /** null: its first execution has not ended. */
  get(job: JobId): Promise<StandingState | null>
  /** A page of the start that ran under that lease; a second one of the same number is refused. */
  putPage(job: JobId, lease: LeaseId, number: number, rows: string): Promise<void>
  page(job: JobId, lease: LeaseId, number: number): Promise<string | null>
  /**
   * Under the numbers that follow the last one, in order. Of several jobs that add to the same one, each waits for the transaction of the one
   * before: none writes over what another has set aside.
   */
  addAsides(job: JobId, asides: readonly NewAside[]): Promise<void>
  /** Over the one of that number. */
  replaceAside(job: JobId, number: number, aside: NewAside): Promise<void>
  dropAside(job: JobId, number: number): Promise<void>
  /** From a number on, in order; `by`: those that this job is to try again. */
  asides(
    job: JobId,
    page: { readonly from: number; readonly limit: number; readonly by?: JobId },
  ): Promise<readonly Aside[]>
  /**
   * Gives those that nobody tries again (or who tried has ended) to the job `by`; how many it has then, and how many records. Waits for whoever is
   * at it. `numbers`: no others than these are given.
   */
  takeAsides(
    job: JobId,
    by: JobId,
    numbers?: readonly number[],
  ): Promise<{ readonly asides: number; readonly records: number }>
}

/** In a transaction: written with it. Besides, what several jobs share: the state of one, which the others go on from in turns. */
export interface StatesInside extends StateAccess {
  /**
   * Waits for whoever has it; then it is this transaction's to `put` until its end. Of several things a transaction locks this must be the
   * last, so that no two wait for each other. null: there is none.
   */
  lock(job: JobId): Promise<LockedState | null>
  /** The whole of it is replaced: only for whoever has locked it. */
  put(job: JobId, change: StateChange): Promise<void>
  /** Whether the job has ended, or is gone. */
  hasEnded(job: JobId): Promise<boolean>
  /** What of the job waits for its time is due once this commits. */
  hasten(job: JobId): Promise<void>
}
