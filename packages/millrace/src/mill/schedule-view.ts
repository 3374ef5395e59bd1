import type { Window } from '../kernel/rules/window.ts'
import { localTime } from '../kernel/rules/local-time.ts'
import type {
  FireKind,
  FireState,
  ScheduleState,
  StoredFire,
  StoredSchedule,
} from '../kernel/storage/schedules.ts'
import type { Misfire, Overlap } from '../tools/schedule/rules.ts'
import type { ScheduleEnqueueOptions } from '../tools/schedule/settings.ts'
import { readSettings, readTiming } from '../tools/schedule/stored.ts'
import { describeTiming } from '../tools/schedule/timing.ts'

export interface ScheduleView {
  readonly id: string
  readonly name: string
  readonly tenant: string
  /** The definition it runs, with its version and tool. */
  readonly runs: { readonly name: string; readonly version: number; readonly tool: string }
  /** The mill that was asked knows that definition. */
  readonly targetIsHere: boolean
  readonly input: unknown
  readonly cron: string | null
  readonly dialect: 'salesforce' | 'extended'
  readonly everyMs: number | null
  /** It fires once. */
  readonly at: Date | null
  /** Its times in plain English, in its zone: `At 02:00, on Monday to Friday`. */
  readonly describes: string
  readonly timeZone: string
  readonly start: Date | null
  readonly end: Date | null
  readonly overlap: Overlap
  readonly misfire: Misfire
  readonly jitterMs: number
  readonly onlyIn: readonly string[] | null
  readonly window: Window | null
  readonly options: ScheduleEnqueueOptions
  readonly state: ScheduleState
  readonly nextFire: Date | null
  readonly previousFire: Date | null
  readonly timesTriggered: number
  /** Fires that wait for an earlier job to end. */
  readonly queued: number
  readonly origin: 'code' | 'runtime'
  readonly author: string | null
  readonly createdAt: Date
  readonly changedAt: Date
}

export interface FireView {
  readonly due: Date
  readonly kind: FireKind
  readonly state: FireState
  readonly jobId: string | null
  readonly decidedAt: Date
  /** missed: how many fires this one stands for. */
  readonly count: number
}

export interface NextFire {
  readonly at: Date
  /** Civil time in the schedule's own zone, `2026-11-24 15:04:05`. */
  readonly local: string
  /** The same in the zone that was asked for. */
  readonly there: string
  /** Other schedules that fire at this instant; those of other tenants as `tenant/name`. */
  readonly collisions: readonly string[]
}

export function scheduleView(row: StoredSchedule, targetIsHere: boolean): ScheduleView {
  const settings = readSettings(row)
  const { mode, everyMs, atMs, overlap, misfire, jitterMs, onlyIn, window, options, input } = settings
  return {
    ...{ id: row.id, name: row.name, tenant: row.tenant, targetIsHere, input },
    runs: { name: row.target, version: row.targetVersion, tool: row.tool },
    ...{
      cron: row.cron,
      dialect: mode,
      everyMs,
      at: dateOf(atMs),
      describes: describeTiming(settings),
      timeZone: row.zone,
    },
    ...{
      start: dateOf(row.start),
      end: dateOf(row.end),
      overlap,
      misfire,
      jitterMs,
      onlyIn,
      window,
      options,
    },
    state: row.state,
    nextFire: row.state === 'waiting' ? dateOf(row.next) : null,
    previousFire: dateOf(row.previous),
    ...{ timesTriggered: row.triggered, queued: row.queued, origin: row.origin, author: row.author },
    ...{ createdAt: new Date(row.createdAt), changedAt: new Date(row.changedAt) },
  }
}

export function fireView({ due, kind, state, job, at, n }: StoredFire): FireView {
  return { due: new Date(due), kind, state, jobId: job, decidedAt: new Date(at), count: n }
}

/** Of a paused one: when it would fire. */
export function nextFiresOf(
  row: StoredSchedule,
  others: readonly StoredSchedule[],
  { count, zone, now }: { readonly count: number; readonly zone: string; readonly now: number },
): NextFire[] {
  const timings = others.map((one) => ({ one, timing: readTiming(one) }))
  return readTiming(row)
    .next(now, count)
    .map((at) => ({
      at: new Date(at),
      local: civil(at, row.zone),
      there: civil(at, zone),
      collisions: timings
        .filter(({ timing }) => timing.next(at - 1, 1)[0] === at)
        .map(({ one }) => (one.tenant === row.tenant ? one.name : `${one.tenant}/${one.name}`)),
    }))
}

function civil(at: number, zone: string): string {
  return localTime(at, zone)?.slice(0, 19) ?? ''
}

function dateOf(at: number | null): Date | null {
  return at === null ? null : new Date(at)
}
