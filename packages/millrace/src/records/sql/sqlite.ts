import { sql } from 'kysely'
import type { DatePart, Dialect } from './dialect.ts'
import { ignoresCase, type Expr, type ValueField } from './expr.ts'
import { globText, likePrefix, likeText } from './like.ts'
import { list, type Sql } from './statement.ts'

/** More values than this go as one JSON list: the text of the statement stays short. */
const listedAtMost = 50
/** SQLite takes at most 127 arguments in its oldest supported build. */
const arguments_ = 100

/** Where NOCASE is the same as lower case; U+007F is no letter and has no neighbour above it in ASCII. */
const ascii = /^[\0-\x7e]*$/

const parts: Readonly<Record<DatePart, string>> = {
  year: '%Y',
  month: '%m',
  dayOfMonth: '%d',
  dayOfWeek: '%w',
  dayOfYear: '%j',
  hour: '%H',
}

const fold = (text: Sql): Sql => sql`millrace_fold(${text})`
const text = (expr: Expr): Sql =>
  expr.folded === true || !ignoresCase(expr.field) ? expr.sql : fold(expr.sql)
const nocase = (expr: Expr): Sql => sql`${expr.sql} collate nocase`
const byNocase = (expr: Expr, value: string): boolean =>
  expr.folded !== true && ignoresCase(expr.field) && ascii.test(value)

export const sqlite: Dialect = {
  column: (_field, column) => column,
  fold,
  exact: (value) => value,
  value: (_field, encoded) => sql`${encoded}`,
  textIs(expr, value) {
    if (byNocase(expr, value)) return sql`${nocase(expr)} = ${value}`
    return sql`${text(expr)} = ${ignoresCase(expr.field) ? value.toLowerCase() : value}`
  },
  isOneOf(expr, encoded, negated) {
    const folds = ignoresCase(expr.field)
    const simple = encoded.every((one) => typeof one === 'string' && byNocase(expr, one))
    const values = folds ? encoded.map((one) => String(one).toLowerCase()) : encoded
    const among =
      values.length > listedAtMost
        ? sql`(select value from json_each(${JSON.stringify(values)}))`
        : sql`(${list(values.map((one) => sql`${one}`))})`
    return sql`${simple ? nocase(expr) : text(expr)} ${negated ? sql`not in` : sql`in`} ${among}`
  },
  like(expr, pattern) {
    const folds = ignoresCase(expr.field)
    if (!folds) return sql`${expr.sql} glob ${globText(pattern)}`
    const matches = sql`${text(expr)} like ${likeText(pattern, true)} escape '\\'`
    const prefix = likePrefix(pattern)
    if (prefix === '' || !byNocase(expr, prefix)) return matches
    const last = prefix.toLowerCase()
    const next = last.slice(0, -1) + String.fromCharCode(last.charCodeAt(last.length - 1) + 1)
    return sql`(${nocase(expr)} >= ${last} and ${nocase(expr)} < ${next} and ${matches})`
  },
  contains: (value, part) => sql`instr(${value}, ${part}) > 0`,
  isTrue: (value) => sql`${value} = 1`,
  isNotTrue: (value) => sql`${value} is not 1`,
  isFalse: (value) => sql`${value} = 0`,
  local(value, field: ValueField, zone) {
    if (field.type === 'date') return value
    if (field.storedAs === 'native') return zone === 'UTC' ? value : sql`millrace_local(${value}, ${zone})`
    return sql`millrace_local(${field.storedAs === 'epochMs' ? value : sql`${value} * 1000`}, ${zone})`
  },
  part: (local, part) => sql`cast(strftime(${sql.lit(parts[part])}, ${local}) as integer)`,
  day: (local) => sql`date(${local})`,
  // `sum` of whole numbers fails where 63 bits do not hold it.
  sum: (value) => sql`case when count(${value}) > 0 then total(${value}) end`,
  select: (expr) => expr.shown ?? expr.sql,
  jsonRows(values, from, order) {
    const ordered = order.length === 0 ? sql`` : sql` order by ${list(order)}`
    return sql`(select json_group_array(json_array(${list(chunked(values))})${ordered}) from ${from})`
  },
  forUpdate: () => sql``,
  limit(limit, offset) {
    if (limit === undefined && offset === undefined) return sql``
    const most = sql` limit ${limit ?? -1}`
    return offset === undefined ? most : sql`${most} offset ${offset}`
  },
}

/** Lists of lists: what `jsonRows` answers is flattened once when it is read. */
function chunked(values: readonly Sql[]): Sql[] {
  const chunks = Math.ceil(values.length / arguments_)
  return Array.from(
    { length: chunks },
    (_, at) => sql`json_array(${list(values.slice(at * arguments_, (at + 1) * arguments_))})`,
  )
}
