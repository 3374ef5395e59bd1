import { isMillraceError, type MillraceError } from '../../kernel/rules/errors.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { dmlError, type DmlError, type DmlErrorCode } from './result.ts'

export type StatementKind = 'insert' | 'update' | 'delete'

/** What the database refused, as the error of one row; null when it is no row's fault (the connection, a missing table, a full disk). */
export function rowError(
  error: unknown,
  object: ObjectInfo,
  statement: StatementKind,
  columnsOf: (constraint: string) => readonly string[],
): DmlError | null {
  if (!isMillraceError(error)) return null
  if (typeof error.data['sqlstate'] === 'string')
    return ofPostgres(error, error.data['sqlstate'], object, statement, columnsOf)
  if (typeof error.data['sqlite'] === 'number')
    return ofSqlite(error, error.data['sqlite'], object, statement)
  return null
}

const byState: Readonly<Record<string, DmlErrorCode>> = {
  '23502': 'REQUIRED_FIELD_MISSING',
  '23503': 'INVALID_CROSS_REFERENCE_KEY',
  '23001': 'FIELD_INTEGRITY_EXCEPTION',
  '23505': 'DUPLICATE_VALUE',
  '23514': 'FIELD_CUSTOM_VALIDATION_EXCEPTION',
  '23P01': 'DUPLICATE_VALUE',
  '22001': 'STRING_TOO_LONG',
  '22003': 'NUMBER_OUTSIDE_VALID_RANGE',
  '22008': 'NUMBER_OUTSIDE_VALID_RANGE',
  '22007': 'INVALID_TYPE_ON_FIELD_IN_RECORD',
  '22P02': 'INVALID_TYPE_ON_FIELD_IN_RECORD',
  '22P05': 'FIELD_INTEGRITY_EXCEPTION',
  '22021': 'FIELD_INTEGRITY_EXCEPTION',
  '428C9': 'INVALID_FIELD_FOR_INSERT_UPDATE',
  '42501': 'INSUFFICIENT_ACCESS_OR_READONLY',
  '40P01': 'UNABLE_TO_LOCK_ROW',
  '55P03': 'UNABLE_TO_LOCK_ROW',
  P0001: 'FIELD_CUSTOM_VALIDATION_EXCEPTION',
}

function ofPostgres(
  error: MillraceError,
  state: string,
  object: ObjectInfo,
  statement: StatementKind,
  columnsOf: (constraint: string) => readonly string[],
): DmlError | null {
  const known = byState[state]
  // Without the right to the table no row can be written at all.
  if (known === undefined || (state === '42501' && !error.message.includes('row-level security'))) return null
  const { column, constraint, table } = error.data
  const columns = typeof column === 'string' ? [column] : []
  // Named by the table that points, which on a delete is another one.
  const own = typeof table !== 'string' || object.definition.table.split('.').at(-1) === table
  const fields = fieldsOf(object, own && typeof constraint === 'string' ? columnsOf(constraint) : columns)
  return dmlError(
    refine(known, state, error, own, statement),
    saying(error),
    fields.length > 0 ? fields : fieldsOf(object, columns),
  )
}

function refine(
  code: DmlErrorCode,
  state: string,
  error: MillraceError,
  own: boolean,
  statement: StatementKind,
): DmlErrorCode {
  const message = saying(error)
  if (state === '23503' || state === '23001') {
    if (statement === 'delete') return 'DELETE_FAILED'
    return own ? code : 'FIELD_INTEGRITY_EXCEPTION'
  }
  if (state !== '22P02') return code
  if (message.includes(' enum ')) return 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST'
  return message.includes(' uuid') ? 'MALFORMED_ID' : code
}

const bySqlite: Readonly<Record<number, DmlErrorCode>> = {
  18: 'STRING_TOO_LONG',
  20: 'INVALID_TYPE_ON_FIELD_IN_RECORD',
  275: 'FIELD_CUSTOM_VALIDATION_EXCEPTION',
  787: 'INVALID_CROSS_REFERENCE_KEY',
  1299: 'REQUIRED_FIELD_MISSING',
  1555: 'DUPLICATE_VALUE',
  1811: 'FIELD_CUSTOM_VALIDATION_EXCEPTION',
  2067: 'DUPLICATE_VALUE',
  2579: 'DUPLICATE_VALUE',
  3091: 'INVALID_TYPE_ON_FIELD_IN_RECORD',
}

function ofSqlite(
  error: MillraceError,
  code: number,
  object: ObjectInfo,
  statement: StatementKind,
): DmlError | null {
  const known = bySqlite[code]
  if (known === undefined) return null
  const message = saying(error)
  const columns = [...message.matchAll(/[\w$]+\.([\w$]+)/g)].map(([, column]) => column ?? '')
  const foreign = code === 787 && statement === 'delete'
  return dmlError(foreign ? 'DELETE_FAILED' : known, message, code === 275 ? [] : fieldsOf(object, columns))
}

/** The database's own words, without ours around them. */
function saying(error: MillraceError): string {
  return error.cause instanceof Error ? error.cause.message : error.message
}

function fieldsOf(object: ObjectInfo, columns: readonly string[]): string[] {
  const wanted = new Set(columns.map((column) => column.toLowerCase()))
  const { tenant } = object.definition
  return object.fields
    .filter(({ name, column }) => name !== tenant && wanted.has(column.toLowerCase()))
    .map(({ name }) => name)
}
