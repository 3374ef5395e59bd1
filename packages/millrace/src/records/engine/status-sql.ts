import { waitReasons } from '../../kernel/rules/decision.ts'
import { statusOfOutcome } from '../../kernel/rules/job-status.ts'
import { endsJob, outcomes, type Outcome } from '../../kernel/rules/outcome.ts'
import type { JobStatus } from '../../kernel/rules/status.ts'

/** The rules of kernel/rules/job-status.ts as SQL, made of those very rules, so that the two cannot part. */

const ends = (Object.values(outcomes) as Outcome[])
  .filter(endsJob)
  .map((outcome) => ({ outcome, ...statusOfOutcome(outcome) }))

export const endedStatuses = [...new Set(ends.map((one) => one.status))]

/** The outcomes that end a job with one of these statuses, for `in (…)`; null, which nothing is in, for none. */
export function outcomesWith(statuses: readonly JobStatus[]): string {
  const found = ends.filter((one) => statuses.includes(one.status)).map((one) => one.outcome)
  return found.length === 0 ? 'null' : found.join(', ')
}

/** The status or substatus of an outcome that ends a job; null of null. */
export function endAs(what: 'status' | 'substatus', outcome: string): string {
  return choice(
    outcome,
    ends.map((one) => [one.outcome, one[what]]),
  )
}

/** A number of a newer release reads as `scheduled`, as in statusOf. */
export function waitAs(reason: string): string {
  const names = Object.entries(waitReasons).map(([name, code]): [number, string] => [code, name])
  return choice(reason, names, `case when ${reason} is not null then 'scheduled' end`)
}

function choice(value: string, of: readonly (readonly [number, string])[], otherwise?: string): string {
  const cases = of.map(([number, text]) => `when ${number} then '${text}'`).join(' ')
  return `case ${value} ${cases}${otherwise === undefined ? '' : ` else ${otherwise}`} end`
}
