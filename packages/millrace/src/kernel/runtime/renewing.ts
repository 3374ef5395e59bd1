import type { WorkerId } from '../rules/execution.ts'
import type { Workers } from '../storage/workers.ts'
import type { KeeperNews } from './keeper.ts'

export interface RenewingOptions {
  readonly workers: Pick<Workers, 'renew'>
  readonly leaseMs: number
  readonly tell: (news: KeeperNews) => void
}

/** What a keeper thread does at each heartbeat: renews the worker it was told last, until that is fenced. */
export class Renewing {
  readonly #options: RenewingOptions
  #worker: WorkerId | null = null
  #isReady = false

  constructor(options: RenewingOptions) {
    this.#options = options
  }

  renew(worker: WorkerId): void {
    this.#worker = worker
  }

  async round(): Promise<void> {
    const { workers, leaseMs, tell } = this.#options
    const worker = this.#worker
    if (worker === null) return
    if (!(await workers.renew(worker, leaseMs))) {
      // Its loop may have noticed first, and have told of the next one meanwhile.
      if (this.#worker === worker) this.#worker = null
      tell({ fenced: worker })
    }
    if (!this.#isReady) tell({ ready: true })
    this.#isReady = true
  }
}
