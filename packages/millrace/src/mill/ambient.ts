import { AsyncLocalStorage } from 'node:async_hooks'
import type { OpenTransaction } from './transaction.ts'

const ambient = new AsyncLocalStorage<OpenTransaction>()

/** The `mill.transaction` that the calling code runs in, if any: what is done through the mill there joins it. */
export function currentTransaction(): OpenTransaction | undefined {
  return ambient.getStore()
}

export function insideTransaction<T>(transaction: OpenTransaction, work: () => Promise<T>): Promise<T> {
  return ambient.run(transaction, work)
}
