import { sql } from 'kysely'
import type { DatePart, Dialect } from './dialect.ts'
import { dateValue, integerValue, kindOf, type Expr } from './expr.ts'
import { invalid } from './refuse.ts'
import type { Sql } from './statement.ts'

type Make = (part: (name: DatePart) => Sql, fiscalYearStart: number) => Sql

/** Months of the fiscal year from 1. */
const fiscalMonth: Make = (part, start) =>
  start === 1 ? part('month') : sql`((${part('month')} + ${sql.lit(12 - start)}) % 12 + 1)`

const functions: Readonly<Record<string, Make>> = {
  CALENDAR_YEAR: (part) => part('year'),
  CALENDAR_QUARTER: (part) => sql`((${part('month')} + 2) / 3)`,
  CALENDAR_MONTH: (part) => part('month'),
  DAY_IN_MONTH: (part) => part('dayOfMonth'),
  // 1 is Sunday.
  DAY_IN_WEEK: (part) => sql`(${part('dayOfWeek')} + 1)`,
  DAY_IN_YEAR: (part) => part('dayOfYear'),
  HOUR_IN_DAY: (part) => part('hour'),
  // The first week is the first seven days.
  WEEK_IN_MONTH: (part) => sql`((${part('dayOfMonth')} + 6) / 7)`,
  WEEK_IN_YEAR: (part) => sql`((${part('dayOfYear')} + 6) / 7)`,
  FISCAL_MONTH: fiscalMonth,
  FISCAL_QUARTER: (part, start) => sql`((${fiscalMonth(part, start)} + 2) / 3)`,
  // Named after the calendar year in which it ends.
  FISCAL_YEAR: (part, start) =>
    start === 1
      ? part('year')
      : sql`(case when ${part('month')} >= ${sql.lit(start)} then ${part('year')} + 1 else ${part('year')} end)`,
}

export const isDateFunction = (name: string): boolean => name === 'DAY_ONLY' || Object.hasOwn(functions, name)

/** A date function of SOQL over a date, or over a datetime as it is in that zone. */
export function datePart(
  dialect: Dialect,
  name: string,
  of: Expr,
  zone: string,
  fiscalYearStart: number,
  written: string,
): Expr {
  const kind = kindOf(of.field)
  const onlyTimes = name === 'HOUR_IN_DAY' || name === 'DAY_ONLY'
  if (kind !== 'datetime' && (kind !== 'date' || onlyTimes))
    throw invalid(
      written,
      `needs a ${onlyTimes ? 'datetime' : 'date or datetime'}; ${of.name} is of type ${of.field.type}`,
    )
  const local = dialect.local(of.sql, of.field, zone)
  const computed = { name: written, notNull: of.notNull, required: of.required }
  if (name === 'DAY_ONLY')
    return { ...computed, sql: dialect.day(local), field: dateValue, period: { of, zone, unit: 'day' } }
  const make = functions[name]
  if (make === undefined) throw invalid(written, 'is no date function')
  const part = (one: DatePart): Sql => dialect.part(local, one)
  const period = name === 'CALENDAR_YEAR' ? ({ period: { of, zone, unit: 'year' } } as const) : {}
  return { ...computed, sql: make(part, fiscalYearStart), field: integerValue, ...period }
}
