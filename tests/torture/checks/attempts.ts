import {
  failed,
  grouped,
  lost,
  parked,
  retried,
  type AttemptKey,
  type EntryOf,
  type Findings,
} from '../evidence.ts'
import { isBatch, maxAttempts } from '../work.ts'
import type { Check, Violation } from './violation.ts'

/**
 * I-8: attempts are 1 to n without gap, n at most the policy's and one for each death; what was handed back, and whatever else
 * was not the handler's own failure, charged none.
 */
export const attempts: Check = (findings) => {
  const { rows, jobs, evidence } = findings
  const { databaseFaults, maxDeaths } = evidence.setting
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-8', message, job })
  }
  for (const done of grouped(rows.done, ({ job, seq }) => `${job} ${seq}`).values()) {
    const [{ job, seq }] = done as [(typeof done)[number]]
    const row = jobs.get(job)
    const work = row === undefined ? null : findings.workOf(row)
    const numbers = done.map(({ attempt }) => attempt).sort((a, b) => a - b)
    if (numbers.some((attempt, index) => attempt !== index + 1))
      report(`${job} seq ${seq} has attempts ${numbers.join(', ')}`, job)
    const deaths = done.filter(({ outcome }) => outcome === lost || outcome === parked).length
    if (numbers.length > maxAttempts + deaths)
      report(
        `${job} seq ${seq} has ${numbers.length} attempts with ${deaths} deaths; its policy allows ${maxAttempts}`,
        job,
      )
    if (deaths > maxDeaths) report(`${job} seq ${seq} died ${deaths} times and was not parked`, job)
    if (done.some(({ outcome }) => outcome === parked) && deaths < maxDeaths)
      report(`${job} seq ${seq} was parked after ${deaths} deaths`, job)
    if (databaseFaults || work === null || work.poison !== undefined || isBatch(work)) continue
    const failures = done.filter(
      (end) => (end.outcome === retried || end.outcome === failed) && !ranOutOfTime(findings, end),
    ).length
    const planned = seq < 0 ? 0 : (work.fails ?? 0)
    if (failures > planned)
      report(`${job} seq ${seq} failed ${failures} times, its handler only ${planned}`, job)
  }
  for (const entry of evidence.entries) {
    if (entry.kind !== 'handedBack' || !jobs.has(entry.job)) continue
    const row = findings.done(entry)
    if (row?.outcome === lost && !stood(findings, entry))
      report(`${entry.job} seq ${entry.seq} attempt ${entry.attempt} was handed back, and is lost`, entry.job)
  }
  return violations
}

/** A handler's transaction was open for too long, on a machine that stood still for most of a lease: that failure is its own. */
function ranOutOfTime({ rows }: Findings, { job, seq, attempt }: AttemptKey): boolean {
  return rows.failures.some(
    (failure) =>
      failure.job === job &&
      failure.seq === seq &&
      failure.attempt === attempt &&
      /idle-in-transaction timeout|MILL_WRITE_TIMEOUT|MILL_STORAGE_UNAVAILABLE/.test(
        `${failure.code} ${failure.message}`,
      ),
  )
}

/** Whether it was claimed once more after it was handed back. */
function stood(findings: Findings, entry: EntryOf<'handedBack'>): boolean {
  const row = findings.done(entry)
  const runs = findings.startsOfAttempt(entry)
  if (runs.some(({ start }) => start.at > entry.at)) return true
  if (row === undefined) return false
  // Claimed again, and lost before its handler wrote its first line.
  if (!runs.some(({ start }) => start.lease === row.lease)) return true
  // The answer to the hand-back was lost: by the time it was known, another had begun it, or itself once more.
  const own = runs.findLast(
    ({ start, end }) =>
      start.process === entry.process && (end?.at ?? Infinity) <= entry.at && end?.how !== 'returned',
  )
  return own !== undefined && (own.start.lease ?? Infinity) < row.lease
}
