import { describeValue } from '../../kernel/rules/describe-value.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { nearestName } from '../../kernel/rules/nearest-name.ts'
import { checkStorable } from '../../kernel/rules/text.ts'
import { dateLiteralKind, dateRange, dayAt, type DayRange } from '../query/date-range.ts'
import type { Scalar } from '../query/query.ts'
import type { CompileEnv } from './env.ts'
import { kindOf, type Expr } from './expr.ts'
import { isDay, isInstant } from '../query/instant.ts'
import { invalid, unsupported } from './refuse.ts'

/** A value as a field of this type has it: text, number, boolean, `'2026-11-24'`, Date; or the days of a date literal. */
export type Literal =
  | { readonly kind: 'null' }
  | { readonly kind: 'value'; readonly value: string | number | boolean | Date }
  | { readonly kind: 'days'; readonly days: DayRange }

const nothing: Literal = { kind: 'null' }

/** Throws MILL_QUERY_INVALID for a list, a type that does not fit the field, and a date that is none; MILL_BIND_MISSING. */
export function literal(scalar: Scalar, expr: Expr, env: CompileEnv): Literal {
  const value = given(scalar, env)
  if (Array.isArray(value)) throw invalid(expr.name, 'is compared with a list; use IN', { field: expr.name })
  return value === scalar ? written(scalar, expr, env) : fromJavaScript(value, expr, env)
}

/** The same for IN, where a bind or value may be a list. */
export function literals(scalars: readonly Scalar[], expr: Expr, env: CompileEnv): Literal[] {
  return scalars.flatMap((scalar) => {
    const value = given(scalar, env)
    if (value === scalar) return [written(scalar, expr, env)]
    const values: readonly unknown[] =
      value instanceof Set ? [...value] : Array.isArray(value) ? value : [value]
    return values.map((one) => fromJavaScript(one, expr, env))
  })
}

/** A whole number from 0, for LIMIT and OFFSET. */
export function countOf(scalar: Scalar, place: string, env: CompileEnv): number {
  const value = given(scalar, env)
  const number = value === scalar && scalar.kind === 'number' ? scalar.value : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  const shown = value === scalar ? scalar.kind : describeValue(value)
  throw invalid(place, `needs a whole number from 0; got ${typeof number === 'number' ? number : shown}`)
}

/** The JavaScript value of a bind or value; the scalar itself of what is written in the query. */
function given(scalar: Scalar, env: CompileEnv): unknown {
  if (scalar.kind === 'value') return scalar.value
  if (scalar.kind !== 'bind') return scalar
  const binds = env.binds ?? {}
  if (Object.hasOwn(binds, scalar.name)) return binds[scalar.name]
  const inside = nested(binds, scalar.name.split('.'))
  if (inside !== undefined) return inside
  const near = nearestName(scalar.name, Object.keys(binds))
  const meant = near === undefined ? '' : ` (did you mean :${near}?)`
  throw new MillraceError('MILL_BIND_MISSING', `no value was given for :${scalar.name}${meant}.`, {
    data: { bind: scalar.name },
  })
}

/** `:account.Id` of `{ account: { Id } }`, own properties only. */
function nested(from: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined,
    from,
  )
}

function written(scalar: Scalar, expr: Expr, env: CompileEnv): Literal {
  const kind = kindOf(expr.field)
  switch (scalar.kind) {
    case 'null':
      return nothing
    case 'date':
      if (kind === 'date' && isDay(scalar.value)) return { kind: 'value', value: scalar.value }
      throw unfit(expr, kind === 'date' ? `the day ${scalar.value}, which is none` : 'a date')
    case 'datetime':
      if (kind === 'datetime' && isInstant(scalar.value))
        return { kind: 'value', value: new Date(scalar.value) }
      throw unfit(expr, kind === 'datetime' ? `the time ${scalar.value}, which is none` : 'a date and time')
    case 'dateLiteral':
      return daysOf(scalar.name, scalar.n, expr, env)
    case 'currency':
      throw unsupported(
        `${scalar.code}${scalar.value}`,
        'amounts have one currency, so write the number alone',
      )
    case 'text':
    case 'number':
    case 'boolean':
      // Text of a query is no date: there, dates are written without quotes.
      if (kind === 'date' || kind === 'datetime') throw unfit(expr, `a ${scalar.kind}`)
      return fromJavaScript(scalar.value, expr, env)
    default:
      throw invalid(expr.name, `is compared with ${scalar.kind}`)
  }
}

function daysOf(name: string, n: number | undefined, expr: Expr, env: CompileEnv): Literal {
  const kind = kindOf(expr.field)
  const shown = n === undefined ? name : `${name}:${n}`
  if (kind !== 'date' && kind !== 'datetime') throw unfit(expr, `the date literal ${shown}`)
  if (dateLiteralKind(name) === undefined) throw invalid(shown, 'is no date literal of SOQL')
  const { now, timeZone } = env.caller
  const days = dateRange(name, n, { now, timeZone, fiscalYearStart: env.fiscalYearStart ?? 1 })
  if (days !== undefined) return { kind: 'days', days }
  throw invalid(
    shown,
    dateLiteralKind(name) === 'plain'
      ? 'takes no number'
      : 'needs a number of 0 or more within the years 1 to 9999',
  )
}

function fromJavaScript(value: unknown, expr: Expr, env: CompileEnv): Literal {
  if (value === null || value === undefined) return nothing
  const fitting = fit(value, expr, env)
  if (fitting !== undefined) return { kind: 'value', value: fitting }
  throw unfit(expr, describeValue(value))
}

function fit(
  value: unknown,
  { field, name }: Expr,
  env: CompileEnv,
): string | number | boolean | Date | undefined {
  switch (kindOf(field)) {
    case 'text':
      return typeof value === 'string' ? checkStorable(value, name) : undefined
    case 'key':
      return field.numeric
        ? wholeNumber(value)
        : typeof value === 'string'
          ? checkStorable(value, name)
          : undefined
    case 'number':
      return fitNumber(value)
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'date':
      if (value instanceof Date)
        return isInstant(value) ? dayAt(value.getTime(), env.caller.timeZone) : undefined
      return typeof value === 'string' && isDay(value) ? value : undefined
    case 'datetime':
      if (value instanceof Date) return isInstant(value) ? value : undefined
      return typeof value === 'string' && isInstant(value) ? new Date(value) : undefined
    case 'json':
      return undefined
  }
}

function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(number) ? (number as number) : undefined
}

function fitNumber(value: unknown): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

function unfit(expr: Expr, what: string): MillraceError {
  const { type } = expr.field
  return invalid(expr.name, `is of type ${type} and cannot be compared with ${what}`, {
    field: expr.name,
    type,
  })
}
