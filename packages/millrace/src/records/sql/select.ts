import { sql } from 'kysely'
import type { FieldInfo, ObjectInfo } from '../object/schema.ts'
import type { Call, Operand, Path, Query, Selected } from '../query/query.ts'
import type { Expr } from './expr.ts'
import { formatted } from './format.ts'
import { countOf } from './literal.ts'
import { callText, isAggregate, rowOperand, soleOperand } from './operand.ts'
import { orderings } from './order.ts'
import { Projection, type Column, type Values } from './projection.ts'
import { invalid, unsupported } from './refuse.ts'
import { Scope, type Place, type StatementContext } from './scope.ts'
import { list, type Sql } from './statement.ts'
import { where } from './where.ts'

/** A SELECT of rows. */
export interface RowSelect {
  readonly scope: Scope
  readonly projection: Projection
  /** Each of ORDER BY, with its direction. */
  readonly order: readonly Sql[]
  /** FROM and WHERE with the words. */
  readonly rows: Sql
  readonly limit: Sql
}

/** The query of an object or, in children, of one record's: those then also fulfil `others`. */
export function selectRows(
  statement: StatementContext,
  from: string,
  query: Omit<Query, 'from'>,
  outer?: Scope,
  others: (scope: Scope) => readonly Sql[] = () => [],
): RowSelect {
  const scope = new Scope(statement, from, query, outer)
  const projection = new Projection(scope.dialect, statement.env.kind)
  const at: At = { scope, projection }
  if (query.select.length === 0) throw invalid('SELECT', `of ${scope.object.name} names nothing`)
  for (const selected of query.select) select(at, selected)
  const order = orderings(scope.dialect, query.orderBy ?? [], (operand) =>
    rowOperand(
      scope,
      scope.sortable(aliased(query, operand)),
      'filter',
      'ORDER BY of a query without GROUP BY',
    ),
  )
  const found = where(scope, query, others(scope))
  return {
    scope,
    projection,
    order,
    // Last: by now every path has been met.
    rows: sql` from ${scope.from()}${found}`,
    limit: limitOf(statement, query),
  }
}

export function limitOf({ env, dialect }: StatementContext, query: Omit<Query, 'from'>): Sql {
  return dialect.limit(
    query.limit === undefined ? undefined : countOf(query.limit, 'LIMIT', env),
    query.offset === undefined ? undefined : countOf(query.offset, 'OFFSET', env),
  )
}

export const orderBy = (order: readonly Sql[]): Sql =>
  order.length === 0 ? sql`` : sql` order by ${list(order)}`

interface At {
  readonly scope: Scope
  readonly projection: Projection
}

function select(at: At, selected: Selected): void {
  switch (selected.kind) {
    case 'field':
      selectField(at, selected.path, selected.alias)
      return
    case 'call':
      selectCall(at, selected)
      return
    case 'children':
      selectChildren(at, selected.relationship, selected.query)
      return
    case 'typeof':
      selectTypeof(at, selected)
      return
    case 'fields':
      selectFields(at, selected.which)
      return
    case 'count':
      throw invalid('COUNT()', 'stands alone in SELECT; COUNT(Id) can stand beside others')
  }
}

/** The same field once, however often it is named (FIELDS(ALL), Name). */
function selectField({ scope, projection }: At, path: Path, alias?: string): void {
  const { steps, place, last } = scope.walk(path, 'select')
  const expr = scope.fieldAt(place, last, 'select', [...steps, last].join('.'))
  const field = fieldOf(place, last)
  const own = [...namesOf(place), field?.name ?? last]
  const where_ = alias === undefined ? own : [aliasName(alias)]
  if (alias === undefined && projection.has(own)) return
  const column: Column = { path: where_, name: where_.join('.'), kind: 'field', type: expr.field.type, field }
  projection.add(
    column,
    alias === undefined ? presence(scope, projection, place) : [],
    projection.reader(expr, keyOf(own)),
  )
}

const keyOf = (path: Path): string => path.join('.').toLowerCase()

function fieldOf(place: Place, name: string): FieldInfo | undefined {
  return place.targets.map(({ object }) => object.find(name)).find((field) => field !== undefined)
}

/** The way to a parent by the names of the definitions. */
function namesOf(place: Place): string[] {
  if (place.owner === undefined) return []
  return [...namesOf(place.owner), place.reference?.relationship ?? '']
}

function presence(scope: Scope, projection: Projection, place: Place): number[] {
  if (place.owner === undefined) return []
  const number = projection.number(() => scope.present(place), `present ${keyOf(namesOf(place))}`)
  return [...presence(scope, projection, place.owner), number]
}

/** Letters, digits and `_`: an alias never is text of a statement, but names a property. */
export function aliasName(alias: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]{0,79}$/.test(alias)) return alias
  throw invalid(`the alias ${JSON.stringify(alias)}`, 'is none: a letter, then letters, digits and "_"')
}

function selectCall(at: At, { call, alias }: Extract<Selected, { kind: 'call' }>): void {
  const { scope, projection } = at
  if (isAggregate(call)) throw invalid(callText(call), 'is an aggregate among fields that are not grouped')
  const format = call.name.toUpperCase() === 'FORMAT'
  const operand = format ? soleOperand(call) : ({ kind: 'call', call } as const)
  const expr = rowOperand(scope, operand, 'select', 'SELECT of a query without GROUP BY')
  const read = projection.reader(expr)
  const path = alias === undefined ? implicitPath(at, call) : { names: [aliasName(alias)], present: [] }
  const type = format ? 'text' : expr.field.type
  projection.add(
    { path: path.names, name: path.names.join('.'), kind: 'field', type, field: undefined },
    path.present,
    format ? (values) => formatted(expr.field, read(values), scope.statement.env.caller.timeZone) : read,
  )
}

/** toLabel(Account.Industry) and FORMAT(Amount) stand where their field would; others are expr0, expr1, … */
function implicitPath(
  { scope, projection }: At,
  call: Call,
): { readonly names: readonly string[]; readonly present: readonly number[] } {
  const inner = /^(TOLABEL|FORMAT)$/i.test(call.name) ? firstField(soleOperand(call)) : undefined
  if (inner !== undefined) {
    const { place, last } = scope.walk(inner, 'select')
    const names = [...namesOf(place), fieldOf(place, last)?.name ?? last]
    if (!projection.has(names)) return { names, present: presence(scope, projection, place) }
  }
  let number = 0
  while (projection.has([`expr${number}`])) number += 1
  return { names: [`expr${number}`], present: [] }
}

function firstField(operand: Operand): Path | undefined {
  return operand.kind === 'field' ? operand.path : firstField(soleOperand(operand.call))
}

function selectFields(at: At, which: 'all' | 'standard' | 'custom'): void {
  const { scope } = at
  for (const field of scope.object.fields) {
    const custom = /__c$/i.test(field.name)
    if (which !== 'all' && custom !== (which === 'custom')) continue
    // Who may not see a field gets the others, as in Salesforce.
    if (scope.maySee(scope.object, field)) selectField(at, [field.name])
  }
  if (at.projection.columns.length === 0) selectField(at, [scope.object.idField.name])
}

/** Levels of children within children; Salesforce allows as many. */
const deepest = 5

function selectChildren(at: At, relationship: string, query: Omit<Query, 'from'>): void {
  const { scope, projection } = at
  const child = scope.object.child(relationship)
  const written = `(SELECT … FROM ${child.name})`
  if (scope.depth >= deepest) throw unsupported(written, `children can be nested ${deepest} levels deep`)
  if (query.groupBy !== undefined || query.having !== undefined)
    throw unsupported(`GROUP BY in ${written}`, 'children are records')
  if (query.forUpdate === true)
    throw unsupported(`FOR UPDATE in ${written}`, 'only the records of the query itself can be locked')
  const rows = selectRows(scope.statement, child.object, query, scope, (inner) =>
    ofParent(scope, inner, child.field),
  )
  const number = projection.number(() => childRows(rows))
  const column: Column = {
    path: [child.name],
    name: child.name,
    kind: 'children',
    type: undefined,
    field: undefined,
    children: rows.projection.columns,
  }
  projection.add(column, [], (values) => readChildren(rows.projection, values(number)))
}

function ofParent(outer: Scope, inner: Scope, name: string): Sql[] {
  const reference = inner.object.field(name)
  inner.mayReadField(inner.object, reference, 'select')
  const [parent] = outer.base.targets
  const [child] = inner.base.targets
  if (parent === undefined || child === undefined) return []
  const same = sql`${sql.id(child.alias, reference.column)} = ${sql.id(parent.alias, outer.object.idField.column)}`
  if (reference.typeColumn === undefined) return [same]
  return [same, sql`${sql.id(child.alias, reference.typeColumn)} = ${outer.object.name}`]
}

/** Rows of the child query as JSON, in its order. */
function childRows({ scope, projection, order, rows, limit }: RowSelect): Sql {
  const values = projection.expressions.map((value, at) => sql`${value} as ${sql.id(`c${at}`)}`)
  // Ordered within by LIMIT, and once more where the list is made: the order of a subselect binds nobody.
  const ranks = order.length === 0 ? [] : [sql`row_number() over (order by ${list(order)}) as ${sql.id('n')}`]
  const rank = order.length === 0 ? [] : [sql.id('r', 'n')]
  const inner = sql`(select ${list([...values, ...ranks])}${rows}${orderBy(order)}${limit}) as ${sql.id('r')}`
  return scope.dialect.jsonRows(
    projection.expressions.map((_, at) => sql.id('r', `c${at}`)),
    inner,
    rank,
  )
}

function readChildren(projection: Projection, given: unknown): unknown {
  const rows = (typeof given === 'string' ? JSON.parse(given) : given) as readonly (readonly unknown[][])[]
  return rows.map((chunks) => {
    const row = chunks.flat(1)
    const values: Values = (at) => row[at]
    return projection.shape(values)
  })
}

function selectTypeof(
  at: At,
  { relationship, when, otherwise }: Extract<Selected, { kind: 'typeof' }>,
): void {
  const { scope, projection } = at
  const place = scope.parent(relationship, 'select')
  const written = `TYPEOF ${relationship.join('.')}`
  if (place.reference?.typeColumn === undefined)
    throw invalid(written, 'needs a reference that may point to several objects')
  const type = projection.reader(scope.fieldAt(place, 'Type', 'select', written))
  const branches = new Map(
    when.map(({ object, fields }) => {
      const target = targetOf(place, object, written)
      const only: Place = { ...place, targets: [target] }
      return [
        target.object.name,
        fields.map((path) => readerIn(scope, projection, only, path, written)),
      ] as const
    }),
  )
  const others = otherwise.map((path) => readerIn(scope, projection, place, path, written))
  const path = namesOf(place)
  const column: Column = { path, name: path.join('.'), kind: 'typeof', type: undefined, field: undefined }
  const present = presence(scope, projection, place)
  // The record itself is put there: what tells that it exists is asked here.
  projection.add(column, present.slice(0, -1), (values) => {
    if (!values(present.at(-1) ?? -1)) return null
    const name = String(type(values))
    const fields = (branches.get(name) ?? others).map(([key, read]) => [key, read(values)] as const)
    return { attributes: { type: name }, ...Object.fromEntries(fields) }
  })
}

function readerIn(
  scope: Scope,
  projection: Projection,
  place: Place,
  path: Path,
  written: string,
): [string, (values: Values) => unknown] {
  const [name, ...more] = path
  if (name === undefined || more.length > 0)
    throw unsupported(
      `${path.join('.')} in ${written}`,
      'only fields of the objects themselves can be named there',
    )
  const expr: Expr = scope.fieldAt(place, name, 'select', `${written} ${name}`)
  return [fieldOf(place, name)?.name ?? name, projection.reader(expr)]
}

function targetOf(
  place: Place,
  name: string,
  written: string,
): { readonly object: ObjectInfo; readonly alias: string } {
  const found = place.targets.find(({ object }) => object.name.toLowerCase() === name.toLowerCase())
  if (found !== undefined) return found
  const names = place.targets.map(({ object }) => object.name).join(', ')
  throw invalid(`WHEN ${name} in ${written}`, `names no object that it may be: ${names}`)
}

/** ORDER BY may name what has an alias. */
export function aliased(query: Omit<Query, 'from'>, operand: Operand): Operand {
  if (operand.kind !== 'field' || operand.path.length !== 1) return operand
  const name = operand.path[0]?.toLowerCase()
  for (const selected of query.select) {
    if (selected.kind !== 'field' && selected.kind !== 'call') continue
    if (selected.alias?.toLowerCase() !== name) continue
    return selected.kind === 'field'
      ? { kind: 'field', path: selected.path }
      : { kind: 'call', call: selected.call }
  }
  return operand
}
