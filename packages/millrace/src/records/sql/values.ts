import type { Field } from '../object/field.ts'

export type DatabaseKind = 'sqlite' | 'postgres'

/** What of a field decides how its values stand in the table. */
export type StoredField = Pick<Field, 'type' | 'storedAs' | 'numeric'>

/**
 * A value of a field as the database takes it as a parameter; null and undefined are null. The value must fit the field: DML
 * and the compiler check that first.
 */
export function encode(field: StoredField, value: unknown, kind: DatabaseKind): unknown {
  if (value === null || value === undefined) return null
  switch (field.type) {
    case 'boolean':
      return kind === 'sqlite' ? Number(value) : value
    case 'datetime':
      return encodeInstant(field, value as Date)
    case 'multipicklist':
      return Array.isArray(value) ? encodeChoices(value as string[]) : value
    case 'json':
      return JSON.stringify(value)
    default:
      return value
  }
}

/** Nothing chosen is null, as in Salesforce. */
function encodeChoices(values: readonly string[]): string | null {
  return values.length === 0 ? null : values.join(';')
}

function encodeInstant({ storedAs }: StoredField, value: Date): unknown {
  if (storedAs === 'epochMs') return value.getTime()
  return storedAs === 'epochSeconds' ? Math.floor(value.getTime() / 1000) : value.toISOString()
}

/**
 * A column's value as the field's JavaScript value, whether it came in a row of its own or inside of JSON: numbers as numbers
 * (beyond 2^53 with the precision of a double), dates as `'2026-11-24'`, datetimes as Date, a multipicklist as a list, ids as
 * text unless they are whole numbers.
 */
export function decode(field: StoredField, value: unknown, kind: DatabaseKind): unknown {
  if (value === null || value === undefined) return null
  switch (field.type) {
    case 'number':
    case 'integer':
    case 'currency':
      return Number(value)
    case 'id':
    case 'reference':
      return field.numeric ? Number(value) : textOf(value)
    case 'boolean':
      return typeof value === 'boolean' ? value : Number(value) !== 0
    case 'date':
      return value instanceof Date ? localDay(value) : textOf(value).slice(0, 10)
    case 'datetime':
      return decodeInstant(field, value)
    case 'multipicklist':
      return textOf(value).split(';').filter(Boolean)
    case 'json':
      return kind === 'sqlite' && typeof value === 'string' ? (JSON.parse(value) as unknown) : value
    default:
      return textOf(value)
  }
}

/** `pg` reads a date as midnight in the zone of the process. */
function localDay(value: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0')
  return `${String(value.getFullYear()).padStart(4, '0')}-${two(value.getMonth() + 1)}-${two(value.getDate())}`
}

function decodeInstant({ storedAs }: StoredField, value: unknown): Date {
  if (value instanceof Date) return value
  if (storedAs === 'native') return new Date(typeof value === 'string' ? value : Number(value))
  return new Date(storedAs === 'epochMs' ? Number(value) : Number(value) * 1000)
}

/** A text, or a number that somebody keeps in a text's place. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}
