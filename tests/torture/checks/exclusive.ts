import { grouped, lost, parked, type Findings, type Start } from '../evidence.ts'
import type { Check, Violation } from './violation.ts'

/** Clocks of one machine, read as whole ms. */
const slackMs = 2

/** I-10: at most one live holder of a unique key, and at most `limit` runs of a group at once. */
export const exclusive: Check = (findings) => [...holders(findings), ...crowds(findings)]

function holders(findings: Findings): Violation[] {
  const { rows, calls } = findings
  const violations: Violation[] = []
  const keyed = rows.jobs.filter((job) => findings.workOf(job)?.unique !== undefined)
  const ofKey = grouped(keyed, (job) => `${job.tenant}/${job.name}/${String(findings.workOf(job)?.unique)}`)
  for (const [key, jobs] of ofKey) {
    const sorted = [...jobs].sort((a, b) => a.created - b.created)
    sorted.forEach((job, index) => {
      const before = sorted[index - 1]
      if (before === undefined) return
      const ended = findings.endOf(before.id)?.finished ?? Infinity
      if (ended > job.created + slackMs)
        violations.push({
          invariant: 'I-10',
          message: `unique key ${key} had two holders: ${before.id} had not ended when ${job.id} was enqueued`,
          job: job.id,
        })
    })
  }
  const known = knownEnds(findings)
  for (const { call, answer } of calls) {
    if (answer?.kind !== 'ok' || answer.duplicate !== true) continue
    const [holder = ''] = answer.jobs
    if ((known.get(holder) ?? Infinity) < call.at)
      violations.push({
        invariant: 'I-10',
        message: `call ${call.call} of ${call.process} was told that ${holder} holds its key, which had ended before`,
        job: holder,
      })
  }
  return violations
}

/** When somebody first knew that a job had ended. History's own time is before its commit. */
function knownEnds({ evidence }: Findings): Map<string, number> {
  const known = new Map<string, number>()
  for (const entry of evidence.entries) {
    const isEnd =
      (entry.kind === 'settled' && entry.seq >= 0 && entry.outcome === 'completed') ||
      (entry.kind === 'seen' && entry.status === 'Completed')
    if (isEnd && !known.has(entry.job)) known.set(entry.job, entry.at)
  }
  return known
}

function crowds(findings: Findings): Violation[] {
  const violations: Violation[] = []
  const limited = findings.starts.filter(({ start }) => start.work.limit !== undefined && start.seq >= 0)
  for (const [group, runs] of grouped(limited, ({ start }) => start.work.group ?? start.work.kind)) {
    const limit = Math.max(...runs.map(({ start }) => start.work.limit ?? 0))
    const moves = runs
      .flatMap((run) => {
        const until = holdsUntil(findings, run)
        return until > run.start.at
          ? [
              { run, at: run.start.at, by: 1 },
              { run, at: until, by: -1 },
            ]
          : []
      })
      .sort((a, b) => a.at - b.at || a.by - b.by)
    let running = 0
    for (const { run, by } of moves) {
      running += by
      if (running > limit) {
        violations.push({
          invariant: 'I-10',
          message: `${running} executions of group ${group} ran at once, its limit is ${limit}`,
          job: run.start.job,
        })
        break
      }
    }
  }
  return violations
}

/** Until when a run surely held its slot: it ended, its process died or was frozen, or its lease was taken from it. */
function holdsUntil(findings: Findings, { start, end }: Start): number {
  const row = findings.done(start)
  const taken =
    row !== undefined && (row.outcome === lost || row.outcome === parked) && row.lease === start.lease
      ? findings.atOf(row.finished) - slackMs
      : Infinity
  const again = findings
    .startsOf(start.job)
    .filter((other) => other.start.seq === start.seq && (other.start.lease ?? 0) > (start.lease ?? 0))
    .map((other) => other.start.at)
  return Math.min(end?.at ?? Infinity, findings.doubtedFrom(start), taken, ...again)
}
