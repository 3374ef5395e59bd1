import { describeValue } from './describe-value.ts'
import { MAX_DURATION_MS, parseDuration } from './duration.ts'
import { MillraceError } from './errors.ts'
import { invalidOption } from './option-fields.ts'

/** As `NewJob.due`: relative ms (> 0), or an absolute epoch ms. */
export type Due = { readonly inMs: number } | { readonly at: number }

/**
 * When a new job may run, from its `delay` or `runAt`; null = now (neither given, or delay '0'; semantics Q-07). `now` is epoch ms, and
 * bounds how far away runAt may be. Throws MILL_OPTIONS_INVALID for both, MILL_DURATION_INVALID, or MILL_RUN_AT_INVALID.
 */
export function normalizeWhen(
  { delay, runAt }: { readonly delay?: unknown; readonly runAt?: unknown },
  now: number,
  where: string,
): Due | null {
  if (delay !== undefined && runAt !== undefined) {
    throw invalidOption(where, 'has both delay and runAt; give one of them')
  }
  if (delay !== undefined) {
    const inMs = parseDuration(delay, `${where}.delay`)
    return inMs === 0 ? null : { inMs }
  }
  if (runAt === undefined) return null
  const at = instantOf(runAt)
  if (at === null) {
    throw invalidRunAt(
      where,
      `must be a valid Date, or an ISO 8601 text with zone ('2030-01-31T08:00:00Z'); got ${describeValue(runAt)}`,
    )
  }
  if (at - now > MAX_DURATION_MS)
    throw invalidRunAt(where, `is more than 100 years away: ${describeValue(runAt)}`)
  // Whether it has passed is the database's to say: a process's own clock may be wrong (R16).
  return { at }
}

/** Without a zone the instant would depend on where it is read. */
const instant = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/

function instantOf(value: unknown): number | null {
  if (value instanceof Date) return finite(value.getTime())
  const date = typeof value === 'string' ? instant.exec(value)?.[1] : undefined
  return date !== undefined && isDate(date) ? finite(Date.parse(value as string)) : null
}

/** Date.parse lets 30 February pass as 1 March. */
function isDate(date: string): boolean {
  const start = Date.parse(`${date}T00:00:00Z`)
  return !Number.isNaN(start) && new Date(start).toISOString().startsWith(date)
}

function finite(ms: number): number | null {
  return Number.isNaN(ms) ? null : ms
}

function invalidRunAt(where: string, what: string): MillraceError {
  return new MillraceError('MILL_RUN_AT_INVALID', `${where}.runAt ${what}.`, { data: { where } })
}
