import type { Call } from '../evidence.ts'
import type { JobRow } from '../rows.ts'
import type { Check, Violation } from './violation.ts'

/**
 * I-1, no loss and no ghost: what was acknowledged is there, what was refused is not, and nothing is there that nobody
 * enqueued, or twice.
 */
export const acknowledged: Check = (findings) => {
  const { jobs, callOf, calls, rows, evidence } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string | null): void => {
    violations.push({ invariant: 'I-1', message, job })
  }
  for (const { call, answer } of calls) {
    if (answer?.kind !== 'ok' || call.op === 'abort') continue
    for (const job of answer.jobs) {
      if (!jobs.has(job) && !evidence.setting.prunable.has(job))
        report(`${job} was acknowledged to ${call.process} (call ${call.call}) and is not there`, job)
    }
  }
  const app = new Set(rows.app)
  const seen = new Map<string, string>()
  for (const job of rows.jobs) {
    const work = findings.workOf(job)
    if (work === null) {
      report(`${job.id} has a payload that nobody enqueued: ${JSON.stringify(job.payload)}`, job.id)
      continue
    }
    // Those of fires: I-11.
    if (job.fire !== null) continue
    if (job.retryOf !== null) {
      if (!findings.calls.some((one) => asked(one, job)))
        report(`${job.id} tries records of ${job.retryOf} again, and nobody asked for it`, job.id)
      continue
    }
    const other = seen.get(work.ref)
    if (other !== undefined) report(`${job.id} and ${other} come from one enqueue (${work.ref})`, job.id)
    seen.set(work.ref, job.id)
    // Children are enqueued by attempts: I-9.
    if (job.parent !== null) continue
    const found = callOf.get(work.ref)
    if (found === undefined) report(`${job.id} (${work.ref}) is there and was never enqueued`, job.id)
    else if (found.answer?.kind === 'fail')
      report(
        `${job.id} (${work.ref}) is there although its enqueue was refused (${found.answer.code})`,
        job.id,
      )
    else if (found.answer?.kind === 'ok' && found.answer.jobs[found.place] !== job.id)
      report(
        `${job.id} (${work.ref}) is there, but its enqueue was answered with ${String(found.answer.jobs[found.place])}`,
        job.id,
      )
    if (found?.call.op === 'transaction' && !app.has(work.ref))
      report(`${job.id} (${work.ref}) was enqueued in a transaction whose other row is not there`, job.id)
  }
  for (const ref of rows.app) {
    const id = seen.get(ref)
    if (id !== undefined) continue
    const found = callOf.get(ref)
    const answered = found?.answer?.kind === 'ok' ? found.answer.jobs[found.place] : undefined
    if (answered === undefined || !evidence.setting.prunable.has(answered))
      report(`the row of transaction ${ref} is there, and the job enqueued in it is not`, null)
  }
  return violations
}

function asked({ call, answer }: Call, { id, retryOf }: JobRow): boolean {
  if (call.op !== 'retryFailed' || call.job !== retryOf || answer?.kind === 'fail') return false
  return answer?.kind === 'ok' ? answer.jobs.includes(id) : true
}
