import { MillraceError } from '../kernel/rules/errors.ts'
import { currentScope } from '../kernel/runtime/execution-scope.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import type { TriggerContext } from '../records/env.ts'
import { actorOutside, type RecordsInstallation } from '../records/installation.ts'
import { Records, type RecordsPlace, type Who } from '../records/records.ts'
import { currentTransaction } from './ambient.ts'
import { runTransaction, type TransactionServices } from './transaction.ts'

export interface OutsideOptions {
  readonly services: TransactionServices
  readonly begin: () => Promise<StorageTransaction>
  readonly assertOpen: () => void
}

/**
 * `mill.records`: within a handler or a transaction it is theirs. Beside them reads run on connections that cannot write, and each verb that
 * writes in a transaction of its own.
 */
export function recordsOf({ services, begin, assertOpen }: OutsideOptions): Records {
  const { records } = services
  const outside: RecordsPlace = {
    session: (who) => ({
      ...records.shared,
      reading: () => records.beside(actorOutside(who), noTriggers),
      writing: async (work) =>
        runTransaction(await begin(), services, (tx) => tx.place.session(who).writing(work)),
    }),
  }
  const here = (who: Who): ReturnType<RecordsPlace['session']> => {
    assertOpen()
    return (placeHere(records) ?? outside).session(who)
  }
  return new Records({
    session: (who) => ({
      ...records.shared,
      reading: async () => here(who).reading(),
      writing: async (work) => here(who).writing(work),
    }),
  })
}

/** Of the execution or the transaction that the caller runs in. */
export function placeHere(records: RecordsInstallation): RecordsPlace | undefined {
  const scope = currentScope()
  return scope === undefined ? currentTransaction()?.place : scope.part(records.part).place
}

/** Reads call no triggers. */
const noTriggers = new Proxy({} as TriggerContext, {
  get() {
    throw new MillraceError('MILL_INTERNAL', 'a read called a trigger')
  },
})
