import type { Faults } from '../rules/fault-point.ts'
import type { WorkerId } from '../rules/execution.ts'
import type { Controls } from '../storage/controls.ts'

/**
 * Leadership as a term: held for ttlMs, given up on any doubt (R4). What a leader does must be right also when two
 * believe to lead; the term only saves work.
 */
export class Leader {
  readonly #controls: Controls
  readonly #name: string
  readonly #ttlMs: number
  readonly #worker: () => WorkerId
  readonly #faults: Faults | undefined

  constructor(
    controls: Controls,
    name: string,
    ttlMs: number,
    worker: () => WorkerId,
    faults: Faults | undefined,
  ) {
    this.#controls = controls
    this.#name = name
    this.#ttlMs = ttlMs
    this.#worker = worker
    this.#faults = faults
  }

  /** Runs `work` if this worker leads now; answers whether it did. */
  async lead(work: () => Promise<void>): Promise<boolean> {
    if (!(await this.#controls.takeTerm(this.#name, this.#worker(), this.#ttlMs))) return false
    await this.#faults?.hit('leader.lost')
    await work()
    return true
  }

  drop(): Promise<void> {
    return this.#controls.dropTerm(this.#name, this.#worker())
  }
}
