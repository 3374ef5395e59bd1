import type { JobStatus } from '../../kernel/rules/status.ts'
import type { JobDialect } from './job-dialect.ts'

/** Where the rows come from, and how its columns are called there. `l` is the lane. */
export interface JobBase {
  readonly from: string
  readonly where: readonly string[]
  readonly id: string
  /** Lane and priority, as the rows of queues have them. */
  readonly lane: string
  readonly prio: string
  /** Of the end. */
  readonly outcome: string
  readonly ended: 'always' | 'maybe' | 'never'
  /** Where they all have the same: planners misjudge what is computed. */
  readonly status: JobStatus | undefined
  /** Whether `j`, the job, is there anyway. */
  readonly hasJob: boolean
}

/** A column of the row that ended a job. */
export function endOf({ table }: JobDialect, id: string, column: string): string {
  return `(select d.${column} from ${table('done')} d where d.job = ${id} and d.seq >= 0 and d.outcome >= 10
    order by d.seq desc, d.attempt desc limit 1)`
}
