import {
  aborted,
  completed,
  endsJob,
  gaveUp,
  keyText,
  lost,
  parked,
  replaced,
  succeeded,
  type Findings,
} from '../evidence.ts'
import type { DoneRow } from '../rows.ts'
import type { Check, Violation } from './violation.ts'

/**
 * I-7: each ended attempt of a job with a finalizer has one, ended once, told the truth, before the next attempt began; none
 * has one without. Lost only if its process died, froze or was fenced.
 */
export const finalizers: Check = (findings) => {
  const { rows, jobs } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-7', message, job })
  }
  for (const job of rows.jobs) {
    const done = findings.doneOf(job.id)
    for (const row of done) {
      if (row.seq >= 0 || findings.done({ job: job.id, seq: 0, attempt: -row.seq }) !== undefined) continue
      report(`${keyText(row)} finalizes an attempt that has not ended`, job.id)
    }
    if (!job.finalizer) {
      if (done.some(({ seq }) => seq < 0)) report(`${job.id} has no finalizer, and one ran`, job.id)
      continue
    }
    for (const attempt of done.filter(({ seq }) => seq === 0)) {
      const through = done.filter(
        ({ seq, outcome }) => seq === -attempt.attempt && (outcome === succeeded || outcome === gaveUp),
      )
      if (through.length !== 1) report(`${keyText(attempt)} has ${through.length} finalizers, not 1`, job.id)
      for (const message of untrue(findings, attempt)) report(message, job.id)
      const [finalizer] = through
      if (finalizer !== undefined) for (const message of early(findings, finalizer)) report(message, job.id)
    }
  }
  for (const row of rows.done) {
    if ((row.outcome !== lost && row.outcome !== parked) || !jobs.has(row.job)) continue
    const run = findings.startsOfAttempt(row).find(({ start }) => start.lease === row.lease)
    if (run !== undefined && findings.doubtedFrom(run.start) === Infinity)
      report(
        `${keyText(row)} is lost, but ${run.start.process}, where it ran, never died, froze or was fenced`,
        row.job,
      )
  }
  return violations
}

function untrue(findings: Findings, attempt: DoneRow): string[] {
  const truth = resultOf(attempt.outcome)
  const willRetry = !endsJob(attempt.outcome)
  return findings
    .startsOf(attempt.job)
    .filter(({ start }) => start.seq === -attempt.attempt)
    .flatMap(({ start: { told } }) =>
      told === undefined || (told.result === truth && told.willRetry === willRetry)
        ? []
        : [
            `the finalizer of ${keyText(attempt)} was told ${told.result}, willRetry ${String(told.willRetry)}; it was ${truth}, ${String(willRetry)}`,
          ],
    )
}

/** The retry waits behind the finalizer. Only the run that committed counts: a fenced one may wake up at any time. */
function early(findings: Findings, finalizer: DoneRow): string[] {
  const own = findings
    .startsOfAttempt(finalizer)
    .find(({ start }) => start.lease === finalizer.lease && findings.doubtedFrom(start) > start.at)
  const next = findings.startsOfAttempt({ job: finalizer.job, seq: 0, attempt: -finalizer.seq + 1 })
  const first = Math.min(...next.map(({ start }) => start.at))
  return own !== undefined && first < own.start.at
    ? [
        `attempt ${-finalizer.seq + 1} of ${finalizer.job} began before the finalizer of the attempt before it`,
      ]
    : []
}

function resultOf(outcome: number): string {
  if (outcome === completed || outcome === 13 || outcome === 16) return 'SUCCESS'
  if (outcome === lost || outcome === parked) return 'LOST'
  if (outcome === aborted || outcome === replaced) return 'ABORTED'
  return 'UNHANDLED_EXCEPTION'
}
