import { AsyncLocalStorage } from 'node:async_hooks'
import type { MillTransaction } from './transaction.ts'

const ambient = new AsyncLocalStorage<MillTransaction>()

/** The `mill.transaction` that the calling code runs in, if any: what is done through the mill there joins it. */
export function currentTransaction(): MillTransaction | undefined {
  return ambient.getStore()
}

export function insideTransaction<T>(transaction: MillTransaction, work: () => Promise<T>): Promise<T> {
  return ambient.run(transaction, work)
}
