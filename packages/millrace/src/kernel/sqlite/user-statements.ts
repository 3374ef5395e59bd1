import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { MillraceError } from '../rules/errors.ts'
import type { SqlValue } from '../rules/sql-template.ts'
import { firstKeyword } from '../rules/transaction-statement.ts'
import type { Row } from '../storage/transaction.ts'
import type { Connection } from './connection.ts'
import { resultCode } from './errors.ts'
import type { StatementGuard } from './statement-guard.ts'

const kept = 200

interface Prepared {
  readonly statement: StatementSync
  readonly writes: boolean
}

/** The statements of users on one connection, judged as they are compiled; the last used stay prepared. */
export class UserStatements {
  readonly connection: Connection
  readonly #guard: StatementGuard
  readonly #prepared = new Map<string, Prepared>()

  constructor(connection: Connection, guard: StatementGuard) {
    this.connection = connection
    this.#guard = guard
  }

  /** `onWrite` is called before a statement runs that can write. */
  run(sql: string, values: readonly SqlValue[], onWrite: () => void): Row[] {
    return this.#judged(sql, () => {
      const { statement, writes } = this.#prepare(sql)
      if (writes) onWrite()
      // SQLite compiles again by itself after a change of the schema: hence the watch.
      return toRows(
        statement,
        this.#guard.watch(() => statement.all(...(values as SQLInputValue[]))),
      )
    })
  }

  /** Once for each list; `failed` turns an error into an outcome, or throws it. */
  each<Failed>(
    sql: string,
    lists: readonly (readonly unknown[])[],
    onWrite: () => void,
    failed: (error: unknown) => Failed,
  ): (number | Failed)[] {
    return this.#judged(sql, () => {
      const { statement, writes } = this.#prepare(sql)
      if (writes) onWrite()
      // No value is read, and numbers are made faster.
      statement.setReadBigInts(false)
      try {
        return this.#guard.watch(() =>
          lists.map((values) => {
            try {
              return statement.run(...(values as SQLInputValue[])).changes as number
            } catch (error) {
              return failed(error)
            }
          }),
        )
      } finally {
        statement.setReadBigInts(true)
      }
    })
  }

  /** The rows one by one; while they are, the same text must not run again. `return()` frees what the statement holds. */
  *iterate(
    sql: string,
    values: readonly SqlValue[],
    onWrite: () => void,
  ): Generator<Row, undefined, undefined> {
    const { statement, rows } = this.#judged(sql, () => {
      const { statement, writes } = this.#prepare(sql)
      if (writes) onWrite()
      return { statement, rows: statement.iterate(...(values as SQLInputValue[])) }
    })
    const next = (): IteratorResult<unknown, unknown> => this.#guard.watch(() => rows.next())
    try {
      let names: readonly string[] | null = null
      for (;;) {
        const { done, value } = this.#judged(sql, next)
        if (done === true) return undefined
        names ??= namesOf(statement)
        yield toRow(names, value as SQLOutputValue[])
      }
    } finally {
      rows.return?.()
    }
  }

  #judged<T>(sql: string, work: () => T): T {
    try {
      return work()
    } catch (error) {
      this.#prepared.delete(sql)
      if (resultCode(error) !== 23 || this.#guard.reason === null) throw error
      throw new MillraceError(
        'MILL_TRANSACTION_STATEMENT',
        `This statement is not allowed in a transaction of Millrace, because ${this.#guard.reason}: ${excerpt(sql)}`,
        { cause: error },
      )
    }
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql)
    if (known) {
      this.#prepared.delete(sql)
      this.#prepared.set(sql, known)
      return known
    }
    const statement = this.#guard.watch(() => this.#compile(sql))
    const prepared = { statement, writes: this.#guard.writes }
    this.#prepared.set(sql, prepared)
    if (this.#prepared.size > kept) {
      for (const oldest of this.#prepared.keys()) {
        this.#prepared.delete(oldest)
        break
      }
    }
    return prepared
  }

  #compile(sql: string): StatementSync {
    if (firstKeyword(sql) === '') throw refused(`The statement is empty: ${excerpt(sql)}`)
    const statement = this.connection.db.prepare(sql, { readBigInts: true })
    // Objects of Node's making are slow, and cost several times their memory.
    statement.setReturnArrays(true)
    // SQLite compiles the first statement of a text and would silently leave out the rest.
    if (firstKeyword(sql.slice(statement.sourceSQL.length)) !== '') {
      throw refused(`Only one statement can run at a time: ${excerpt(sql)}`)
    }
    return statement
  }
}

function refused(message: string): MillraceError {
  return new MillraceError('MILL_STORAGE_QUERY', message)
}

function excerpt(sql: string): string {
  return sql.length > 200 ? `${sql.slice(0, 200)}…` : sql
}

/** In place: the values of a large answer are not in memory twice. */
function toRows(statement: StatementSync, found: unknown[]): Row[] {
  if (found.length === 0) return []
  const names = namesOf(statement)
  for (let at = 0; at < found.length; at += 1) found[at] = toRow(names, found[at] as SQLOutputValue[])
  return found as Row[]
}

/** After the first row: until then SQLite may compile it anew, with other columns. */
function namesOf(statement: StatementSync): readonly string[] {
  return statement.columns().map(({ name }) => name)
}

/** Integers are numbers where a number holds them, else bigints. */
function toRow(names: readonly string[], values: readonly SQLOutputValue[]): Row {
  const row: Row = {}
  for (let at = 0; at < names.length; at += 1) {
    const value = values[at]
    row[names[at] as string] = typeof value === 'bigint' ? narrowed(value) : value
  }
  return row
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
