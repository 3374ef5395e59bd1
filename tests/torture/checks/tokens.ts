import { committed, endedQueued, gaveUp, grouped, keyText, type Findings } from '../evidence.ts'
import type { DoneRow } from '../rows.ts'
import { isBatch } from '../work.ts'
import type { Check, Violation } from './violation.ts'

/** I-3: leases of one execution strictly rise, and no attempt is settled under an older one than the newest it ran under. */
export const tokens: Check = (findings) => {
  const { rows, jobs } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-3', message, job })
  }
  const leased = rows.done.filter((row) => !endedQueued(row))
  for (const attempts of grouped(leased, ({ job, seq }) => `${job} ${seq}`).values()) {
    const sorted = [...attempts].sort((a, b) => a.attempt - b.attempt)
    sorted.forEach((row, index) => {
      const before = sorted[index - 1]
      if (before !== undefined && before.lease >= row.lease)
        report(
          `${keyText(row)} was settled under lease ${row.lease}, not newer than the ${before.lease} of attempt ${before.attempt}`,
          row.job,
        )
    })
  }
  for (const row of leased) {
    const runs = findings.startsOfAttempt(row)
    const newest = Math.max(...runs.map(({ start }) => start.lease ?? 0))
    if (newest > row.lease)
      report(`${keyText(row)} was settled under lease ${row.lease}, but ran under ${newest} as well`, row.job)
    if (!committed(row) || !jobs.has(row.job)) continue
    if (runs.length === 0 && runsNothing(findings, row)) continue
    if (runs.length === 0) report(`${keyText(row)} succeeded and never ran`, row.job)
    else if (!runs.some(({ start }) => start.lease === row.lease))
      report(`${keyText(row)} was settled under lease ${row.lease}, under which it never ran`, row.job)
    const [effect] = findings.effectsOf(row)
    const owner = effect && runs.find(({ start }) => start.token === effect.token)
    if (owner && owner.start.lease !== row.lease)
      report(
        `the effect of ${keyText(row)} was written under lease ${owner.start.lease}, its history under ${row.lease}`,
        row.job,
      )
  }
  return violations
}

/** Of a batch: an execution that sets aside what the one before it gave up; a start that takes what is set aside. */
function runsNothing(findings: Findings, { job, seq }: DoneRow): boolean {
  const row = findings.jobs.get(job)
  const work = row && findings.workOf(row)
  if (row === undefined || !work || !isBatch(work)) return false
  if (seq === 0) return row.retryOf !== null
  return findings.doneOf(job).some((done) => done.seq === seq - 1 && done.outcome === gaveUp)
}
