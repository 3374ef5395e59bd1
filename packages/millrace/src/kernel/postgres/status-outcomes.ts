import { statusOfOutcome } from '../rules/job-status.ts'
import { endsJob, outcomes, type Outcome } from '../rules/outcome.ts'
import type { JobStatus } from '../rules/status.ts'

/** The outcomes that end a job with this status, as a list for `in (…)`. */
export function outcomesOf(status: JobStatus): string {
  const ends = (Object.values(outcomes) as Outcome[]).filter(
    (outcome) => endsJob(outcome) && statusOfOutcome(outcome).status === status,
  )
  return ends.join(', ')
}
