import { MillraceError } from '../../packages/millrace/src/kernel/rules/errors.ts'
import type { Storage } from '../../packages/millrace/src/kernel/storage/storage.ts'
import type { StorageTransaction } from '../../packages/millrace/src/kernel/storage/transaction.ts'

/** `fencing`: nobody notices a lost lease. `acknowledgement`: an enqueue is acknowledged before it is written. `poison`: a group with a bad member is refused. */
export type Sabotage = 'fencing' | 'acknowledgement' | 'poison'

const lateMs = 80

/** A storage with a defect, to prove that the harness finds it; or, for `poison`, one that is right to refuse. */
export function sabotaged(storage: Storage, what: Sabotage): Storage {
  if (what === 'fencing') return withoutFencing(storage)
  if (what === 'acknowledgement') return acknowledgingEarly(storage)
  return refusingPoison(storage)
}

function withoutFencing(storage: Storage): Storage {
  const { executions, workers } = storage
  return {
    ...storage,
    executions: {
      ...executions,
      settle: async (decisions, marks) => {
        await executions.settle(decisions, marks)
        return { fenced: [] }
      },
    },
    workers: {
      ...workers,
      renew: async (worker, leaseMs) => {
        await workers.renew(worker, leaseMs)
        return true
      },
    },
    begin: async (options) => unfenced(await storage.begin(options)),
  }
}

function unfenced(transaction: StorageTransaction): StorageTransaction {
  const settle: StorageTransaction['settle'] = async (decision) => {
    await transaction.settle(decision)
    return 'settled'
  }
  return replacing(transaction, { settle })
}

/** The same transaction with another settle. */
export function replacing(
  transaction: StorageTransaction,
  { settle }: Pick<StorageTransaction, 'settle'>,
): StorageTransaction {
  return new Proxy(transaction, {
    get(target, property) {
      if (property === 'settle') return settle
      const value: unknown = Reflect.get(target, property)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function acknowledgingEarly(storage: Storage): Storage {
  const { jobs } = storage
  return {
    ...storage,
    jobs: {
      ...jobs,
      enqueue: async (list) => {
        setTimeout(() => void jobs.enqueue(list).catch(() => undefined), lateMs)
      },
    },
  }
}

function refusingPoison(storage: Storage): Storage {
  const { jobs, executions } = storage
  const refuse = (texts: readonly (string | undefined)[]): void => {
    if (texts.some((text) => text?.includes('poison') === true))
      throw new MillraceError('MILL_STORAGE_QUERY', 'a member that cannot be stored')
  }
  return {
    ...storage,
    jobs: {
      ...jobs,
      enqueue: async (list) => {
        refuse(list.map(({ payload }) => (payload.includes('"poison":"enqueue"') ? payload : undefined)))
        await jobs.enqueue(list)
      },
    },
    executions: {
      ...executions,
      settle: async (decisions, marks) => {
        refuse(decisions.map(({ result }) => result))
        return executions.settle(decisions, marks)
      },
    },
  }
}
