import type { Clock } from '../rules/clock.ts'
import { isMillraceError, MillraceError } from '../rules/errors.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { FlexFilling } from '../rules/flex-queue.ts'
import type { EnqueueOutcome } from '../rules/unique.ts'
import type { Jobs, NewJob } from '../storage/jobs.ts'
import { Group, splitting } from './group.ts'
import { isUnavailable } from './settler.ts'
import { turnsOf } from './turns.ts'

export interface EnqueuerOptions {
  readonly jobs: Jobs
  readonly clock: Clock
  readonly faults: Faults | undefined
  /** How long an enqueue goes on trying while the database is away, in ms. */
  readonly patienceMs: number
  readonly onFilling: (filling: FlexFilling) => void
}

/** For a rival's transaction, before trying again: it may be open for long. */
const lockMs = 50
const firstPause = 25
const longestPause = 1_000

/**
 * Durable enqueues in groups. An answer that was lost is asked again under the same id, which changes nothing if it
 * went through; callers hear MILL_STORAGE_UNAVAILABLE only after `patienceMs`.
 */
export class Enqueuer {
  readonly #options: EnqueuerOptions
  readonly #group: Group<NewJob, EnqueueOutcome>
  /** Of flex queues: the last that is under way. */
  readonly #turns = new Map<number, Promise<unknown>>()

  constructor(options: EnqueuerOptions) {
    this.#options = options
    this.#group = new Group((jobs) => this.#flush(jobs), { turns: turnsOf(options.clock) })
  }

  /**
   * Resolves when the job is on disk. Plain jobs share groups; each with a unique key goes alone, so that a rival stops nobody else; those of one
   * flex queue go one after the other, in the order of the calls.
   */
  enqueue(job: NewJob): Promise<EnqueueOutcome> {
    const flex = job.options?.flex
    if (flex !== undefined) return this.#inTurn(flex, job)
    return job.unique === null ? this.#group.add(job) : this.#alone(job)
  }

  #inTurn(flex: number, job: NewJob): Promise<EnqueueOutcome> {
    const before = this.#turns.get(flex) ?? Promise.resolve()
    const stored = before.then(() => this.#alone(job))
    const turn = stored.then(
      ({ filling }) => filling && this.#options.onFilling(filling),
      () => undefined,
    )
    this.#turns.set(flex, turn)
    void turn.then(() => this.#turns.get(flex) === turn && this.#turns.delete(flex))
    return stored
  }

  async idle(): Promise<void> {
    await Promise.all([this.#group.idle(), ...this.#turns.values()])
  }

  async #flush(jobs: readonly NewJob[]): Promise<readonly (EnqueueOutcome | Promise<EnqueueOutcome>)[]> {
    let someStored = false
    const store = async (part: readonly NewJob[]): Promise<readonly EnqueueOutcome[]> => {
      await this.#patiently(async () => {
        await this.#options.jobs.enqueue(part)
        await this.#options.faults?.hit('enqueue:after-ack')
      })
      someStored = true
      return part.map(({ id }) => ({ kind: 'queued', id }))
    }
    const failed = new Map<NewJob, unknown>()
    const outcomes = await splitting<NewJob, EnqueueOutcome>(jobs, store, {
      divisible: (error) => !isUnavailable(error),
      onSplit: () => this.#options.faults?.hit('group.split'),
      onSingle: (job, error) => {
        failed.set(job, error)
        return Promise.resolve({ kind: 'queued', id: job.id })
      },
    }).catch((error: unknown) => {
      throw someStored ? withDoubt(error) : error
    })
    // One bad member fails alone; it is told by what its promise rejects with.
    return outcomes.map((outcome, index) => {
      const error = failed.get(jobs[index] as NewJob)
      return error === undefined ? outcome : Promise.reject<EnqueueOutcome>(toError(error))
    })
  }

  async #alone(job: NewJob): Promise<EnqueueOutcome> {
    const { jobs, clock, faults, patienceMs } = this.#options
    const end = clock.monotonic() + patienceMs
    for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
      try {
        return await this.#patiently(async () => {
          const outcome = await jobs.enqueueAlone(job, lockMs)
          await faults?.hit('enqueue:after-ack')
          return outcome
        })
      } catch (error) {
        if (!isBusy(error) || clock.monotonic() > end) throw error
        await new Promise<void>((resolve) => clock.after(pause, resolve))
      }
    }
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const { clock, patienceMs } = this.#options
    const end = clock.monotonic() + patienceMs
    let unsure = false
    for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
      try {
        return await work()
      } catch (error) {
        unsure ||= isMillraceError(error) && error.data['unknown'] === true
        const passing = isMillraceError(error) && isUnavailable(error) && error.retryable
        if (!passing || clock.monotonic() + pause > end) throw unsure ? withDoubt(error) : error
        await new Promise<void>((resolve) => clock.after(pause, resolve))
      }
    }
  }
}

function isBusy(error: unknown): boolean {
  return isMillraceError(error, 'MILL_UNIQUE_BUSY') || isMillraceError(error, 'MILL_FLEX_QUEUE_BUSY')
}

/** An earlier try may have gone through: whoever hears the last one's error must not take the job for refused. */
function withDoubt(error: unknown): unknown {
  if (!isMillraceError(error) || error.data['unknown'] === true) return error
  return new MillraceError(error.code, error.message, {
    cause: error,
    data: { ...error.data, unknown: true },
  })
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new MillraceError('MILL_INTERNAL', String(error))
}
