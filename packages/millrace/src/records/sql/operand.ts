import { sql } from 'kysely'
import type { Call, Operand } from '../query/query.ts'
import { datePart, isDateFunction } from './date-function.ts'
import { kindOf, textValue, type Expr } from './expr.ts'
import { invalid, unsupported } from './refuse.ts'
import type { Scope, Use } from './scope.ts'

const aggregates = new Set(['COUNT', 'COUNT_DISTINCT', 'SUM', 'AVG', 'MIN', 'MAX'])
const geography = 'there are no locations among the field types'
const reasons: Readonly<Record<string, string>> = {
  CONVERTCURRENCY: 'amounts have one currency',
  DISTANCE: geography,
  GEOLOCATION: geography,
}

export const isAggregate = (call: Call): boolean => aggregates.has(call.name.toUpperCase())

/** The operand as a person would write it. */
export function operandText(operand: Operand): string {
  return operand.kind === 'field' ? operand.path.join('.') : callText(operand.call)
}

export function callText({ name, args }: Call): string {
  return `${name}(${args.map((arg) => (arg.kind === 'scalar' ? arg.scalar.kind : operandText(arg))).join(', ')})`
}

/** A value of one row: a field or a function of one. `clause` is for refusals. */
export function rowOperand(scope: Scope, operand: Operand, use: Use, clause: string): Expr {
  if (operand.kind === 'field') return scope.field(operand.path, use)
  const { call } = operand
  const name = call.name.toUpperCase()
  if (isDateFunction(name)) return dateFunction(scope, call, name, use, clause)
  if (name === 'TOLABEL') return label(scope, soleOperand(call), use, callText(call), clause)
  if (aggregates.has(name))
    throw invalid(callText(call), `is an aggregate, which cannot stand in ${clause}`, { clause })
  const reason = reasons[name]
  if (reason !== undefined) throw unsupported(callText(call), reason)
  if (name === 'CONVERTTIMEZONE') throw invalid(callText(call), 'stands only inside of a date function')
  if (name === 'FORMAT' || name === 'GROUPING')
    throw invalid(callText(call), `cannot stand in ${clause}`, { clause })
  throw unsupported(callText(call), 'Millrace does not know that function')
}

/** The only argument of a function. */
export function soleOperand(call: Call): Operand {
  const [only] = call.args
  if (call.args.length !== 1 || only === undefined || only.kind === 'scalar')
    throw invalid(callText(call), 'takes one field')
  return only
}

/** In UTC unless the field stands in convertTimezone(). Source: "Date Functions" of the SOQL reference. */
function dateFunction(scope: Scope, call: Call, name: string, use: Use, clause: string): Expr {
  const given = soleOperand(call)
  const converted = given.kind === 'call' && given.call.name.toUpperCase() === 'CONVERTTIMEZONE'
  const inner = converted ? soleOperand(given.call) : given
  const expr = rowOperand(scope, inner, use, clause)
  const { env } = scope.statement
  const zone = converted ? env.caller.timeZone : 'UTC'
  return datePart(scope.dialect, name, expr, zone, env.fiscalYearStart ?? 1, callText(call))
}

/** The label of a picklist value; other values are their own label. */
function label(scope: Scope, operand: Operand, use: Use, written: string, clause: string): Expr {
  const expr = rowOperand(scope, operand, use, clause)
  const labels = expr.field.values.filter(({ value, label: shown }) => value !== shown)
  if (kindOf(expr.field) !== 'text' || expr.field.type === 'multipicklist')
    throw invalid(written, 'needs a text or picklist')
  const named = {
    ...expr,
    field: { ...textValue, caseSensitive: expr.field.caseSensitive },
    name: written,
    required: false,
  }
  if (labels.length === 0) return named
  const cases = labels.map((one) => sql`when ${scope.dialect.textIs(expr, one.value)} then ${one.label}`)
  return { ...named, sql: sql`(case ${sql.join(cases, sql` `)} else ${expr.sql} end)` }
}
