import { MillraceError } from '../kernel/rules/errors.ts'
import type { Lane, LaneSpec } from '../kernel/rules/execution.ts'
import { roomOf, type FlexFilling } from '../kernel/rules/flex-queue.ts'
import type { LimitSpec } from '../kernel/rules/limits.ts'
import { currentScope, type ExecutionScope } from '../kernel/runtime/execution-scope.ts'
import type { Enqueuer } from '../kernel/runtime/enqueuer.ts'
import type { LaneCache } from '../kernel/runtime/lane-cache.ts'
import type { EnqueueOutcome } from '../kernel/rules/unique.ts'
import { flexQueueFull } from '../kernel/storage/flex-queues.ts'
import type { ForeignTransactions } from '../kernel/storage/foreign.ts'
import type { Limits } from '../kernel/storage/limits.ts'
import type { NewJob } from '../kernel/storage/jobs.ts'
import type { OwnIds, StorageTransaction } from '../kernel/storage/transaction.ts'
import type { Definition } from '../tools/definition.ts'
import type { EnqueueOptions } from '../tools/enqueue-options.ts'
import type { EnqueuedJob } from '../tools/handler-context.ts'
import { demandRoomBeside } from './beside.ts'
import { prepare, type Origin, type Own, type PrepareServices } from '../tools/prepare.ts'

export interface EnqueuingOptions {
  readonly services: PrepareServices
  readonly enqueuer: Enqueuer
  readonly foreign: ForeignTransactions | null
  readonly known: (definition: Definition) => boolean
  readonly kind: 'sqlite' | 'postgres'
  readonly onFilling: (filling: FlexFilling) => void
}

/** Where an enqueue is written: the durable groups, a transaction, or an application's own client. */
export class Enqueuing {
  readonly #options: EnqueuingOptions

  constructor(options: EnqueuingOptions) {
    this.#options = options
  }

  /** Joins the execution that the caller runs in, unless `detached`; else resolves when the job is on disk. */
  async enqueue(definition: Definition, input: unknown, options: EnqueueOptions): Promise<EnqueuedJob> {
    const scope = currentScope()
    if (scope !== undefined && options.detached !== true)
      return this.inScope(definition, input, options, scope)
    demandRoomBeside(this.#options.kind, `a detached enqueue of ${definition.name}`)
    const job = await this.prepare(definition, input, options, originOf(scope), null)
    return this.answer(definition, job, await this.#options.enqueuer.enqueue(job))
  }

  /** Written when the attempt commits; one with a unique key at once, in the attempt's transaction, because its answer is needed now. */
  async inScope(
    definition: Definition,
    input: unknown,
    options: EnqueueOptions,
    scope: ExecutionScope,
  ): Promise<EnqueuedJob> {
    scope.assertOpen()
    const own = scope.whenOpen().then((transaction) => transaction.ownIds)
    const job = await this.prepare(definition, input, options, originOf(scope), own)
    if (job.unique === null) {
      await this.#demandRoom(job)
      scope.enqueue([job])
      return { id: job.id, duplicate: false }
    }
    return this.inTransaction(definition, job, await scope.transaction())
  }

  async inTransaction(
    definition: Definition,
    job: NewJob,
    transaction: StorageTransaction,
  ): Promise<EnqueuedJob> {
    const [outcome] = await transaction.enqueue([job])
    this.#tell(outcome)
    return this.answer(definition, job, outcome)
  }

  /** With the application's own client, in whatever transaction it has open. */
  async withClient(
    definition: Definition,
    input: unknown,
    options: EnqueueOptions,
    client: unknown,
  ): Promise<EnqueuedJob> {
    const { foreign } = this.#options
    if (foreign === null)
      throw new MillraceError(
        'MILL_NOT_ON_SQLITE',
        `enqueue of ${definition.name} with a pg client needs PostgreSQL storage; use mill.transaction on SQLite`,
      )
    const job = await this.prepare(definition, input, options, undefined, null)
    const [outcome] = await foreign.enqueueWith(client, [job])
    this.#tell(outcome)
    return this.answer(definition, job, outcome)
  }

  /** It is written when the attempt ends, and refused then if need be; as it stands now is told at once. */
  async #demandRoom({ options }: NewJob): Promise<void> {
    if (options?.flex === undefined) return
    const standing = await this.#options.services.flexStanding(options.flex)
    if (standing !== null && roomOf(standing) < 1) throw flexQueueFull(standing)
  }

  #tell(outcome: EnqueueOutcome | undefined): void {
    if (outcome?.filling) this.#options.onFilling(outcome.filling)
  }

  async prepare(
    definition: Definition,
    input: unknown,
    options: EnqueueOptions,
    origin: Origin | undefined,
    own: Own,
  ): Promise<NewJob> {
    if (!this.#options.known(definition)) {
      throw new MillraceError(
        'MILL_DEFINITION_UNKNOWN',
        `${definition.name} is not among the definitions of this mill, or another definition has its name`,
      )
    }
    return prepare(this.#options.services, definition, input, options, origin, own)
  }

  answer(definition: Definition, job: NewJob, outcome: EnqueueOutcome | undefined): EnqueuedJob {
    if (outcome?.kind !== 'duplicate') return { id: job.id, duplicate: false }
    if (job.unique?.on !== 'return') {
      throw new MillraceError(
        'MILL_DUPLICATE',
        `Attempt to enqueue job with duplicate queueable signature: ${definition.name}, held by ${outcome.holder}`,
        { data: { jobId: outcome.holder } },
      )
    }
    return { id: outcome.holder, duplicate: true }
  }
}

function originOf(scope: ExecutionScope | undefined): Origin | undefined {
  return scope === undefined ? undefined : { run: scope.run, tenant: scope.lane.tenant }
}

/**
 * A lane from the cache. On SQLite one that is new may have to wait for the transaction that the job is written in: then it is
 * made inside that one as well.
 */
export function laneOf(cache: LaneCache, spec: LaneSpec, own: Own): Lane | Promise<Lane> {
  const first = (lanes: readonly Lane[]): Lane => lanes[0] as Lane
  return (
    cache.known(spec) ?? sooner(cache.intern([spec]).then(first), own, (ids) => ids.lanes([spec]).then(first))
  )
}

/**
 * What is made in a transaction of its own waits on SQLite for whoever writes, so it is made inside the caller's own transaction too
 * when that is open or opens meanwhile. It stands only if that commits, so nobody may keep it.
 */
function sooner<T>(made: Promise<T>, own: Own, inside: (ids: OwnIds) => Promise<T>): Promise<T> {
  if (own === null) return made
  let isMade = false
  const settle = (): void => void (isMade = true)
  made.then(settle, settle)
  // A transaction that was let go, or is lost, no longer stands in the way.
  const here = own.then((ids) => (ids === null || isMade ? made : inside(ids))).catch(() => made)
  return Promise.race([made, here])
}

const mostKeys = 100_000

/** Limit keys by name, defined once per process and again when their numbers change. */
export function limitKeyCache(limits: Limits): PrepareServices['limitKeys'] {
  const ids = new Map<string, Promise<number>>()
  const known = new Set<string>()
  return async (specs, own) => {
    const signature = (spec: LimitSpec): string =>
      JSON.stringify([spec.name, spec.slots, spec.rate, spec.perProcess, spec.flex])
    const missing = specs.filter((spec) => !ids.has(signature(spec)))
    if (missing.length > 0) {
      if (ids.size > mostKeys) {
        ids.clear()
        known.clear()
      }
      const defined = limits.define(missing)
      missing.forEach((spec, index) => {
        const id = defined.then((all) => all[index] as number)
        ids.set(signature(spec), id)
        id.then(
          () => known.add(signature(spec)),
          () => ids.delete(signature(spec)),
        )
      })
    }
    const all = Promise.all(specs.map((spec) => ids.get(signature(spec)) as Promise<number>))
    const isNew = specs.some((spec) => !known.has(signature(spec)))
    return sooner<readonly number[]>(all, isNew ? own : null, (transaction) => transaction.limitKeys(specs))
  }
}
