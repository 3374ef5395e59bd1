import type { JobId, LaneId } from '../rules/execution.ts'
import type { Wake } from '../storage/wakeups.ts'

/** What one transaction did that somebody may wait for: told after its COMMIT, never before. */
export class Changes {
  readonly #fresh = new Set<LaneId>()
  readonly #back = new Set<LaneId>()
  readonly #aborts = new Set<JobId>()
  #dueInMs: number | null = null
  #config = false

  /** Rows at the end of the lane. */
  fresh(lane: LaneId): void {
    this.#fresh.add(lane)
  }

  /** Rows that may stand before the place a claim has reached. */
  back(lane: LaneId): void {
    this.#back.add(lane)
  }

  abort(job: JobId): void {
    this.#aborts.add(job)
  }

  due(inMs: number): void {
    this.#dueInMs = Math.min(this.#dueInMs ?? inMs, inMs)
  }

  config(): void {
    this.#config = true
  }

  wakes(): Wake[] {
    const wakes: Wake[] = []
    if (this.#fresh.size > 0) wakes.push({ topic: 'new', lanes: [...this.#fresh] })
    if (this.#back.size > 0) wakes.push({ topic: 'back', lanes: [...this.#back] })
    if (this.#aborts.size > 0) wakes.push({ topic: 'abort', jobs: [...this.#aborts] })
    if (this.#config) wakes.push({ topic: 'config' })
    if (this.#dueInMs !== null) wakes.push({ topic: 'due', inMs: Math.max(0, this.#dueInMs) })
    return wakes
  }
}
