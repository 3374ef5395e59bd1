import { parseDuration, type Duration } from '../kernel/rules/duration.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import { checkDefinitionName, checkTenant, DEFAULT_TENANT } from '../kernel/rules/names.ts'
import { nearestName } from '../kernel/rules/nearest-name.ts'
import { checkDate, choiceOf, optionFields, wholeOf } from '../kernel/rules/option-fields.ts'
import type { Fired, FirePlan, NewFire, ScheduleDraft, StoredSchedule } from '../kernel/storage/schedules.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { Definition, InputOf } from '../tools/definition.ts'
import { created, deleted, paused, resumed } from '../tools/schedule/change.ts'
import { decideBackfill, decideManual, type Overlap } from '../tools/schedule/rules.ts'
import {
  overlaps,
  settingFields,
  settingsOf,
  type SchedulePolicies,
  type ScheduleTimes,
} from '../tools/schedule/settings.ts'
import { readSettings, readTiming } from '../tools/schedule/stored.ts'
import { checkTimeZone } from '../tools/schedule/cron/zone.ts'
import { demandRoomBeside } from './beside.ts'
import {
  fireView,
  nextFiresOf,
  scheduleView,
  type FireView,
  type NextFire,
  type ScheduleView,
} from './schedule-view.ts'
import type { Scheduling } from './scheduling.ts'

export interface CreateScheduleOptions<D extends Definition = Definition>
  extends ScheduleTimes, SchedulePolicies {
  readonly name: string
  /** A definition, or its name: then its newest version. */
  readonly runs: D | string
  readonly input?: InputOf<D>
  /** Default `default`. */
  readonly tenant?: string
  /** error: throw MILL_SCHEDULE_EXISTS. skip: leave the one that is there. replace: put this one in its place. Default `error` (semantics SC-02). */
  readonly ifExists?: 'error' | 'skip' | 'replace'
  /** Who makes it. */
  readonly by?: string
}

export interface ScheduleBatchOptions<D extends Definition = Definition> extends Pick<
  CreateScheduleOptions<D>,
  'name' | 'input' | 'tenant' | 'by' | 'ifExists' | 'window' | 'onlyIn' | 'options'
> {
  /** So long from now, by the database's clock; this or `at`. */
  readonly delay?: Duration
  readonly at?: Date | string
  /** Records of a chunk, 1 to 10,000; default: as of the batch. */
  readonly scope?: number
}

export interface OfTenant {
  /** Default `default`. */
  readonly tenant?: string
}

export interface ListSchedulesOptions {
  /** Default: of all tenants. */
  readonly tenant?: string
  /** Also removed ones of code. */
  readonly deleted?: boolean
}

export interface NextFiresOptions extends OfTenant {
  /** Default 10, at most 1,000. */
  readonly count?: number
  /** A second zone to tell the times in. Default UTC. */
  readonly timeZone?: string
}

export interface FiresOptions extends OfTenant {
  /** Those before. */
  readonly before?: Date
  /** Default 100, at most 1,000. */
  readonly limit?: number
}

export interface RunScheduleOptions extends OfTenant {
  /** Default: as of the schedule. */
  readonly overlap?: Overlap
}

export interface BackfillOptions extends OfTenant {
  /** Both inclusive. */
  readonly from: Date
  readonly to: Date
}

/** What became of a fire that was asked for. skipped: an earlier job has not ended. */
export interface AskedFire {
  readonly state: 'fired' | 'queued' | 'skipped'
  readonly jobId: string | null
  readonly due: Date
}

export interface Backfilled {
  readonly fired: number
  readonly queued: number
  /** Instants without a job, because 1,000 fires wait already: ask again when they have run. */
  readonly skipped: number
  /** Instants that have had their fire. */
  readonly already: number
  readonly jobIds: readonly string[]
}

const mostAsked = 1_000
const mostListed = 10_000
const page = 500
const mostBackfilled = 1_000
/** To find an instant without a fire. */
const mostTries = 1_000
const scheduleBatchFields = [
  ...(['name', 'input', 'tenant', 'by', 'ifExists', 'window', 'onlyIn', 'options'] as const),
  ...(['delay', 'at', 'scope'] as const),
]
const ifExistsChoices = ['error', 'skip', 'replace'] as const

/**
 * Schedules: those of code, and those that are made where the system runs. What is written is no part of an open transaction. Whoever
 * has the mill may change them all: check before who asks.
 */
export class MillSchedules {
  readonly #storage: Storage
  readonly #scheduling: Scheduling
  readonly #newId: () => string

  constructor(storage: Storage, scheduling: Scheduling, newId: () => string) {
    this.#storage = storage
    this.#scheduling = scheduling
    this.#newId = newId
  }

  /**
   * Throws before anything is stored: MILL_SCHEDULE_EXISTS, MILL_SCHEDULE_INVALID, MILL_CRON_INVALID, MILL_TIME_ZONE_UNKNOWN,
   * MILL_DEFINITION_UNKNOWN, MILL_INPUT_INVALID and what bad options deserve.
   */
  async create<D extends Definition>(options: CreateScheduleOptions<D>): Promise<ScheduleView> {
    const { name, runs, input, tenant = DEFAULT_TENANT, by = null } = options
    checkDefinitionName(name, 'schedules.create')
    const where = `schedule ${name}`
    optionFields(options, ['name', 'runs', 'input', 'tenant', 'ifExists', 'by', ...settingFields], where)
    checkTenant(tenant, where)
    const ifExists = choiceOf(options.ifExists, ifExistsChoices, 'error', `ifExists of ${where}`)
    const settings = settingsOf(options, where)
    const target = this.#scheduling.targetOf(runs, where)
    this.#demandRoom()
    const stored = await this.#scheduling.inputOf({ name, tenant, target, input: input ?? null, settings })
    const wish = { settings, target, input: stored, origin: 'runtime', version: 1, author: by } as const
    let exists = false
    let fires = true
    const row = await this.#storage.schedules.change({ tenant, name }, (standing, now) => {
      exists = standing !== null && standing.state !== 'deleted' && !isSpent(standing)
      if (exists && ifExists !== 'replace') return null
      const draft = created(wish, this.#newId(), now)
      fires = draft.next !== null
      return fires ? draft : null
    })
    if (!fires)
      throw new MillraceError(
        'MILL_SCHEDULE_INVALID',
        `Based on configured schedule, the given trigger "${name}" will never fire.`,
        { data: { name, tenant } },
      )
    if (exists && ifExists === 'error')
      throw new MillraceError(
        'MILL_SCHEDULE_EXISTS',
        `The Apex job named "${name}" is already scheduled for execution.`,
        { data: { name, tenant } },
      )
    return this.#view(row as StoredSchedule)
  }

  /**
   * One run of a batch later, as `System.scheduleBatch` has it (semantics B-12): a schedule with `at`, which is `COMPLETE` once it has
   * fired and then leaves its name to others. Throws as `create` does.
   */
  async scheduleBatch<D extends Definition>(
    batch: D | string,
    options: ScheduleBatchOptions<D>,
  ): Promise<ScheduleView> {
    optionFields(options, scheduleBatchFields, 'schedules.scheduleBatch')
    const { delay, at, scope, options: others, ...rest } = options
    const where = `scheduleBatch ${options.name}`
    const target = this.#scheduling.targetOf(batch, where)
    if (target.tool !== 'batch')
      throw new MillraceError(
        'MILL_SCHEDULE_INVALID',
        `${where}: ${target.name} is a ${target.tool}, no batch`,
      )
    if ((delay === undefined) === (at === undefined))
      throw new MillraceError('MILL_SCHEDULE_INVALID', `${where} needs either delay or at`)
    return this.create({
      ...rest,
      ...{ runs: target, at: at ?? (await this.#in(delay as Duration, where)), overlap: 'queue' },
      options: { ...others, ...(scope === undefined ? {} : { scope }) },
    })
  }

  async #in(delay: Duration, where: string): Promise<Date> {
    const ms = parseDuration(delay, `delay of ${where}`)
    if (ms <= 0)
      throw new MillraceError('MILL_DURATION_INVALID', `the delay of ${where} must be longer than nothing`)
    return new Date(Math.ceil((await this.#storage.now()) + ms))
  }

  /** By tenant and name. */
  async list(options: ListSchedulesOptions = {}): Promise<readonly ScheduleView[]> {
    optionFields(options, ['tenant', 'deleted'], 'schedules.list')
    return (await this.#rows(options)).map((row) => this.#view(row))
  }

  /** Throws MILL_SCHEDULE_UNKNOWN. */
  async get(name: string, options: OfTenant = {}): Promise<ScheduleView> {
    optionFields(options, ['tenant'], 'schedules.get')
    return this.#view(await this.#row(name, options))
  }

  /** Its fires, newest first. */
  async fires(name: string, options: FiresOptions = {}): Promise<readonly FireView[]> {
    optionFields(options, ['tenant', 'before', 'limit'], 'schedules.fires')
    const before =
      options.before === undefined ? null : checkDate(options.before, 'before of schedules.fires').getTime()
    const limit = wholeOf(options.limit ?? 100, 1, mostAsked, 'limit of schedules.fires')
    const { id } = await this.#row(name, options)
    return (await this.#storage.schedules.fires(id, { before, limit })).map(fireView)
  }

  /** When it fires next, in its own zone and another, and what else fires at the same instants. */
  async next(name: string, options: NextFiresOptions = {}): Promise<readonly NextFire[]> {
    optionFields(options, ['tenant', 'count', 'timeZone'], 'schedules.next')
    const count = wholeOf(options.count ?? 10, 1, mostAsked, 'count of schedules.next')
    const zone = checkTimeZone(options.timeZone ?? 'UTC')
    const row = await this.#row(name, options)
    const others = (await this.#rows({})).filter(({ id, state }) => id !== row.id && state === 'waiting')
    return nextFiresOf(row, others, { count, zone, now: await this.#storage.now() })
  }

  /** One, several, or `'*'`: all of the tenant. Answers how many were not paused before. What it enqueued goes on. */
  pause(names: string | readonly string[], options: OfTenant = {}): Promise<number> {
    return this.#changeMany(names, options, (standing) => paused(standing))
  }

  /** Fires at once, as the misfire policy says, what was missed meanwhile: `fireOnce` one fire (semantics SC-16). */
  resume(names: string | readonly string[], options: OfTenant = {}): Promise<number> {
    return this.#changeMany(names, options, resumed)
  }

  /** Fires now, whatever its times and state are; `overlap` as of the schedule unless it is given. */
  async run(name: string, options: RunScheduleOptions = {}): Promise<AskedFire> {
    optionFields(options, ['tenant', 'overlap'], 'schedules.run')
    const asked = choiceOf<Overlap | 'its own'>(
      options.overlap,
      overlaps,
      'its own',
      'overlap of schedules.run',
    )
    const row = await this.#row(name, options)
    const settings = readSettings(row)
    const overlap = asked === 'its own' ? settings.overlap : asked
    for (let nth = 0; nth < mostTries; nth += 1) {
      const plan = await this.#scheduling.plans.planWith(row, settings, (standing) =>
        decideManual(overlap, standing, nth),
      )
      const fired = await this.#fire(row, plan)
      const started = fired.started.find(({ kind }) => kind === 'manual')
      if (started !== undefined) return { state: 'fired', jobId: started.job, due: new Date(started.due) }
      const [other] = fired.others
      // Else the instant has had its fire: the next ms has not.
      if (other !== undefined)
        return {
          state: other.state === 'queued' ? 'queued' : 'skipped',
          jobId: null,
          due: new Date(other.due),
        }
    }
    throw new MillraceError('MILL_SCHEDULE_INVALID', `schedule ${name} is run too often by hand`)
  }

  /**
   * Fires for each instant of a past range that has had no job: one after another, or all at once where `overlap` is `allow`. Throws
   * MILL_OPTIONS_INVALID for a range with more than 1,000 instants, or not in the past.
   */
  async backfill(name: string, options: BackfillOptions): Promise<Backfilled> {
    optionFields(options, ['tenant', 'from', 'to'], 'schedules.backfill')
    const from = checkDate(options.from, 'from of schedules.backfill')
    const to = checkDate(options.to, 'to of schedules.backfill')
    const row = await this.#row(name, options)
    const now = await this.#storage.now()
    const where = `backfill of ${name}`
    if (from.getTime() > to.getTime() || to.getTime() > now)
      throw new MillraceError(
        'MILL_OPTIONS_INVALID',
        `${where}: from must not be after to, and to not after now`,
      )
    const dues = readTiming(row)
      .next(from.getTime() - 1, mostBackfilled + 1)
      .filter((due) => due <= to.getTime())
    if (dues.length > mostBackfilled)
      throw new MillraceError(
        'MILL_OPTIONS_INVALID',
        `${where} has more than ${mostBackfilled} instants; take it in several ranges`,
      )
    const settings = readSettings(row)
    const fired = await this.#fire(
      row,
      await this.#scheduling.plans.planWith(row, settings, (standing) =>
        decideBackfill(settings.overlap, dues, standing),
      ),
    )
    // Beside them a fire may have started that had been waiting.
    const started = fired.started.filter(({ due }) => dues.includes(due))
    const count = (wanted: NewFire['state']): number =>
      fired.others.filter(({ state }) => state === wanted).length
    return {
      fired: started.length,
      queued: count('queued'),
      skipped: count('skipped'),
      already: dues.length - started.length - fired.others.length,
      jobIds: started.map(({ job }) => job),
    }
  }

  /** It fires no more; jobs it enqueued go on. One that is in code comes back when a process with that code starts. */
  async remove(name: string, options: OfTenant = {}): Promise<void> {
    optionFields(options, ['tenant'], 'schedules.remove')
    const row = await this.#row(name, options)
    this.#demandRoom()
    await this.#storage.schedules.change(row, (standing) => standing && deleted(standing))
  }

  async #fire(row: StoredSchedule, plan: FirePlan): Promise<Fired> {
    this.#demandRoom()
    const [fired] = await this.#storage.schedules.fire([plan], true)
    if (fired !== null && fired !== undefined) return fired
    throw new MillraceError(
      'MILL_SCHEDULE_UNKNOWN',
      `schedule ${row.name} was changed at this moment; try again`,
    )
  }

  async #changeMany(
    names: string | readonly string[],
    options: OfTenant,
    change: (standing: StoredSchedule, now: number) => ScheduleDraft | null,
  ): Promise<number> {
    optionFields(options, ['tenant'], 'schedules.pause and resume')
    const { tenant = DEFAULT_TENANT } = options
    this.#demandRoom()
    const rows =
      names === '*'
        ? await this.#rows({ tenant })
        : await Promise.all(
            (typeof names === 'string' ? [names] : names).map((name) => this.#row(name, { tenant })),
          )
    let changed = 0
    for (const row of rows) {
      let isChanged = false
      await this.#storage.schedules.change(row, (standing, now) => {
        const draft = standing === null || standing.state === 'deleted' ? null : change(standing, now)
        isChanged = draft !== null
        return draft
      })
      if (isChanged) changed += 1
    }
    return changed
  }

  async #row(name: string, { tenant = DEFAULT_TENANT }: OfTenant): Promise<StoredSchedule> {
    const row = await this.#storage.schedules.get({ tenant, name })
    if (row !== null && row.state !== 'deleted') return row
    const near = nearestName(
      name,
      (await this.#rows({ tenant })).map((one) => one.name),
    )
    throw new MillraceError(
      'MILL_SCHEDULE_UNKNOWN',
      `tenant ${tenant} has no schedule ${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
      { data: { name, tenant } },
    )
  }

  async #rows({ tenant, deleted = false }: ListSchedulesOptions): Promise<readonly StoredSchedule[]> {
    const rows: StoredSchedule[] = []
    for (;;) {
      const some: readonly StoredSchedule[] = await this.#storage.schedules.list({
        ...{ tenant: tenant ?? null, deleted, limit: page },
        after: rows.at(-1) ?? null,
      })
      rows.push(...some)
      if (some.length < page || rows.length >= mostListed) return rows
    }
  }

  #view(row: StoredSchedule): ScheduleView {
    return scheduleView(row, this.#scheduling.knows(row))
  }

  #demandRoom(): void {
    demandRoomBeside(this.#storage.kind, 'a schedule')
  }
}

/** It has fired once, as it was to, and nothing of it waits. */
function isSpent(row: StoredSchedule): boolean {
  return (
    row.state === 'complete' &&
    row.origin === 'runtime' &&
    row.queued === 0 &&
    readSettings(row).atMs !== null
  )
}
