import { sql } from 'kysely'
import { arrayLiteral } from '../../kernel/rules/array-literal.ts'
import type { DatePart, Dialect } from './dialect.ts'
import { ignoresCase, kindOf, type Expr, type ValueField } from './expr.ts'
import { likeText } from './like.ts'
import { list, type Sql } from './statement.ts'

/** Functions take at most 100 arguments. */
const arguments_ = 100

const parts: Readonly<Record<DatePart, Sql>> = {
  year: sql`year`,
  month: sql`month`,
  dayOfMonth: sql`day`,
  dayOfWeek: sql`dow`,
  dayOfYear: sql`doy`,
  hour: sql`hour`,
}

const fold = (text: Sql): Sql => sql`lower(${text} collate "und-x-icu") collate "C"`
const text = (expr: Expr): Sql =>
  expr.folded === true || !ignoresCase(expr.field) ? expr.sql : fold(expr.sql)

export const postgres: Dialect = {
  // Nothing to do for text and varchar, whose indexes serve as before; enums, citext and uuid become comparable as text.
  column: (field, column) => (kindOf(field) === 'text' ? sql`${column}::text` : column),
  fold,
  exact: (value) => sql`${value}::text collate "C"`,
  value: (field, encoded) => sql`${String(encoded)}${cast(field, [encoded])}`,
  textIs: (expr, value) => sql`${text(expr)} = ${ignoresCase(expr.field) ? value.toLowerCase() : value}`,
  isOneOf(expr, encoded, negated) {
    const values = ignoresCase(expr.field) ? encoded.map((one) => String(one).toLowerCase()) : encoded
    const array = sql`${arrayLiteral(values)}${cast(expr.field, values, true)}`
    return negated ? sql`${text(expr)} <> all(${array})` : sql`${text(expr)} = any(${array})`
  },
  like: (expr, pattern) => sql`${text(expr)} like ${likeText(pattern, ignoresCase(expr.field))}`,
  contains: (value, part) => sql`strpos(${value}, ${part}) > 0`,
  isTrue: (value) => value,
  isNotTrue: (value) => sql`${value} is not true`,
  isFalse: (value) => sql`not ${value}`,
  local(value, field, zone) {
    if (field.type === 'date') return value
    if (field.storedAs === 'native') return sql`(${value} at time zone ${zone})`
    const seconds = field.storedAs === 'epochMs' ? sql`${value} / 1000.0` : value
    return sql`(to_timestamp(${seconds}) at time zone ${zone})`
  },
  part: (local, part) => sql`extract(${parts[part]} from ${local})::int`,
  day: (local) => sql`${local}::date`,
  sum: (value) => sql`sum(${value})`,
  // `pg` would read a date as midnight in the zone of the process.
  select: ({ shown, sql: value, field }) =>
    field.type === 'date' ? sql`(${shown ?? value})::text` : (shown ?? value),
  jsonRows(values, from, order) {
    const ordered = order.length === 0 ? sql`` : sql` order by ${list(order)}`
    return sql`(select coalesce(json_agg(json_build_array(${list(chunked(values))})${ordered}), '[]') from ${from})`
  },
  forUpdate: (table) => sql` for update of ${table}`,
  limit: (limit, offset) =>
    sql`${limit === undefined ? sql`` : sql` limit ${limit}`}${offset === undefined ? sql`` : sql` offset ${offset}`}`,
}

/**
 * The type of a parameter. Whole numbers are int8, which compares with each type of number so that its index serves; without it the
 * column's type would be taken and 5.5 refused for an integer. Text and ids take the column's own (text, varchar, uuid).
 */
function cast(field: ValueField, values: readonly unknown[], array = false): Sql {
  const many = array ? sql`[]` : sql``
  switch (kindOf(field)) {
    case 'number':
      return values.every(Number.isSafeInteger) ? sql`::int8${many}` : sql`::numeric${many}`
    case 'key':
      return field.numeric ? sql`::int8${many}` : sql``
    case 'date':
      return sql`::date${many}`
    case 'datetime':
      return field.storedAs === 'native' ? sql`::timestamptz${many}` : sql`::int8${many}`
    default:
      return sql``
  }
}

/** Lists of lists: what `jsonRows` answers is flattened once when it is read. */
function chunked(values: readonly Sql[]): Sql[] {
  const chunks = Math.ceil(values.length / arguments_)
  return Array.from(
    { length: chunks },
    (_, at) => sql`json_build_array(${list(values.slice(at * arguments_, (at + 1) * arguments_))})`,
  )
}
