import { describeValue } from '../kernel/rules/describe-value.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import { choiceOf, optionFields } from '../kernel/rules/option-fields.ts'
import type { Fields, ObjectDefinition, RecordOf, ValueOf } from './object/object.ts'
import type {
  AccessMode,
  Comparison,
  Condition,
  Operand,
  Ordering,
  Path,
  Query,
  Scalar,
} from './query/query.ts'

type FieldsOf<O> = O extends ObjectDefinition<infer F> ? F : Fields
type FieldName<O> = keyof FieldsOf<O> & string
/** `'Owner.Name'`: a field of a parent, by the relationship's name. It is looked up when the query runs. */
export type ParentPath = `${string}.${string}`

/** What a field is compared with. A list is short for `in`, anything else for equality. Several tests of one field hold together. */
export type Test<V> =
  | V
  | null
  | readonly V[]
  | {
      readonly eq?: V | null
      readonly ne?: V | null
      readonly gt?: V
      readonly gte?: V
      readonly lt?: V
      readonly lte?: V
      readonly in?: readonly (V | null)[]
      readonly notIn?: readonly (V | null)[]
      /** `%` is any text, `_` any character, `\` takes their meaning away. */
      readonly like?: string
      /** Of a multipicklist: one of them is chosen; `'a;b'` asks for both. */
      readonly includes?: readonly string[]
      readonly excludes?: readonly string[]
      /** A date literal of SOQL in the caller's time zone: `'TODAY'`, `'LAST_N_DAYS:30'`. */
      readonly within?: string
    }

/** All of it must hold. */
export type Where<O extends ObjectDefinition = ObjectDefinition> = {
  readonly [K in FieldName<O>]?: Test<Exclude<ValueOf<FieldsOf<O>[K]>, null>>
} & { readonly [P in ParentPath]?: Test<unknown> } & {
  readonly and?: readonly Where<O>[]
  readonly or?: readonly Where<O>[]
  readonly not?: Where<O>
}

type Direction = 'asc' | 'desc'
/** What can be selected. */
export type Selectable<O> = FieldName<O> | ParentPath
type Sortable<O> = Selectable<O>
export interface SortBy<O> {
  readonly field: Sortable<O>
  readonly direction?: Direction
  /** Default: first, as in SOQL. */
  readonly nulls?: 'first' | 'last'
}

export interface QueryOptions<O extends ObjectDefinition, K extends Selectable<O> = Selectable<O>> {
  /** Default: all fields of the object. Parents by path: `'Owner.Name'`. */
  readonly fields?: readonly K[]
  readonly where?: Where<O>
  readonly orderBy?: Sortable<O> | SortBy<O> | readonly (Sortable<O> | SortBy<O>)[]
  readonly limit?: number
  readonly offset?: number
  /** Locks the rows until the transaction ends. */
  readonly forUpdate?: boolean
  /** Soft-deleted ones too. */
  readonly allRows?: boolean
  /** Whose rights count; default: the system's, in code. */
  readonly mode?: AccessMode
}

type Parents<K extends string> = {
  [P in K as P extends `${infer Parent}.${string}` ? Parent : never]: Readonly<Record<string, unknown>> | null
}

/** A record with these fields; parents come as records in it, whose values are not typed. */
export type Selection<O extends ObjectDefinition, K extends string> = Flat<
  { [Name in Extract<K, FieldName<O>>]: RecordOf<O>[Name] } & Parents<K>
>

type Flat<T> = { [K in keyof T]: T[K] }

const options = ['fields', 'where', 'orderBy', 'limit', 'offset', 'forUpdate', 'allRows', 'mode'] as const
const modes: readonly AccessMode[] = ['system', 'user', 'securityEnforced']
const comparisons: Readonly<Record<string, Comparison>> = {
  eq: '=',
  ne: '!=',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
}
const tests = [...Object.keys(comparisons), 'in', 'notIn', 'like', 'includes', 'excludes', 'within']

/** The query tree of typed options. Names and types are looked up when it is compiled. Throws MILL_QUERY_INVALID, MILL_OPTIONS_INVALID. */
export function buildQuery<O extends ObjectDefinition>(
  object: O | string,
  given: QueryOptions<O>,
  allFields: readonly string[],
): Query {
  const name = typeof object === 'string' ? object : object.name
  optionFields(given, options, `query of ${name}`)
  const { fields = allFields, where, orderBy, limit, offset, forUpdate, allRows, mode } = given
  if (fields.length === 0) throw invalid(`query of ${name}`, 'selects no field')
  const condition = where === undefined ? undefined : conditionOf(where, `where of ${name}`)
  const sorts = orderBy === undefined ? [] : [orderBy].flat()
  return {
    from: name,
    select: fields.map((field) => ({ kind: 'field', path: pathOf(field) })),
    ...(condition === undefined ? {} : { where: condition }),
    ...(sorts.length === 0 ? {} : { orderBy: sorts.map((sort) => orderingOf(sort, `orderBy of ${name}`)) }),
    ...(limit === undefined ? {} : { limit: { kind: 'value', value: limit } }),
    ...(offset === undefined ? {} : { offset: { kind: 'value', value: offset } }),
    ...(forUpdate === undefined ? {} : { forUpdate }),
    ...(allRows === undefined ? {} : { allRows }),
    ...(mode === undefined ? {} : { mode: choiceOf(mode, modes, 'user', `mode of query of ${name}`) }),
  }
}

type Tests = Readonly<Record<string, unknown>>

/** undefined: nothing is asked. */
export function conditionOf(where: Tests, place: string): Condition | undefined {
  if (typeof where !== 'object' || where === null || Array.isArray(where))
    throw invalid(place, `must be an object of tests by field; got ${describeValue(where)}`)
  const all = Object.entries(where).flatMap(([key, test]): readonly Condition[] => {
    // Left out, it would match everything: hardly what somebody means who compares with a variable.
    if (test === undefined)
      throw invalid(`${place}: ${key}`, 'is undefined; leave it out, or compare with null')
    if (key === 'and' || key === 'or') return [joined(key, test, `${place}: ${key}`)]
    if (key !== 'not') return testsOf({ kind: 'field', path: pathOf(key) }, test, `${place}: ${key}`)
    const inner = conditionOf(test as Tests, `${place}: not`)
    if (inner === undefined) throw invalid(`${place}: not`, 'negates nothing')
    return [{ kind: 'not', of: inner }]
  })
  return all.length > 1 ? { kind: 'and', of: all } : all[0]
}

function joined(kind: 'and' | 'or', given: unknown, place: string): Condition {
  if (!Array.isArray(given) || given.length === 0)
    throw invalid(place, `must be a list of conditions with at least one; got ${describeValue(given)}`)
  const of = given.map((one: unknown, at) => {
    const condition = conditionOf(one as Tests, `${place}[${at}]`)
    if (condition === undefined) throw invalid(`${place}[${at}]`, 'asks for nothing')
    return condition
  })
  return { kind, of }
}

function testsOf(left: Operand, test: unknown, place: string): readonly Condition[] {
  if (Array.isArray(test)) return [{ kind: 'in', left, negated: false, values: [value(test)] }]
  if (!isTests(test)) return [{ kind: 'compare', left, op: '=', right: value(test) }]
  const found = Object.entries(test).map(([name, operand]) => {
    if (operand === undefined)
      throw invalid(`${place}.${name}`, 'is undefined; leave it out, or compare with null')
    return testOf(left, name, operand, `${place}.${name}`)
  })
  if (found.length === 0) throw invalid(place, 'is an empty test')
  return found
}

/** A plain object: a Date is a value. */
function isTests(test: unknown): test is Tests {
  if (typeof test !== 'object' || test === null) return false
  const prototype: unknown = Object.getPrototypeOf(test)
  return prototype === Object.prototype || prototype === null
}

function testOf(left: Operand, name: string, operand: unknown, place: string): Condition {
  const op = Object.hasOwn(comparisons, name) ? comparisons[name] : undefined
  if (op !== undefined) return { kind: 'compare', left, op, right: value(operand) }
  switch (name) {
    case 'in':
    case 'notIn':
      return { kind: 'in', left, negated: name === 'notIn', values: [value(listOf(operand, place))] }
    case 'like':
      if (typeof operand !== 'string') throw invalid(place, `must be a text; got ${describeValue(operand)}`)
      return { kind: 'like', left, pattern: value(operand) }
    case 'includes':
    case 'excludes':
      return {
        kind: 'includes',
        left,
        negated: name === 'excludes',
        values: listOf(operand, place).map(value),
      }
    case 'within':
      return { kind: 'compare', left, op: '=', right: dateLiteral(operand, place) }
    default:
      throw invalid(place, `is no test; there are ${tests.join(', ')}`)
  }
}

function listOf(operand: unknown, place: string): readonly unknown[] {
  if (Array.isArray(operand)) return operand
  throw invalid(place, `must be a list; got ${describeValue(operand)}`)
}

function dateLiteral(operand: unknown, place: string): Scalar {
  const [, name, n] = (typeof operand === 'string' && /^([A-Z0-9_]+)(?::(\d{1,9}))?$/i.exec(operand)) || []
  if (name === undefined)
    throw invalid(place, `must be a date literal such as 'LAST_N_DAYS:30'; got ${describeValue(operand)}`)
  const literal = { kind: 'dateLiteral', name: name.toUpperCase() } as const
  return n === undefined ? literal : { ...literal, n: Number(n) }
}

function orderingOf(given: string | SortBy<ObjectDefinition>, place: string): Ordering {
  if (typeof given !== 'string') optionFields(given, ['field', 'direction', 'nulls'], place)
  const { field, direction = 'asc', nulls = 'first' } = typeof given === 'string' ? { field: given } : given
  if (typeof field !== 'string')
    throw invalid(place, `needs the name of a field; got ${describeValue(field)}`)
  if (!['asc', 'desc'].includes(direction) || !['first', 'last'].includes(nulls))
    throw invalid(`orderBy ${field}`, "takes direction 'asc' or 'desc' and nulls 'first' or 'last'")
  return { by: { kind: 'field', path: pathOf(field) }, descending: direction === 'desc', nulls }
}

function pathOf(name: string): Path {
  return name.split('.')
}

function value(of: unknown): Scalar {
  return { kind: 'value', value: of }
}

function invalid(place: string, what: string): MillraceError {
  return new MillraceError('MILL_QUERY_INVALID', `${place} ${what}.`, { data: { place } })
}
