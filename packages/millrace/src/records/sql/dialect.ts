/**
 * What the two databases write differently. The files `sqlite.ts` and `postgres.ts` say the same things in the same order.
 *
 * Text is compared, sorted and grouped by its lower case, alike on both: what JavaScript's `toLowerCase()`, ICU's root locale and
 * `millrace_fold` make of it, in the order of code points. Indexes that serve:
 *
 * - PostgreSQL: `create index on account ((lower(name collate "und-x-icu") collate "C") nulls first)`, for =, IN, <, LIKE 'abc%' and ORDER BY.
 *   (SOQL puts nulls first when ascending, PostgreSQL's indexes last: without NULLS FIRST it serves `DESC NULLS FIRST`, but not `ASC`.)
 * - SQLite: `create index account_name on account (name collate nocase)`, for =, IN and LIKE 'abc%' of ASCII text. (NOCASE is exactly the
 *   lower case for those, but for U+212A, the Kelvin sign, which it does not take for a K.) ORDER BY and < sort by `millrace_fold`; an
 *   index over that function would be refused to every other program that writes the table, so none is asked for.
 *
 * Functions that every SQLite connection which runs these statements registers, both deterministic:
 *
 * - `millrace_fold(text)`: `text.toLowerCase()`; null of null. A value that is no text: as text.
 * - `millrace_local(instant, zone)`: the civil time there as `'2026-11-24 15:04:05.678'`. `instant` is a whole number of epoch milliseconds, or
 *   ISO 8601 text with zone; null of null and of text that is no time. Pure: `kernel/rules/local-time.ts`.
 */
import type { Expr, ValueField } from './expr.ts'
import { postgres } from './postgres.ts'
import { sqlite } from './sqlite.ts'
import type { Sql } from './statement.ts'

export interface Dialect {
  /** A column for use in expressions. */
  column(field: ValueField, column: Sql): Sql
  /** Lower case, in an order of its own (by code points). */
  fold(text: Sql): Sql
  /** Text in the order of code points as it is. */
  exact(text: Sql): Sql
  /** A parameter for comparison with a value of this field. */
  value(field: ValueField, encoded: unknown): Sql
  /** Equal to a text, by case or without; the text comes as written. */
  textIs(expr: Expr, text: string): Sql
  /** One of several encoded values; more than one of them. Texts come as written. */
  isOneOf(expr: Expr, encoded: readonly unknown[], negated: boolean): Sql
  /** Matches a LIKE pattern with `\` as escape; the pattern comes as written. */
  like(expr: Expr, pattern: LikePattern): Sql
  /** `text` has `part` in it, both as they are. */
  contains(text: Sql, part: string): Sql
  isTrue(value: Sql): Sql
  /** False or null. */
  isNotTrue(value: Sql): Sql
  isFalse(value: Sql): Sql
  /** Civil time of a date or datetime there, for the parts below. */
  local(value: Sql, field: ValueField, zone: string): Sql
  /** A whole number out of a civil time. */
  part(local: Sql, part: DatePart): Sql
  day(local: Sql): Sql
  /** null of no values; never too large to be told. */
  sum(value: Sql): Sql
  /** A value as it is selected so that `decode` and JSON both keep it. */
  select(expr: Expr): Sql
  /** A JSON list of lists of these values, one per row of `from`, in this order. */
  jsonRows(values: readonly Sql[], from: Sql, order: readonly Sql[]): Sql
  forUpdate(table: Sql): Sql
  limit(limit: number | undefined, offset: number | undefined): Sql
}

export type DatePart = 'year' | 'month' | 'dayOfMonth' | 'dayOfWeek' | 'dayOfYear' | 'hour'

/** A pattern taken apart. */
export type LikePattern = readonly LikeToken[]
export type LikeToken = { readonly text: string } | 'any' | 'one'

export const dialects = { sqlite, postgres }
