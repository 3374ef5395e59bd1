import type { JobId } from '../../kernel/rules/execution.ts'
import type { NewJob } from '../../kernel/storage/jobs.ts'
import type { FirePlan, FireStanding, Firing, StoredSchedule } from '../../kernel/storage/schedules.ts'
import { decode } from '../codec.ts'
import type { Definition } from '../definition.ts'
import type { EnqueueOptions } from '../enqueue-options.ts'
import { decideDue, jitterOf, type FirePolicy } from './rules.ts'
import type { ScheduleSettings } from './settings.ts'
import { readSettings, type StoredInput } from './stored.ts'
import { timingOf } from './timing.ts'
import { openAt } from './window.ts'

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
    const policy = this.policyOf(settings)
    return this.planWith(schedule, settings, (standing) => decideDue(timing, policy, standing))
  }

  /** For fires that somebody asked for. */
  async planWith(
    schedule: StoredSchedule,
    settings: ScheduleSettings & { readonly input: unknown },
    decide: (standing: FireStanding) => Firing,
  ): Promise<FirePlan> {
    const { id, revision, tenant, name, target, targetVersion } = schedule
    const definition = this.#options.definition(target, targetVersion)
    if (definition === undefined) throw new Error(`${target}@${targetVersion} is not defined here`)
    const template = await this.#options.prepare(definition, settings.input, { ...settings.options, tenant })
    return {
      ...{ id, revision, decide },
      jobOf: ({ due, kind }, now) => ({
        ...template,
        id: this.#options.newId(),
        options: { ...template.options, fire: { id, schedule: name, due, kind } },
        due: dueOf(settings, id, due, now, kind === 'due'),
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
    await this.#options.prepare(definition, decode(input.json, input.types), { ...settings.options, tenant })
  }

  policyOf({ overlap, misfire, misfireLimit, onlyIn }: ScheduleSettings): FirePolicy {
    const isHere = onlyIn === null || onlyIn.includes(this.#options.environment)
    return { overlap, misfire, misfireLimit, isHere }
  }
}

/** Jitter is for those that would all fire at one instant; by hand somebody waits for it. */
function dueOf(
  { jitterMs, window }: ScheduleSettings,
  id: string,
  due: number,
  now: number,
  jitters: boolean,
): NewJob['due'] {
  const wanted = jitters ? Math.max(now, due + jitterOf(id, due, jitterMs)) : now
  const at = window === null ? wanted : openAt(window, wanted)
  return at > now ? { at } : null
}
