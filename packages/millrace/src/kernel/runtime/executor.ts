import type { Chance, Clock } from '../rules/clock.ts'
import { undecided } from '../rules/decide.ts'
import type { Decision, EndedAttempt } from '../rules/decision.ts'
import { isMillraceError, MillraceError } from '../rules/errors.ts'
import type { Claimed, ExecutionKey, Lane, LeaseId } from '../rules/execution.ts'
import type { Faults } from '../rules/fault-point.ts'
import { keeping } from '../rules/keep.ts'
import { outcomeName, type Result } from '../rules/outcome.ts'
import { storeError } from '../rules/stored-error.ts'
import type { EnqueueOutcome } from '../rules/unique.ts'
import type { Executions } from '../storage/executions.ts'
import type { StorageTransaction } from '../storage/transaction.ts'
import { Alarm, type Bounded } from './alarm.ts'
import { deadlineError, deadlineOf, startCall, type CallOptions, type Return } from './call.ts'
import { keyOf, type EngineEvents } from './engine-event.ts'
import { ExecutionScope, Skip, Snooze, type StopReason } from './execution-scope.ts'
import { Group } from './group.ts'
import type { ExecutionHandler } from './handler.ts'
import type { Settled, Settler } from './settler.ts'
import { turnsOf } from './turns.ts'

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
  | { readonly kind: 'handBack'; readonly snooze: Snooze | null; readonly ms: number }
  | { readonly kind: 'fenced' }
  /** Its end could not be written: it stays under its lease. */
  | { readonly kind: 'unstored' }

export interface RunHooks {
  /** Whether the job may go on here with its next execution, under the same lease. */
  readonly mayGoOn: (scope: ExecutionScope, ms: number) => boolean
  /** The next execution may start. */
  readonly slotFree: (claimed: Claimed) => void
  /** It is over. */
  readonly left: (scope: ExecutionScope, departure: Departure) => void
}

/** Ends waiting for their acknowledgement, above which handlers hold their slots until theirs came. */
const longestBacklog = 10_000

/** One execution after another reads as a pipeline: look up, open, run, normalise, decide, settle, close. */
export class Executor {
  readonly #options: ExecutorOptions
  readonly #ended: Group<ExecutionKey, EndedAttempt | null>
  readonly #alarm: Alarm
  readonly #calls: CallOptions
  readonly #scopes = new Set<ExecutionScope>()
  #doom: ((scope: ExecutionScope) => void) | null = null

  constructor(options: ExecutorOptions) {
    this.#options = options
    const { clock, databaseNow, abortGraceMs } = options
    this.#alarm = new Alarm(clock, () => this.#runningCalls())
    this.#calls = { clock, alarm: this.#alarm, databaseNow, abortGraceMs }
    this.#ended = new Group((keys) => options.executions.ended(keys), { turns: turnsOf(clock) })
  }

  /**
   * Never throws; `hooks.left` is told how it ended. The usual way (a handler that returns, an end that goes into the group) makes no
   * promise of its own: each costs as much as a row of history.
   */
  run(claimed: Claimed, lane: Lane, handler: ExecutionHandler): void {
    // Whoever killed its process before must be known to run before it runs (R9).
    const wary = claimed.care > 0 && !claimed.marked
    if (wary || claimed.seq < 0) void this.#runPrepared(claimed, lane, handler, wary)
    else this.#call(this.#open(claimed, lane, null), handler)
  }

  async #runPrepared(claimed: Claimed, lane: Lane, handler: ExecutionHandler, wary: boolean): Promise<void> {
    const ended = claimed.seq < 0 ? await this.#lookUp(claimed) : null
    const scope = this.#open(claimed, lane, ended)
    if (wary) await this.#options.settler.marksWritten()
    this.#call(scope, handler)
  }

  #open(claimed: Claimed, lane: Lane, ended: EndedAttempt | null): ExecutionScope {
    const scope = new ExecutionScope(claimed, lane, ended, this.#options.begin)
    this.#scopes.add(scope)
    this.#doom?.(scope)
    return scope
  }

  /** Executions that have not left. */
  get scopes(): ReadonlySet<ExecutionScope> {
    return this.#scopes
  }

  /** Also those that are about to open their scope, until `goOn`. */
  stopAll(reason: StopReason, error: MillraceError): void {
    this.#doom = (scope) => scope.stop(reason, error)
    for (const scope of this.#scopes) scope.stop(reason, error)
  }

  goOn(): void {
    this.#doom = null
  }

  *#runningCalls(): Iterable<Bounded> {
    for (const { call } of this.#scopes) if (call !== null) yield call
  }

  #call(scope: ExecutionScope, handler: ExecutionHandler): void {
    const { clock, events, databaseNow } = this.#options
    const { run, lane } = scope
    if (events.hears('execution.started'))
      events.emit({ kind: 'execution.started', key: keyOf(run), lane, lease: run.lease })
    const begun = clock.monotonic()
    const deadline = deadlineOf(run)
    if (deadline < Infinity && deadline <= databaseNow()) scope.stop('deadline', deadlineError(scope))
    if (scope.stopReason !== null) {
      this.#returned(scope, handler, { thrown: scope.signal.reason }, 0)
      return
    }
    try {
      startCall(this.#calls, scope, handler, begun, (returned) =>
        this.#returned(scope, handler, returned, clock.monotonic() - begun),
      )
    } catch (thrown) {
      // Its tool could not say how long it may run.
      this.#returned(scope, handler, { thrown }, 0)
    }
  }

  #returned(scope: ExecutionScope, handler: ExecutionHandler, returned: Return, ms: number): void {
    const { settler, hooks } = this.#options
    const { run } = scope
    const usesDatabase = scope.opening !== null || scope.buffered.length > 0
    // An end that goes into the group needs no slot while it waits for its acknowledgement.
    if (!usesDatabase && settler.backlog < longestBacklog) {
      scope.slotIsFree = true
      hooks.slotFree(run)
    }
    if (usesDatabase || 'thrown' in returned || scope.stopReason === 'fenced') {
      this.#leaveWith(scope, this.#depart(scope, handler, returned, ms))
      return
    }
    let decision: Open<Decision>
    try {
      decision = this.#decideGood(scope, handler, success, ms)
    } catch (error) {
      this.#leaveWith(scope, this.#fail(scope, handler, error, ms))
      return
    }
    if (returned.value !== undefined) decision.result = returned.value
    scope.seal()
    settler.settle(run, decision, (settled) => this.#settledInGroup(scope, decision, settled))
  }

  #settledInGroup(scope: ExecutionScope, decision: Decision, settled: Settled): void {
    if (settled === 'fenced') this.#leaveWith(scope, this.#fenced(scope))
    else this.#leave(scope, this.#stored(scope, settled, settled === decision))
  }

  /** What fails here is a defect of the engine: the execution stays under its lease, and rescue takes it when this worker is gone. */
  #leaveWith(scope: ExecutionScope, departing: Promise<Departure>): void {
    departing.then(
      (departure) => this.#leave(scope, departure),
      (error: unknown) => {
        this.#trouble(error)
        this.#leave(scope, { kind: 'unstored' })
      },
    )
  }

  #leave(scope: ExecutionScope, departure: Departure): void {
    scope.finish(departure.kind === 'settled' && departure.committed, (error) => this.#trouble(error))
    this.#scopes.delete(scope)
    this.#options.hooks.left(scope, departure)
  }

  #trouble(error: unknown): void {
    this.#options.events.emit({ kind: 'trouble', role: 'executor', error })
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
        this.#trouble(error)
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
        return this.#undo(scope, { kind: 'handBack', snooze: returned.thrown, ms })
      if (scope.stopReason === 'shutdown') return this.#undo(scope, { kind: 'handBack', snooze: null, ms })
      if (!(returned.thrown instanceof Skip)) return this.#fail(scope, handler, returned.thrown, ms)
    }
    const result: Result =
      'thrown' in returned ? { kind: 'skip', reason: (returned.thrown as Skip).reason } : success
    let decision: Open<Decision>
    try {
      decision = this.#decideGood(scope, handler, result, ms)
    } catch (error) {
      return this.#fail(scope, handler, error, ms)
    }
    if ('value' in returned && returned.value !== undefined) decision.result = returned.value
    if (scope.opening === null && scope.buffered.length === 0) {
      scope.seal()
      return this.#inGroup(scope, decision, true)
    }
    return this.#inTransaction(scope, handler, decision)
  }

  async #inGroup(scope: ExecutionScope, decision: Decision, committed: boolean): Promise<Departure> {
    const settled = await new Promise<Settled>((resolve) =>
      this.#options.settler.settle(scope.run, decision, resolve),
    )
    if (settled === 'fenced') return this.#fenced(scope)
    return this.#stored(scope, settled, committed && settled === decision)
  }

  #stored(scope: ExecutionScope, settled: Decision | 'unstored', committed: boolean): Departure {
    if (settled === 'unstored') return { kind: 'unstored' }
    return this.#departed(scope, settled, committed, false)
  }

  /** Exactly once: the attempt's writes, its children and the fact that it happened commit together, or not at all. */
  async #inTransaction(
    scope: ExecutionScope,
    handler: ExecutionHandler,
    decision: Decision,
  ): Promise<Departure> {
    let transaction: StorageTransaction | null = null
    try {
      transaction = await scope.transaction()
      scope.seal()
      if (scope.buffered.length > 0) this.#queued(await transaction.enqueue(scope.buffered))
      if ((await transaction.settle(decision)) === 'fenced') {
        if (await this.#options.stands(scope.run.lease)) throw tokenLost(scope)
        return await this.#fenced(scope)
      }
      await transaction.commit()
      await this.#options.faults?.hit(decision.key.seq < 0 ? 'finalizer:after-ack' : 'settle:after-ack')
      return this.#departed(scope, decision, true, true)
    } catch (error) {
      scope.seal()
      await transaction?.rollback()
      // fail() decides anew: the transaction is gone, so the attempt failed, unless its commit went through unheard.
      if (isUnknown(error) && (await this.#committed(decision))) {
        return this.#departed(scope, decision, true, true)
      }
      return this.#fail(scope, handler, error, decision.ms)
    }
  }

  #queued(outcomes: readonly EnqueueOutcome[]): void {
    for (const { filling } of outcomes)
      if (filling) this.#options.events.emit({ kind: 'flex.filling', ...filling })
  }

  /** Waits for the old backend's locks, then looks (trap 6). */
  async #committed(decision: Decision): Promise<boolean> {
    for (;;) {
      try {
        return (await this.#options.executions.settled([decision])).length > 0
      } catch (error) {
        this.#trouble(error)
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
    let decision: Decision
    try {
      decision = this.#decide(scope, handler, result, classes, ms)
    } catch (defect) {
      // Whatever ails the tool, its execution must not stay under its lease for as long as this worker lives.
      this.#trouble(defect)
      decision = undecided(scope.run, scope.ended, storeError(defect).error, ms)
    }
    return this.#inGroup(scope, decision, false)
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

  /** Of an attempt that did not fail. */
  #decideGood(scope: ExecutionScope, handler: ExecutionHandler, result: Result, ms: number): Open<Decision> {
    const decision = this.#decide(scope, handler, result, [], ms)
    if (decision.next.length === 0) return decision
    const kept = keeping(scope.run, decision)
    return kept !== null && this.#options.hooks.mayGoOn(scope, ms) ? kept : decision
  }

  #decide(
    scope: ExecutionScope,
    handler: ExecutionHandler,
    result: Result,
    classes: readonly string[],
    ms: number,
  ): Open<Decision> {
    const { databaseNow, chance } = this.#options
    const decision: Open<Decision> = handler.decide(scope.run, {
      result,
      classes,
      ms,
      now: databaseNow(),
      chance: chance.next(),
      ended: scope.ended,
      left: scope.left,
      aborting: scope.stopReason === 'aborted',
    })
    if (scope.stopReason === 'aborted') decision.endsAbort = true
    return decision
  }

  #departed(scope: ExecutionScope, settled: Decision, committed: boolean, inTransaction: boolean): Departure {
    const { events } = this.#options
    if (events.hears('execution.ended'))
      events.emit({
        kind: 'execution.ended',
        key: settled.key,
        lane: scope.lane,
        outcome: outcomeName(settled.outcome),
        ms: settled.ms,
      })
    return { kind: 'settled', decision: settled, committed, inTransaction }
  }
}

/** The kernel completes what a tool decided. */
type Open<T> = { -readonly [Key in keyof T]: T[Key] }

const success: Result = { kind: 'success' }

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
