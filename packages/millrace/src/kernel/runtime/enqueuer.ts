import type { Clock } from '../rules/clock.ts'
import { isMillraceError, MillraceError } from '../rules/errors.ts'
import type { Faults } from '../rules/fault-point.ts'
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
}

const uniqueLockMs = 50
const firstPause = 25
const longestPause = 1_000

/**
 * Durable enqueues in groups. An answer that was lost is asked again under the same id, which changes nothing if it
 * went through; callers hear MILL_STORAGE_UNAVAILABLE only after `patienceMs`.
 */
export class Enqueuer {
  readonly #options: EnqueuerOptions
  readonly #group: Group<NewJob, EnqueueOutcome>

  constructor(options: EnqueuerOptions) {
    this.#options = options
    this.#group = new Group((jobs) => this.#flush(jobs), { turns: turnsOf(options.clock) })
  }

  /** Resolves when the job is on disk. Plain jobs share groups; each with a unique key goes alone, so that a rival stops nobody else. */
  enqueue(job: NewJob): Promise<EnqueueOutcome> {
    return job.unique === null ? this.#group.add(job) : this.#unique(job)
  }

  idle(): Promise<void> {
    return this.#group.idle()
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

  async #unique(job: NewJob): Promise<EnqueueOutcome> {
    const { jobs, clock, faults, patienceMs } = this.#options
    const end = clock.monotonic() + patienceMs
    for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
      try {
        return await this.#patiently(async () => {
          const outcome = await jobs.enqueueUnique(job, uniqueLockMs)
          await faults?.hit('enqueue:after-ack')
          return outcome
        })
      } catch (error) {
        if (!isMillraceError(error, 'MILL_UNIQUE_BUSY') || clock.monotonic() > end) throw error
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
