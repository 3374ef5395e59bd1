import { MillraceError } from '../rules/errors.ts'

/** Throws MILL_OPTIONS_INVALID. */
export function checkPage(size: number): void {
  if (Number.isSafeInteger(size) && size >= 1) return
  throw new MillraceError(
    'MILL_OPTIONS_INVALID',
    `a page has ${String(size)} rows; it must be a whole number from 1`,
  )
}

export function timedOut(timeoutMs: number, cause?: unknown): MillraceError {
  return new MillraceError('MILL_QUERY_TIMEOUT', `the query took longer than ${timeoutMs} ms`, {
    cause,
    data: { timeoutMs },
  })
}

export function tooManyRows(maxRows: number): MillraceError {
  return new MillraceError('MILL_QUERY_TOO_MANY_ROWS', `the query has more than ${maxRows} rows`, {
    data: { maxRows },
  })
}
