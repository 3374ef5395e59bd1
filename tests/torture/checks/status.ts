import { endsJob, grouped, outcomeNames, type EntryOf } from '../evidence.ts'
import type { Check, Violation } from './violation.ts'

const statusOf: Readonly<Record<string, string>> = {
  completed: 'Completed',
  completedWithErrors: 'Completed',
  skipped: 'Completed',
  failed: 'Failed',
  expired: 'Failed',
  parked: 'Failed',
  aborted: 'Aborted',
  replaced: 'Aborted',
}
const ends = new Set(Object.values(statusOf))

/** I-6: a job ends once, nothing follows; what was acknowledged or seen of an end is what history says. */
export const status: Check = (findings) => {
  const { rows, jobs, evidence } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-6', message, job })
  }
  for (const job of rows.jobs) {
    const attempts = findings.doneOf(job.id).filter(({ seq }) => seq >= 0)
    const endings = attempts.filter(({ outcome }) => endsJob(outcome))
    if (endings.length > 1)
      report(
        `${job.id} ended ${endings.length} times: ${endings.map(({ outcome }) => nameOf(outcome)).join(', ')}`,
        job.id,
      )
    const [end] = endings
    if (end === undefined) continue
    for (const { seq, attempt } of attempts) {
      if (seq === end.seq && attempt > end.attempt)
        report(`${job.id} ended in attempt ${end.attempt} and has an attempt ${attempt}`, job.id)
    }
  }
  for (const entry of evidence.entries) {
    if (entry.kind !== 'settled' || !jobs.has(entry.job)) continue
    const row = findings.done(entry)
    if (row === undefined)
      report(
        `${entry.process} was told that attempt ${entry.attempt} of ${entry.job} seq ${entry.seq} is settled, and history has none`,
        entry.job,
      )
    else if (nameOf(row.outcome) !== entry.outcome)
      report(
        `${entry.process} was told ${entry.outcome} of attempt ${entry.attempt} of ${entry.job}, history says ${nameOf(row.outcome)}`,
        entry.job,
      )
  }
  const looks = evidence.entries.filter((entry) => entry.kind === 'seen')
  for (const [job, seen] of grouped(looks, (look) => look.job)) {
    if (!jobs.has(job)) continue
    checkLooks(seen, (message) => report(message, job))
    const row = findings.endOf(job)
    const truth = row && statusOf[nameOf(row.outcome)]
    for (const look of seen) {
      if (ends.has(look.status) && look.status !== truth)
        report(`${job} was seen ${look.status}, and history says ${truth ?? 'nothing'}`, job)
    }
  }
  return violations
}

function checkLooks(looks: readonly EntryOf<'seen'>[], report: (message: string) => void): void {
  for (const look of looks) {
    if (!ends.has(look.status)) continue
    const later = looks.find((other) => other.from > look.at && other.status !== look.status)
    if (later !== undefined)
      report(`${look.job} was seen ${later.status} after it had been seen ${look.status}`)
  }
}

function nameOf(outcome: number): string {
  return outcomeNames[outcome] ?? `outcome ${outcome}`
}
