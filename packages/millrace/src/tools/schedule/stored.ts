import type { ScheduleDraft, StoredSchedule } from '../../kernel/storage/schedules.ts'
import { decode } from '../codec.ts'
import type { ScheduleSettings } from './settings.ts'
import { timingOf } from './timing.ts'
import type { Timing } from './rules.ts'

/** The part of the settings that has no column, and the input. */
interface Spec extends Omit<ScheduleSettings, 'cron' | 'zone' | 'start' | 'end' | 'atMs'> {
  readonly atMs?: number | null
  /** JSON text, and the type map of it. */
  readonly payload: string
  readonly types?: unknown
}

export interface StoredInput {
  readonly json: string
  readonly types?: unknown
}

/** The columns that say what it does and when. */
export function columnsOf(
  { cron, zone, start, end, ...settings }: ScheduleSettings,
  { json, types }: StoredInput,
): Pick<ScheduleDraft, 'cron' | 'zone' | 'start' | 'end' | 'spec'> {
  const spec: Spec = { ...settings, payload: json, ...(types === undefined ? {} : { types }) }
  return { cron, zone, start, end, spec: JSON.stringify(spec) }
}

export function readSettings(schedule: StoredSchedule): ScheduleSettings & { readonly input: unknown } {
  const { cron, zone, start, end } = schedule
  const { payload, types, ...settings } = JSON.parse(schedule.spec) as Spec
  // `at` is younger than the others.
  return { ...settings, atMs: settings.atMs ?? null, cron, zone, start, end, input: decode(payload, types) }
}

export function readTiming(schedule: StoredSchedule): Timing {
  return timingOf(readSettings(schedule))
}
