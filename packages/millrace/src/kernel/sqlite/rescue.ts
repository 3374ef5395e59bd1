import type { Rescue, Unsettled } from '../rules/decision.ts'
import type { JobOptions, LeaseId, WorkerId } from '../rules/execution.ts'
import { outcomes } from '../rules/outcome.ts'
import type { RescueReport } from '../storage/workers.ts'
import { appendEnd, deathsSoFar, endedAttempt, nextAttempt } from './attempt-history.ts'
import type { Writing } from './database.ts'
import { placeOf, readLease, unsettledMembers, type Member } from './lease-members.ts'
import { dropPermits } from './limit-key.ts'
import { putBack, putNext } from './queue-rows.ts'

export interface RescueParams {
  readonly worker: WorkerId
  readonly lease: LeaseId
  readonly rescue: Rescue
}

/** One writer: what was settled before is seen, and nothing is settled meanwhile. */
export function rescueLease(
  writing: Writing,
  { worker, lease: id, rescue }: RescueParams,
): Omit<RescueReport, 'leases'> | null {
  const { connection, now } = writing
  if (connection.get('select 1 from millrace_worker where id = ? and until > ?', worker, now)) return null
  const lease = readLease(connection, id)
  if (lease?.worker !== worker) return null

  const report = { lost: 0, handedBack: 0, parked: 0 }
  for (const member of unsettledMembers(connection, lease)) {
    const unsettled = describe(writing, member)
    if (!unsettled) continue
    const rescued = rescue(unsettled)
    const { job, seq, attempt, lane, prio } = unsettled
    if (rescued.kind === 'handBack') {
      putBack(writing, { job, seq, attempt, lane, prio, care: rescued.care })
      report.handedBack += 1
      continue
    }
    const { outcome, error, next } = rescued
    appendEnd(connection, { key: { job, seq, attempt }, lane, lease: id, outcome, ms: 0, error }, now)
    putNext(writing, { job, lane, prio, lease: id }, next)
    if (outcome === outcomes.parked) report.parked += 1
    else report.lost += 1
  }
  connection.run('delete from millrace_lease where id = ?', id)
  dropPermits(writing, 'lease = ?', id)
  return report
}

function describe({ connection, now }: Writing, { job, seq, care, started }: Member): Unsettled | null {
  const place = placeOf(connection, job)
  if (!place) return null
  const options = place.options === null ? null : (JSON.parse(place.options) as JobOptions)
  return {
    job,
    seq,
    attempt: nextAttempt(connection, job, seq),
    lane: place.lane,
    prio: place.prio,
    care,
    started,
    deaths: deathsSoFar(connection, job, seq),
    several: seq > 0 || options?.several === true,
    finalizer: options?.finalizer === true,
    ended: seq < 0 ? endedAttempt(connection, { job, seq: 0, attempt: -seq }) : null,
    expired: options?.deadline !== undefined && options.deadline <= now,
  }
}
