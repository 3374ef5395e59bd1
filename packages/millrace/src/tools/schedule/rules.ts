import type { FireKind, FireStanding, Firing, NewFire } from '../../kernel/storage/schedules.ts'

/** What happens to a fire while a job of an earlier one has not ended (semantics SC-15). */
export type Overlap = 'skip' | 'queue' | 'cancelPrevious' | 'allow'
/** What happens to fires whose time passed while nobody could fire them (semantics SC-16). */
export type Misfire = 'fireOnce' | 'skip' | 'fireAll'

/** The due times of a schedule, within its start and end; epoch ms. */
export interface Timing {
  /** The first `count` after `after`, ascending. */
  next(after: number, count: number): readonly number[]
  /** The last one before `before`. */
  last(before: number): number | undefined
}

export interface FirePolicy {
  readonly overlap: Overlap
  readonly misfire: Misfire
  /** fireAll: at most so many are made up for, the newest. */
  readonly misfireLimit: number
  /** It may run where this process is. */
  readonly isHere: boolean
}

/** A fire this late is a missed one; within it each is fired for itself, so that a slow moment loses nothing. */
export const missedAfterMs = 60_000
/** Fires of one decision, beside those of a misfire policy. */
const mostAtOnce = 100
/** Fires in a row that may wait. */
export const mostQueued = 1_000
/** Missed fires are counted up to this. */
export const mostCounted = 1_000

interface Dues {
  readonly fresh: readonly number[]
  /** Missed ones that are made up for, ascending. */
  readonly late: readonly number[]
  readonly missed: NewFire | null
  readonly next: number | null
}

/** What a schedule does whose time may have come, or whose queue may go on. */
export function decideDue(timing: Timing, policy: FirePolicy, standing: FireStanding): Firing {
  const { schedule, now } = standing
  const isDue = schedule.state === 'waiting' && schedule.next !== null && schedule.next <= now
  const { fresh, late, missed, next } = isDue
    ? duesOf(timing, policy, schedule.next, now)
    : { fresh: [], late: [], missed: null, next: schedule.next }
  const state = isDue && next === null ? 'complete' : schedule.state
  const rest = { next, state }
  if (!policy.isHere)
    return { ...rest, abort: false, fires: [], starts: [], drops: standing.queued.map(({ due }) => due) }
  const firing = overlapped(policy.overlap, standing, [
    ...late.map((due): Wanted => ({ due, kind: 'due', isMadeUp: policy.misfire === 'fireAll' })),
    ...fresh.map((due): Wanted => ({ due, kind: 'due', isMadeUp: false })),
  ])
  return { ...firing, ...rest, fires: [...(missed === null ? [] : [missed]), ...firing.fires] }
}

/** Run by hand: its times and state stay as they are. An instant has one fire, so the `nth` try is for that many ms later. */
export function decideManual(overlap: Overlap, standing: FireStanding, nth = 0): Firing {
  const wanted: Wanted = { due: standing.now + nth, kind: 'manual', isMadeUp: false }
  return asked(standing, overlapped(overlap, standing, [wanted]))
}

/** Past instants that were asked for: one after another, unless overlaps are allowed. */
export function decideBackfill(overlap: Overlap, dues: readonly number[], standing: FireStanding): Firing {
  // Those that wait already take no second place.
  const queued = new Set(standing.queued.map(({ due }) => due))
  const wanted = dues
    .filter((due) => !queued.has(due))
    .map((due): Wanted => ({ due, kind: 'backfill', isMadeUp: true }))
  return asked(standing, overlapped(overlap === 'allow' ? 'allow' : 'queue', standing, wanted))
}

function asked({ schedule }: FireStanding, firing: Overlapped): Firing {
  return { ...firing, next: schedule.next, state: schedule.state }
}

function duesOf(timing: Timing, policy: FirePolicy, first: number, now: number): Dues {
  const border = now - missedAfterMs
  const fresh =
    first >= border
      ? [first, ...timing.next(first, mostAtOnce - 1)].filter((due) => due <= now)
      : timing.next(border - 1, mostAtOnce).filter((due) => due <= now)
  const last = fresh.length >= mostAtOnce ? (fresh.at(-1) as number) : now
  const next = timing.next(last, 1)[0] ?? null
  if (first >= border) return { fresh, late: [], missed: null, next }
  const late = madeUp(timing, policy, { first, border, hasFresh: fresh.length > 0 })
  const n = countUpTo(timing, first, late[0] ?? border)
  const missed: NewFire | null = n === 0 ? null : { due: first, kind: 'due', state: 'missed', n }
  return { fresh, late, missed, next }
}

/** Of the missed ones from `first` to before `border`, the newest that the policy fires after all. */
function madeUp(
  timing: Timing,
  { misfire, misfireLimit }: FirePolicy,
  {
    first,
    border,
    hasFresh,
  }: { readonly first: number; readonly border: number; readonly hasFresh: boolean },
): number[] {
  // One run now is what fireOnce is for: a fire that is due now is that one.
  const most =
    misfire === 'skip' || (misfire === 'fireOnce' && hasFresh) ? 0 : misfire === 'fireOnce' ? 1 : misfireLimit
  const found: number[] = []
  let before = border
  while (found.length < most) {
    const due = timing.last(before)
    if (due === undefined || due <= first) {
      // `first` stands in the schedule, whatever its times are now.
      found.push(first)
      break
    }
    found.push(due)
    before = due
  }
  return found.reverse()
}

/** Dues from `first` to before `end`, `first` counted whatever the times are now. */
function countUpTo(timing: Timing, first: number, end: number): number {
  if (first >= end) return 0
  return 1 + timing.next(first, mostCounted - 1).filter((due) => due < end).length
}

interface Wanted {
  readonly due: number
  readonly kind: FireKind
  /** It was asked for one by one, so none of them is skipped for another. */
  readonly isMadeUp: boolean
}

type Overlapped = Pick<Firing, 'abort' | 'fires' | 'starts' | 'drops'>

/**
 * Judged under the schedule's lock, by every job of it that has not ended: delayed, held, retrying and finishing ones too (table
 * 0.2 no. 5).
 */
function overlapped(overlap: Overlap, standing: FireStanding, wanted: readonly Wanted[]): Overlapped {
  const queued = standing.queued.map(({ due }) => due)
  if (overlap === 'allow')
    return { abort: false, fires: wanted.map((one) => fireOf(one, 'fired')), starts: queued, drops: [] }
  if (overlap === 'cancelPrevious' && wanted.length > 0) return cancelling(standing, wanted, queued)
  let isFree = standing.unended.length === 0
  const starts = isFree ? queued.slice(0, 1) : []
  let waiting = queued.length - starts.length
  isFree &&= starts.length === 0
  const fires = wanted.map((one) => {
    if (isFree) {
      isFree = false
      return fireOf(one, 'fired')
    }
    if ((overlap === 'skip' && !one.isMadeUp) || waiting >= mostQueued) return fireOf(one, 'skipped')
    waiting += 1
    return fireOf(one, 'queued')
  })
  return { abort: false, fires, starts, drops: [] }
}

/** Only the newest counts, and it begins when what it cancelled has stopped. */
function cancelling(
  { unended, aborted }: FireStanding,
  wanted: readonly Wanted[],
  queued: readonly number[],
): Overlapped {
  if (unended.length > 0 && !aborted) return { abort: true, fires: [], starts: [], drops: [] }
  const newest = wanted.length - 1
  const fires = wanted.map((one, index) =>
    fireOf(one, index < newest ? 'skipped' : unended.length > 0 ? 'queued' : 'fired'),
  )
  return { abort: false, fires, starts: [], drops: queued }
}

function fireOf({ due, kind }: Wanted, state: NewFire['state']): NewFire {
  return { due, kind, state }
}

/** How much later than due a job may start: the same for a schedule and an instant wherever it is computed; 0 to `jitterMs`. */
export function jitterOf(id: string, due: number, jitterMs: number): number {
  if (jitterMs <= 0) return 0
  // FNV-1a, with a last stir so that neighbours differ in all bits.
  let hash = 0x811c9dc5
  for (const char of `${id}:${due}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return ((hash ^ (hash >>> 16)) >>> 0) % (jitterMs + 1)
}
