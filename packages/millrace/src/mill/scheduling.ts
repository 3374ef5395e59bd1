import type { EngineEvents } from '../kernel/runtime/engine-event.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import { nearestName } from '../kernel/rules/nearest-name.ts'
import type { SchedulePlanner } from '../kernel/runtime/scheduler.ts'
import type { StoredSchedule } from '../kernel/storage/schedules.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import { encode } from '../tools/codec.ts'
import { validate, type Definition } from '../tools/definition.ts'
import type { EnqueueOptions } from '../tools/enqueue-options.ts'
import type { NewJob } from '../kernel/storage/jobs.ts'
import { changed, created, deleted, type Wish } from '../tools/schedule/change.ts'
import type { ScheduleDefinition } from '../tools/schedule/define.ts'
import { Planner } from '../tools/schedule/planner.ts'
import type { ScheduleSettings } from '../tools/schedule/settings.ts'
import type { StoredInput } from '../tools/schedule/stored.ts'

export interface SchedulingOptions {
  readonly storage: Storage
  readonly definitions: readonly Definition[]
  readonly schedules: readonly ScheduleDefinition[]
  readonly prepare: (definition: Definition, input: unknown, options: EnqueueOptions) => Promise<NewJob>
  readonly newId: () => string
  readonly maxPayloadBytes: number
  readonly environment: string
  readonly events: EngineEvents
}

/** What a schedule is going to fire. */
interface Fireable {
  readonly name: string
  readonly tenant: string
  readonly target: Definition
  readonly input: unknown
  readonly settings: ScheduleSettings
}

/** A code schedule that no process has said it has for so long is retired: its code is gone. */
export const retiredAfterMs = 600_000
const page = 500

/** The schedules of an installation, as its workers and its face need them. */
export class Scheduling {
  readonly plans: Planner
  readonly planner: SchedulePlanner
  readonly #options: SchedulingOptions
  readonly #byTarget: ReadonlyMap<string, Definition>

  constructor(options: SchedulingOptions) {
    this.#options = options
    this.#byTarget = new Map(options.definitions.map((one) => [`${one.name}@${one.version}`, one]))
    this.plans = new Planner({
      newId: options.newId,
      prepare: options.prepare,
      definition: (name, version) => this.#byTarget.get(`${name}@${version}`),
      environment: options.environment,
    })
    this.planner = {
      targets: [...this.#byTarget.keys()],
      plan: (schedule) => this.plans.plan(schedule),
      tend: () => this.#tend(),
    }
  }

  knows({ target, targetVersion }: StoredSchedule): boolean {
    return this.#byTarget.has(`${target}@${targetVersion}`)
  }

  /** The definition itself, or the newest version of a name. Throws MILL_DEFINITION_UNKNOWN. */
  targetOf(runs: Definition | string, where: string): Definition {
    const { definitions } = this.#options
    const found =
      typeof runs === 'string'
        ? [...definitions].sort((a, b) => b.version - a.version).find(({ name }) => name === runs)
        : definitions.find((one) => one === runs)
    if (found !== undefined) return found
    const name = typeof runs === 'string' ? runs : runs.name
    const near = nearestName(name, [...new Set(definitions.map((one) => one.name))])
    throw new MillraceError(
      'MILL_DEFINITION_UNKNOWN',
      `${where} runs ${name}, which is not among the definitions of this mill${near === undefined ? '' : `; did you mean ${near}?`}`,
      { data: { name } },
    )
  }

  /**
   * As the target's schema has it. Throws MILL_INPUT_INVALID, MILL_PAYLOAD_TOO_LARGE, MILL_INPUT_UNSERIALIZABLE, and whatever else every
   * fire would fail with.
   */
  async inputOf({ name, tenant, target, input, settings }: Fireable): Promise<StoredInput> {
    const where = `input of schedule ${name}`
    await validate(target.schema, input, where)
    const stored = encode(input, where, {
      maxBytes: this.#options.maxPayloadBytes,
      tooLarge: 'MILL_PAYLOAD_TOO_LARGE',
    })
    await this.plans.check(target, tenant, settings, stored)
    return stored
  }

  /**
   * Writes what the code of this process says: new ones are made, changed ones changed with their state kept. It retires nothing: after
   * an outage others are about to say what they have. Throws as `inputOf` does.
   */
  async reconcile(): Promise<void> {
    const wishes: { readonly definition: ScheduleDefinition; readonly wish: Wish }[] = []
    for (const definition of this.#options.schedules)
      wishes.push({ definition, wish: await this.#wishOf(definition) })
    for (const { definition, wish } of wishes) await this.#reconcileOne(definition, wish)
    await this.#options.storage.schedules.touch(this.#options.schedules)
  }

  async #wishOf({ name, tenant, version, runs, input, settings }: ScheduleDefinition): Promise<Wish> {
    const target = this.targetOf(runs, `schedule ${name}`)
    const stored = await this.inputOf({ name, tenant, target, input, settings })
    return { target, settings, version, input: stored, origin: 'code', author: null }
  }

  async #reconcileOne(key: ScheduleDefinition, wish: Wish): Promise<void> {
    const { storage, newId, events } = this.#options
    let taken: StoredSchedule | null = null
    await storage.schedules.change(key, (standing, now) => {
      taken = null
      if (standing === null) return created(wish, newId(), now)
      if (standing.origin === 'runtime') {
        if (standing.state === 'deleted') return created(wish, newId(), now)
        taken = standing
        return null
      }
      // A process with older code starts once more beside newer ones.
      if (standing.version > wish.version) return null
      return changed(wish, standing, now)
    })
    if (taken !== null)
      events.emit({
        kind: 'schedule.trouble',
        schedule: { id: (taken as StoredSchedule).id, tenant: key.tenant, name: key.name },
        error: new MillraceError(
          'MILL_SCHEDULE_EXISTS',
          `schedule ${key.name} of the code is not in force: one of that name was made at run time`,
        ),
      })
  }

  async #tend(): Promise<void> {
    const { storage, schedules } = this.#options
    await storage.schedules.touch(schedules)
    for (const { tenant, name } of await this.#inCode())
      await storage.schedules.change({ tenant, name }, (standing, now) => {
        return standing !== null && isForgotten(standing, now) ? deleted(standing) : null
      })
  }

  /** Of other code than ours, perhaps of none. */
  async #inCode(): Promise<readonly StoredSchedule[]> {
    const { storage, schedules } = this.#options
    const own = new Set(schedules.map(({ tenant, name }) => `${tenant} ${name}`))
    const now = await storage.now()
    const found: StoredSchedule[] = []
    let after: StoredSchedule | null = null
    for (;;) {
      const some: readonly StoredSchedule[] = await storage.schedules.list({
        ...{ tenant: null, deleted: false, limit: page },
        after,
      })
      for (const one of some)
        if (isForgotten(one, now) && !own.has(`${one.tenant} ${one.name}`)) found.push(one)
      after = some.at(-1) ?? null
      if (some.length < page) return found
    }
  }
}

/** No code has it any more. One that is paused or has queued fires stays: deleted, it would not come back as it was. */
function isForgotten({ origin, state, queued, seen }: StoredSchedule, now: number): boolean {
  return origin === 'code' && state === 'waiting' && queued === 0 && now - seen > retiredAfterMs
}
