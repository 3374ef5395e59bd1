/**
 * A query as data, whoever wrote it: SOQL text, the typed builder, a list view, a report, a cursor. Names are as written, in any
 * case; they are looked up when it is compiled. Everything here can be stored as JSON, except the values of `value`.
 */
export interface Query {
  readonly from: string
  /** `FROM Account a`. */
  readonly alias?: string
  readonly select: readonly Selected[]
  readonly where?: Condition
  readonly groupBy?: GroupBy
  readonly having?: Condition
  readonly orderBy?: readonly Ordering[]
  readonly limit?: Scalar
  readonly offset?: Scalar
  /** USING SCOPE; default everything. */
  readonly scope?: QueryScope
  /** Whose rights count (WITH USER_MODE, WITH SECURITY_ENFORCED, WITH SYSTEM_MODE); default: what the caller says. */
  readonly mode?: AccessMode
  readonly forUpdate?: boolean
  /** ALL ROWS: soft-deleted ones too. */
  readonly allRows?: boolean
}

export type QueryScope = 'everything' | 'mine'
/** `user`: rights are enforced and missing ones throw. `securityEnforced`: the same for what is selected and read from. */
export type AccessMode = 'system' | 'user' | 'securityEnforced'

export type Path = readonly string[]

export type Selected =
  | { readonly kind: 'field'; readonly path: Path; readonly alias?: string }
  | { readonly kind: 'call'; readonly call: Call; readonly alias?: string }
  /** SELECT COUNT(): the answer is a number of rows, no rows. It stands alone. */
  | { readonly kind: 'count' }
  | { readonly kind: 'children'; readonly relationship: string; readonly query: Omit<Query, 'from'> }
  | {
      readonly kind: 'typeof'
      readonly relationship: Path
      readonly when: readonly { readonly object: string; readonly fields: readonly Path[] }[]
      readonly otherwise: readonly Path[]
    }
  | { readonly kind: 'fields'; readonly which: 'all' | 'standard' | 'custom' }

/** A function by its SOQL name in capitals: COUNT, SUM, CALENDAR_YEAR, CONVERTTIMEZONE, TOLABEL, FORMAT, GROUPING, … */
export interface Call {
  readonly name: string
  readonly args: readonly (Operand | { readonly kind: 'scalar'; readonly scalar: Scalar })[]
}

export type Operand =
  { readonly kind: 'field'; readonly path: Path } | { readonly kind: 'call'; readonly call: Call }

export interface GroupBy {
  readonly kind: 'plain' | 'rollup' | 'cube'
  readonly by: readonly Operand[]
}

export interface Ordering {
  readonly by: Operand
  readonly descending: boolean
  /** Where nothing is written, SOQL says first, in either direction. */
  readonly nulls: 'first' | 'last'
}

/** A value as written. A bind is looked up by name (`:ids`, `:account.Id` is 'account.Id'); a `value` stands for itself (`${}` in a template). */
export type Scalar =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'currency'; readonly code: string; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  /** `2026-11-24`. */
  | { readonly kind: 'date'; readonly value: string }
  /** ISO 8601 with zone. */
  | { readonly kind: 'datetime'; readonly value: string }
  /** TODAY, LAST_N_DAYS:7 (name in capitals; n where it takes one): a range of time. */
  | { readonly kind: 'dateLiteral'; readonly name: string; readonly n?: number }
  | { readonly kind: 'bind'; readonly name: string }
  /** A JavaScript value in place of a literal; a list where a list is allowed. Never spliced into text. */
  | { readonly kind: 'value'; readonly value: unknown }

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'compare'; readonly left: Operand; readonly op: Comparison; readonly right: Scalar }
  /** `%` any text, `_` one character, a backslash takes the next as it stands. */
  | { readonly kind: 'like'; readonly left: Operand; readonly pattern: Scalar }
  /** A single bind or value may be a list. */
  | {
      readonly kind: 'in'
      readonly left: Operand
      readonly negated: boolean
      readonly values: readonly Scalar[]
    }
  | { readonly kind: 'inQuery'; readonly left: Operand; readonly negated: boolean; readonly query: Query }
  /** Each value may name several that must all be there: 'a;b'. */
  | {
      readonly kind: 'includes'
      readonly left: Operand
      readonly negated: boolean
      readonly values: readonly Scalar[]
    }
