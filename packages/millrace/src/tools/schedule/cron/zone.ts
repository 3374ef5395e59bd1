import { createRequire } from 'node:module'
import type * as Library from 'temporal-polyfill'
import { demandTimeZone } from '../../../kernel/rules/time-zone.ts'

/** A time in which a zone does not change its clocks. All in seconds; instants since 1970 in UTC. */
export interface Span {
  /** First instant; -Infinity if clocks were never changed before. */
  readonly from: number
  /** First instant after it; Infinity if clocks are never changed again. */
  readonly to: number
  /** What is added to UTC. */
  readonly offset: number
  /** What was added until `from`. */
  readonly before: number
}

let loaded: typeof Library | undefined
/** Loaded with the first zone: most processes have no schedules. */
function temporal(): typeof Library.Temporal {
  loaded ??= createRequire(import.meta.url)('temporal-polyfill') as typeof Library
  return loaded.Temporal
}

const mostZones = 2_000
/** Spans that were asked for, by the zone's name as given. */
const known = new Map<string, { readonly zone: string; readonly spans: Span[] }>()

/** The span of an instant in seconds. Throws MILL_TIME_ZONE_UNKNOWN. */
export function spanAt(zone: string, second: number): Span {
  const kept = keptOf(zone)
  const found = kept.spans.find(({ from, to }) => from <= second && second < to)
  if (found !== undefined) return found
  const span = readSpan(kept.zone, second)
  kept.spans.push(span)
  return span
}

/**
 * The name of a time zone as the IANA database spells it. Throws MILL_TIME_ZONE_UNKNOWN for any other text or value, offsets such
 * as `+02:00` included: they would not say when clocks are changed.
 */
export const checkTimeZone = (zone: string): string => keptOf(zone).zone

function keptOf(given: string): { readonly zone: string; readonly spans: Span[] } {
  const found = known.get(given)
  if (found !== undefined) return found
  const made = { zone: canonical(given), spans: [] }
  if (known.size >= mostZones) known.clear()
  known.set(given, made)
  return made
}

/** `Intl` would call Asia/Kolkata by an older name. */
function canonical(given: unknown): string {
  demandTimeZone(given)
  return temporal().Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(given).timeZoneId
}

function readSpan(zone: string, second: number): Span {
  const at = temporal()
    .Instant.fromEpochMilliseconds(second * 1000)
    .toZonedDateTimeISO(zone)
  const offset = offsetOf(at)
  // The last change at or before this second: `previous` looks before it.
  const start = at.add({ seconds: 1 }).getTimeZoneTransition('previous')
  const end = at.getTimeZoneTransition('next')
  return {
    from: start === null ? -Infinity : secondOf(start),
    to: end === null ? Infinity : secondOf(end),
    offset,
    before: start === null ? offset : offsetOf(start.subtract({ seconds: 1 })),
  }
}

const offsetOf = (at: Library.Temporal.ZonedDateTime): number => at.offsetNanoseconds / 1e9
const secondOf = (at: Library.Temporal.ZonedDateTime): number => at.epochMilliseconds / 1000
