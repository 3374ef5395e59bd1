import { constants } from 'node:sqlite'

/** What SQLite asks while it compiles a statement; the answer is SQLITE_OK or SQLITE_DENY. */
export type Authorizer = (
  action: number,
  first: string | null,
  second: string | null,
  database: string | null,
  trigger: string | null,
) => number

/** Actions of statements that only read, or only set savepoints. */
const readingActions = new Set([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
  constants.SQLITE_PRAGMA,
  constants.SQLITE_SAVEPOINT,
])
const transactionActions = new Set([
  constants.SQLITE_TRANSACTION,
  constants.SQLITE_ATTACH,
  constants.SQLITE_DETACH,
])
/** Actions whose first argument is the table. */
const tableFirst = new Set([
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_TEMP_TABLE,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_CREATE_TEMP_VIEW,
  constants.SQLITE_CREATE_VTABLE,
  constants.SQLITE_DROP_TABLE,
])
/** Actions whose second argument is the table. */
const tableSecond = new Set([
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_CREATE_TRIGGER,
  constants.SQLITE_CREATE_TEMP_TRIGGER,
  constants.SQLITE_DROP_TRIGGER,
])
/** Pragmas that only read, and those that only read when they have no argument. */
const readingPragmas = new Set([
  'collation_list',
  'compile_options',
  'data_version',
  'database_list',
  'foreign_key_check',
  'foreign_key_list',
  'function_list',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'module_list',
  'page_count',
  'pragma_list',
  'quick_check',
  'table_info',
  'table_list',
  'table_xinfo',
])
const readingWithoutArgument = new Set([
  'application_id',
  'encoding',
  'foreign_keys',
  'freelist_count',
  'journal_mode',
  'page_size',
  'schema_version',
  'synchronous',
  'user_version',
])

function isEngineTable(name: string | null): boolean {
  return name !== null && name.toLowerCase().startsWith('millrace_')
}

/** Why a user's statement may not do this, or null when it may (trap 3). SAVEPOINT, RELEASE and ROLLBACK TO may. */
export function refusal(action: number, first: string | null, second: string | null): string | null {
  if (transactionActions.has(action)) return 'it would begin, end or leave the transaction'
  if (tableFirst.has(action) && isEngineTable(first)) return `${first ?? ''} is a table of Millrace`
  if (tableSecond.has(action) && isEngineTable(second)) return `${second ?? ''} is a table of Millrace`
  if (action === constants.SQLITE_PRAGMA) {
    const name = (first ?? '').toLowerCase()
    if (readingPragmas.has(name) || (second === null && readingWithoutArgument.has(name))) return null
    return `pragma ${name} may change the connection`
  }
  return null
}

/**
 * Compiling is judged only while a user's statement is on its way: the connection belongs to the engine too. It covers
 * running as well, for SQLite compiles again after a change of the schema.
 */
export class StatementGuard {
  #watching = false
  #reason: string | null = null
  #writes = false

  readonly authorizer: Authorizer = (action, first, second) => {
    if (!this.#watching) return constants.SQLITE_OK
    if (!readingActions.has(action)) this.#writes = true
    const reason = refusal(action, first, second)
    if (reason === null) return constants.SQLITE_OK
    this.#reason = reason
    return constants.SQLITE_DENY
  }

  watch<T>(work: () => T): T {
    this.#watching = true
    this.#reason = null
    this.#writes = false
    try {
      return work()
    } finally {
      this.#watching = false
    }
  }

  /** Whether what was compiled under the last watch can write. */
  get writes(): boolean {
    return this.#writes
  }

  /** Why the last watched statement was refused. */
  get reason(): string | null {
    return this.#reason
  }
}
