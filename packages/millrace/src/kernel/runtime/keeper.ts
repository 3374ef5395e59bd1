import type { Clock } from '../rules/clock.ts'
import type { WorkerId } from '../rules/execution.ts'
import { Worker as Thread } from 'node:worker_threads'
import type { Workers } from '../storage/workers.ts'
import { Loop, type Service } from './loop.ts'

export interface KeeperOptions {
  readonly workers: Workers
  readonly clock: Clock
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly worker: () => WorkerId
  /** The lease is lost: nothing of this worker can commit any more. Resolves when it goes on under a new id. */
  readonly onFenced: () => Promise<void>
  readonly onError: (error: unknown) => void
}

/** Renews the worker's one row. A lost row means: stop everything, begin anew under a new id. */
export class LoopKeeper implements Service {
  readonly #loop: Loop

  constructor({ workers, clock, leaseMs, heartbeatMs, worker, onFenced, onError }: KeeperOptions) {
    this.#loop = new Loop({
      clock,
      onError,
      round: async () => {
        if (!(await workers.renew(worker(), leaseMs))) await onFenced()
        return heartbeatMs
      },
    })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }
}

/** What the keeper thread is started with. */
export interface KeeperThreadData<Target> {
  /** How to open the storage. */
  readonly target: Target
  readonly leaseMs: number
  readonly heartbeatMs: number
  /** A main loop that has been silent for longer is given up: the lease lapses. */
  readonly blockedLimitMs: number
  /** One BigInt64: epoch ms of the main loop's last sign of life. */
  readonly beat: SharedArrayBuffer
}

/** To the thread: renew this worker; null = end. */
export type KeeperOrder = { readonly worker: WorkerId } | null
/** From the thread. */
export type KeeperNews =
  { readonly fenced: WorkerId } | { readonly trouble: string } | { readonly ready: true }

const beatMs = 100
const restartMs = 1_000
const retryMs = 200

/**
 * The same from a thread with a connection of its own: a handler that computes for a while without returning to the event
 * loop does not cost the worker its lease, up to `blockedLimitMs`.
 */
export class ThreadKeeper implements Service {
  readonly #options: KeeperOptions
  readonly #module: URL
  readonly #target: unknown
  readonly #blockedLimitMs: number
  readonly #beat = new BigInt64Array(new SharedArrayBuffer(8))
  /** Keeps the lease while a thread is starting, which may take longer than a short lease lasts. */
  readonly #substitute: LoopKeeper
  #thread: Thread | null = null
  #beats: NodeJS.Timeout | null = null
  #cancelRestart: (() => void) | null = null
  #fencing: Promise<void> | null = null

  constructor(
    options: KeeperOptions,
    thread: { readonly module: URL; readonly target: unknown; readonly blockedLimitMs: number },
  ) {
    this.#substitute = new LoopKeeper({ ...options, onFenced: () => this.#fenced() })
    this.#options = options
    this.#module = thread.module
    this.#target = thread.target
    this.#blockedLimitMs = thread.blockedLimitMs
  }

  start(): void {
    if (this.#thread !== null) return
    const { leaseMs, heartbeatMs, clock, worker, onError } = this.#options
    this.#substitute.start()
    this.#live()
    this.#beats ??= setInterval(() => this.#live(), beatMs)
    const data: KeeperThreadData<unknown> = {
      target: this.#target,
      leaseMs,
      heartbeatMs,
      blockedLimitMs: this.#blockedLimitMs,
      beat: this.#beat.buffer,
    }
    const thread = new Thread(this.#module, { workerData: data })
    this.#thread = thread
    thread.on('message', (news: KeeperNews) => {
      if ('ready' in news) void this.#substitute.stop()
      if ('trouble' in news) onError(new Error(news.trouble))
      if ('fenced' in news && news.fenced === worker()) void this.#fenced()
    })
    // Without its keeper the lease would lapse: the loop takes over, and a new thread is made.
    thread.on('error', (error) => {
      onError(error)
      this.#thread = null
      if (this.#beats === null) return
      this.#substitute.start()
      this.#cancelRestart = clock.after(restartMs, () => {
        if (this.#beats !== null) this.start()
      })
    })
    this.#order({ worker: worker() })
  }

  async stop(): Promise<void> {
    if (this.#beats !== null) clearInterval(this.#beats)
    this.#beats = null
    this.#cancelRestart?.()
    await this.#substitute.stop()
    await this.#fencing
    const thread = this.#thread
    this.#thread = null
    if (thread === null) return
    const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
    thread.postMessage(null satisfies KeeperOrder)
    await exited
  }

  #live(): void {
    Atomics.store(this.#beat, 0, BigInt(Date.now()))
  }

  /** Thread and loop may notice it both. */
  #fenced(): Promise<void> {
    this.#fencing ??= this.#beginAnew().finally(() => (this.#fencing = null))
    return this.#fencing
  }

  /** Until it went well: the thread tells of it once, and with the database away again nobody else would try. */
  async #beginAnew(): Promise<void> {
    const { onFenced, onError, worker, clock } = this.#options
    const fenced = worker()
    for (;;) {
      try {
        await onFenced()
        // While stopping there is no new one, and nothing to renew.
        if (worker() !== fenced) this.#order({ worker: worker() })
        return
      } catch (error) {
        onError(error)
        if (this.#beats === null) return
        await new Promise<void>((resolve) => clock.after(retryMs, resolve))
      }
    }
  }

  #order(order: KeeperOrder): void {
    this.#thread?.postMessage(order)
  }
}
