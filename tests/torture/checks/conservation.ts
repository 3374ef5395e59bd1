import { endsJob } from '../evidence.ts'
import type { Check, Violation } from './violation.ts'

/**
 * I-4: a job stands in one place or has ended, never both, never neither; per tenant and queue, what was enqueued equals what
 * is live, finished and pruned, and nothing has moved between them.
 */
export const conservation: Check = (findings) => {
  const { rows, jobs, evidence } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string): void => {
    violations.push({ invariant: 'I-4', message, job })
  }
  const places = new Map<string, string[]>()
  const put = (job: string, seq: number, where: string): void => {
    const key = `${job} ${seq}`
    places.set(key, [...(places.get(key) ?? []), where])
    if (!jobs.has(job)) report(`${job} seq ${seq} stands in ${where} and there is no such job`, job)
  }
  for (const { job, seq } of rows.ready) put(job, seq, 'ready')
  for (const { job, seq } of rows.waiting) put(job, seq, 'waiting')
  for (const { id, members } of rows.leases) {
    for (const { job, seq } of members) {
      // A settled member leaves its lease with the next marks.
      const settled = findings.doneOf(job).some((row) => row.seq === seq && row.lease === id)
      if (!settled) put(job, seq, `lease ${id}`)
    }
  }
  for (const [key, where] of places) {
    const [job = '', seq] = key.split(' ')
    if (where.length > 1) report(`${job} seq ${String(seq)} stands in ${where.join(' and in ')}`, job)
    if (Number(seq) >= 0 && findings.endOf(job) !== undefined)
      report(`${job} has ended and stands in ${where.join(', ')}`, job)
  }
  const counts = new Map<string, { enqueued: number; live: number; finished: number }>()
  const count = (tenant: string, queue: string, what: 'enqueued' | 'live' | 'finished'): void => {
    const key = `${tenant}/${queue}`
    const found = counts.get(key) ?? { enqueued: 0, live: 0, finished: 0 }
    found[what] += 1
    counts.set(key, found)
  }
  for (const job of rows.jobs) {
    const work = findings.workOf(job)
    if (work !== null) count(work.tenant ?? job.tenant, work.queue ?? 'default', 'enqueued')
    if (findings.endOf(job.id) !== undefined) count(job.tenant, job.queue, 'finished')
    else if ([...places.keys()].some((key) => key.startsWith(`${job.id} `)))
      count(job.tenant, job.queue, 'live')
    else report(`${job.id} has not ended and stands nowhere`, job.id)
    if (work !== null && (work.priority ?? 5) !== job.prio)
      report(`${job.id} was enqueued with priority ${work.priority ?? 5} and has ${job.prio}`, job.id)
  }
  for (const [key, { enqueued, live, finished }] of counts) {
    if (enqueued !== live + finished)
      violations.push({
        invariant: 'I-4',
        message: `${key}: ${enqueued} enqueued, but ${live} live and ${finished} finished`,
        job: null,
      })
  }
  // Pruned whole, or not at all.
  const traces = [...rows.done.map(({ job }) => job), ...rows.remnants]
  for (const job of new Set(traces)) {
    if (!jobs.has(job))
      report(
        `${job} is gone and has left history${evidence.setting.prunable.has(job) ? '' : ' unpruned'}`,
        job,
      )
  }
  for (const row of rows.done) {
    if (row.seq < 0 && endsJob(row.outcome))
      report(`finalizer ${row.seq} of ${row.job} has ended its job`, row.job)
  }
  return violations
}
