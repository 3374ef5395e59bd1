import type { Clock } from '../rules/clock.ts'
import { MillraceError } from '../rules/errors.ts'
import type { Claimed } from '../rules/execution.ts'
import type { Alarm } from './alarm.ts'
import type { ExecutionScope, RunningCall, StopReason } from './execution-scope.ts'
import type { ExecutionHandler } from './handler.ts'

/** What a handler came to, or what ended the wait for it. */
export type Return = { readonly value: string | undefined } | { readonly thrown: unknown }

export interface CallOptions {
  readonly clock: Clock
  readonly alarm: Alarm
  readonly databaseNow: () => number
  readonly abortGraceMs: number
}

/** Runs the handler: lasts until it settles, or until what stopped it no longer waits for it. `onEnd` is called once. */
export function startCall(
  options: CallOptions,
  scope: ExecutionScope,
  handler: ExecutionHandler,
  begun: number,
  onEnd: (returned: Return) => void,
): void {
  const call = new Call(options, scope, handler, begun, onEnd)
  scope.enter(handler).then(
    (value) => call.end({ value }),
    (thrown: unknown) => call.end({ thrown: lookable(thrown) }),
  )
}

class Call implements RunningCall {
  boundAt: number
  readonly #options: CallOptions
  readonly #scope: ExecutionScope
  readonly #begun: number
  #timeoutMs: number
  /** Ms until the job's total deadline; Infinity without one. */
  readonly #leftMs: number
  readonly #onEnd: (returned: Return) => void
  #cancelGrace: (() => void) | null = null
  #ended = false

  constructor(
    options: CallOptions,
    scope: ExecutionScope,
    handler: ExecutionHandler,
    begun: number,
    onEnd: (returned: Return) => void,
  ) {
    this.#options = options
    this.#scope = scope
    this.#onEnd = onEnd
    this.#begun = begun
    this.#timeoutMs = handler.timeoutMs(scope.run)
    const deadline = deadlineOf(scope.run)
    this.#leftMs = deadline === Infinity ? Infinity : deadline - options.databaseNow()
    this.boundAt = begun + Math.min(this.#timeoutMs, this.#leftMs)
    scope.call = this
    options.alarm.began(this)
  }

  bound(ms: number): void {
    this.#timeoutMs = ms
    this.boundAt = this.#begun + Math.min(ms, this.#leftMs)
    this.#options.alarm.began(this)
  }

  /** Its time is over. */
  ring(): void {
    if (this.#leftMs < this.#timeoutMs) this.#scope.stop('deadline', deadlineError(this.#scope))
    else this.#scope.stop('timeout', timeoutError(this.#scope, this.#timeoutMs))
  }

  /** The scope was stopped. Whoever was asked to stop gets a little time, the others none. */
  stopped(reason: StopReason): void {
    const { clock, abortGraceMs } = this.#options
    const give = (): void => this.end({ thrown: this.#scope.signal.reason })
    if (reason === 'aborted' || reason === 'shutdown') this.#cancelGrace = clock.after(abortGraceMs, give)
    else give()
  }

  end(returned: Return): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelGrace?.()
    this.#scope.call = null
    this.#onEnd(returned)
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
