import type { Lane } from '../../rules/execution.ts'
import type { OnDuplicate, UniqueUntil } from '../../rules/unique.ts'
import type { NewJob } from '../jobs.ts'
import { fresh, newJob, type Bench, type JobChange } from './fixtures.ts'

export const patient = 10_000

/** Jobs of one lane under one key. */
export class Key {
  readonly #bench: Bench
  readonly #key = fresh('key')
  readonly lane: Lane

  constructor(bench: Bench, lane: Lane) {
    this.#bench = bench
    this.lane = lane
  }

  job(until: UniqueUntil, on: OnDuplicate = 'return', change: JobChange = {}): NewJob {
    return newJob(this.lane, { unique: { key: this.#key, until, on }, ...change })
  }

  async enqueue(until: UniqueUntil, on: OnDuplicate = 'return', change: JobChange = {}) {
    const job = this.job(until, on, change)
    return { id: job.id, outcome: await this.#bench.storage.jobs.enqueueAlone(job, patient) }
  }

  /** The first holder, claimed by a worker. */
  async started(until: UniqueUntil, change: JobChange = {}) {
    const { id } = await this.enqueue(until, 'return', change)
    const worker = await this.#bench.worker()
    const { lease, members } = await this.#bench.take(worker, this.lane)
    return { id, worker, lease, run: members[0]! }
  }
}

export const keyOn = async (bench: Bench): Promise<Key> => new Key(bench, await bench.lane())
