import { aborted, endedQueued, expired, keyText } from '../evidence.ts'
import type { Check, Violation } from './violation.ts'

/** Both clocks are read as whole ms. */
const slackMs = 2

/** I-14: nothing starts before it is due, and what was aborted before its start never runs. */
export const timing: Check = (findings) => {
  const { rows, jobs } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-14', message, job })
  }
  for (const { start } of findings.starts) {
    const job = jobs.get(start.job)
    const work = job && findings.workOf(job)
    if (!work) continue
    const due = job.fire?.due ?? work.runAt ?? (work.delayMs === undefined ? 0 : job.created + work.delayMs)
    if (start.wall < due - slackMs)
      report(`${keyText(start)} began ${Math.round(due - start.wall)} ms before it was due`, start.job)
  }
  for (const { job, outcome } of rows.done)
    if (outcome === expired) report(`${job} expired, and no deadline of the workload ever passes`, job)
  for (const row of rows.done) {
    if (row.outcome !== aborted || !endedQueued(row)) continue
    for (const { start, end } of findings.startsOfAttempt(row)) {
      // A fenced process may begin what was taken from it, and what came back after it had begun may be aborted then.
      const isZombie = findings.doubtedFrom(start) < Infinity
      const { entries } = findings.evidence
      // It may have come back although the answer to that was lost.
      const cameBack =
        end?.how === 'snoozed' ||
        entries.some(
          (entry) =>
            (entry.kind === 'handedBack' && entry.job === row.job && entry.attempt === row.attempt) ||
            (entry.kind === 'stopping' && entry.process === start.process && end?.how === 'threw'),
        )
      if (!isZombie && !cameBack) report(`${keyText(start)} was aborted before its start, and ran`, start.job)
    }
  }
  return violations
}
