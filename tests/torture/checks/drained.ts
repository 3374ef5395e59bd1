import { lost, type Findings } from '../evidence.ts'
import type { Check, Violation } from './violation.ts'

/** I-5: nothing that is due is left, nor anything that holds it; and the dead were relieved in time. */
export const drained: Check = (findings) => {
  const { rows, deaths, evidence } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string | null): void => {
    violations.push({ invariant: 'I-5', message, job })
  }
  for (const { job, seq } of rows.ready) report(`${job} seq ${seq} is still ready`, job)
  for (const { job, seq } of rows.waiting) report(`${job} seq ${seq} is still waiting`, job)
  for (const { id, worker, members } of rows.leases)
    report(
      `lease ${id} of worker ${worker} still stands, with ${members.map(({ job, seq }) => `${job} seq ${seq}`).join(', ') || 'nothing'}`,
      members[0]?.job ?? null,
    )
  const standing = new Set(rows.leases.map(({ id }) => id))
  for (const { key, lease, n } of rows.permits)
    if (standing.has(lease)) report(`${n} permits of limit key ${key} are still held by lease ${lease}`, null)
  for (const job of rows.aborts) report(`the abort of ${job} is still open`, job)
  const bound = evidence.setting.recoveryBoundMs
  if (bound === null) return violations
  for (const row of rows.done) {
    if (row.outcome !== lost) continue
    for (const { start } of findings.startsOfAttempt(row)) {
      const death = deaths.get(start.process)
      if (start.lease !== row.lease || death === undefined) continue
      const took = row.finished - death.wall
      if (findings.atOf(row.finished) > relievable(findings, death.at, bound) + bound)
        report(
          `${row.job} was taken from dead ${start.process} only after ${Math.round(took)} ms, not ${bound}`,
          row.job,
        )
    }
  }
  return violations
}

/** From when on (`at`) a process was there that lived long enough to do it; Infinity: none was. */
function relievable({ evidence, deaths }: Findings, from: number, boundMs: number): number {
  let first = Infinity
  for (const entry of evidence.entries) {
    if (entry.kind !== 'worker') continue
    const begins = Math.max(from, entry.at)
    const ends = deaths.get(entry.process)?.at ?? Infinity
    if (ends > begins + boundMs) first = Math.min(first, begins)
  }
  return first
}
