import type { ExecutionScope } from '../kernel/runtime/execution-scope.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import type { Definition, InputOf } from '../tools/definition.ts'
import type { EnqueueOptions } from '../tools/enqueue-options.ts'
import type { EnqueuedJob } from '../tools/handler-context.ts'
import { insideTransaction } from './ambient.ts'
import type { Enqueuing } from './enqueuing.ts'

/** What the work of `mill.transaction` gets: everything through it commits together, or not at all. */
export interface MillTransaction {
  sql<Row extends object = Record<string, unknown>>(
    segments: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<Row[]>
  /** Rolled back: never queued. */
  enqueue<D extends Definition>(
    definition: D,
    input: InputOf<D>,
    options?: EnqueueOptions,
  ): Promise<EnqueuedJob>
  /** PostgreSQL: the `pg` client of the transaction, for an ORM. It must not commit. */
  readonly pg: unknown
}

/** Runs `work` in one transaction: commits when it returns, rolls back when it throws. */
export async function runTransaction<T>(
  transaction: StorageTransaction,
  enqueuing: Enqueuing,
  work: (tx: MillTransaction) => Promise<T>,
): Promise<T> {
  let open = true
  const assertOpen = (): void => {
    if (!open)
      throw new MillraceError(
        'MILL_CONTEXT_CLOSED',
        'the transaction has ended; await everything inside the function given to mill.transaction',
      )
  }
  const tx: MillTransaction = {
    async sql<Row extends object>(segments: TemplateStringsArray, ...values: readonly unknown[]) {
      assertOpen()
      return (await transaction.query(segments, values)) as Row[]
    },
    async enqueue(definition, input, options = {}) {
      assertOpen()
      const own = Promise.resolve(transaction.ownIds)
      const job = await enqueuing.prepare(definition, input, options, undefined, own)
      assertOpen()
      return enqueuing.inTransaction(definition, job, transaction)
    },
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
  work: (tx: MillTransaction) => Promise<T>,
): Promise<T> {
  const { client } = await scope.transaction()
  return work({
    async sql<Row extends object>(segments: TemplateStringsArray, ...values: readonly unknown[]) {
      const transaction = await scope.transaction()
      return (await transaction.query(segments, values)) as Row[]
    },
    enqueue: (definition, input, options = {}) => enqueuing.inScope(definition, input, options, scope),
    pg: client,
  })
}
