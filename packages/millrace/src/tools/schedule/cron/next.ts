import { firstCivil, lastCivil } from './calendar.ts'
import { type Cron, isSteady } from './cron.ts'
import { type Span, spanAt } from './zone.ts'

/** Epoch ms, both inclusive. */
export interface FireBounds {
  readonly start?: number | undefined
  readonly end?: number | undefined
}

export interface NextFiresOptions extends FireBounds {
  /** At most so many. */
  readonly count: number
}

/** More than any offset and any change of clocks, so that a civil second lies this near to the instant it names. */
const twoDays = 2 * 86_400

/**
 * The next fires after an instant, in epoch ms, ascending and without repeats; fewer than `count` when there are no more until the end
 * of 2099 or of the bounds. An expression that can fire never again answers [], so this also tells whether it can.
 *
 * Times are civil times of the zone. Where clocks are changed (semantics SC-14):
 * - a local time that is skipped fires at the first instant after the gap, and all that fall there fire once;
 * - a local time that occurs twice fires the first time only;
 * - an expression that fires more than once an hour in every hour of its days follows elapsed time instead: it fires whenever
 *   the clock shows a time that fits, the second time too, and has nothing to make up for in a gap.
 *
 * Throws MILL_TIME_ZONE_UNKNOWN.
 */
export function nextFires(
  cron: Cron,
  zone: string,
  after: number,
  { count, start = -Infinity, end = Infinity }: NextFiresOptions,
): readonly number[] {
  const fires: number[] = []
  let from = Math.max(Math.floor(after / 1000) + 1, Math.ceil(start / 1000))
  while (fires.length < count) {
    const fire = firstFire(cron, zone, from)
    if (fire === undefined || fire * 1000 > end) break
    fires.push(fire * 1000)
    from = fire + 1
  }
  return fires
}

/** The last fire before an instant, in epoch ms; undefined if there was none since 1970 or within the bounds. See {@link nextFires}. */
export function previousFire(
  cron: Cron,
  zone: string,
  before: number,
  { start = -Infinity, end = Infinity }: FireBounds = {},
): number | undefined {
  const fire = lastFire(cron, zone, Math.min(Math.ceil(before / 1000) - 1, Math.floor(end / 1000)))
  return fire === undefined || fire * 1000 < start ? undefined : fire * 1000
}

/** In seconds, as all below. */
function firstFire(cron: Cron, zone: string, from: number): number | undefined {
  let at = from
  for (;;) {
    // What can fire at all from here on; it also spares looking at changes of clocks in years without a fire.
    const civil = firstCivil(cron, at - twoDays)
    if (civil === undefined) return undefined
    at = Math.max(at, civil - twoDays)
    const span = spanAt(zone, at)
    const fire = firstWithin(cron, span, at)
    if (fire !== undefined) return fire
    at = span.to
  }
}

function lastFire(cron: Cron, zone: string, to: number): number | undefined {
  let at = to
  for (;;) {
    const civil = lastCivil(cron, at + twoDays)
    if (civil === undefined) return undefined
    at = Math.min(at, civil + twoDays)
    const span = spanAt(zone, at)
    const fire = lastWithin(cron, span, at)
    if (fire !== undefined) return fire
    at = span.from - 1
  }
}

function firstWithin(cron: Cron, { from, to, offset, before }: Span, at: number): number | undefined {
  const start = isSteady(cron)
    ? at + offset
    : at === from
      ? // Civil time goes on where it stopped: after a gap with what was skipped, else after what was had already.
        from + before
      : Math.max(at + offset, from + before)
  const civil = firstCivil(cron, start)
  if (civil === undefined || civil >= to + offset) return undefined
  return Math.max(civil - offset, from)
}

function lastWithin(cron: Cron, { from, offset, before }: Span, at: number): number | undefined {
  const start = isSteady(cron) ? from + offset : from + before
  const civil = lastCivil(cron, at + offset)
  if (civil === undefined || civil < start) return undefined
  return Math.max(civil - offset, from)
}
