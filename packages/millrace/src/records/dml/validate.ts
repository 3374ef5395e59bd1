import { describeValue } from '../../kernel/rules/describe-value.ts'
import { meant } from '../../kernel/rules/nearest-name.ts'
import { checkStorableJson, isStorable } from '../../kernel/rules/text.ts'
import { isDay } from '../query/instant.ts'
import type { FieldInfo } from '../object/schema.ts'
import { dmlError, type DmlError } from './result.ts'

/** What is wrong with a value that is neither null nor undefined; null when it fits its field. */
export type Check = (value: unknown) => DmlError | null

const checks = new WeakMap<FieldInfo, Check>()

/** The check of a field by its definition, made once. Pure: the database is not asked. */
export function checkOf(field: FieldInfo): Check {
  let check = checks.get(field)
  if (check === undefined) {
    check = makeCheck(field)
    checks.set(field, check)
  }
  return check
}

export function missing({ name, label }: FieldInfo): DmlError {
  return dmlError('REQUIRED_FIELD_MISSING', `${label} is required`, [name])
}

function makeCheck(field: FieldInfo): Check {
  switch (field.type) {
    case 'id':
    case 'reference':
      return field.numeric ? wholeId(field) : text(field)
    case 'text':
      return text(field)
    case 'number':
    case 'currency':
      return number(field)
    case 'integer':
      return integer(field)
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? null : wrongType(field, 'true or false', value))
    case 'date':
      return date(field)
    case 'datetime':
      return datetime(field)
    case 'picklist':
      return picklist(field)
    case 'multipicklist':
      return multipicklist(field)
    case 'json':
      return json(field)
  }
}

function text(field: FieldInfo): Check {
  const { length } = field
  return (value) => {
    if (typeof value !== 'string') return wrongType(field, 'text', value)
    if (length !== undefined && value.length > length && characters(value) > length)
      return dmlError(
        'STRING_TOO_LONG',
        `${field.label} takes at most ${length} characters; got ${characters(value)}`,
        [field.name],
      )
    return isStorable(value) ? null : unstorable(field)
  }
}

/** Code points, as PostgreSQL counts them. */
function characters(value: string): number {
  let count = 0
  for (const _ of value) count += 1
  return count
}

function wholeId(field: FieldInfo): Check {
  return (value) => {
    if (typeof value === 'bigint')
      return value >= -(2n ** 63n) && value < 2n ** 63n ? null : outside(field, '64 bits', value)
    if (typeof value !== 'number' || !Number.isInteger(value))
      return dmlError('MALFORMED_ID', `${field.label} must be a whole number; got ${describeValue(value)}`, [
        field.name,
      ])
    return Number.isSafeInteger(value) ? null : outside(field, '±2^53 (pass a bigint)', value)
  }
}

function number(field: FieldInfo): Check {
  const { scale } = field
  return (value) => {
    if (typeof value !== 'number' || Number.isNaN(value)) return wrongType(field, 'a number', value)
    if (!Number.isFinite(value)) return outside(field, 'what a database can hold', value)
    if (
      scale === undefined ||
      Number.isInteger(value) ||
      Number(value.toFixed(Math.min(scale, 100))) === value
    )
      return null
    return dmlError(
      'NUMBER_OUTSIDE_VALID_RANGE',
      `${field.label} keeps ${scale} digits after the point; got ${value}`,
      [field.name],
    )
  }
}

function integer(field: FieldInfo): Check {
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value))
      return wrongType(field, 'a whole number', value)
    return Number.isSafeInteger(value) ? null : outside(field, '±2^53', value)
  }
}

const day = /^\d{4}-\d\d-\d\d$/

function date(field: FieldInfo): Check {
  return (value) => {
    if (typeof value !== 'string' || !day.test(value)) return wrongType(field, "a day as '2026-11-24'", value)
    return isDay(value) ? null : outside(field, 'the calendar', value)
  }
}

const firstInstant = Date.parse('0001-01-01T00:00:00Z')
const lastInstant = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

function datetime(field: FieldInfo): Check {
  return (value) => {
    if (!(value instanceof Date)) return wrongType(field, 'a Date', value)
    const ms = value.getTime()
    if (Number.isNaN(ms)) return wrongType(field, 'a valid Date', value)
    if (ms < firstInstant || ms > lastInstant) return outside(field, 'the years 1 to 9999', value)
    return field.storedAs === 'epochSeconds' && ms % 1000 !== 0
      ? dmlError(
          'NUMBER_OUTSIDE_VALID_RANGE',
          `${field.label} keeps whole seconds; got ${value.toISOString()}`,
          [field.name],
        )
      : null
  }
}

function picklist(field: FieldInfo): Check {
  const known = new Set(field.values.map(({ value }) => value))
  const asText = text(field)
  return (value) => {
    if (typeof value === 'string' && known.has(value)) return null
    const wrong = asText(value)
    if (wrong !== null) return wrong
    return field.restricted ? notAChoice(field, known, value) : null
  }
}

function multipicklist(field: FieldInfo): Check {
  const known = new Set(field.values.map(({ value }) => value))
  return (value) => {
    if (!Array.isArray(value)) return wrongType(field, 'a list of texts', value)
    for (const one of value as unknown[]) {
      if (typeof one !== 'string') return wrongType(field, 'a list of texts', value)
      if (!isStorable(one)) return unstorable(field)
      if (one === '' || one.includes(';'))
        return dmlError(
          'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
          `${field.label}: a value of a multi-select picklist is not empty and has no ";"; got ${describeValue(one)}`,
          [field.name],
        )
      if (field.restricted && !known.has(one)) return notAChoice(field, known, one)
    }
    return null
  }
}

function json(field: FieldInfo): Check {
  return (value) => {
    let written: string | undefined
    try {
      written = JSON.stringify(value)
    } catch {
      written = undefined
    }
    if (written === undefined) return wrongType(field, 'what JSON can hold', value)
    try {
      checkStorableJson(written, field.label)
      return null
    } catch {
      return unstorable(field)
    }
  }
}

function notAChoice(field: FieldInfo, known: ReadonlySet<string>, value: unknown): DmlError {
  return dmlError(
    'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
    `${field.label} is a restricted picklist and has no value ${describeValue(value)}${meant(String(value), [...known])}`,
    [field.name],
  )
}

function wrongType(field: FieldInfo, wanted: string, value: unknown): DmlError {
  return dmlError(
    'INVALID_TYPE_ON_FIELD_IN_RECORD',
    `${field.label} must be ${wanted}; got ${describeValue(value)}`,
    [field.name],
  )
}

function outside(field: FieldInfo, range: string, value: unknown): DmlError {
  return dmlError(
    'NUMBER_OUTSIDE_VALID_RANGE',
    `${field.label} is outside ${range}: ${describeValue(value)}`,
    [field.name],
  )
}

function unstorable(field: FieldInfo): DmlError {
  return dmlError(
    'FIELD_INTEGRITY_EXCEPTION',
    `${field.label} has a NUL character or a lone surrogate, which not every database can hold`,
    [field.name],
  )
}
