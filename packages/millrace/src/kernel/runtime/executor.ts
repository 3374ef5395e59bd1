import type { Chance, Clock } from '../rules/clock.ts'
import type { Decision, EndedAttempt } from '../rules/decision.ts'
import { isMillraceError, MillraceError } from '../rules/errors.ts'
import type { Claimed, ExecutionKey, Lane, LeaseId } from '../rules/execution.ts'
import type { Faults } from '../rules/fault-point.ts'
import { outcomeName, type Result } from '../rules/outcome.ts'
import { storeError } from '../rules/stored-error.ts'
import type { Executions } from '../storage/executions.ts'
import type { StorageTransaction } from '../storage/transaction.ts'
import { Alarm } from './alarm.ts'
import { Call, deadlineError, deadlineOf, type CallOptions, type Return } from './call.ts'
import { keyOf, type EngineEvents } from './engine-event.ts'
import { ExecutionScope, Skip, Snooze } from './execution-scope.ts'
import { Group } from './group.ts'
import type { ExecutionHandler } from './handler.ts'
import type { Settler } from './settler.ts'

export interface ExecutorOptions {
  readonly executions: Executions
  readonly begin: (token: string) => Promise<StorageTransaction>
  readonly settler: Settler
  readonly clock: Clock
  readonly chance: Chance
  readonly events: EngineEvents
  readonly faults: Faults | undefined
  /** The database's clock, estimated, epoch ms. */
  readonly databaseNow: () => number
  /** How long an aborted handler may go on before its attempt is ended without it. */
  readonly abortGraceMs: number
  /** Whether the lease is still this worker's. */
  readonly stands: (lease: LeaseId) => Promise<boolean>
  readonly hooks: RunHooks
}

/** How an execution left the worker. `handBack`: no attempt was made of it. */
export type Departure =
  | {
      readonly kind: 'settled'
      readonly decision: Decision
      readonly committed: boolean
      readonly inTransaction: boolean
    }
  | { readonly kind: 'handBack'; readonly snoozeMs: number | null }
  | { readonly kind: 'fenced' }
  /** Its end could not be written: it stays under its lease. */
  | { readonly kind: 'unstored' }

export interface RunHooks {
  /** Gives the scope to whoever may have to stop it. */
  readonly opened: (scope: ExecutionScope) => void
  /** The next execution may start. */
  readonly slotFree: (claimed: Claimed) => void
}

/** Ends waiting for their acknowledgement, above which handlers hold their slots until theirs came. */
const longestBacklog = 4_000

/** One execution after another reads as a pipeline: look up, open, run, normalise, decide, settle, close. */
export class Executor {
  readonly #options: ExecutorOptions
  readonly #ended: Group<ExecutionKey, EndedAttempt | null>
  readonly #alarm: Alarm
  readonly #call: CallOptions

  constructor(options: ExecutorOptions) {
    this.#options = options
    const { clock, databaseNow, abortGraceMs } = options
    this.#alarm = new Alarm(clock)
    this.#call = { clock, alarm: this.#alarm, databaseNow, abortGraceMs }
    this.#ended = new Group((keys) => options.executions.ended(keys))
  }

  /** Never rejects. */
  async run(claimed: Claimed, lane: Lane, handler: ExecutionHandler): Promise<Departure> {
    const { clock, settler, events, hooks } = this.#options
    const ended = claimed.seq < 0 ? await this.#lookUp(claimed) : null
    const scope = new ExecutionScope(claimed, lane, ended, () => this.#options.begin(tokenOf(claimed)))
    hooks.opened(scope)
    // Whoever killed its process before must be known to run before it runs (R9).
    if (claimed.care > 0 && !claimed.marked) await settler.marksWritten()
    if (events.hears('execution.started'))
      events.emit({ kind: 'execution.started', key: keyOf(claimed), lane })
    const begun = clock.monotonic()
    if (deadlineOf(claimed) <= this.#options.databaseNow()) scope.stop('deadline', deadlineError(scope))
    const returned =
      scope.stopReason === null
        ? await new Call(this.#call, scope, handler).returned
        : { thrown: scope.signal.reason as unknown }
    const ms = clock.monotonic() - begun
    // An end that goes into the group needs no slot while it waits for its acknowledgement.
    if (scope.opening === null && scope.buffered.length === 0 && settler.backlog < longestBacklog)
      hooks.slotFree(claimed)
    const departure = await this.#depart(scope, handler, returned, ms)
    scope.finish(departure.kind === 'settled' && departure.committed)
    return departure
  }

  /** No execution runs any more. */
  stop(): void {
    this.#alarm.stop()
  }

  async #lookUp(claimed: Claimed): Promise<EndedAttempt | null> {
    for (;;) {
      try {
        return await this.#ended.add({ job: claimed.job, seq: 0, attempt: -claimed.seq })
      } catch (error) {
        this.#options.events.emit({ kind: 'trouble', role: 'executor', error })
        if (this.#options.settler.abandoned) return null
        await new Promise<void>((resolve) => this.#options.clock.after(200, resolve))
      }
    }
  }

  async #depart(
    scope: ExecutionScope,
    handler: ExecutionHandler,
    returned: Return,
    ms: number,
  ): Promise<Departure> {
    if (scope.stopReason === 'fenced') return this.#fenced(scope)
    if ('thrown' in returned) {
      if (returned.thrown instanceof Snooze)
        return this.#undo(scope, { kind: 'handBack', snoozeMs: returned.thrown.ms })
      if (scope.stopReason === 'shutdown') return this.#undo(scope, { kind: 'handBack', snoozeMs: null })
      if (!(returned.thrown instanceof Skip)) return this.#fail(scope, handler, returned.thrown, ms)
    }
    const result: Result =
      'thrown' in returned ? { kind: 'skip', reason: (returned.thrown as Skip).reason } : { kind: 'success' }
    let decision = this.#decide(scope, handler, result, [], ms)
    if ('value' in returned && returned.value !== undefined)
      decision = { ...decision, result: returned.value }
    if (scope.opening === null && scope.buffered.length === 0) {
      scope.seal()
      return this.#inGroup(scope, decision, true)
    }
    return this.#inTransaction(scope, handler, decision)
  }

  async #inGroup(scope: ExecutionScope, decision: Decision, committed: boolean): Promise<Departure> {
    const settled = await this.#options.settler.settle(scope.run, decision)
    if (settled === 'fenced') return this.#fenced(scope)
    if (settled === 'unstored') return { kind: 'unstored' }
    return this.#departed(scope, settled, {
      committed: committed && settled === decision,
      inTransaction: false,
    })
  }

  /** Exactly once: the attempt's writes, its children and the fact that it happened commit together, or not at all. */
  async #inTransaction(
    scope: ExecutionScope,
    handler: ExecutionHandler,
    decision: Decision,
  ): Promise<Departure> {
    const own = { committed: true, inTransaction: true }
    let transaction: StorageTransaction | null = null
    try {
      transaction = await scope.transaction()
      scope.seal()
      if (scope.buffered.length > 0) await transaction.enqueue(scope.buffered)
      if ((await transaction.settle(decision)) === 'fenced') {
        if (await this.#options.stands(scope.run.lease)) throw tokenLost(scope)
        return await this.#fenced(scope)
      }
      await transaction.commit()
      await this.#options.faults?.hit(decision.key.seq < 0 ? 'finalizer:after-ack' : 'settle:after-ack')
      return this.#departed(scope, decision, own)
    } catch (error) {
      scope.seal()
      await transaction?.rollback()
      // fail() decides anew: the transaction is gone, so the attempt failed, unless its commit went through unheard.
      if (isUnknown(error) && (await this.#committed(decision))) {
        return this.#departed(scope, decision, own)
      }
      return this.#fail(scope, handler, error, decision.ms)
    }
  }

  /** Waits for the old backend's locks, then looks (trap 6). */
  async #committed(decision: Decision): Promise<boolean> {
    for (;;) {
      try {
        return (await this.#options.executions.settled([decision])).length > 0
      } catch (error) {
        this.#options.events.emit({ kind: 'trouble', role: 'executor', error })
        // Then it is rescue's to look.
        if (this.#options.settler.abandoned) return false
        await new Promise<void>((resolve) => this.#options.clock.after(200, resolve))
      }
    }
  }

  async #fail(
    scope: ExecutionScope,
    handler: ExecutionHandler,
    thrown: unknown,
    ms: number,
  ): Promise<Departure> {
    // Only what the engine did says so: a handler may throw an error of any code.
    if (scope.stopReason === 'fenced') return this.#fenced(scope)
    await this.#rollback(scope)
    const { error, classes } = storeError(thrown)
    const result: Result =
      scope.stopReason === 'aborted'
        ? { kind: 'abort', reason: error.message }
        : scope.stopReason === 'deadline'
          ? { kind: 'expired', error }
          : { kind: 'failure', error }
    return this.#inGroup(scope, this.#decide(scope, handler, result, classes, ms), false)
  }

  async #undo(scope: ExecutionScope, departure: Departure): Promise<Departure> {
    await this.#rollback(scope)
    return departure
  }

  async #fenced(scope: ExecutionScope): Promise<Departure> {
    await this.#rollback(scope)
    this.#options.events.emit({ kind: 'execution.fenced', key: keyOf(scope.run), lane: scope.lane })
    return { kind: 'fenced' }
  }

  async #rollback(scope: ExecutionScope): Promise<void> {
    scope.seal()
    await scope.opened?.rollback()
  }

  #decide(
    scope: ExecutionScope,
    handler: ExecutionHandler,
    result: Result,
    classes: readonly string[],
    ms: number,
  ): Decision {
    const decision = handler.decide(scope.run, {
      result,
      classes,
      ms,
      now: this.#options.databaseNow(),
      chance: this.#options.chance.next(),
      ended: scope.ended,
    })
    return scope.stopReason === 'aborted' ? { ...decision, endsAbort: true } : decision
  }

  #departed(
    scope: ExecutionScope,
    settled: Decision,
    how: { committed: boolean; inTransaction: boolean },
  ): Departure {
    const { events } = this.#options
    if (events.hears('execution.ended'))
      events.emit({
        kind: 'execution.ended',
        key: settled.key,
        lane: scope.lane,
        outcome: outcomeName(settled.outcome),
        ms: settled.ms,
      })
    return { kind: 'settled', decision: settled, ...how }
  }
}

function isUnknown(error: unknown): boolean {
  return isMillraceError(error) && (error.code === 'MILL_COMMIT_UNKNOWN' || error.data['unknown'] === true)
}

/** The transaction that the attempt began is not the one it ended in: somebody committed by hand (trap 3). */
function tokenLost({ lane, run }: ExecutionScope): MillraceError {
  return new MillraceError(
    'MILL_TRANSACTION_LOST',
    `the transaction of ${lane.name} ${run.job} (attempt ${run.attempt}) was ended by hand; what it wrote before that is committed`,
  )
}

function tokenOf({ lease, job, seq, attempt }: Claimed): string {
  return `${lease}/${job}/${seq}/${attempt}`
}
