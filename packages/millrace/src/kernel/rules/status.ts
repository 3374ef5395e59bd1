import type { WaitReason } from './decision.ts'

/** The seven statuses of a job, exactly as AsyncApexJob has them. */
export const jobStatuses = [
  'Holding',
  'Queued',
  'Preparing',
  'Processing',
  'Completed',
  'Failed',
  'Aborted',
] as const
export type JobStatus = (typeof jobStatuses)[number]

/** What a job waits for, or how it ended. */
export type Substatus =
  | WaitReason
  | 'ready'
  | 'unknownDefinition'
  | 'finalizing'
  | 'claimed'
  | 'running'
  | 'aborting'
  | 'completed'
  | 'completedWithErrors'
  | 'skipped'
  | 'failed'
  | 'expired'
  | 'lost'
  | 'aborted'
  | 'replaced'

/** Everything storage knows of one job at one instant, by key, in one statement. */
export interface JobFacts {
  /** Outcome of the newest `done` row with seq >= 0, if that ends the job. */
  readonly ended: number | null
  /** A row of seq >= 0 stands in `ready`. */
  readonly ready: boolean
  readonly waiting: {
    readonly reason: number
    readonly dueAt: number | null
    readonly gate: string | null
  } | null
  /** A standing lease names an execution of seq >= 0; `started` = its `running` names it too. */
  readonly leased: { readonly started: boolean; readonly worker: number } | null
  /** A finalizer stands in ready, waiting or a lease. */
  readonly finalizing: boolean
  readonly aborting: boolean
  /** It runs in several executions. */
  readonly several?: true
  /** The first of them has ended: from then on it is Processing, whatever it waits for. */
  readonly begun?: true
}
