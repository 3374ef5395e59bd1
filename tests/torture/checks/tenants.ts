import { keyText } from '../evidence.ts'
import type { Check, Violation } from './violation.ts'

/** I-13: a handler runs as the tenant it was enqueued for, and a list of one tenant's jobs shows no other's. */
export const tenants: Check = (findings) => {
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-13', message, job })
  }
  for (const { start } of findings.starts) {
    const meant = start.work.tenant ?? 'default'
    if (start.tenant !== meant)
      report(`${keyText(start)} of tenant ${meant} ran as ${start.tenant}`, start.job)
  }
  for (const row of findings.rows.jobs) {
    const meant = findings.workOf(row)?.tenant ?? 'default'
    if (row.tenant !== meant) report(`${row.id} of tenant ${meant} stands under ${row.tenant}`, row.id)
  }
  for (const entry of findings.evidence.entries) {
    if (entry.kind !== 'listed') continue
    for (const id of entry.jobs) {
      const job = findings.jobs.get(id)
      if (job !== undefined && job.tenant !== entry.tenant)
        report(`a list of ${entry.tenant} showed ${id} of ${job.tenant}`, id)
    }
  }
  return violations
}
