import { MillraceError, type ErrorCode } from '../rules/errors.ts'

/** Primary result codes of SQLite that have a code of ours; the rest is MILL_STORAGE_QUERY. */
const codes: Readonly<Record<number, { readonly code: ErrorCode; readonly text: string }>> = {
  5: { code: 'MILL_STORAGE_BUSY', text: 'another connection holds the lock of the SQLite database' },
  6: { code: 'MILL_STORAGE_BUSY', text: 'a table of the SQLite database is locked' },
  8: { code: 'MILL_STORAGE_READ_ONLY', text: 'the SQLite database cannot be written' },
  10: { code: 'MILL_STORAGE_IO', text: 'reading or writing the SQLite database failed' },
  11: { code: 'MILL_STORAGE_CORRUPT', text: 'the SQLite database is damaged' },
  13: { code: 'MILL_STORAGE_FULL', text: 'the disk of the SQLite database is full' },
  15: { code: 'MILL_STORAGE_BUSY', text: 'too many processes read the SQLite database at once' },
  14: { code: 'MILL_STORAGE_UNAVAILABLE', text: 'the SQLite database cannot be opened' },
  23: {
    code: 'MILL_TRANSACTION_STATEMENT',
    text: 'this statement is not allowed in a transaction of Millrace',
  },
  26: { code: 'MILL_STORAGE_CORRUPT', text: 'the file is no SQLite database' },
}

interface SqliteError extends Error {
  readonly code: string
  /** Extended result code. */
  readonly errcode?: number
}

function isSqliteError(error: unknown): error is SqliteError & { readonly errcode: number } {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
}

/** Primary result code, or 0 when it is no error of SQLite. */
export function resultCode(error: unknown): number {
  return isSqliteError(error) ? error.errcode & 0xff : 0
}

export function isBusy(error: unknown): boolean {
  const code = resultCode(error)
  return code === 5 || code === 6 || code === 15
}

/** After one of these the connection must be closed and opened again (trap 10). */
export function breaksConnection(error: unknown): boolean {
  return resultCode(error) === 10
}

function isClosed(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'ERR_INVALID_STATE' &&
    /database is not open|statement has been finalized/.test(error.message)
  )
}

export function storageClosed(cause?: unknown): MillraceError {
  return new MillraceError('MILL_STORAGE_CLOSED', 'The SQLite storage was closed', { cause })
}

/** What SQLite said as a MillraceError; what did not come from SQLite is returned as it is. */
export function translated(error: unknown, data?: Readonly<Record<string, unknown>>): unknown {
  if (error instanceof MillraceError) return error
  if (isClosed(error)) return storageClosed(error)
  if (!isSqliteError(error)) return error
  const known = codes[error.errcode & 0xff] ?? {
    code: 'MILL_STORAGE_QUERY' as const,
    text: 'the SQLite database refused a statement',
  }
  return new MillraceError(known.code, `${known.text}: ${error.message} (${error.errcode})`, {
    cause: error,
    data: { sqlite: error.errcode, ...data },
  })
}
