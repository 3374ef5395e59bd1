import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { MillraceError } from '../rules/errors.ts'
import { addFunctions } from './functions.ts'
import type { Authorizer } from './statement-guard.ts'

export interface ConnectionOptions {
  readonly path: string
  readonly synchronous: 'FULL' | 'NORMAL'
  /** Pages kept at most. */
  readonly cacheKiB: number
  readonly authorizer?: Authorizer
  /** Whatever runs on it, nothing is written. */
  readonly readOnly?: boolean
}

/** Checkpoint after this many pages (4 KiB each) of WAL, at a commit: many lanes dirty the same pages again and again. */
const checkpointPages = 8_000
/** A WAL that a slow reader let grow is cut back to this when it is reset. */
const walBytesKept = 64 * 1024 * 1024

/** One connection with its prepared statements, by text. Everything in it is synchronous. */
export class Connection {
  readonly db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(options: ConnectionOptions) {
    this.db = new DatabaseSync(options.path, {
      timeout: 0,
      defensive: true,
      readOnly: options.readOnly ?? false,
    })
    try {
      this.#useLog(options.path)
      this.db.exec(`pragma synchronous = ${options.synchronous}`)
      this.db.exec(`pragma wal_autocheckpoint = ${checkpointPages}`)
      this.db.exec(`pragma cache_size = -${options.cacheKiB}`)
      this.db.exec(`pragma journal_size_limit = ${walBytesKept}`)
      addFunctions(this.db)
      if (options.readOnly === true) this.db.exec('pragma query_only = on')
      if (options.authorizer) this.db.setAuthorizer(options.authorizer)
    } catch (error) {
      this.db.close()
      throw error
    }
  }

  /** Write-ahead logging needs a file system with shared memory: a network one often has none. */
  #useLog(path: string): void {
    const mode = this.get<{ journal_mode: string }>('pragma journal_mode = wal')?.journal_mode
    if (mode === 'wal' || path === ':memory:') return
    throw new MillraceError(
      'MILL_STORAGE_UNAVAILABLE',
      `The SQLite database cannot use write-ahead logging where it is (${mode ?? 'no'} mode); put it on a local disk.`,
    )
  }

  get inTransaction(): boolean {
    return this.db.isTransaction
  }

  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** Rows changed. */
  run(sql: string, ...params: SQLInputValue[]): number {
    return Number(this.prepare(sql).run(...params).changes)
  }

  get<R>(sql: string, ...params: SQLInputValue[]): R | undefined {
    return this.prepare(sql).get(...params) as R | undefined
  }

  all<R>(sql: string, ...params: SQLInputValue[]): R[] {
    return this.prepare(sql).all(...params) as R[]
  }

  /** Never throws: after some errors SQLite has rolled back by itself (trap 1). */
  rollback(): void {
    try {
      if (this.db.isOpen && this.db.isTransaction) this.run('rollback')
    } catch {
      // A connection that cannot roll back is closed and opened again by its owner, which does it.
    }
  }

  close(): void {
    this.#statements.clear()
    if (this.db.isOpen) this.db.close()
  }
}
