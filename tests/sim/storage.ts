import { MillraceError } from '../../packages/millrace/src/kernel/rules/errors.ts'
import type { Storage } from '../../packages/millrace/src/kernel/storage/storage.ts'
import type { StorageTransaction } from '../../packages/millrace/src/kernel/storage/transaction.ts'
import type { Random } from '../torture/random.ts'
import type { Faults } from './faults.ts'
import type { SimProcess } from './process.ts'
import type { Scheduler } from './scheduler.ts'

export interface StorageWorld {
  readonly scheduler: Scheduler
  readonly faults: Faults
  /** Of the network and of everything that takes a while. */
  readonly random: Random
  readonly leaseMs: number
  /** What a call takes each way, about. */
  readonly latencyMs: number
  /** An answer comes so late that the lease may be gone by then. */
  readonly onLate: (process: SimProcess) => void
}

const groups = [
  'lanes',
  'jobs',
  'executions',
  'waiting',
  'limits',
  'workers',
  'controls',
  'history',
  'documents',
  'schedules',
  'flexQueues',
  'snapshots',
  'states',
] as const

/** What is left of a process's transactions when it dies. */
export type OpenTransactions = Set<StorageTransaction>

/**
 * The shared database as one process sees it: each call travels there (one event), is done as one, and its answer travels back
 * (another); on the way either may be refused, lost or late.
 */
export function storageOf(
  shared: Storage,
  world: StorageWorld,
  process: SimProcess,
  open: OpenTransactions,
): Storage {
  const line = new Line(world, process)
  const proxied = Object.fromEntries(
    groups.map((group) => [group, grouped(group, shared[group] as unknown as Group, line)]),
  ) as unknown as Pick<Storage, (typeof groups)[number]>
  return {
    ...proxied,
    kind: shared.kind,
    // The tables are made before the world begins.
    schema: { migrate: async () => [], check: async () => undefined },
    wakeups: {
      subscribe: (listener) => {
        process.listeners.add(listener)
        return () => process.listeners.delete(listener)
      },
      start: async () => undefined,
      stop: async () => undefined,
    },
    begin: async (options) => {
      let begun: StorageTransaction | null = null
      const answer = line.call('begin', [], async () => {
        const transaction = await shared.begin(options)
        begun = transaction
        open.add(transaction)
        if (process.isDead) await transaction.rollback()
        return new SimTransaction(transaction, line)
      })
      return answer.catch(async (error: unknown) => {
        // Nobody holds it: the server ends it with the connection.
        await begun?.rollback()
        throw error
      })
    },
    reader: shared.reader,
    now: () => line.call('now', [], () => shared.now()),
    close: async () => undefined,
  }
}

type Group = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>

function grouped(name: string, group: Group, line: Line): Group {
  return Object.fromEntries(
    Object.entries(group).map(([method, call]) => [
      method,
      (...args: readonly unknown[]) => line.call(`${name}.${method}`, args, () => call(...args)),
    ]),
  )
}

/** The way between a process and the database. */
class Line {
  readonly #world: StorageWorld
  readonly #process: SimProcess

  constructor(world: StorageWorld, process: SimProcess) {
    this.#world = world
    this.#process = process
  }

  call<T>(label: string, args: readonly unknown[], apply: () => Promise<T>): Promise<T> {
    const { scheduler, faults, random } = this.#world
    return this.#send(label, () => {
      scheduler.note(JSON.stringify(args, repeatable))
      if (faults.strikes('refusal', 0.015)) return Promise.reject(unavailable(label, random.chance(0.5)))
      const answer = apply()
      return faults.strikes('lostAnswer', 0.015) ? answer.then(() => lose(unavailable(label, true))) : answer
    })
  }

  /** Nobody hears what became of a COMMIT that went wrong. */
  commit(transaction: StorageTransaction): Promise<void> {
    const { faults } = this.#world
    const unknown = (): MillraceError =>
      new MillraceError('MILL_COMMIT_UNKNOWN', 'the answer to COMMIT was lost')
    return this.#send('commit', () => {
      if (faults.strikes('refusal', 0.03)) return transaction.rollback().then(() => lose(unknown()))
      const answer = transaction.commit()
      return faults.strikes('lostAnswer', 0.03) ? answer.then(() => lose(unknown())) : answer
    })
  }

  /** Without a fault. */
  plain<T>(label: string, apply: () => Promise<T>): Promise<T> {
    return this.#send(label, apply)
  }

  #send<T>(label: string, act: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#world.scheduler.add(this.#process, this.#travel(), `asks ${label}`, () => {
      act().then(
        (value) => this.#answer(`${label} answered`, () => resolve(value)),
        (error: unknown) => this.#answer(`${label} failed`, () => reject(error)),
      )
    })
    return promise
  }

  #answer(label: string, deliver: () => void): void {
    const { scheduler, faults, leaseMs, random } = this.#world
    let late = 0
    if (faults.strikes('lateAnswer', 0.002)) {
      late = leaseMs * (1.1 + random.next())
      this.#world.onLate(this.#process)
    }
    scheduler.add(this.#process, this.#travel() + late, label, deliver)
  }

  #travel(): number {
    const { random, latencyMs } = this.#world
    return latencyMs * random.next() ** 3 * 4
  }
}

/** A connection that breaks takes its transaction along; whatever is asked then is refused. */
class SimTransaction implements StorageTransaction {
  readonly client = null
  readonly ownIds: StorageTransaction['ownIds']
  readonly each: StorageTransaction['each']
  readonly #real: StorageTransaction
  readonly #line: Line
  #lost: unknown = null

  constructor(real: StorageTransaction, line: Line) {
    this.#real = real
    this.#line = line
    const ids = real.ownIds
    this.ownIds = ids && {
      lanes: (specs) => this.#call('lanes', specs, () => ids.lanes(specs)),
      limitKeys: (specs) => this.#call('limitKeys', specs, () => ids.limitKeys(specs)),
    }
    const { each } = real
    this.each = each && ((...args) => this.#call('each', args, () => each.call(real, ...args)))
  }

  query(...args: Parameters<StorageTransaction['query']>): ReturnType<StorageTransaction['query']> {
    return this.#call('query', args, () => this.#real.query(...args))
  }

  stream(...args: Parameters<StorageTransaction['stream']>): ReturnType<StorageTransaction['stream']> {
    this.#demandStanding()
    return this.#real.stream(...args)
  }

  get snapshots(): StorageTransaction['snapshots'] {
    this.#demandStanding()
    return this.#real.snapshots
  }

  get states(): StorageTransaction['states'] {
    this.#demandStanding()
    return this.#real.states
  }

  get steering(): StorageTransaction['steering'] {
    this.#demandStanding()
    return this.#real.steering
  }

  hasWrites(): Promise<boolean> {
    return this.#call('hasWrites', [], () => this.#real.hasWrites())
  }

  enqueue(...args: Parameters<StorageTransaction['enqueue']>): ReturnType<StorageTransaction['enqueue']> {
    return this.#call('enqueue', args, () => this.#real.enqueue(...args))
  }

  settle(...args: Parameters<StorageTransaction['settle']>): ReturnType<StorageTransaction['settle']> {
    return this.#call('settle', args, () => this.#real.settle(...args))
  }

  async commit(): Promise<void> {
    this.#demandStanding()
    await this.#line.commit(this.#real)
  }

  rollback(): Promise<void> {
    return this.#line.plain('rollback', () => this.#real.rollback())
  }

  async #call<T>(label: string, args: readonly unknown[], apply: () => Promise<T>): Promise<T> {
    this.#demandStanding()
    try {
      return await this.#line.call(`transaction.${label}`, args, apply)
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'MILL_STORAGE_UNAVAILABLE') {
        this.#lost ??= error
        await this.#real.rollback()
      }
      throw error
    }
  }

  #demandStanding(): void {
    if (this.#lost === null) return
    throw new MillraceError('MILL_TRANSACTION_LOST', 'the connection of the transaction is gone', {
      cause: this.#lost,
    })
  }
}

function lose(error: MillraceError): never {
  throw error
}

function unavailable(label: string, unknown: boolean): MillraceError {
  return new MillraceError('MILL_STORAGE_UNAVAILABLE', `${label}: no answer`, {
    ...(unknown ? { data: { unknown: true } } : {}),
  })
}

/** Who runs the simulation is no part of it. */
function repeatable(key: string, value: unknown): unknown {
  return key === 'pid' || key === 'host' ? null : value
}
