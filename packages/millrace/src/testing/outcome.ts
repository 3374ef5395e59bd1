import type { OutcomeName } from '../kernel/rules/outcome.ts'
import type { ExecutionKey, JobId } from '../kernel/rules/execution.ts'
import { reviveError } from '../kernel/rules/stored-error.ts'
import type { JobStatus, Substatus } from '../kernel/rules/status.ts'
import type { EngineEvent } from '../kernel/runtime/engine-event.ts'
import { jobView } from '../mill/job-view.ts'
import type { MillParts } from '../mill/mill.ts'

/** What became of one job that ran. */
export interface JobOutcome {
  /** The job's id. */
  readonly job: string
  readonly name: string
  readonly status: JobStatus
  readonly substatus: Substatus
  /** Attempts of the job that have ended so far. */
  readonly attempts: number
  /** What the handler returned; undefined when it returned nothing, or has not completed. */
  readonly result: unknown
  /** What the last attempt failed with: the very object that was thrown, where the handler threw it. null when it did not fail. */
  readonly error: Error | null
  /** The same of its finalizer. */
  readonly finalizerError: Error | null
}

/** What the kit saw of one job in one run. */
interface Sighting {
  attempts: number
  /** The last attempt that ended in this run. */
  last: { readonly key: ExecutionKey; readonly outcome: OutcomeName } | null
  finalizer: { readonly key: ExecutionKey; readonly outcome: OutcomeName } | null
}

const failing: readonly OutcomeName[] = ['retried', 'failed', 'expired', 'lost', 'parked', 'gaveUp']
const jobsAtOnce = 500

/** The objects that handlers threw, by execution: storage keeps only their text. */
export class ThrownErrors {
  readonly #errors = new Map<string, Error>()

  keep({ job, seq, attempt }: ExecutionKey, thrown: unknown): void {
    if (thrown instanceof Error) this.#errors.set(`${job} ${seq} ${attempt}`, thrown)
  }

  of({ job, seq, attempt }: ExecutionKey): Error | undefined {
    return this.#errors.get(`${job} ${seq} ${attempt}`)
  }

  clear(): void {
    this.#errors.clear()
  }
}

/** Hears the engine during one run and tells afterwards what became of each job. */
export class Observation {
  readonly #parts: MillParts
  readonly #thrown: ThrownErrors
  readonly #seen = new Map<JobId, Sighting>()
  readonly #unsubscribe: () => void
  /** Executions that ended or were given back. */
  count = 0
  /** The last trouble of the engine itself. */
  trouble: unknown = undefined
  onCount: ((count: number) => void) | null = null

  constructor(parts: MillParts, thrown: ThrownErrors) {
    this.#parts = parts
    this.#thrown = thrown
    this.#unsubscribe = parts.events.subscribe((event) => this.#hear(event))
  }

  end(): void {
    this.#unsubscribe()
  }

  #hear(event: EngineEvent): void {
    if (event.kind === 'trouble') this.trouble = event.error
    if (event.kind !== 'execution.ended' && event.kind !== 'execution.handedBack') return
    let sighting = this.#seen.get(event.key.job)
    if (sighting === undefined)
      this.#seen.set(event.key.job, (sighting = { attempts: 0, last: null, finalizer: null }))
    if (event.kind === 'execution.ended') {
      const { key, outcome } = event
      if (key.seq < 0) sighting.finalizer = { key, outcome }
      else {
        sighting.last = { key, outcome }
        sighting.attempts = Math.max(sighting.attempts, key.attempt)
      }
    }
    this.count += 1
    this.onCount?.(this.count)
  }

  /** In the order in which the jobs first ran. */
  async outcomes(): Promise<JobOutcome[]> {
    const { storage } = this.#parts
    const ids = [...this.#seen.keys()]
    const conditions = { pauses: await storage.controls.pauses(), workers: await storage.workers.list() }
    const found: JobOutcome[] = []
    for (let start = 0; start < ids.length; start += jobsAtOnce) {
      const records = await storage.history.jobs(ids.slice(start, start + jobsAtOnce))
      const views = new Map(records.map((record) => [record.id, jobView(record, conditions)]))
      for (const id of ids.slice(start, start + jobsAtOnce)) {
        const view = views.get(id)
        const sighting = this.#seen.get(id)
        if (view === undefined || sighting === undefined) continue
        const { name, status, substatus, result, error } = view
        found.push({
          job: id,
          name,
          status,
          substatus,
          attempts: sighting.last === null ? await this.#attemptsOf(id) : sighting.attempts,
          result: status === 'Completed' ? result : undefined,
          error: this.#errorOf(sighting.last, error === null ? null : reviveError(error)),
          finalizerError: await this.#finalizerError(sighting.finalizer),
        })
      }
    }
    return found
  }

  #errorOf(last: Sighting['last'], stored: Error | null): Error | null {
    if (last === null || !failing.includes(last.outcome)) return null
    return this.#thrown.of(last.key) ?? stored
  }

  async #finalizerError(finalizer: Sighting['finalizer']): Promise<Error | null> {
    if (finalizer === null || !failing.includes(finalizer.outcome)) return null
    const thrown = this.#thrown.of(finalizer.key)
    if (thrown !== undefined) return thrown
    const [ended] = await this.#parts.storage.executions.ended([finalizer.key])
    const error = ended?.error ?? null
    return error === null ? null : reviveError(error)
  }

  /** Only its finalizer ran, or it was given back. */
  async #attemptsOf(job: JobId): Promise<number> {
    const attempts = await this.#parts.storage.history.attempts(job)
    return attempts.filter(({ seq }) => seq >= 0).length
  }
}

/** The error of the first job that failed, gave up or waits for a retry, else of the first finalizer that did. */
export function firstFailure(found: readonly JobOutcome[]): Error | undefined {
  for (const { error } of found) if (error !== null) return error
  for (const { finalizerError } of found) if (finalizerError !== null) return finalizerError
  return undefined
}
