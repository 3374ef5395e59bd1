import { aborted, committed, keyText, type Findings } from '../evidence.ts'
import type { DoneRow } from '../rows.ts'
import { hasEffect, isBatch, type Work } from '../work.ts'
import type { Check, Violation } from './violation.ts'

/** I-2: an attempt has exactly one effect row if it committed, none otherwise, and that row is of one of its own runs. */
export const effects: Check = (findings) => {
  const { rows, jobs } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-2', message, job })
  }
  for (const row of rows.done) {
    const job = jobs.get(row.job)
    const work = job && findings.workOf(job)
    if (!work || (!isBatch(work) && findings.hasSetAside(row.job))) continue
    const leaves = isBatch(work) ? wrote(findings, row) : hasEffect(work, row.seq)
    const due = (committed(row) || completedAborted(findings, row, work)) && leaves ? 1 : 0
    const found = findings.effectsOf(row).length
    if (found !== due) report(`${keyText(row)} left ${found} effect rows, not ${due}`, row.job)
  }
  for (const row of rows.effects) {
    // What was pruned took its history along; its effect stays.
    if (jobs.has(row.job) && findings.done(row) === undefined)
      report(`${keyText(row)} left an effect row, and history knows nothing of it`, row.job)
    const runs = findings.startsOfAttempt(row)
    if (!runs.some(({ start }) => start.token === row.token))
      report(`the effect row of ${keyText(row)} has token ${row.token}, under which it never ran`, row.job)
  }
  return violations
}

/** What runs when its batch is aborted completes, and ends the job (semantics B-13); one that was undone has an error. */
function completedAborted(findings: Findings, row: DoneRow, work: Work): boolean {
  if (row.outcome !== aborted || !(isBatch(work) || work.kind === 'steps')) return false
  const { job, seq, attempt, lease } = row
  return (
    findings.startsOfAttempt(row).some(({ start }) => start.lease === lease) &&
    !findings.rows.failures.some(
      (failure) => failure.job === job && failure.seq === seq && failure.attempt === attempt,
    )
  )
}

/** The start of a batch writes nothing, and an execution that sets records aside runs nothing. */
function wrote(findings: Findings, row: DoneRow): boolean {
  return findings
    .startsOfAttempt(row)
    .some(({ start }) => start.lease === row.lease && start.phase !== 'start')
}
