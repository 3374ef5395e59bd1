import { grouped, type EntryOf, type Findings } from '../evidence.ts'
import type { FireRow, ScheduleRow } from '../tool-rows.ts'
import type { Check, Violation } from './violation.ts'

/** A fire this late is a missed one (docs/schedules.md). */
const missedAfterMs = 60_000
/** Between the time a decision went by and the one that it wrote down, on a machine under load. */
const slackMs = 5_000
/** An end shows to others only when it is committed, which a machine under load takes its time for. */
const commitMs = 1_000

/**
 * I-11: the fires of a schedule are its times, computed from what it was asked for, each once; what was missed is left out only by its
 * policy. Each fire that started has one job, and each job of a fire is named by it.
 */
export const fires: Check = (findings) => {
  const { rows, evidence, jobs } = findings
  const violations: Violation[] = []
  const report = (message: string, job: string | null = null): void => {
    violations.push({ invariant: 'I-11', message, job })
  }
  const byJob = new Map(rows.tools.fires.flatMap((fire) => (fire.job === null ? [] : [[fire.job, fire]])))
  const ofFire = rows.jobs.filter((job) => job.fire !== null)
  for (const { id, fire } of ofFire) {
    const named = byJob.get(id)
    if (named?.schedule !== fire?.id || named?.due !== fire?.due)
      report(`${id} was started by a fire of ${String(fire?.due)} that knows nothing of it`, id)
  }
  for (const [key, doubles] of grouped(ofFire, ({ fire }) => `${String(fire?.id)} ${String(fire?.due)}`))
    if (doubles.length > 1) report(`fire ${key} started ${doubles.length} jobs`, doubles[0]?.id ?? null)
  for (const entry of evidence.entries) {
    if (entry.kind !== 'fired' || jobs.has(entry.job)) continue
    report(
      `${entry.process} was told that ${entry.schedule} fired ${entry.job}, which is not there`,
      entry.job,
    )
  }
  for (const asked of evidence.entries) {
    if (asked.kind !== 'scheduled') continue
    const row = rows.tools.schedules.find(({ id }) => id === asked.id)
    if (row === undefined) report(`schedule ${asked.name} is not there`)
    else for (const message of ofSchedule(findings, asked, row)) report(message)
  }
  return violations
}

function ofSchedule(findings: Findings, asked: EntryOf<'scheduled'>, row: ScheduleRow): string[] {
  const { rows, evidence, jobs } = findings
  const { id, name, first, everyMs, overlap, misfire } = asked
  const found: string[] = []
  const own = rows.tools.fires.filter(({ schedule }) => schedule === id)
  const byDue = new Map(own.map((fire) => [fire.due, fire]))
  const next = row.next ?? first
  for (const { due, state, job } of own) {
    const at = `schedule ${name} has a fire of ${due}`
    if (due < first || due >= next || (due - first) % everyMs !== 0)
      found.push(`${at}, which is none of its times`)
    if (state === 'queued') found.push(`${at} that still waits`)
    if (state === 'fired' && (job === null || (!jobs.has(job) && !evidence.setting.prunable.has(job))))
      found.push(`${at} that started no job`)
    if (state === 'skipped' && (overlap === 'allow' || overlap === 'queue'))
      found.push(`${at} that was skipped, and its overlaps are not`)
  }
  const missed = own.find(({ state }) => state === 'missed')
  if (missed !== undefined && misfire === 'fireAll') found.push(`schedule ${name} missed ${missed.n} fires`)
  const border = missed === undefined ? -Infinity : missed.at - missedAfterMs
  let left = missed === undefined ? 0 : 1
  for (let due = first; due < next; due += everyMs) {
    const fire = byDue.get(due)
    if (fire === undefined && due < border) left += 1
    else if (fire === undefined) found.push(`schedule ${name} lost its fire of ${due}`)
    else if (fire.state === 'fired' && due < border - slackMs)
      found.push(`schedule ${name} made up for its fire of ${due}`)
  }
  if (missed !== undefined && missed.n !== left)
    found.push(`schedule ${name} missed ${left} fires, and says ${missed.n}`)
  const fired = own.filter(({ state }) => state === 'fired').length
  if (row.triggered !== fired)
    found.push(`schedule ${name} says that it fired ${row.triggered} times; it was ${fired}`)
  for (const entry of evidence.entries)
    if (entry.kind === 'unscheduled' && entry.schedule === id && next <= entry.upTo)
      found.push(`schedule ${name} had not come to its fire of ${next}`)
  if (overlap === 'skip') found.push(...groundless(findings, name, own))
  return found
}

/** Fires that were skipped although no job of an earlier one was under way. */
function groundless(findings: Findings, name: string, own: readonly FireRow[]): string[] {
  const isUnderWay = ({ job }: FireRow, at: number): boolean =>
    job !== null && (findings.endOf(job)?.finished ?? Infinity) + commitMs >= at
  return own
    .filter(
      ({ state, due, at }) =>
        state === 'skipped' && !own.some((fire) => fire.due < due && isUnderWay(fire, at)),
    )
    .map(({ due }) => `schedule ${name} skipped its fire of ${due}, and nothing was under way`)
}
