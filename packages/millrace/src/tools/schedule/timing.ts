import { formatDuration } from '../../kernel/rules/duration.ts'
import { localTime } from '../../kernel/rules/local-time.ts'
import { describeCron } from './cron/describe.ts'
import { nextFires, previousFire } from './cron/next.ts'
import { parseCron } from './cron/parse.ts'
import type { CronMode } from './cron/cron.ts'
import type { Timing } from './rules.ts'

/** When a schedule is due. */
export interface TimingOptions {
  readonly cron: string | null
  readonly mode: CronMode
  readonly everyMs: number | null
  /** Once. */
  readonly atMs: number | null
  readonly zone: string
  readonly start: number | null
  readonly end: number | null
}

/** Throws MILL_CRON_INVALID, MILL_TIME_ZONE_UNKNOWN. */
export function timingOf({ cron, mode, everyMs, atMs, zone, start, end }: TimingOptions): Timing {
  const bounds = { start: start ?? undefined, end: end ?? undefined }
  if (atMs !== null) return onceTiming(atMs)
  if (everyMs !== null) return everyTiming(everyMs, start, end)
  const parsed = parseCron(cron ?? '', mode)
  return {
    next: (after, count) => nextFires(parsed, zone, after, { count, ...bounds }),
    last: (before) => previousFire(parsed, zone, before, bounds),
  }
}

/** `At 02:00, every day` or `Every 15 minutes`: plain English, at most about 1,000 characters. */
export function describeTiming({ cron, mode, everyMs, atMs, zone }: TimingOptions): string {
  if (atMs !== null) return `Once, on ${localTime(atMs, zone)?.slice(0, 19).replace(' ', ' at ') ?? ''}`
  return everyMs === null
    ? describeCron(parseCron(cron ?? '', mode))
    : `Every ${formatDuration(everyMs).replace(/^1 (\w+)$/, '$1')}`
}

/** From its start on, or on multiples of the distance since 1970 in UTC: the same in each process, whenever it started. */
function everyTiming(everyMs: number, start: number | null, end: number | null): Timing {
  const anchor = start ?? 0
  const isWithin = (due: number): boolean => due >= anchor && (end === null || due <= end)
  return {
    next(after, count) {
      const first = anchor + Math.max(0, Math.floor((after - anchor) / everyMs) + 1) * everyMs
      return Array.from({ length: count }, (_, index) => first + index * everyMs).filter(isWithin)
    },
    last(before) {
      const latest = end === null ? before : Math.min(before, end + 1)
      const due = anchor + (Math.ceil((latest - anchor) / everyMs) - 1) * everyMs
      return isWithin(due) ? due : undefined
    },
  }
}

function onceTiming(at: number): Timing {
  return { next: (after) => (at > after ? [at] : []), last: (before) => (at < before ? at : undefined) }
}
