import type { ExecutionScope } from '../kernel/runtime/execution-scope.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import type { ContextPart } from '../kernel/runtime/context-part.ts'
import { actorOutside, type RecordsInstallation, type ScopeRecords } from '../records/installation.ts'
import type { TriggerContext } from '../records/env.ts'
import { Records, type RecordsPlace, type Soql } from '../records/records.ts'
import type { Definition, InputOf } from '../tools/definition.ts'
import type { EnqueueOptions } from '../tools/enqueue-options.ts'
import type { EnqueuedJob } from '../tools/handler-context.ts'
import type { Origin } from '../tools/prepare.ts'
import { insideTransaction } from './ambient.ts'
import type { Enqueuing } from './enqueuing.ts'

/** What the work of `mill.transaction` gets: everything through it commits together, or not at all. */
export interface MillTransaction {
  sql<Row extends object = Record<string, unknown>>(
    segments: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<Row[]>
  /** Records of the application's objects, as the system in the tenant `default` unless `records.as` says otherwise. */
  readonly records: Records
  readonly soql: Soql
  /** Rolled back: never queued. */
  enqueue<D extends Definition>(
    definition: D,
    input: InputOf<D>,
    options?: EnqueueOptions,
  ): Promise<EnqueuedJob>
  /** PostgreSQL: the `pg` client of the transaction, for an ORM. It must not commit. */
  readonly pg: unknown
}

/** As the mill sees it: what is done through it meanwhile joins. */
export interface OpenTransaction extends MillTransaction {
  readonly place: RecordsPlace
}

export interface TransactionServices {
  readonly enqueuing: Enqueuing
  readonly records: RecordsInstallation
}

/** Runs `work` in one transaction: commits when it returns, rolls back when it throws. */
export async function runTransaction<T>(
  transaction: StorageTransaction,
  { enqueuing, records }: TransactionServices,
  work: (tx: OpenTransaction) => Promise<T>,
): Promise<T> {
  let open = true
  const assertOpen = (): void => {
    if (!open)
      throw new MillraceError(
        'MILL_CONTEXT_CLOSED',
        'the transaction has ended; await everything inside the function given to mill.transaction',
      )
  }
  const place = records.inTransaction(
    async () => {
      assertOpen()
      return transaction
    },
    actorOutside,
    ({ tenant, runAs, timeZone }) => {
      const records = own.as({
        tenant,
        ...(runAs === undefined ? {} : { runAs }),
        ...(timeZone === undefined ? {} : { timeZone }),
      })
      const { soql } = records
      const enqueue = enqueueFor({ tenant, runAs })
      return { ...tx, tenant, runAs, records, soql, enqueue } as TriggerContext
    },
  )
  const enqueueFor =
    (origin: Origin | undefined): MillTransaction['enqueue'] =>
    async (definition, input, options = {}) => {
      assertOpen()
      const own = Promise.resolve(transaction.ownIds)
      const job = await enqueuing.prepare(definition, input, options, origin, own)
      assertOpen()
      return enqueuing.inTransaction(definition, job, transaction)
    }
  const own = new Records(place)
  const tx: OpenTransaction = {
    place,
    records: own,
    soql: own.soql,
    async sql<Row extends object>(segments: TemplateStringsArray, ...values: readonly unknown[]) {
      assertOpen()
      return (await transaction.query(segments, values)) as Row[]
    },
    enqueue: enqueueFor(undefined),
    get pg() {
      return transaction.client
    },
  }
  try {
    const answer = await insideTransaction(tx, () => work(tx))
    open = false
    await transaction.commit()
    return answer
  } catch (error) {
    open = false
    await transaction.rollback()
    throw error
  }
}

/**
 * The same inside a handler: `work` joins the attempt's transaction and commits with it. A second one would wait for what the handler
 * itself holds. An error of `work` that the handler catches undoes nothing.
 */
export async function joinTransaction<T>(
  scope: ExecutionScope,
  enqueuing: Enqueuing,
  recordsPart: ContextPart<ScopeRecords>,
  work: (tx: MillTransaction) => Promise<T>,
): Promise<T> {
  const { client } = await scope.transaction()
  const { records } = scope.part(recordsPart)
  return work({
    records,
    soql: records.soql,
    async sql<Row extends object>(segments: TemplateStringsArray, ...values: readonly unknown[]) {
      const transaction = await scope.transaction()
      return (await transaction.query(segments, values)) as Row[]
    },
    enqueue: (definition, input, options = {}) => enqueuing.inScope(definition, input, options, scope),
    pg: client,
  })
}
