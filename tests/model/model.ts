export type Behaviour = 'works' | 'flaky' | 'broken'
export type Queue = 'red' | 'blue'
export const until = { started: 'started', done: 'done', hour: '1 hour' } as const
export type Until = keyof typeof until
export type OnDuplicate = 'throw' | 'return' | 'replace'

export const hourMs = 3_600_000
export const retryAfterMs = 600_000
const mostAttempts = 2
export const mostDeaths = 2

export interface Unique {
  readonly key: string
  readonly until: Until
  readonly on: OnDuplicate
}

export interface ModelJob {
  readonly id: string
  readonly behaviour: Behaviour
  readonly queue: Queue
  attempt: number
  failures: number
  deaths: number
  runs: number
  /** Model time; null once it has ended. */
  due: number | null
  end: { readonly substatus: string; readonly at: number } | null
  pruned: boolean
}

interface Holder {
  readonly job: ModelJob
  readonly until: Until
  readonly takenAt: number
}

type Meeting =
  { readonly kind: 'free' } | { readonly kind: 'replaces' | 'duplicate'; readonly holder: ModelJob }

/** What a mill does, without concurrency and without a database. */
export class Model {
  readonly jobs: ModelJob[] = []
  readonly paused = new Set<Queue>()
  readonly #holders = new Map<string, Holder>()
  now = 0

  /** What an enqueue under a unique key comes to. */
  meets({ key, on }: Unique): Meeting {
    const held = this.#holders.get(key)
    if (held === undefined) return { kind: 'free' }
    const { job, until, takenAt } = held
    const unstarted = job.end === null && job.attempt === 1
    const isFree =
      until === 'hour'
        ? takenAt + hourMs <= this.now
        : job.end !== null || (until === 'started' && !unstarted)
    if (isFree) return { kind: 'free' }
    return { kind: on === 'replace' && unstarted ? 'replaces' : 'duplicate', holder: job }
  }

  add(id: string, behaviour: Behaviour, queue: Queue, delayMs: number, unique?: Unique): void {
    const job: ModelJob = {
      ...{ id, behaviour, queue, attempt: 1, failures: 0, deaths: 0, runs: 0 },
      ...{ due: this.now + delayMs, end: null, pruned: false },
    }
    this.jobs.push(job)
    if (unique !== undefined) this.#holders.set(unique.key, { job, until: unique.until, takenAt: this.now })
  }

  end(job: ModelJob, substatus: string): void {
    job.end = { substatus, at: this.now }
    job.due = null
  }

  /** Everything that is due, until nothing is. */
  drain(): void {
    for (const job of this.jobs) {
      if (job.due === null || job.due > this.now || this.paused.has(job.queue)) continue
      job.runs += 1
      if (job.behaviour === 'works' || (job.behaviour === 'flaky' && job.failures > 0))
        this.end(job, 'completed')
      else {
        job.failures += 1
        if (job.failures >= mostAttempts) this.end(job, 'failed')
        else {
          job.attempt += 1
          job.due = this.now + retryAfterMs
        }
      }
    }
  }

  /** Its process died while it ran. */
  die(job: ModelJob): void {
    job.deaths += 1
    if (job.deaths >= mostDeaths) this.end(job, 'lost')
    else {
      job.attempt += 1
      job.due = this.now
    }
  }

  prune(ageMs: number): void {
    for (const job of this.jobs) if (job.end !== null && job.end.at + ageMs <= this.now) job.pruned = true
  }
}
