import { describeValue } from '../../kernel/rules/describe-value.ts'
import { parseDuration, type Duration } from '../../kernel/rules/duration.ts'
import { choiceOf, invalidOption, optionFields } from '../../kernel/rules/option-fields.ts'
import { normalizeWhen } from '../../kernel/rules/when.ts'
import { windowOf, type Window, type WindowOptions } from '../../kernel/rules/window.ts'
import { checkCommon, checkEnvironments } from '../check-definition.ts'
import type { EnqueueOptions } from '../enqueue-options.ts'
import type { CronMode } from './cron/cron.ts'
import { parseCron } from './cron/parse.ts'
import { checkTimeZone } from './cron/zone.ts'
import type { Misfire, Overlap } from './rules.ts'
import { timingOf } from './timing.ts'

/** What the jobs of a schedule are enqueued with; uniqueness is its `overlap`, and the tenant is the schedule's. */
export type ScheduleEnqueueOptions = Pick<
  EnqueueOptions,
  | 'queue'
  | 'priority'
  | 'tags'
  | 'scenario'
  | 'retry'
  | 'timeout'
  | 'deadline'
  | 'maxDepth'
  | 'runAs'
  | 'scope'
>

const enqueueFields = Object.keys({
  queue: true,
  priority: true,
  tags: true,
  scenario: true,
  retry: true,
  timeout: true,
  deadline: true,
  maxDepth: true,
  runAs: true,
  scope: true,
} satisfies Record<keyof ScheduleEnqueueOptions, true>)

export interface ScheduleTimes {
  /** When it fires; this, `every` or `at`. Five, six or seven fields; see `dialect`. */
  readonly cron?: string
  /** A distance instead, `'15 minutes'`, at least a second: from `start` on, else on multiples of it since 1970 in UTC. */
  readonly every?: Duration
  /** Once, at this instant: a Date, or ISO text with a zone. Then without `start` and `end`. */
  readonly at?: Date | string
  /** `salesforce`: exactly the dialect of `System.schedule`. Default `extended`, which takes that and more. */
  readonly dialect?: CronMode
  /** IANA name. Default UTC. */
  readonly timeZone?: string
  /** Not before and not after these instants: a Date, or ISO text with a zone. */
  readonly start?: Date | string
  readonly end?: Date | string
}

export interface SchedulePolicies {
  /** While a job of an earlier fire has not ended. Default `skip`. */
  readonly overlap?: Overlap
  /** For fires that nobody was there for. Default `fireOnce`. `fireAll` with a number: at most so many, the newest (default 100). */
  readonly misfire?: Misfire | { readonly fireAll: number }
  /** Each job starts up to this much later, by a distance that is the same for the same schedule and instant. */
  readonly jitter?: Duration
  /** Names of environments (`environment` of the config), instead of those of the definition; anywhere else nothing fires. */
  readonly onlyIn?: readonly string[]
  /** Hours in which its jobs may start, instead of those of the definition; one that is due outside of them starts when they begin. */
  readonly window?: WindowOptions
  readonly options?: ScheduleEnqueueOptions
}

export const settingFields = Object.keys({
  cron: true,
  every: true,
  at: true,
  dialect: true,
  timeZone: true,
  start: true,
  end: true,
  overlap: true,
  misfire: true,
  jitter: true,
  onlyIn: true,
  window: true,
  options: true,
} satisfies Record<keyof (ScheduleTimes & SchedulePolicies), true>)

/** All of it checked, defaults filled in, times in ms. */
export interface ScheduleSettings {
  readonly cron: string | null
  readonly mode: CronMode
  readonly everyMs: number | null
  readonly atMs: number | null
  readonly zone: string
  readonly start: number | null
  readonly end: number | null
  readonly overlap: Overlap
  readonly misfire: Misfire
  readonly misfireLimit: number
  readonly jitterMs: number
  readonly onlyIn: readonly string[] | null
  readonly window: Window | null
  readonly options: ScheduleEnqueueOptions
}

export const overlaps = ['skip', 'queue', 'cancelPrevious', 'allow'] as const
const misfires = ['fireOnce', 'skip', 'fireAll'] as const
const usualMadeUp = 100
const mostMadeUp = 1_000
const leastEveryMs = 1_000

/** Throws MILL_SCHEDULE_INVALID, MILL_CRON_INVALID, MILL_TIME_ZONE_UNKNOWN, MILL_OPTIONS_INVALID and what bad options deserve. */
export function settingsOf(options: ScheduleTimes & SchedulePolicies, where: string): ScheduleSettings {
  const zone = options.timeZone === undefined ? 'UTC' : checkTimeZone(options.timeZone)
  const times = timesOf(options, zone, where)
  // As it will be read from the database: whatever it refuses is refused now.
  timingOf(times)
  const { misfire, misfireLimit } = misfireOf(options.misfire, where)
  return {
    ...times,
    ...{ misfire, misfireLimit },
    overlap: choiceOf(options.overlap, overlaps, 'skip', `overlap of ${where}`),
    jitterMs: options.jitter === undefined ? 0 : parseDuration(options.jitter, `jitter of ${where}`),
    onlyIn: options.onlyIn === undefined ? null : checkEnvironments(options.onlyIn, `onlyIn of ${where}`),
    window: options.window === undefined ? null : windowOf(options.window, zone, `window of ${where}`),
    options: enqueueOptionsOf(options.options, where),
  }
}

function timesOf(
  { cron, every, at, dialect, start, end }: ScheduleTimes,
  zone: string,
  where: string,
): Pick<ScheduleSettings, 'cron' | 'mode' | 'everyMs' | 'atMs' | 'zone' | 'start' | 'end'> {
  const refuse = (what: string): Error => invalidOption(where, what, 'MILL_SCHEDULE_INVALID')
  if ([cron, every, at].filter((one) => one !== undefined).length !== 1)
    throw refuse('needs one of cron, every and at')
  const mode = choiceOf(dialect, ['extended', 'salesforce'] as const, 'extended', `dialect of ${where}`)
  const everyMs = every === undefined ? null : parseDuration(every, `every of ${where}`)
  if (everyMs !== null && everyMs < leastEveryMs) throw refuse('may fire every second at most')
  const atMs = instantOf(at, `at of ${where}`)
  if (atMs !== null && (start !== undefined || end !== undefined))
    throw refuse('fires once, so it has neither start nor end')
  const bounds = { start: instantOf(start, `start of ${where}`), end: instantOf(end, `end of ${where}`) }
  if (bounds.start !== null && bounds.end !== null && bounds.end < bounds.start)
    throw refuse('ends before it starts')
  return {
    cron: cron === undefined ? null : parseCron(cron, mode).text,
    mode,
    everyMs,
    atMs,
    zone,
    ...bounds,
  }
}

/** Times far away are as good as any: the bound of `runAt` is not for them. */
function instantOf(value: unknown, where: string): number | null {
  if (value === undefined) return null
  const due = normalizeWhen({ runAt: value }, Infinity, where)
  return due !== null && 'at' in due ? due.at : null
}

function misfireOf(
  given: SchedulePolicies['misfire'],
  where: string,
): Pick<ScheduleSettings, 'misfire' | 'misfireLimit'> {
  if (typeof given !== 'object')
    return {
      misfire: choiceOf(given, misfires, 'fireOnce', `misfire of ${where}`),
      misfireLimit: usualMadeUp,
    }
  const { fireAll } = optionFields(given, ['fireAll'], `misfire of ${where}`)
  if (!Number.isInteger(fireAll) || Number(fireAll) < 1 || Number(fireAll) > mostMadeUp)
    throw invalidOption(
      `misfire.fireAll of ${where}`,
      `must be a whole number from 1 to ${mostMadeUp}; got ${describeValue(fireAll)}`,
    )
  return { misfire: 'fireAll', misfireLimit: Number(fireAll) }
}

function enqueueOptionsOf(options: unknown, where: string): ScheduleEnqueueOptions {
  if (options === undefined) return {}
  const within = `options of ${where}`
  optionFields(options, enqueueFields, within)
  const given = options as ScheduleEnqueueOptions
  checkCommon(given, within)
  return given
}
