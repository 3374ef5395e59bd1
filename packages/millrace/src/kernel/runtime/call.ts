import type { Clock } from '../rules/clock.ts'
import { MillraceError } from '../rules/errors.ts'
import type { Claimed } from '../rules/execution.ts'
import type { Alarm, Bounded } from './alarm.ts'
import type { ExecutionScope, StopReason } from './execution-scope.ts'
import type { ExecutionHandler } from './handler.ts'

/** What a handler came to, or what ended the wait for it. */
export type Return = { readonly value: string | undefined } | { readonly thrown: unknown }

export interface CallOptions {
  readonly clock: Clock
  readonly alarm: Alarm
  readonly databaseNow: () => number
  readonly abortGraceMs: number
}

/** One run of a handler: lasts until the handler settles, or until what stopped it no longer waits for it. */
export class Call implements Bounded {
  readonly returned: Promise<Return>
  readonly boundAt: number
  readonly #options: CallOptions
  readonly #scope: ExecutionScope
  readonly #timeoutMs: number
  /** Ms until the job's total deadline; Infinity without one. */
  readonly #leftMs: number
  #resolve!: (returned: Return) => void
  #cancelGrace: (() => void) | null = null

  constructor(options: CallOptions, scope: ExecutionScope, handler: ExecutionHandler) {
    this.#options = options
    this.#scope = scope
    this.#timeoutMs = handler.timeoutMs(scope.run)
    this.#leftMs = deadlineOf(scope.run) - options.databaseNow()
    this.boundAt = options.clock.monotonic() + Math.min(this.#timeoutMs, this.#leftMs)
    this.returned = new Promise((resolve) => (this.#resolve = resolve))
    scope.onStop = this
    options.alarm.add(this)
    scope
      .enter(() => handler.execute(scope))
      .then(
        (value) => this.#end({ value }),
        (thrown: unknown) => this.#end({ thrown: lookable(thrown) }),
      )
  }

  /** Its time is over. */
  ring(): void {
    if (this.#leftMs < this.#timeoutMs) this.#scope.stop('deadline', deadlineError(this.#scope))
    else this.#scope.stop('timeout', timeoutError(this.#scope, this.#timeoutMs))
  }

  /** The scope was stopped. Whoever was asked to stop gets a little time, the others none. */
  stopped(reason: StopReason): void {
    const { clock, abortGraceMs } = this.#options
    const give = (): void => this.#end({ thrown: this.#scope.signal.reason })
    if (reason === 'aborted' || reason === 'shutdown') this.#cancelGrace = clock.after(abortGraceMs, give)
    else give()
  }

  #end(returned: Return): void {
    this.#options.alarm.remove(this)
    this.#cancelGrace?.()
    this.#scope.onStop = null
    this.#resolve(returned)
  }
}

/** Epoch ms by the database's clock at which the execution expires; never a finalizer, which must hear of the end. */
export function deadlineOf({ seq, options }: Claimed): number {
  return seq >= 0 ? (options?.deadline ?? Infinity) : Infinity
}

/** An object that throws as soon as it is looked at ends the attempt like anything else that is thrown. */
function lookable(thrown: unknown): unknown {
  try {
    Object.getPrototypeOf(Object(thrown))
    return thrown
  } catch (cause) {
    return new MillraceError('MILL_HANDLER_THREW', 'an object that cannot be looked at was thrown', { cause })
  }
}

export function deadlineError(scope: ExecutionScope): MillraceError {
  return new MillraceError('MILL_DEADLINE_EXCEEDED', `the deadline of ${describe(scope)} passed`, {
    data: { deadline: scope.run.options?.deadline },
  })
}

function timeoutError(scope: ExecutionScope, ms: number): MillraceError {
  return new MillraceError('MILL_TIMEOUT', `${describe(scope)} ran longer than its timeout of ${ms} ms`, {
    data: { timeoutMs: ms },
  })
}

function describe({ run, lane }: ExecutionScope): string {
  return `${lane.name} ${run.job} (seq ${run.seq}, attempt ${run.attempt})`
}
