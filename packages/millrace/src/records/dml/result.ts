import { MillraceError } from '../../kernel/rules/errors.ts'

/** Why a row failed, in Salesforce's own terms (StatusCode), with what it means here. `docs/dml.md` is checked against it. */
export const dmlErrorCodes = {
  REQUIRED_FIELD_MISSING: 'A required field has no value.',
  STRING_TOO_LONG: 'A text is longer than the field or the column takes.',
  INVALID_TYPE_ON_FIELD_IN_RECORD: 'A value is of another type than its field.',
  NUMBER_OUTSIDE_VALID_RANGE:
    'A number or date is out of range, or has more digits after the point than the field keeps.',
  INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: 'A value is none of those of a restricted picklist.',
  INVALID_FIELD: 'The object has no such field.',
  INVALID_FIELD_FOR_INSERT_UPDATE:
    'The field cannot be written: it is read-only, or the roles of the caller do not give it.',
  MISSING_ARGUMENT: 'The row names no record: it has no id, or no external id.',
  MALFORMED_ID: 'The id is none that the column can hold.',
  DUPLICATE_VALUE: 'A value is taken where it must be unique, or the same record stands twice in the call.',
  DUPLICATE_EXTERNAL_ID: 'More than one record has the external id.',
  INVALID_CROSS_REFERENCE_KEY:
    'There is no such record: not the one to change, or not the one that is pointed to.',
  ENTITY_IS_DELETED: 'The record is deleted (soft delete).',
  UNDELETE_FAILED: 'The record is not deleted.',
  DELETE_FAILED: 'Other records point to the record.',
  STALE_RECORD: 'The record has changed since it was read: version or modified-at differ.',
  UNABLE_TO_LOCK_ROW: 'Another transaction holds the record.',
  FIELD_INTEGRITY_EXCEPTION:
    'A value breaks the integrity of the data: text that not every database can hold, or a key in use.',
  FIELD_CUSTOM_VALIDATION_EXCEPTION:
    'A check constraint, a trigger of the database, or `addError` refused the row.',
  CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:
    'A trigger threw, so that all its rows fail; or the database left the row out.',
  INSUFFICIENT_ACCESS_OR_READONLY: 'The caller may not do this to the object, or names another tenant.',
  ALL_OR_NONE_OPERATION_ROLLED_BACK: 'The row was fine; another row of the same call was not.',
} as const satisfies Readonly<Record<string, string>>

export type DmlErrorCode = keyof typeof dmlErrorCodes

/** One thing that is wrong with a row (semantics B-16). */
export interface DmlError {
  readonly code: DmlErrorCode
  readonly message: string
  /** Names of the fields it is about, as far as they are known. */
  readonly fields: readonly string[]
}

/** What became of one row, at the same place of the list as the row (semantics B-16). */
export interface DmlResult {
  readonly success: boolean
  /** null while the record has none. */
  readonly id: string | number | bigint | null
  /** Of an upsert: whether it was inserted. */
  readonly created?: boolean
  readonly errors: readonly DmlError[]
}

export function dmlError(code: DmlErrorCode, message: string, fields: readonly string[] = []): DmlError {
  return { code, message, fields }
}

const verbs = {
  insert: 'Insert',
  update: 'Update',
  upsert: 'Upsert',
  delete: 'Delete',
  undelete: 'Undelete',
} as const

export type DmlVerb = keyof typeof verbs

/** MILL_DML_FAILED, telling the first failed row; `data.results` has all rows. `cause`: what a trigger threw. */
export function dmlFailed(
  object: string,
  verb: DmlVerb,
  results: readonly DmlResult[],
  cause?: unknown,
): MillraceError {
  const own = (one: DmlResult): boolean =>
    one.errors.some(({ code }) => code !== 'ALL_OR_NONE_OPERATION_ROLLED_BACK')
  const row = results.findIndex(own)
  const first = results[row]?.errors[0]
  const others = results.filter(own).length - 1
  const more = others > 0 ? `; ${others} more rows failed` : ''
  return new MillraceError(
    'MILL_DML_FAILED',
    `${verbs[verb]} of ${object} failed at row ${row}: ${first?.code ?? ''}: ${first?.message ?? ''}${more}. Nothing of the call was kept.`,
    { cause, data: { object, verb, row, code: first?.code, results } },
  )
}
