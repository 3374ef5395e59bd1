import { formatDuration } from '../kernel/rules/duration.ts'
import type { Pause } from '../kernel/storage/controls.ts'
import type { LimitUsage } from '../kernel/storage/limits.ts'
import type { WorkerView } from '../kernel/storage/workers.ts'
import type { JobView } from './job-view.ts'

/** What an explanation is made of, beside the job. */
export interface Surroundings {
  /** Epoch ms by the database's clock. */
  readonly now: number
  readonly pauses: readonly Pause[]
  readonly workers: readonly WorkerView[]
  readonly limits: readonly LimitUsage[]
}

/** Why a job is where it is, in sentences. Pure. */
export function explain(job: JobView, around: Surroundings): string {
  const waits =
    job.status === 'Queued' ||
    job.status === 'Holding' ||
    (job.status === 'Processing' && job.reason.worker === undefined)
  const holds = waits && job.substatus !== 'aborting' ? heldBy(job, around) : []
  return [stateOf(job, around), ...progressText(job), ...holds].join(' ')
}

function stateOf(job: JobView, { now, limits }: Surroundings): string {
  const { attempt, substatus, reason } = job
  const worker = reason.worker === undefined ? 'A worker' : `Worker ${reason.worker}`
  const message = job.error === null ? '' : `: ${job.error.message}`
  switch (substatus) {
    case 'ready':
      if (reason.nowhere) return 'Nothing of it stands in any queue, which must not be: please report it.'
      return 'It may run now and waits for a worker with room.'
    case 'scheduled':
      return dueText('It was enqueued for later and is due', reason.dueAt, now)
    case 'retrying':
      return dueText(`Attempt ${attempt - 1} failed${message}. Attempt ${attempt} is due`, reason.dueAt, now)
    case 'snoozed':
      return dueText('Its handler put it off; it comes again', reason.dueAt, now)
    case 'outsideWindow':
      return dueText('It is outside its hours, which begin', reason.dueAt, now)
    case 'rateLimited':
    case 'concurrencyLimited':
      return limitText(substatus, reason.gate, limits)
    case 'holding':
      return holdingText(reason.gate, limits)
    case 'paused':
      // Of the lane, else of the job itself.
      return reason.paused
        ? 'It may run as far as its own time is concerned.'
        : 'It was paused by itself and goes on when it is resumed.'
    case 'awaiting':
      return reason.dueAt === undefined
        ? 'A step of it waits for an answer: `waitsFor` of its status tells for which.'
        : dueText('A step of it waits for an answer or a job; it looks again', reason.dueAt, now)
    case 'unknownDefinition':
      return 'It may run as far as its own time is concerned.'
    case 'finalizing':
      return `Attempt ${attempt} has ended; its finalizer runs before the next one begins.`
    case 'claimed':
      return `${worker} has taken it and starts it as soon as a slot is free.`
    case 'running':
      return `${worker} runs attempt ${attempt}.`
    case 'aborting':
      return 'It was asked to stop and has not yet.'
    case 'completed':
      return `It completed in attempt ${attempt}.`
    case 'completedWithErrors':
      return `It completed in attempt ${attempt}, with errors.`
    case 'skipped':
      return `It was skipped${message}${message.endsWith('.') ? '' : '.'}`
    case 'failed':
      return `It failed in attempt ${attempt}${message}`
    case 'expired':
      return `Its deadline passed${message}`
    case 'lost':
      return 'It lost its process several times and was parked.'
    case 'aborted':
      return 'It was aborted.'
    case 'replaced':
      return 'A newer job with the same unique key took its place before it started.'
  }
}

function progressText({ progress }: JobView): string[] {
  if (progress === null) return []
  const { processed, total, failed } = progress
  const of = total === null ? '' : ` of ${total}`
  const aside = failed === 0 ? '' : `, ${failed} were set aside`
  return [`It has processed ${processed}${of} records${aside}.`]
}

function dueText(what: string, dueAt: number | undefined, now: number): string {
  if (dueAt === undefined) return `${what} later.`
  const at = new Date(dueAt).toISOString()
  return dueAt > now
    ? `${what} in ${long(dueAt - now)}, at ${at}.`
    : `${what} since ${long(now - dueAt)}, at ${at}.`
}

function limitText(
  substatus: 'rateLimited' | 'concurrencyLimited',
  gate: string | undefined,
  limits: readonly LimitUsage[],
): string {
  const usage = limits.find(({ spec }) => spec.name === gate)
  const owner = gate === undefined ? '' : ` of ${ownerOf(gate)}`
  const others = usage === undefined || usage.waiting <= 1 ? '' : ` ${usage.waiting} jobs wait for it.`
  if (substatus === 'rateLimited') return `It waits for the rate limit${owner}.${others}`
  const slots = usage?.spec.slots ?? null
  const taken = usage === undefined || slots === null ? '' : `: ${usage.used} of ${slots} slots are taken`
  return `It waits for the concurrency limit${owner}${taken}.${others}`
}

function holdingText(gate: string | undefined, limits: readonly LimitUsage[]): string {
  const usage = limits.find(({ spec }) => spec.name === gate)
  const counts =
    usage === undefined
      ? ''
      : `: ${usage.used} of ${String(usage.spec.slots)} batches are under way, ${usage.waiting} are Holding`
  return `It is Holding in the flex queue of its tenant${counts}.`
}

/** A limit key is `letter:kind:name[:key]`. */
function ownerOf(gate: string): string {
  const [, kind = '', name = '', ...key] = gate.split(':')
  if (kind === 'key') return `key ${[name, ...key].join(':')}`
  if (kind === 'hash') return 'a long key'
  return `${kind} ${name}${key.length === 0 ? '' : `, key ${key.join(':')}`}`
}

function heldBy(job: JobView, { pauses, workers, now }: Surroundings): string[] {
  const told: string[] = []
  for (const { target, since, by } of pauses) {
    if (target.kind !== 'all' && target.value !== job[target.kind]) continue
    const what =
      target.kind === 'all'
        ? 'Everything'
        : `${target.kind === 'name' ? 'Definition' : target.kind === 'queue' ? 'Queue' : 'Tenant'} ${target.value}`
    const who = by === null ? '' : ` by ${by}`
    told.push(`${what} was paused${who} ${long(now - since)} ago.`)
  }
  const living = workers.filter(({ alive }) => alive)
  const knowing = living.filter(({ knows }) => knows.includes(`${job.name}@${job.version}`))
  if (living.length === 0) told.push('No worker is running.')
  else if (knowing.length === 0)
    told.push(`None of the ${living.length} running workers knows ${job.name}, version ${job.version}.`)
  else if (!knowing.some(({ queues }) => queues === null || queues.includes(job.queue)))
    told.push(`None of the running workers serves queue ${job.queue}.`)
  return told
}

/** Whole seconds from the first one on. */
function long(ms: number): string {
  return formatDuration(ms < 1_000 ? ms : Math.round(ms / 1_000) * 1_000)
}
