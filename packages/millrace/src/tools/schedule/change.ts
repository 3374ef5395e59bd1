import type { ScheduleDraft, StoredSchedule } from '../../kernel/storage/schedules.ts'
import type { Definition } from '../definition.ts'
import type { Timing } from './rules.ts'
import type { ScheduleSettings } from './settings.ts'
import { columnsOf, readSettings, readTiming, type StoredInput } from './stored.ts'
import { timingOf } from './timing.ts'

/** A schedule as it shall be, whatever stands in the database. */
export interface Wish {
  readonly settings: ScheduleSettings
  readonly input: StoredInput
  readonly target: Definition
  readonly origin: 'code' | 'runtime'
  readonly version: number
  readonly author: string | null
}

/** A new one, or one in the place of another that is given up. */
export function created(wish: Wish, id: string, now: number): ScheduleDraft {
  const next = timingOf(wish.settings).next(now, 1)[0] ?? null
  return { ...wishColumns(wish), id, state: next === null ? 'complete' : 'waiting', next }
}

/**
 * One that goes on, with its history and state: what its code says may have changed. null: nothing has. When its times are the
 * same, so is its next fire, and a deploy resets nothing.
 */
export function changed(wish: Wish, standing: StoredSchedule, now: number): ScheduleDraft | null {
  const columns = wishColumns(wish)
  const isSame = (Object.keys(columns) as (keyof typeof columns)[]).every(
    (field) => columns[field] === standing[field],
  )
  if (isSame && standing.state !== 'deleted') return null
  const timing = timingOf(wish.settings)
  const keeps = sameTimes(wish.settings, readSettings(standing))
  const next = keeps ? standing.next : nextAnew(timing, standing.next, now)
  if (standing.state === 'deleted') return { ...columns, ...goingOn(timing, next, now), id: standing.id }
  if (standing.state === 'paused') return { ...columns, id: standing.id, state: 'paused', next }
  return { ...columns, id: standing.id, state: next === null ? 'complete' : 'waiting', next }
}

/** What was missed by the old times is still missed. */
function nextAnew(timing: Timing, next: number | null, now: number): number | null {
  return next !== null && next <= now ? next : (timing.next(now, 1)[0] ?? null)
}

function sameTimes(a: ScheduleSettings, b: ScheduleSettings): boolean {
  const times = ({ cron, mode, everyMs, atMs, zone, start, end }: ScheduleSettings): string =>
    JSON.stringify([cron, mode, everyMs, atMs, zone, start, end])
  return times(a) === times(b)
}

function wishColumns({ settings, input, target, origin, version, author }: Wish) {
  return {
    ...columnsOf(settings, input),
    ...{ tool: target.tool, target: target.name, targetVersion: target.version, origin, version, author },
  }
}

/** Its next fire stays what it was, so that it is known later what was missed; null: it is not waiting. */
export function paused(standing: StoredSchedule): ScheduleDraft | null {
  return standing.state === 'waiting' ? { ...standing, state: 'paused' } : null
}

/** Its next fire is still the first one that it missed: the misfire policy is for those (semantics SC-16). */
export function resumed(standing: StoredSchedule, now: number): ScheduleDraft | null {
  if (standing.state !== 'paused') return null
  return { ...standing, ...goingOn(readTiming(standing), standing.next, now) }
}

export function deleted(standing: StoredSchedule): ScheduleDraft {
  return { ...standing, state: 'deleted' }
}

function goingOn(
  timing: Timing,
  standing: number | null,
  now: number,
): Pick<ScheduleDraft, 'state' | 'next'> {
  const next = standing ?? timing.next(now, 1)[0] ?? null
  return { state: next === null ? 'complete' : 'waiting', next }
}
