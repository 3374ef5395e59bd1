import { describeValue } from './describe-value.ts'
import { MillraceError } from './errors.ts'
import { checkStorable } from './text.ts'

export type SqlDialect = 'sqlite' | 'postgres'

/** What both drivers bind as it stands. */
export type SqlValue = string | number | bigint | Date | Uint8Array | boolean | null

export interface RenderedSql {
  readonly text: string
  readonly values: readonly SqlValue[]
}

const maxValues: Readonly<Record<SqlDialect, number>> = { sqlite: 32_766, postgres: 65_535 }
const int64 = 2n ** 63n

/**
 * A tagged template as statement text with placeholders (`$1` on PostgreSQL, `?` on SQLite) and values to bind. An array
 * becomes a list in parentheses, for `in ${ids}`; an empty one `(null)`, which no value is in (nor `not in`). SQLite gets
 * Dates as ISO text and booleans as 0 and 1; PostgreSQL gets bigints as text. Throws MILL_SQL_INVALID, with the position
 * from 1, for what cannot be a parameter, and MILL_TEXT_UNSTORABLE.
 */
export function renderSql(
  segments: readonly string[],
  params: readonly unknown[],
  dialect: SqlDialect,
  where: string,
): RenderedSql {
  if (segments.length !== params.length + 1) {
    throw invalid(
      where,
      `has ${segments.length} pieces of text around ${params.length} parameters; use it as a tagged template`,
    )
  }
  const values: SqlValue[] = []
  const bind = (param: unknown, position: string): string => {
    values.push(bindable(param, dialect, `${where}: ${position}`))
    return dialect === 'postgres' ? `$${values.length}` : '?'
  }
  const text = segments.reduce((before, segment, index) => {
    const [param, position] = [params[index - 1], `parameter ${index}`]
    const holders = Array.isArray(param)
      ? listOf(param, (each, at) => bind(each, `${position}[${at}]`))
      : bind(param, position)
    return before + holders + segment
  })
  if (values.length > maxValues[dialect]) {
    throw invalid(
      where,
      `has ${values.length} parameters; the database takes at most ${maxValues[dialect]}. Split it up`,
    )
  }
  return { text, values }
}

function listOf(items: readonly unknown[], bind: (item: unknown, index: number) => string): string {
  return items.length === 0 ? '(null)' : `(${Array.from(items, bind).join(', ')})`
}

function bindable(param: unknown, dialect: SqlDialect, where: string): SqlValue {
  if (param === null || param instanceof Uint8Array) return param
  switch (typeof param) {
    case 'string':
      return checkStorable(param, where)
    case 'number':
      if (Number.isFinite(param)) return param
      throw invalid(where, `is ${param}, which is no number a database can hold`)
    case 'bigint':
      return bigintOf(param, dialect, where)
    case 'boolean':
      return dialect === 'postgres' ? param : Number(param)
    case 'undefined':
      throw invalid(where, 'is undefined; pass null if that is meant')
    case 'object':
      return dateOf(param, dialect, where)
    default:
      throw invalid(where, `is a ${typeof param}, which cannot be a parameter`)
  }
}

function bigintOf(value: bigint, dialect: SqlDialect, where: string): SqlValue {
  if (dialect === 'postgres') return String(value)
  if (value >= -int64 && value < int64) return value
  throw invalid(where, `is ${value}, which does not fit into 64 bits`)
}

function dateOf(value: object, dialect: SqlDialect, where: string): SqlValue {
  if (!(value instanceof Date)) {
    const hint = Array.isArray(value) ? 'a list inside a list cannot be a parameter' : 'JSON.stringify it'
    throw invalid(where, `is an object (${describeValue(value)}); ${hint}`)
  }
  if (Number.isNaN(value.getTime())) throw invalid(where, 'is an invalid Date')
  return dialect === 'postgres' ? value : value.toISOString()
}

function invalid(where: string, what: string): MillraceError {
  return new MillraceError('MILL_SQL_INVALID', `${where} ${what}.`, { data: { where } })
}
