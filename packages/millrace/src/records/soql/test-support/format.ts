import { describeValue } from '../../../kernel/rules/describe-value.ts'
import { MillraceError } from '../../../kernel/rules/errors.ts'
import type {
  Call,
  Condition,
  GroupBy,
  Operand,
  Ordering,
  Query,
  Scalar,
  Selected,
} from '../../query/query.ts'

type Inner = Omit<Query, 'from'>

/**
 * SOQL text of a query, in one line: what `parseSoql` makes the same query of. Values of templates and of the builder become
 * literals. Throws MILL_SOQL_UNSUPPORTED for what no text can tell: an empty list, a value that is no literal.
 */
export function formatSoql(query: Query): string {
  return `${formatted(query.from, query)}${query.allRows === true ? ' ALL ROWS' : ''}`
}

function formatted(from: string, query: Inner): string {
  const { where, groupBy, having, orderBy = [], limit, offset } = query
  return [
    `SELECT ${query.select.map(selected).join(', ')} FROM ${from}`,
    query.alias,
    query.scope === undefined ? undefined : `USING SCOPE ${query.scope}`,
    where === undefined ? undefined : `WHERE ${condition(where)}`,
    query.mode === undefined ? undefined : `WITH ${modes[query.mode]}`,
    groupBy === undefined ? undefined : `GROUP BY ${grouping(groupBy)}`,
    having === undefined ? undefined : `HAVING ${condition(having)}`,
    orderBy.length === 0 ? undefined : `ORDER BY ${orderBy.map(ordering).join(', ')}`,
    limit === undefined ? undefined : `LIMIT ${scalar(limit)}`,
    offset === undefined ? undefined : `OFFSET ${scalar(offset)}`,
    query.forUpdate === true ? 'FOR UPDATE' : undefined,
  ]
    .filter((clause) => clause !== undefined)
    .join(' ')
}

const modes = { system: 'SYSTEM_MODE', user: 'USER_MODE', securityEnforced: 'SECURITY_ENFORCED' } as const

function selected(one: Selected): string {
  switch (one.kind) {
    case 'count':
      return 'COUNT()'
    case 'fields':
      return `FIELDS(${one.which.toUpperCase()})`
    case 'children':
      return `(${formatted(one.relationship, one.query)})`
    case 'typeof':
      return typeOf(one)
    case 'field':
      return withAlias(one.path.join('.'), one.alias)
    case 'call':
      return withAlias(call(one.call), one.alias)
  }
}

const withAlias = (what: string, alias: string | undefined): string =>
  alias === undefined ? what : `${what} ${alias}`

function typeOf({ relationship, when, otherwise }: Selected & { readonly kind: 'typeof' }): string {
  const fields = (paths: readonly (readonly string[])[]): string =>
    paths.map((path) => path.join('.')).join(', ')
  const cases = when.map((one) => `WHEN ${one.object} THEN ${fields(one.fields)}`)
  const rest = otherwise.length === 0 ? '' : ` ELSE ${fields(otherwise)}`
  return `TYPEOF ${relationship.join('.')} ${cases.join(' ')}${rest} END`
}

function call({ name, args }: Call): string {
  return `${name}(${args.map((one) => (one.kind === 'scalar' ? scalar(one.scalar) : operand(one))).join(', ')})`
}

function operand(one: Operand): string {
  return one.kind === 'field' ? one.path.join('.') : call(one.call)
}

function grouping({ kind, by }: GroupBy): string {
  const list = by.map(operand).join(', ')
  return kind === 'plain' ? list : `${kind.toUpperCase()}(${list})`
}

function ordering({ by, descending, nulls }: Ordering): string {
  return `${operand(by)}${descending ? ' DESC' : ''}${nulls === 'last' ? ' NULLS LAST' : ''}`
}

function condition(one: Condition): string {
  switch (one.kind) {
    case 'and':
    case 'or':
      if (one.of.length === 0) throw untold(`an empty ${one.kind}`)
      return one.of.map(within).join(` ${one.kind.toUpperCase()} `)
    case 'not':
      return `NOT ${within(one.of)}`
    case 'compare':
      return `${operand(one.left)} ${one.op} ${scalar(one.right)}`
    case 'like':
      return `${operand(one.left)} LIKE ${scalar(one.pattern, true)}`
    case 'in':
      return `${operand(one.left)} ${one.negated ? 'NOT IN' : 'IN'} ${list(one.values)}`
    case 'includes':
      return `${operand(one.left)} ${one.negated ? 'EXCLUDES' : 'INCLUDES'} ${list(one.values)}`
    case 'inQuery':
      return `${operand(one.left)} ${one.negated ? 'NOT IN' : 'IN'} (${formatted(one.query.from, one.query)})`
  }
}

/** A condition beside others. */
function within(one: Condition): string {
  return ['and', 'or', 'not'].includes(one.kind) ? `(${condition(one)})` : condition(one)
}

function list(values: readonly Scalar[]): string {
  const [only] = values
  if (only?.kind === 'bind' && values.length === 1) return scalar(only)
  const literals = values.flatMap((one) =>
    one.kind === 'value' && (Array.isArray(one.value) || one.value instanceof Set)
      ? [...(one.value as Iterable<unknown>)].map((value) => literal(value, false))
      : [scalar(one)],
  )
  if (literals.length === 0) throw untold('an empty list')
  return `(${literals.join(', ')})`
}

function scalar(one: Scalar, pattern = false): string {
  switch (one.kind) {
    case 'text':
      return quoted(one.value, pattern)
    case 'number':
      return literal(one.value, pattern)
    case 'currency':
      return `${one.code}${one.value}`
    case 'boolean':
      return String(one.value).toUpperCase()
    case 'null':
      return 'NULL'
    case 'date':
    case 'datetime':
      return one.value
    case 'dateLiteral':
      return one.n === undefined ? one.name : `${one.name}:${one.n}`
    case 'bind':
      return `:${one.name}`
    case 'value':
      return literal(one.value, pattern)
  }
}

function literal(value: unknown, pattern: boolean): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return quoted(value, pattern)
  if (typeof value === 'boolean') return String(value).toUpperCase()
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value))) return String(value)
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
  throw untold(describeValue(value))
}

const escapes: Readonly<Record<string, string>> = {
  ...{ '\\': String.raw`\\`, "'": String.raw`\'`, '\n': String.raw`\n`, '\r': String.raw`\r` },
  ...{ '\t': String.raw`\t`, '\b': String.raw`\b`, '\f': String.raw`\f` },
}

/** In a pattern a backslash before `%`, `_` and itself is the pattern's own; before anything else it says nothing. */
function quoted(value: string, pattern: boolean): string {
  const body = pattern
    ? value.replace(/\\([\s\S]?)|['\n\r\t\b\f]/g, (all, next: string | undefined) => {
        if (next === undefined) return escapes[all] ?? all
        if (next === '') return String.raw`\\`
        return ['%', '_', '\\'].includes(next) ? all : (escapes[next] ?? next)
      })
    : value.replace(/[\\'\n\r\t\b\f]/g, (char) => escapes[char] ?? char)
  return `'${body}'`
}

function untold(what: string): MillraceError {
  return new MillraceError('MILL_SOQL_UNSUPPORTED', `SOQL text cannot tell ${what}.`, {
    data: { construct: what },
  })
}
