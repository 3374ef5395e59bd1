import type { Clock } from '../rules/clock.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { Fired, FirePlan, Schedules, StoredSchedule } from '../storage/schedules.ts'
import type { Workers } from '../storage/workers.ts'
import type { EngineEvents, NamedSchedule } from './engine-event.ts'
import { splitting } from './group.ts'
import { Loop, type Service } from './loop.ts'
import { isUnavailable } from './settler.ts'

/** What the tool knows and the kernel does not. */
export interface SchedulePlanner {
  /** Definitions that can be fired here, as 'name@version'. */
  readonly targets: readonly string[]
  /** Everything a fire of it needs. Throws what stands in its way. */
  plan(schedule: StoredSchedule): Promise<FirePlan>
  /** Now and then: says which schedules the code of this process has, and retires those that no code has any more. */
  tend(): Promise<void>
}

export interface SchedulerOptions {
  readonly schedules: Schedules
  readonly workers: Pick<Workers, 'list'>
  readonly planner: SchedulePlanner
  readonly clock: Clock
  readonly events: EngineEvents
  readonly faults: Faults | undefined
  /** Fires are kept for this long. */
  readonly retentionMs: number
}

const pollMs = 1_000
const firedAtOnce = 100
/** Others hold its lock just now. */
const contendedMs = 25
export const lateAfterMs = 30_000
const lateEveryMs = 10_000
const tendEveryMs = 60_000
const prunedAtOnce = 1_000
const firstPause = 1_000
const longestPause = 60_000

/** Fires what is due, in any process, and tells what should have fired and did not. Who else does the same does no harm. */
export class Scheduler implements Service {
  readonly #options: SchedulerOptions
  readonly #loop: Loop
  /** Schedules that could not be fired, and when to try again: by id. */
  readonly #resting = new Map<string, { readonly until: number; readonly pause: number }>()
  #lateAt = -Infinity
  #tendAt: number

  constructor(options: SchedulerOptions) {
    this.#options = options
    // A start has just done it.
    this.#tendAt = options.clock.monotonic() + tendEveryMs
    this.#loop = new Loop({
      clock: options.clock,
      round: () => this.#round(),
      onError: (error) => options.events.emit({ kind: 'trouble', role: 'scheduler', error }),
    })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** A schedule may be due earlier than was thought. */
  kick(): void {
    this.#loop.kick()
  }

  async #round(): Promise<number> {
    const { clock } = this.#options
    const { nextInMs, contended } = await this.fireDue()
    const now = clock.monotonic()
    if (now >= this.#tendAt) {
      this.#tendAt = now + tendEveryMs
      await this.#options.planner.tend()
      await this.#options.schedules.prune(this.#options.retentionMs, prunedAtOnce)
    }
    if (now >= this.#lateAt) {
      this.#lateAt = now + lateEveryMs
      await this.#tellLate()
    }
    return Math.min(pollMs, contended ? contendedMs : pollMs, nextInMs ?? pollMs)
  }

  /** One look at what is due; also for those who drive the engine by hand. `fired`: schedules that moved on. */
  async fireDue(): Promise<{
    readonly fired: number
    readonly nextInMs: number | null
    readonly contended: boolean
  }> {
    const { schedules, planner, clock } = this.#options
    if (planner.targets.length === 0) return { fired: 0, nextInMs: null, contended: false }
    // Those that rest must not fill the page.
    const { due, nextInMs } = await schedules.due(planner.targets, firedAtOnce + this.#resting.size)
    const now = clock.monotonic()
    const awake = due.filter(({ id }) => (this.#resting.get(id)?.until ?? now) <= now)
    const plans = (await Promise.all(awake.map((schedule) => this.#planOf(schedule)))).filter(
      (plan) => plan !== null,
    )
    const fired =
      plans.length === 0 ? [] : await this.#fire(plans, new Map(awake.map((one) => [one.id, one])))
    const moved = fired.filter((one) => one !== null).length
    // The rest of a full page may be waiting; what rests must not keep it from ever being looked at at leisure.
    return {
      fired: moved,
      nextInMs: moved === 0 && nextInMs === 0 ? null : nextInMs,
      contended: moved < fired.length,
    }
  }

  async #planOf(schedule: StoredSchedule): Promise<FirePlan | null> {
    try {
      return await this.#options.planner.plan(schedule)
    } catch (error) {
      this.#rest(schedule, error)
      return null
    }
  }

  async #fire(
    plans: readonly FirePlan[],
    of: ReadonlyMap<string, StoredSchedule>,
  ): Promise<readonly (Fired | null)[]> {
    const { schedules, faults } = this.#options
    const failed = new Set<string>()
    // One that cannot be stored must not keep the others from their time (R2).
    const fired = await splitting<FirePlan, Fired | null>(
      plans,
      async (part) => {
        const answers = await schedules.fire(part)
        await faults?.hit('schedule:after-ack')
        return answers
      },
      {
        divisible: (error) => !isUnavailable(error),
        onSingle: async (plan, error) => {
          failed.add(plan.id)
          this.#rest(of.get(plan.id) as StoredSchedule, error)
          return null
        },
      },
    )
    fired.forEach((one, index) => {
      const plan = plans[index] as FirePlan
      if (one === null) return
      this.#resting.delete(plan.id)
      this.#tellFired(of.get(plan.id) as StoredSchedule, one)
    })
    return fired.filter((one, index) => one !== null || !failed.has((plans[index] as FirePlan).id))
  }

  #rest(schedule: StoredSchedule, error: unknown): void {
    const { clock, events } = this.#options
    const before = this.#resting.get(schedule.id)
    const pause = Math.min(longestPause, (before?.pause ?? firstPause / 2) * 2)
    this.#resting.set(schedule.id, { until: clock.monotonic() + pause, pause })
    events.emit({ kind: 'schedule.trouble', schedule: nameOf(schedule), error })
  }

  #tellFired(schedule: StoredSchedule, { now, started, others }: Fired): void {
    const { events } = this.#options
    for (const { due, kind, job } of started)
      events.emit({
        kind: 'schedule.fired',
        schedule: nameOf(schedule),
        due,
        job,
        lateMs: kind === 'due' ? now - due : 0,
      })
    for (const { due, state, n = 1 } of others) {
      if (state === 'skipped') events.emit({ kind: 'schedule.skipped', schedule: nameOf(schedule), due })
      if (state === 'missed') events.emit({ kind: 'schedule.missed', schedule: nameOf(schedule), due, n })
    }
  }

  async #tellLate(): Promise<void> {
    const { schedules, workers, events } = this.#options
    const late = await schedules.late(lateAfterMs, firedAtOnce)
    if (late.length === 0) return
    const known = new Set((await workers.list()).flatMap(({ alive, knows }) => (alive ? knows : [])))
    for (const schedule of late) {
      const target = `${schedule.target}@${schedule.targetVersion}`
      events.emit({
        kind: 'schedule.late',
        schedule: nameOf(schedule),
        target,
        isTargetKnown: known.has(target),
        due: schedule.next ?? 0,
      })
    }
  }
}

function nameOf({ id, tenant, name }: StoredSchedule): NamedSchedule {
  return { id, tenant, name }
}
