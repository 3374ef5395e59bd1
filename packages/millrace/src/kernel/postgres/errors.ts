import { MillraceError, type ErrorCode } from '../rules/errors.ts'

/** How PostgreSQL and `pg` say what went wrong. */
interface DatabaseError {
  readonly code?: string
  readonly message: string
  readonly constraint?: string
  readonly table?: string
  readonly column?: string
  readonly detail?: string
}

const byState: Readonly<Record<string, ErrorCode>> = {
  '3D000': 'MILL_STORAGE_AUTH',
  '53100': 'MILL_STORAGE_FULL',
  '25006': 'MILL_STORAGE_READ_ONLY',
  '57014': 'MILL_STORAGE_UNAVAILABLE',
  '25P03': 'MILL_STORAGE_UNAVAILABLE',
  '40001': 'MILL_STORAGE_BUSY',
  '40P01': 'MILL_STORAGE_BUSY',
  '55P03': 'MILL_STORAGE_BUSY',
  '58030': 'MILL_STORAGE_IO',
  XX001: 'MILL_STORAGE_CORRUPT',
  XX002: 'MILL_STORAGE_CORRUPT',
  '22021': 'MILL_TEXT_UNSTORABLE',
}

const byClass: Readonly<Record<string, ErrorCode>> = {
  '08': 'MILL_STORAGE_UNAVAILABLE',
  '28': 'MILL_STORAGE_AUTH',
  '53': 'MILL_STORAGE_UNAVAILABLE',
  '57': 'MILL_STORAGE_UNAVAILABLE',
}

/** What these mean of our own statements only; in a user's statement they are the user's affair. */
const ofOurs: Readonly<Record<string, ErrorCode>> = {
  '42P01': 'MILL_SCHEMA_MISSING',
  '42703': 'MILL_SCHEMA_MISSING',
  '3F000': 'MILL_SCHEMA_MISSING',
  '42501': 'MILL_STORAGE_AUTH',
}

/** Whose statement failed, and how far it may have come. */
export interface Failure {
  readonly what: string
  readonly whose: 'ours' | 'user'
  /** It was sent, so it may have committed unless the database itself refused it. */
  readonly sent: boolean
}

/**
 * An error of `pg` as a MillraceError. `data.unknown` is false when the statement surely did not commit, true when it
 * may have; `data.sqlstate` is PostgreSQL's code.
 */
export function translate(thrown: unknown, failure: Failure): MillraceError {
  if (thrown instanceof MillraceError) return thrown
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as DatabaseError & Error
  const state = sqlState(error)
  const message = `${failure.what}: ${error.message}`
  if (state === null) {
    if (error instanceof TypeError || error instanceof RangeError) {
      return new MillraceError('MILL_STORAGE_QUERY', message, { cause: error, data: { unknown: false } })
    }
    const code = isRefusal(error) ? 'MILL_STORAGE_AUTH' : 'MILL_STORAGE_UNAVAILABLE'
    return new MillraceError(code, message, {
      cause: error,
      data: { unknown: failure.sent && !neverSent(error) },
    })
  }
  return new MillraceError(codeOf(state, failure.whose), message, {
    cause: error,
    data: { unknown: failure.sent && mayHaveCommitted(state), sqlstate: state, ...pointers(error) },
  })
}

/** Five characters, as PostgreSQL has them; Node's own codes are longer. */
export function sqlState(error: unknown): string | null {
  const code = (error as DatabaseError | null | undefined)?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE' ? code : null
}

export function unavailable(message: string, unknown: boolean): MillraceError {
  return new MillraceError('MILL_STORAGE_UNAVAILABLE', message, { data: { unknown } })
}

export function closed(): MillraceError {
  return new MillraceError('MILL_STORAGE_CLOSED', 'the storage was closed', { data: { unknown: false } })
}

/** A promise of our own SQL was broken: a defect of Millrace. */
export function broken(what: string): MillraceError {
  return new MillraceError('MILL_INTERNAL', what)
}

function codeOf(state: string, whose: Failure['whose']): ErrorCode {
  const ours = whose === 'ours' ? ofOurs[state] : undefined
  return ours ?? byState[state] ?? byClass[state.slice(0, 2)] ?? 'MILL_STORAGE_QUERY'
}

/** The backend was going down, perhaps after its commit and before its answer. */
function mayHaveCommitted(state: string): boolean {
  return state.startsWith('57P') || state.startsWith('08') || state === '40003'
}

/** `pg` refused by itself: nothing reached the server. */
function neverSent(error: Error): boolean {
  return error.message.includes('is not queryable')
}

/** A password that is missing or of the wrong kind fails inside `pg`, without a code. */
function isRefusal(error: Error): boolean {
  return error.message.startsWith('SASL')
}

function pointers(error: DatabaseError): Record<string, string> {
  const { constraint, table, column, detail } = error
  return Object.fromEntries(
    Object.entries({ constraint, table, column, detail }).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}
