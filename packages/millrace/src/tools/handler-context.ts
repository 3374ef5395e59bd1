import { MillraceError } from '../kernel/rules/errors.ts'
import { parseDuration, type Duration } from '../kernel/rules/duration.ts'
import { deathsOf } from '../kernel/rules/execution.ts'
import { Skip, Snooze, type ExecutionScope } from '../kernel/runtime/execution-scope.ts'
import type { ContextPart } from '../kernel/runtime/context-part.ts'
import type { Flags } from '../govern/flags/flags.ts'
import type { Logger } from '../observe/log/logger.ts'
import type { ScopeRecords } from '../records/installation.ts'
import type { Records, Soql } from '../records/records.ts'
import type { Definition, InputOf } from './definition.ts'
import type { EnqueueOptions } from './enqueue-options.ts'

/** What a queueable asks of its place in a chain (semantics Q-09). */
export interface AsyncInfo {
  hasMaxStackDepth(): boolean
  /** From 1. */
  getCurrentQueueableStackDepth(): number
  /** undefined when the chain has no bound. */
  getMaximumQueueableStackDepth(): number | undefined
  /** The delay asked for at enqueue, in minutes; null when none was. */
  getMinimumQueueableDelayInMinutes(): number | null
}

/** What a job of a schedule knows of its fire. */
export interface ScheduledFire {
  readonly name: string
  readonly due: Date
  /** due: by its times. manual: run by hand. backfill: of a range in the past. */
  readonly kind: 'due' | 'manual' | 'backfill'
}

/** A job that an enqueue made, or found. */
export interface EnqueuedJob {
  readonly id: string
  /** The unique key was taken: `id` is the job that has it, nothing was enqueued. */
  readonly duplicate: boolean
}

/**
 * What a handler gets. Everything done through it belongs to the attempt: it commits together with the fact that the attempt
 * happened, or not at all. After the attempt every use throws MILL_CONTEXT_CLOSED.
 */
export interface HandlerContext {
  readonly jobId: string
  /** From 1. */
  readonly attempt: number
  readonly name: string
  readonly tenant: string
  readonly queue: string
  readonly tags: readonly string[]
  readonly scenario: string | undefined
  readonly runAs: string | undefined
  /** The schedule that enqueued this job, and the instant it was due at; undefined for all other jobs. */
  readonly schedule: ScheduledFire | undefined
  /** Earlier attempts of this execution whose process died. */
  readonly deaths: number
  /** Fires on timeout, abort, shutdown and lost lease. */
  readonly signal: AbortSignal
  readonly asyncInfo: AsyncInfo
  readonly log: Logger
  readonly flags: Flags
  /** Records of the application's objects, in the attempt's transaction. */
  readonly records: Records
  /** ``await ctx.soql<Account>`SELECT Id, Name FROM Account WHERE Id IN ${ids}` ``: rows; `for await` streams them. `${}` values become parameters. */
  readonly soql: Soql
  /**
   * A statement in the attempt's transaction, which begins with the first one. `${}` values become parameters, an array a list: `in ${ids}`.
   * Throws what the database said as MILL_STORAGE_QUERY. On PostgreSQL a failed statement fails the attempt, also when its error is caught.
   */
  sql<Row extends object = Record<string, unknown>>(
    segments: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<Row[]>
  /** Enqueued when, and only when, this attempt commits. Tenant, scenario and depth are inherited. */
  enqueue<D extends Definition>(
    definition: D,
    input: InputOf<D>,
    options?: EnqueueOptions,
  ): Promise<EnqueuedJob>
  /** The same key in every attempt of this job: for effects outside the database. */
  idempotencyKey(name: string): string
  /** fetch that is refused while the transaction has uncommitted writes (MILL_CALLOUT_AFTER_WRITE, semantics Q-11), and stops with `signal`. */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>
  /** The same guard for any callout. Reads done before it are let go: the next statement sees the database anew. */
  callout<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>
  /**
   * Ends the job as Completed with substatus skipped; what was written before it commits. In a batch it ends the function alone: in execute the chunk
   * counts as processed and the next one follows, in finish the job is Completed as always, without a result.
   */
  skip(reason: string): never
  /** Undoes the attempt and comes again after `delay`, uncharged. */
  snooze(delay: Duration): never
  /** PostgreSQL: the transaction's own `pg` client, for an ORM. It must not commit. */
  pgClient(): Promise<unknown>
}

/** What the context needs from the mill that made it. */
export interface ContextServices {
  readonly logPart: ContextPart<Logger>
  readonly flagsPart: ContextPart<Flags>
  readonly recordsPart: ContextPart<ScopeRecords>
  readonly enqueue: (
    definition: Definition,
    input: unknown,
    options: EnqueueOptions,
    scope: ExecutionScope,
  ) => Promise<EnqueuedJob>
}

export class ScopedContext implements HandlerContext {
  readonly #scope: ExecutionScope
  readonly #services: ContextServices

  constructor(scope: ExecutionScope, services: ContextServices) {
    this.#scope = scope
    this.#services = services
  }

  get jobId(): string {
    return this.#scope.run.job
  }

  get attempt(): number {
    return this.#scope.run.attempt
  }

  get name(): string {
    return this.#scope.lane.name
  }

  get tenant(): string {
    return this.#scope.lane.tenant
  }

  get queue(): string {
    return this.#scope.lane.queue
  }

  get tags(): readonly string[] {
    return this.#scope.run.options?.tags ?? []
  }

  get scenario(): string | undefined {
    return this.#scope.run.options?.scenario
  }

  get runAs(): string | undefined {
    return this.#scope.run.options?.runAs
  }

  get schedule(): ScheduledFire | undefined {
    const fire = this.#scope.run.options?.fire
    return fire && { name: fire.schedule, due: new Date(fire.due), kind: fire.kind }
  }

  get deaths(): number {
    return deathsOf(this.#scope.run.care)
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get log(): Logger {
    return this.#scope.part(this.#services.logPart)
  }

  get flags(): Flags {
    return this.#scope.part(this.#services.flagsPart)
  }

  get records(): Records {
    return this.#scope.part(this.#services.recordsPart).records
  }

  get soql(): Soql {
    return this.records.soql
  }

  get asyncInfo(): AsyncInfo {
    const options = this.#scope.run.options
    return {
      hasMaxStackDepth: () => options?.maxDepth !== undefined,
      getCurrentQueueableStackDepth: () => options?.depth ?? 1,
      getMaximumQueueableStackDepth: () => options?.maxDepth,
      getMinimumQueueableDelayInMinutes: () =>
        options?.delayMs === undefined ? null : options.delayMs / 60_000,
    }
  }

  async sql<Row extends object = Record<string, unknown>>(
    segments: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<Row[]> {
    const transaction = await this.#scope.transaction()
    return (await transaction.query(segments, values)) as Row[]
  }

  async enqueue<D extends Definition>(
    definition: D,
    input: InputOf<D>,
    options: EnqueueOptions = {},
  ): Promise<EnqueuedJob> {
    this.#scope.assertOpen()
    return this.#services.enqueue(definition, input, options, this.#scope)
  }

  idempotencyKey(name: string): string {
    const { job, seq } = this.#scope.run
    return `${job}:${seq}:${name}`
  }

  fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    return this.callout((signal) =>
      fetch(url, { ...init, signal: init.signal ? AbortSignal.any([signal, init.signal]) : signal }),
    )
  }

  async callout<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (await this.#scope.hasWrites()) {
      throw new MillraceError(
        'MILL_CALLOUT_AFTER_WRITE',
        `You have uncommitted work pending: ${this.name} made a callout after writing in the same attempt`,
        { data: { jobId: this.jobId } },
      )
    }
    await this.#scope.letGo()
    return work(this.#scope.signal)
  }

  skip(reason: string): never {
    throw new Skip(reason)
  }

  snooze(delay: Duration): never {
    throw new Snooze(parseDuration(delay, 'snooze'))
  }

  async pgClient(): Promise<unknown> {
    const { client } = await this.#scope.transaction()
    if (client === undefined || client === null)
      throw new MillraceError('MILL_NOT_ON_SQLITE', 'ctx.pgClient() is there on PostgreSQL only; use ctx.sql')
    return client
  }
}
