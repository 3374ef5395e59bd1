import type { Clock, Turns } from '../rules/clock.ts'
import type { Faults, FaultPoint } from '../rules/fault-point.ts'
import type { SqlValue } from '../rules/sql-template.ts'
import type { Row } from '../storage/transaction.ts'
import type { Wake } from '../storage/wakeups.ts'
import { retryBusy } from './busy.ts'
import { Changes } from './changes.ts'
import { Connection } from './connection.ts'
import { breaksConnection, isBusy, storageClosed, translated } from './errors.ts'
import { StatementGuard } from './statement-guard.ts'
import { UserStatements } from './user-statements.ts'
import { LockTimeout, WriterLock } from './writer-lock.ts'
import { WalBound } from './wal-bound.ts'

export interface DatabaseOptions {
  readonly path: string
  readonly synchronous: 'FULL' | 'NORMAL'
  readonly now: () => number
  readonly after: Clock['after']
  /** Timers that do not keep the process from ending. */
  readonly inBackground: Clock['after']
  /** The next turn of the event loop. @default setImmediate */
  readonly soon?: Turns['soon']
  readonly faults: Faults | null
  readonly busyBoundMs: number
}

/** SQLite's default of 2,000 halves the rate of claims over many lanes. */
const writerCacheKiB = 65_536
const readerCacheKiB = 16_384

export type Step =
  | 'enqueue'
  | 'claim'
  | 'settle'
  | 'handback'
  | 'finalizer'
  | 'rescue'
  | 'prune'
  | 'migrate'
  | 'schedule'
  | 'page'

/** For a caller that would rather fail than wait: how long, and with what. */
export interface Patience {
  readonly withinMs: number
  readonly late: (cause: unknown) => Error
}

/** One write transaction, as the stores see it. */
export interface Writing {
  readonly connection: Connection
  readonly changes: Changes
  /** The database's clock, read once. */
  readonly now: number
}

/**
 * The file: a connection that writes, one that reads, the lock between writers of this process, the way around
 * writers of others, and the listeners to what was committed.
 */
export class Database {
  readonly lock: WriterLock
  readonly guard = new StatementGuard()
  readonly now: () => number
  readonly after: Clock['after']
  readonly inBackground: Clock['after']
  readonly soon: Turns['soon']
  readonly #options: DatabaseOptions
  readonly #listeners = new Set<(wake: Wake) => void>()
  readonly #walBound: WalBound | null
  #writer: Connection | null = null
  #reader: Connection | null = null
  #userStatements: UserStatements | null = null
  /** Read-only: one for queries of users, one for each of their streams. */
  #userReader: UserStatements | null = null
  readonly #streams = new Set<UserStatements>()
  #closed = false
  /** Whoever must be told before the connections go: the open transaction. */
  #onClose: (() => void) | null = null

  constructor(options: DatabaseOptions) {
    this.#options = options
    this.now = () => Math.floor(options.now())
    this.after = options.after
    this.inBackground = options.inBackground
    this.soon = options.soon ?? setImmediate
    this.lock = new WriterLock(options.after, this.soon)
    this.#walBound = this.inMemory ? null : new WalBound(options.path)
  }

  get inMemory(): boolean {
    return this.#options.path === ':memory:'
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Opens both connections; retries while another process recovers or switches the file. */
  async open(): Promise<void> {
    await this.retry(() => {
      this.writer()
      this.#readConnection()
    })
  }

  demandOpen(): void {
    if (this.#closed) throw storageClosed()
  }

  writer(): Connection {
    this.demandOpen()
    this.#writer ??= new Connection({
      ...this.#options,
      cacheKiB: writerCacheKiB,
      authorizer: this.guard.authorizer,
    })
    return this.#writer
  }

  #readConnection(): Connection {
    if (this.inMemory) return this.writer()
    this.demandOpen()
    this.#reader ??= new Connection({ ...this.#options, cacheKiB: readerCacheKiB })
    return this.#reader
  }

  /** After an I/O error the connection's next use opens it anew (trap 10). In memory there is nothing to come back to. */
  dropBroken(error: unknown, broken: 'writer' | 'reader'): void {
    if (this.inMemory || !breaksConnection(error)) return
    const connection = broken === 'writer' ? this.#writer : this.#reader
    if (broken === 'writer') this.#writer = null
    else this.#reader = null
    try {
      connection?.close()
    } catch {
      // It is given up either way.
    }
  }

  /** BEGIN IMMEDIATE; the lock must be held. */
  begin(): Promise<Connection> {
    return this.#begin(this.#options.busyBoundMs, (connection) => connection)
  }

  /** `work` follows BEGIN at once: no promise runs in between. */
  #begin<T>(boundMs: number, work: (connection: Connection) => T): Promise<T> {
    return retryBusy({ after: this.after, boundMs }, () => {
      const connection = this.writer()
      connection.run('begin immediate')
      return work(connection)
    })
  }

  /**
   * One transaction of the engine, from BEGIN to COMMIT in one turn: nobody else of this process sees the middle of it, and a
   * handler that blocks the event loop cannot begin under the write lock. All or nothing; what it changed is told after COMMIT.
   */
  async write<T>(
    steps: Step | readonly Step[] | null,
    work: (writing: Writing) => T,
    patience?: Patience,
  ): Promise<T> {
    const start = performance.now()
    await this.#acquire(patience)
    try {
      const { connection, changes, result } = await this.#beginWithin(start, patience, (begun) =>
        this.#written(begun, work),
      )
      if (this.#options.faults !== null) await this.#commitAfterFaults(connection, steps)
      this.tell(changes)
      await this.hit(steps, 'after-commit')
      return result
    } catch (error) {
      this.dropBroken(error, 'writer')
      throw translated(error)
    } finally {
      this.lock.release()
    }
  }

  #written<T>(
    connection: Connection,
    work: (writing: Writing) => T,
  ): { readonly connection: Connection; readonly changes: Changes; readonly result: T } {
    const changes = new Changes()
    let result: T
    try {
      result = work({ connection, changes, now: this.now() })
    } catch (error) {
      connection.rollback()
      throw error
    }
    if (this.#options.faults === null) this.#commit(connection)
    return { connection, changes, result }
  }

  /** Tests stop it before the commit. */
  async #commitAfterFaults(connection: Connection, steps: Step | readonly Step[] | null): Promise<void> {
    try {
      await this.hit(steps, 'before-commit')
    } catch (error) {
      connection.rollback()
      throw error
    }
    this.#commit(connection)
  }

  async #acquire(patience: Patience | undefined): Promise<void> {
    try {
      await this.lock.acquire(patience?.withinMs)
    } catch (error) {
      throw patience && error instanceof LockTimeout ? patience.late(error) : error
    }
  }

  async #beginWithin<T>(
    start: number,
    patience: Patience | undefined,
    work: (connection: Connection) => T,
  ): Promise<T> {
    if (!patience) return this.#begin(this.#options.busyBoundMs, work)
    try {
      return await this.#begin(Math.max(0, patience.withinMs - (performance.now() - start)), work)
    } catch (error) {
      throw isBusy(error) ? patience.late(error) : error
    }
  }

  #commit(connection: Connection): void {
    try {
      connection.run('commit')
    } catch (error) {
      connection.rollback()
      this.dropBroken(error, 'writer')
      throw translated(error, breaksConnection(error) ? { unknown: true } : undefined)
    }
    this.afterCommit(connection)
  }

  /** Runs a user's statement on the connection of their transaction. */
  runForUser(connection: Connection, sql: string, values: readonly SqlValue[], onWrite: () => void): Row[] {
    return this.userStatements(connection).run(sql, values, onWrite)
  }

  userStatements(connection: Connection): UserStatements {
    if (this.#userStatements?.connection !== connection) {
      this.#userStatements = new UserStatements(connection, this.guard)
    }
    return this.#userStatements
  }

  /** A user's read outside of any transaction, on a connection that cannot write; `work` is synchronous. Files only. */
  async readForUser<T>(work: (statements: UserStatements) => T): Promise<T> {
    try {
      return await this.retry(() => work((this.#userReader ??= this.#openReader())))
    } catch (error) {
      if (breaksConnection(error)) {
        this.#userReader?.connection.close()
        this.#userReader = null
      }
      throw translated(error)
    }
  }

  /** The same for a stream, which keeps it until `closeReader`. */
  async openReader(): Promise<UserStatements> {
    try {
      const opened = await this.retry(() => this.#openReader())
      this.#streams.add(opened)
      return opened
    } catch (error) {
      throw translated(error)
    }
  }

  closeReader(statements: UserStatements): void {
    this.#streams.delete(statements)
    statements.connection.close()
  }

  #openReader(): UserStatements {
    this.demandOpen()
    const guard = new StatementGuard()
    const connection = new Connection({
      ...this.#options,
      cacheKiB: readerCacheKiB,
      authorizer: guard.authorizer,
      readOnly: true,
    })
    return new UserStatements(connection, guard)
  }

  /** A number that differs after others have committed; null when it cannot be told now. */
  foreignVersion(): number | null {
    try {
      return this.#writer?.get<{ data_version: number }>('pragma data_version')?.data_version ?? null
    } catch {
      // The next write meets the same error and deals with it.
      return null
    }
  }

  /** Keeps the WAL bounded also where readers of other processes hold it open. */
  afterCommit(connection: Connection): void {
    this.#walBound?.committed(connection)
  }

  /** Reads of one instant. In memory the one connection may be inside somebody's transaction, whose rows show. */
  async read<T>(work: (connection: Connection) => T): Promise<T> {
    try {
      if (this.inMemory) return work(this.writer())
      return await this.retry(() => {
        const connection = this.#readConnection()
        connection.run('begin')
        try {
          return work(connection)
        } finally {
          connection.rollback()
        }
      })
    } catch (error) {
      this.dropBroken(error, 'reader')
      throw translated(error)
    }
  }

  retry<T>(attempt: () => T): Promise<T> {
    return retryBusy({ after: this.after, boundMs: this.#options.busyBoundMs }, attempt)
  }

  async hit(steps: Step | readonly Step[] | null, moment: 'before-commit' | 'after-commit'): Promise<void> {
    const { faults } = this.#options
    if (!faults || steps === null) return
    for (const step of typeof steps === 'string' ? [steps] : steps) {
      await faults.hit(`${step}:${moment}` satisfies FaultPoint)
    }
  }

  subscribe(listener: (wake: Wake) => void): () => void {
    const own = (wake: Wake) => listener(wake)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  tell(changes: Changes): void {
    if (this.#listeners.size === 0) return
    for (const wake of changes.wakes()) this.emit(wake)
  }

  emit(wake: Wake): void {
    for (const listener of this.#listeners) {
      try {
        listener(wake)
      } catch {
        // What it does with a hint is its own affair: the commit stands, and the others are told too.
      }
    }
  }

  /** Registers the open transaction of a user, which holds the lock. */
  onClose(call: (() => void) | null): void {
    this.#onClose = call
  }

  close(): void {
    if (this.#closed) return
    this.lock.close(storageClosed())
    this.#onClose?.()
    const writer = this.#writer
    this.#closed = true
    try {
      writer?.rollback()
      if (writer && !this.inMemory) writer.run('pragma wal_checkpoint(truncate)')
    } catch {
      // Another process reads or writes: it will do it.
    }
    const readers = [this.#userReader, ...this.#streams].map((statements) => statements?.connection)
    for (const connection of [...readers, this.#reader, writer]) connection?.close()
    this.#listeners.clear()
  }
}
