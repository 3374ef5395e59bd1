import { committed, grouped, keyText } from '../evidence.ts'
import { childrenOf } from '../work.ts'
import type { Check, Violation } from './violation.ts'

/** I-9: a child is there if, and only if, the attempt that enqueued it committed. */
export const children: Check = (findings) => {
  const { rows, jobs, evidence } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-9', message, job })
  }
  const born = rows.jobs.filter((job) => job.parent !== null)
  for (const child of born) {
    const origin = findings.workOf(child)?.parent
    if (origin === undefined || origin.job !== child.parent) {
      report(
        `${child.id} has parent ${String(child.parent)}, but was enqueued by ${origin?.job ?? 'nobody'}`,
        child.id,
      )
      continue
    }
    if (evidence.setting.prunable.has(origin.job) && !jobs.has(origin.job)) continue
    const row = findings.done(origin)
    if (row === undefined || !committed(row))
      report(`${child.id} is there, and ${keyText(origin)}, which enqueued it, has not committed`, child.id)
  }
  const families = grouped(born, (child) => {
    const origin = findings.workOf(child)?.parent
    return origin === undefined ? '' : keyText(origin)
  })
  for (const row of rows.done) {
    const job = jobs.get(row.job)
    const work = job && findings.workOf(job)
    if (!work || !committed(row)) continue
    const due = childrenOf(work, row.seq)
    const found = families.get(keyText(row))?.length ?? 0
    if (found !== due && evidence.setting.prunable.size === 0)
      report(`${keyText(row)} committed with ${found} children, not ${due}`, row.job)
  }
  return violations
}
