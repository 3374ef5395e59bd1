import type { JobId } from '../../kernel/rules/execution.ts'
import type { NewJob } from '../../kernel/storage/jobs.ts'
import type { FirePlan, FireStanding, Firing, StoredSchedule } from '../../kernel/storage/schedules.ts'
import type { Window, WindowOptions } from '../../kernel/rules/window.ts'
import { decode } from '../codec.ts'
import type { Definition } from '../definition.ts'
import type { EnqueueOptions } from '../enqueue-options.ts'
import { windowFor } from '../gate.ts'
import { dueWithin } from '../prepare.ts'
import { decideDue, jitterOf, type FirePolicy } from './rules.ts'
import type { ScheduleSettings } from './settings.ts'
import { readSettings, type StoredInput } from './stored.ts'
import { timingOf } from './timing.ts'

export interface PlannerOptions {
  readonly newId: () => JobId
  /** Checks the job of a fire as an enqueue does, and writes no job: only the lane and the limit keys that it needs. */
  readonly prepare: (definition: Definition, input: unknown, options: EnqueueOptions) => Promise<NewJob>
  readonly definition: (name: string, version: number) => Definition | undefined
  readonly environment: string
}

/** Makes of a stored schedule what the engine needs to fire it. */
export class Planner {
  readonly #options: PlannerOptions

  constructor(options: PlannerOptions) {
    this.#options = options
  }

  /** For whatever is due. Throws what its target or input has come to deserve. */
  async plan(schedule: StoredSchedule): Promise<FirePlan> {
    const settings = readSettings(schedule)
    const timing = timingOf(settings)
    const policy = this.policyOf(settings, this.#targetOf(schedule))
    return this.planWith(schedule, settings, (standing) => decideDue(timing, policy, standing))
  }

  /** For fires that somebody asked for. */
  async planWith(
    schedule: StoredSchedule,
    settings: ScheduleSettings & { readonly input: unknown },
    decide: (standing: FireStanding) => Firing,
  ): Promise<FirePlan> {
    const { id, revision, tenant, name } = schedule
    const definition = this.#targetOf(schedule)
    const options = optionsOf(settings, tenant)
    const template = await this.#options.prepare(definition, settings.input, options)
    const window = windowFor(definition, options, `window of ${definition.name}`)
    return {
      ...{ id, revision, decide },
      jobOf: ({ due, kind }, now) => ({
        ...template,
        id: this.#options.newId(),
        options: { ...template.options, fire: { id, schedule: name, due, kind } },
        due: dueOf({ window, jitterMs: kind === 'due' ? jitterOf(id, due, settings.jitterMs) : 0 }, due, now),
      }),
    }
  }

  /** Throws what every fire of such a schedule would. */
  async check(
    definition: Definition,
    tenant: string,
    settings: ScheduleSettings,
    input: StoredInput,
  ): Promise<void> {
    await this.#options.prepare(definition, decode(input.json, input.types), optionsOf(settings, tenant))
  }

  policyOf({ overlap, misfire, misfireLimit, onlyIn }: ScheduleSettings, target: Definition): FirePolicy {
    const places = onlyIn ?? target.options.onlyIn
    const isHere = places === undefined || places.includes(this.#options.environment)
    return { overlap, misfire, misfireLimit, isHere }
  }

  #targetOf({ target, targetVersion }: StoredSchedule): Definition {
    const definition = this.#options.definition(target, targetVersion)
    if (definition === undefined) throw new Error(`${target}@${targetVersion} is not defined here`)
    return definition
  }
}

function optionsOf({ options, window, onlyIn }: ScheduleSettings, tenant: string): EnqueueOptions {
  return {
    ...{ ...options, tenant },
    ...(window === null ? {} : { window: windowOptions(window) }),
    ...(onlyIn === null ? {} : { onlyIn }),
  }
}

function windowOptions({ zone, ...window }: Window): WindowOptions {
  return { ...window, timeZone: zone }
}

/** Jitter is for those that would all fire at one instant; by hand somebody waits for it. */
function dueOf(
  { window, jitterMs }: { readonly window: Window | null; readonly jitterMs: number },
  due: number,
  now: number,
): NewJob['due'] {
  const at = jitterMs === 0 ? now : Math.max(now, due + jitterMs)
  const wanted = at > now ? { at } : null
  return window === null ? wanted : dueWithin(window, wanted, now)
}
