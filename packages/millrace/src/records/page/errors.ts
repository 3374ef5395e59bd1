import { isMillraceError, MillraceError, type ErrorCode } from '../../kernel/rules/errors.ts'

/** What a definition that was changed since makes of a query that once was sound. */
const outdated: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MILL_OBJECT_UNKNOWN',
  'MILL_FIELD_UNKNOWN',
  'MILL_QUERY_INVALID',
])

/** Do not try again (semantics C-05). */
export function fatal(message: string, data: Readonly<Record<string, unknown>> = {}): MillraceError {
  return new MillraceError('MILL_CURSOR_FATAL', `${message}.`, { data })
}

/** What was in the way of opening: of the database's making it is transient, else it is the query's own error. */
export async function opening<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw isTransient(error) ? transient(`${what} could not be opened`, error) : error
  }
}

/** The same of reading, where the query was sound once. */
export async function reading<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isTransient(error)) throw transient(`${what} could not be read`, error)
    if (!isMillraceError(error) || !outdated.has(error.code)) throw error
    throw new MillraceError(
      'MILL_CURSOR_FATAL',
      `${what} does not fit the objects any more: ${error.message}`,
      {
        cause: error,
      },
    )
  }
}

function isTransient(error: unknown): error is MillraceError {
  return isMillraceError(error) && error.retryable && error.code !== 'MILL_CURSOR_TRANSIENT'
}

function transient(what: string, cause: MillraceError): MillraceError {
  return new MillraceError('MILL_CURSOR_TRANSIENT', `${what}: ${cause.message}`, { cause })
}
