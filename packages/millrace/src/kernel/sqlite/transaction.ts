import type { Decision } from '../rules/decision.ts'
import { isMillraceError, MillraceError } from '../rules/errors.ts'
import { renderSql, type SqlValue } from '../rules/sql-template.ts'
import type { EnqueueOutcome } from '../rules/unique.ts'
import type { NewJob } from '../storage/jobs.ts'
import { checkPage } from '../storage/reader-rules.ts'
import type { SnapshotAccess } from '../storage/snapshots.ts'
import type { BeginOptions, OwnIds, Row, StorageTransaction } from '../storage/transaction.ts'
import { Changes } from './changes.ts'
import type { Connection } from './connection.ts'
import type { Database, Step, Writing } from './database.ts'
import { breaksConnection, storageClosed, translated } from './errors.ts'
import { intern } from './lanes.ts'
import { define } from './limits.ts'
import { applyDecision, Fence } from './settle.ts'
import { snapshotsInside } from './snapshots.ts'
import type { StatesInside } from '../storage/states.ts'
import { statesInside } from './states.ts'
import type { Steering } from '../storage/steering.ts'
import { steeringOn } from './steering.ts'
import { enqueueOne } from './unique.ts'

export async function beginTransaction(
  database: Database,
  options: BeginOptions,
): Promise<StorageTransaction> {
  await database.lock.acquire()
  try {
    return new SqliteTransaction(database, await database.begin(), options)
  } catch (error) {
    database.lock.release()
    database.dropBroken(error, 'writer')
    throw translated(error)
  }
}

/** Holds the one writer of the process from BEGIN to its end: hence the write timeout. */
class SqliteTransaction implements StorageTransaction {
  readonly client = null
  readonly ownIds: OwnIds = {
    lanes: async (specs) => this.#writing(({ connection }) => specs.map((spec) => intern(connection, spec))),
    limitKeys: async (specs) => this.#writing((writing) => specs.map((spec) => define(writing, spec))),
  }
  readonly #writeTimeoutMs: number
  readonly #database: Database
  readonly #connection: Connection
  readonly #changes = new Changes()
  readonly #steps = new Set<Step>()
  readonly #cancelTimeout: () => void
  /** Tables that hold what streams have not given yet. */
  readonly #held = new Set<string>()
  #streams = 0
  #hasWrites = false
  #ended = false
  /** What took the transaction away first (trap 1); null while nothing has. */
  #lost: unknown = null

  constructor(database: Database, connection: Connection, { writeTimeoutMs }: BeginOptions) {
    this.#database = database
    this.#connection = connection
    this.#writeTimeoutMs = writeTimeoutMs
    this.#cancelTimeout =
      writeTimeoutMs > 0
        ? database.after(writeTimeoutMs, () => this.#lose(writeTimeout(writeTimeoutMs)))
        : () => undefined
    database.onClose(() => this.#lose(storageClosed()))
  }

  async query(segments: readonly string[], params: readonly unknown[]): Promise<Row[]> {
    const { text, values } = renderSql(segments, params, 'sqlite', 'The statement')
    return this.#attempt(() =>
      this.#database.runForUser(this.#connection, text, values, () => {
        this.#hasWrites = true
      }),
    )
  }

  async each(
    segments: readonly string[],
    lists: readonly (readonly unknown[])[],
  ): Promise<(number | MillraceError)[]> {
    return this.#attempt(() =>
      this.#database.userStatements(this.#connection).each(
        segments.join('?'),
        lists,
        () => {
          this.#hasWrites = true
        },
        (error) => {
          const cause = translated(error)
          // Refused as a whole, not for its values; or the transaction went with it.
          if (!isMillraceError(cause, 'MILL_STORAGE_QUERY') || !this.#connection.inTransaction) throw error
          return cause
        },
      ),
    )
  }

  /**
   * Through a temporary table: a statement that is open while its rows are updated may or may not see that (SQLite leaves it
   * open), and would go on for ever where an update moves rows ahead.
   */
  async *stream(
    segments: readonly string[],
    params: readonly unknown[],
    size: number,
  ): AsyncGenerator<Row[], void, undefined> {
    checkPage(size)
    const { text, values } = renderSql(segments, params, 'sqlite', 'The statement')
    this.#streams += 1
    const table = `temp.mill_stream_${this.#streams}`
    this.#read(`create temporary table ${table.slice('temp.'.length)} as ${text}`, values)
    this.#held.add(table)
    try {
      for (let at = 0; ; at += size) {
        const rows = this.#read(`select * from ${table} where _rowid_ > ? and _rowid_ <= ?`, [at, at + size])
        if (rows.length > 0) yield rows
        if (rows.length < size) return
        await new Promise<void>((resolve) => this.#database.soon(() => resolve()))
      }
    } finally {
      if (!this.#ended) this.#free(table)
    }
  }

  get snapshots(): SnapshotAccess {
    return snapshotsInside(
      (work, writes) => (writes ? this.#writing(work) : this.#attempt(work)),
      this.#writeTimeoutMs > 0 ? this.#writeTimeoutMs : Number.POSITIVE_INFINITY,
    )
  }

  get states(): StatesInside {
    return statesInside({
      read: async (work) => this.#attempt(({ connection }) => work(connection)),
      write: async (work) => this.#writing(work),
    })
  }

  get steering(): Steering {
    return steeringOn(
      async (work) => this.#writing(work),
      async (work) => this.#attempt(work),
    )
  }

  async hasWrites(): Promise<boolean> {
    return this.#attempt(() => this.#hasWrites)
  }

  async enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]> {
    return this.#attempt((writing) => {
      if (jobs.length > 0) this.#hasWrites = true
      this.#steps.add('enqueue')
      // All of them or none, also when the caller goes on after an error.
      this.#connection.run('savepoint millrace_enqueue')
      try {
        return jobs.map((job) => enqueueOne(writing, job))
      } catch (error) {
        if (this.#connection.inTransaction) this.#connection.run('rollback to millrace_enqueue')
        throw error
      } finally {
        if (this.#connection.inTransaction) this.#connection.run('release millrace_enqueue')
      }
    })
  }

  async settle(decision: Decision): Promise<'settled' | 'fenced'> {
    return this.#attempt((writing) => {
      if (!new Fence(this.#connection).stands(decision.lease)) return 'fenced'
      this.#steps.add(decision.key.seq < 0 ? 'finalizer' : 'settle')
      this.#hasWrites = true
      applyDecision(writing, decision)
      return 'settled'
    })
  }

  async commit(): Promise<void> {
    this.#demandOpen()
    try {
      await this.#database.hit([...this.#steps], 'before-commit')
    } catch (error) {
      this.#lose(error)
      throw error
    }
    this.#demandOpen()
    for (const table of this.#held) this.#free(table)
    try {
      this.#connection.run('commit')
    } catch (error) {
      throw this.#commitFailed(error)
    }
    this.#end()
    this.#database.afterCommit(this.#connection)
    this.#database.tell(this.#changes)
    await this.#database.hit([...this.#steps], 'after-commit')
  }

  async rollback(): Promise<void> {
    if (this.#ended) return
    this.#connection.rollback()
    this.#end()
  }

  #read(sql: string, values: readonly SqlValue[]): Row[] {
    return this.#attempt(() => this.#database.runForUser(this.#connection, sql, values, () => undefined))
  }

  #free(table: string): void {
    this.#held.delete(table)
    this.#connection.run(`drop table if exists ${table}`)
  }

  /** A commit whose write or sync failed may still be found in the log after a restart (trap 10). */
  #commitFailed(error: unknown): MillraceError {
    const cause = translated(error)
    this.#lose(cause)
    this.#database.dropBroken(error, 'writer')
    if (!breaksConnection(error)) return this.#lostError()
    return new MillraceError('MILL_COMMIT_UNKNOWN', 'Writing the COMMIT to the SQLite database failed.', {
      cause,
    })
  }

  #writing<T>(work: (writing: Writing) => T): T {
    return this.#attempt((writing) => {
      this.#hasWrites = true
      return work(writing)
    })
  }

  #attempt<T>(work: (writing: Writing) => T): T {
    this.#demandOpen()
    try {
      return work({ connection: this.#connection, changes: this.#changes, now: this.#database.now() })
    } catch (error) {
      const cause = translated(error)
      // A deferred write may have been lost with the connection, although SQLite says it is still inside.
      if (!this.#connection.inTransaction || breaksConnection(error)) this.#lose(cause)
      this.#database.dropBroken(error, 'writer')
      throw cause
    }
  }

  /** Without this look the next statement after a silent rollback would commit alone (trap 1). */
  #demandOpen(): void {
    if (this.#lost !== null) throw this.#lostError()
    if (this.#ended) {
      throw new MillraceError('MILL_CONTEXT_CLOSED', 'The transaction was used after it had ended.')
    }
    if (this.#connection.inTransaction) return
    this.#lose(new MillraceError('MILL_INTERNAL', 'SQLite is no longer inside the transaction.'))
    throw this.#lostError()
  }

  #lostError(): MillraceError {
    return new MillraceError('MILL_TRANSACTION_LOST', 'The transaction was rolled back and cannot go on.', {
      cause: this.#lost,
    })
  }

  #lose(cause: unknown): void {
    if (this.#ended) return
    this.#lost = cause
    this.#connection.rollback()
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.#cancelTimeout()
    this.#database.onClose(null)
    this.#database.lock.release()
  }
}

function writeTimeout(ms: number): MillraceError {
  return new MillraceError(
    'MILL_WRITE_TIMEOUT',
    `The transaction was open for more than ${ms} ms, in which nobody else could write, and was rolled back.`,
  )
}
