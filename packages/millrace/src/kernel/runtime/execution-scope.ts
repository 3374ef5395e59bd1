import { AsyncLocalStorage } from 'node:async_hooks'
import { MillraceError } from '../rules/errors.ts'
import type { Claimed, Lane } from '../rules/execution.ts'
import type { EndedAttempt, WaitReason } from '../rules/decision.ts'
import type { NewJob } from '../storage/jobs.ts'
import type { StorageTransaction } from '../storage/transaction.ts'
import type { Bounded } from './alarm.ts'
import type { ContextPart, PartLife } from './context-part.ts'
import type { ExecutionHandler } from './handler.ts'

/** Why an execution's signal fired. */
export type StopReason = 'timeout' | 'aborted' | 'deadline' | 'shutdown' | 'fenced' | 'closed'

/** A handler that runs: told when its scope is stopped, and when its time is over. */
export interface RunningCall extends Bounded {
  stopped(reason: StopReason): void
  /** From its beginning it may run so long, in ms: its tool knows better than when it began. Never beyond the job's deadline. */
  bound(ms: number): void
}

/** Thrown by `ctx.snooze`, or by a tool: the attempt is undone and comes again later, uncharged. */
export class Snooze extends Error {
  override readonly name = 'Snooze'
  readonly ms: number
  readonly reason: WaitReason
  constructor(ms: number, reason: WaitReason = 'snoozed') {
    super(`snoozed for ${ms} ms`)
    this.ms = ms
    this.reason = reason
  }
}

/** Thrown by `ctx.skip`: the job is Completed with substatus skipped; what was written before commits. */
export class Skip extends Error {
  override readonly name = 'Skip'
  readonly reason: string
  constructor(reason: string) {
    super(`skipped: ${reason}`)
    this.reason = reason
  }
}

const none: readonly NewJob[] = []

/** Not a closure: it would be made for every execution. */
function execute(handler: ExecutionHandler, scope: ExecutionScope): Promise<string | undefined> {
  return handler.execute(scope)
}

function tokenOf({ lease, job, seq, attempt }: Claimed): string {
  return `${lease}/${job}/${seq}/${attempt}`
}

const ambient = new AsyncLocalStorage<ExecutionScope>()

/** The execution that the calling code runs in, if any. */
export function currentScope(): ExecutionScope | undefined {
  return ambient.getStore()
}

/**
 * One attempt while it runs: its lazily opened transaction, what it buffered, its signal and its parts. Closed at its end, so that
 * a promise left behind cannot write later (trap 11).
 */
export class ExecutionScope {
  readonly run: Claimed
  readonly lane: Lane
  /** For a finalizer: the attempt it finalizes. */
  readonly ended: EndedAttempt | null
  readonly #begin: (token: string) => Promise<StorageTransaction>
  #transaction: Promise<StorageTransaction> | null = null
  #opened: StorageTransaction | null = null
  #onOpen: ((transaction: StorageTransaction) => void)[] | null = null
  #controller: AbortController | null = null
  #stopped: MillraceError | null = null
  #stopReason: StopReason | null = null
  #closed = false
  #parts: Map<string, { value: unknown; life: PartLife | undefined }> | null = null
  #buffered: NewJob[] | null = null
  /** The handler while it runs. */
  call: RunningCall | null = null
  /** What the execution leaves for its `decide`. */
  left: unknown = undefined
  /** Whether the next execution may start already. */
  slotIsFree = false

  constructor(
    run: Claimed,
    lane: Lane,
    ended: EndedAttempt | null,
    begin: (token: string) => Promise<StorageTransaction>,
  ) {
    this.run = run
    this.lane = lane
    this.ended = ended
    this.#begin = begin
  }

  /** Runs the handler with this as its scope. */
  enter(handler: ExecutionHandler): Promise<string | undefined> {
    return ambient.run(this, execute, handler, this)
  }

  get buffered(): readonly NewJob[] {
    return this.#buffered ?? none
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Opened already, or null. */
  get opened(): StorageTransaction | null {
    return this.#opened
  }

  get opening(): Promise<StorageTransaction> | null {
    return this.#transaction
  }

  get stopReason(): StopReason | null {
    return this.#stopReason
  }

  /** The one transaction of the attempt, begun at first use. */
  transaction(): Promise<StorageTransaction> {
    this.assertOpen()
    this.#transaction ??= this.#begin(tokenOf(this.run)).then((transaction) => {
      if (this.#closed) {
        return transaction.rollback().then(() => {
          throw this.#closedError()
        })
      }
      this.#opened = transaction
      for (const tell of this.#onOpen ?? []) tell(transaction)
      this.#onOpen = null
      return transaction
    })
    return this.#transaction
  }

  /** The transaction, once something has opened it: perhaps never. */
  whenOpen(): Promise<StorageTransaction> {
    const opened = this.#opened
    if (opened !== null) return Promise.resolve(opened)
    return new Promise((resolve) => (this.#onOpen ??= []).push(resolve))
  }

  /** Whether something uncommitted hangs on the attempt: writes, row locks, or children waiting for its commit in the database. */
  async hasWrites(): Promise<boolean> {
    this.assertOpen()
    const transaction = await this.#transaction
    return transaction !== null && (await transaction.hasWrites())
  }

  /** Ends a transaction that only read, so that it is not held open over a callout; the next use begins a new one. */
  async letGo(): Promise<void> {
    const transaction = this.#opened
    if (transaction === null) return
    this.#opened = null
    this.#transaction = null
    await transaction.rollback()
  }

  /** These jobs are enqueued if, and only if, the attempt commits. */
  enqueue(jobs: readonly NewJob[]): void {
    this.assertOpen()
    this.#buffered ??= []
    for (const job of jobs) this.#buffered.push(job)
  }

  assertOpen(): void {
    if (this.#closed) throw this.#closedError()
  }

  /** Fires when the attempt should stop: timeout, abort, shutdown, lost lease. Made at first use. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#stopped !== null) this.#controller.abort(this.#stopped)
    }
    return this.#controller.signal
  }

  stop(reason: StopReason, error: MillraceError): void {
    if (this.#stopped !== null || this.#closed) return
    this.#stopped = error
    this.#stopReason = reason
    this.#controller?.abort(error)
    this.call?.stopped(reason)
  }

  part<T>(part: ContextPart<T>): T {
    this.assertOpen()
    this.#parts ??= new Map()
    const found = this.#parts.get(part.name)
    if (found !== undefined) return found.value as T
    const { value, life } = part.open(this)
    this.#parts.set(part.name, { value, life })
    return value
  }

  /** The handler has ended: nothing can be done through the scope any more. */
  seal(): void {
    this.#closed = true
  }

  /** Seals, and tells the parts how it ended. Never throws: what a part makes of it changes nothing any more. */
  finish(committed: boolean, onError: (error: unknown) => void = () => undefined): void {
    this.#closed = true
    if (!committed && this.#controller !== null && !this.#controller.signal.aborted)
      this.#controller.abort(this.#closedError())
    if (this.#parts === null) return
    const tell = (hook: (() => void) | undefined): void => {
      try {
        hook?.()
      } catch (error) {
        onError(error)
      }
    }
    for (const { life } of this.#parts.values()) {
      tell(() => (committed ? life?.committed?.() : life?.rolledBack?.()))
      tell(() => life?.closed?.())
    }
  }

  #closedError(): MillraceError {
    const { job, seq, attempt } = this.run
    return new MillraceError(
      'MILL_CONTEXT_CLOSED',
      `the context of ${this.lane.name} ${job} (seq ${seq}, attempt ${attempt}) was used after its attempt had ended`,
      {
        data: { jobId: job, seq, attempt },
      },
    )
  }
}
