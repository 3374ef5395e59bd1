import type {
  Operand,
  Ordering,
  Query,
  Scalar,
  Selected,
} from '../../../packages/millrace/src/records/query/query.ts'
import type { ObjectInfo } from '../../../packages/millrace/src/records/object/schema.ts'
import { compareSorted, groupRecord, groupValue, groupsOf, isGrouped } from './aggregate.ts'
import { holds, recordEvaluation, scalarValue, type Evaluation } from './condition.ts'
import { kindOf, ownPath, valueAt, valueOf } from './value.ts'
import { parentOf, scopeOf, visibleRows, type OracleEnv, type Rec, type Scope } from './world.ts'

/**
 * What a query answers, worked out in plain arrays from Salesforce's SOQL and SOSL Reference, without the compiler. Names in records
 * are in lower case.
 */
export type Answer =
  | { readonly kind: 'count'; readonly count: number }
  | {
      readonly kind: 'rows'
      /** All rows in order; rows of one inner list may change places among themselves. */
      readonly ties: readonly (readonly OracleRecord[])[]
      /** Of `ties` in a row, these are answered. */
      readonly offset: number
      readonly limit: number
      /** Names whose texts count without upper and lower case: any spelling of a group may stand for it. */
      readonly folded: readonly string[]
      /** Sums depend on the order of their parts: numbers are near, not equal. */
      readonly near: boolean
      /** Child relationships whose rows have an order. */
      readonly ordered: readonly string[]
    }

export type OracleRecord = Readonly<Record<string, unknown>>

export function evaluate(query: Query, env: OracleEnv): Answer {
  const scope = scopeOf(query, env, query.allRows === true)
  return answerOf(query, scope, visibleRows(scope))
}

function answerOf(query: Query, scope: Scope, among: readonly Rec[]): Answer {
  const { env } = scope
  const rows = matching(query, scope, among)
  if (query.select.some(({ kind }) => kind === 'count')) {
    const { offset, limit } = window(query, env)
    return { kind: 'count', count: Math.min(Math.max(rows.length - offset, 0), limit) }
  }
  const ordered = query.select.flatMap((one) =>
    one.kind === 'children' && one.query.orderBy !== undefined ? [one.relationship.toLowerCase()] : [],
  )
  if (isGrouped(query)) return { ...grouped(query, scope, rows), ordered }
  const order = query.orderBy ?? []
  const sorted = tiesOf(rows, order, scope, (operand, rec) => valueOf(operand, scope, rec))
  const ties = sorted.map((tie) => tie.map((rec) => shaped(query.select, scope, rec)))
  return { kind: 'rows', ties, ...window(query, env), folded: [], near: false, ordered }
}

function matching(query: Query, scope: Scope, rows: readonly Rec[]): readonly Rec[] {
  const { where } = query
  const subquery = memo((inner: Query) => fieldValues(inner, scope))
  return rows.filter(
    (rec) =>
      (query.scope !== 'mine' || isMine(scope, rec)) &&
      (where === undefined || holds(where, recordEvaluation(scope, rec, subquery))),
  )
}

function isMine({ object, env }: Scope, rec: Rec): boolean {
  const { owner } = object.definition
  return owner !== undefined && env.caller.principal !== null && rec[owner] === env.caller.principal.id
}

function memo<T extends object, R>(make: (key: T) => R): (key: T) => R {
  const made = new Map<T, R>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const result = make(key)
    made.set(key, result)
    return result
  }
}

/** The values of a semi-join's only field. */
function fieldValues(query: Query, outer: Scope): readonly unknown[] {
  const [field] = query.select
  if (field?.kind !== 'field') throw new Error('a semi-join selects one field')
  const scope = scopeOf(query, outer.env, outer.allRows)
  const rows = matching(query, scope, visibleRows(scope))
  return rows.map((rec) => valueOf(field, scope, rec))
}

function grouped(
  query: Query,
  scope: Scope,
  rows: readonly Rec[],
): Omit<Extract<Answer, { kind: 'rows' }>, 'ordered'> {
  const { having } = query
  const evaluation = (group: ReturnType<typeof groupsOf>[number]): Evaluation => ({
    scope,
    value: (operand) => groupValue(operand, scope, group),
    subquery: () => {
      throw new Error('no semi-join in HAVING')
    },
  })
  const groups = groupsOf(query, scope, rows).filter(
    (group) => having === undefined || holds(having, evaluation(group)),
  )
  const ties = tiesOf(groups, query.orderBy ?? [], scope, (operand, group) =>
    groupValue(operand, scope, group),
  )
  const shapes = ties.map((tie) => tie.map((group) => groupRecord(query.select, scope, group)))
  return {
    kind: 'rows',
    ties: shapes.map((tie) => tie.map(({ record }) => record)),
    ...window(query, scope.env),
    folded: shapes[0]?.[0]?.folded ?? [],
    near: true,
  }
}

function window({ limit, offset }: Pick<Query, 'limit' | 'offset'>, env: OracleEnv) {
  const number = (scalar: Scalar | undefined, missing: number) =>
    scalar === undefined ? missing : Number(scalarValue(scalar, env))
  return { limit: number(limit, Infinity), offset: number(offset, 0) }
}

/** Sorted, and what nothing tells apart together. */
function tiesOf<T>(
  rows: readonly T[],
  orderBy: readonly Ordering[],
  scope: Scope,
  value: (operand: Operand, row: T) => unknown,
): readonly (readonly T[])[] {
  const kinds = orderBy.map(({ by }) => kindOf(by, scope))
  const keyed = rows.map((row) => ({ row, keys: orderBy.map(({ by }) => value(by, row)) }))
  const compare = (a: (typeof keyed)[number], b: (typeof keyed)[number]): number => {
    for (const [at, ordering] of orderBy.entries()) {
      const kind = kinds[at]
      const order = kind === undefined ? 0 : compareWithNulls(a.keys[at], b.keys[at], ordering, kind)
      if (order !== 0) return order
    }
    return 0
  }
  keyed.sort(compare)
  const ties: (typeof keyed)[] = []
  for (const one of keyed) {
    const last = ties.at(-1)
    const [first] = last ?? []
    if (last !== undefined && first !== undefined && compare(first, one) === 0) last.push(one)
    else ties.push([one])
  }
  return ties.map((tie) => tie.map(({ row }) => row))
}

function compareWithNulls(
  a: unknown,
  b: unknown,
  { descending, nulls }: Ordering,
  kind: Parameters<typeof compareSorted>[2],
): number {
  const [noA, noB] = [a ?? null, b ?? null].map((value) => value === null)
  if (noA || noB) return noA && noB ? 0 : noA === (nulls === 'first') ? -1 : 1
  const order = compareSorted(a, b, kind)
  return descending ? -order : order
}

function shaped(select: readonly Selected[], scope: Scope, rec: Rec): OracleRecord {
  let unnamed = 0
  const record: Record<string, unknown> = {}
  for (const one of select) {
    switch (one.kind) {
      case 'field':
        put(record, ownPath(one.path, scope), scope, rec)
        break
      case 'fields':
        for (const { name } of fieldsOf(scope.object, one.which))
          record[name.toLowerCase()] = rec[name] ?? null
        break
      case 'call': {
        const [arg] = one.call.args
        if (arg?.kind !== 'field') throw new Error(`no ${one.call.name} of this`)
        const value = valueOf({ kind: 'call', call: one.call }, scope, rec)
        if (one.alias !== undefined) record[one.alias.toLowerCase()] = value
        // What replaces the field stands in its place.
        else if (['TOLABEL', 'FORMAT'].includes(one.call.name))
          put(record, ownPath(arg.path, scope), scope, rec, value)
        else record[`expr${unnamed++}`] = value
        break
      }
      case 'children':
        record[one.relationship.toLowerCase()] = childrenOf(one, scope, rec)
        break
      case 'typeof':
        record[one.relationship.at(-1)?.toLowerCase() ?? ''] = typed(one, scope, rec)
        break
      case 'count':
        throw new Error('COUNT() stands alone')
    }
  }
  return record
}

/** Puts `Account.Owner.Name` at account.owner.name; a parent that is not there is null. */
function put(
  record: Record<string, unknown>,
  path: readonly string[],
  scope: Scope,
  rec: Rec,
  value = valueAt(path, scope, rec),
): void {
  let at = record
  for (const step of path.slice(0, -1)) {
    at[step.toLowerCase()] ??= {}
    at = at[step.toLowerCase()] as Record<string, unknown>
  }
  at[path.at(-1)?.toLowerCase() ?? ''] = value
}

function fieldsOf(object: ObjectInfo, which: 'all' | 'standard' | 'custom') {
  return object.fields.filter(({ name }) => which === 'all' || name.endsWith('__c') === (which === 'custom'))
}

function childrenOf(
  one: Extract<Selected, { kind: 'children' }>,
  scope: Scope,
  rec: Rec,
): readonly OracleRecord[] {
  const { env, object } = scope
  const { object: from, field } = object.child(one.relationship)
  const child = env.world.schema.object(from)
  const info = child.field(field)
  const inner = scopeOf({ ...one.query, from }, env, scope.allRows)
  const own = visibleRows(inner).filter(
    (each) =>
      each[info.name] === rec[object.idField.name] &&
      (info.references.length === 1 || each[`${info.name}:type`] === object.name),
  )
  const answer = answerOf({ ...one.query, from }, inner, own)
  if (answer.kind !== 'rows') throw new Error('children are rows')
  return answer.ties.flat().slice(answer.offset, answer.offset + answer.limit)
}

function typed(one: Extract<Selected, { kind: 'typeof' }>, scope: Scope, rec: Rec): unknown {
  const [step = ''] = one.relationship
  const parent = parentOf({ object: scope.object, rec }, scope.object.parent(step).name, scope.env)
  if (parent === undefined) return null
  const { object } = parent
  const when = one.when.find((each) => each.object.toLowerCase() === object.name.toLowerCase())
  const record: Record<string, unknown> = { attributes: { type: object.name } }
  for (const path of when?.fields ?? one.otherwise)
    put(record, path, { ...scope, object, alias: undefined }, parent.rec)
  return record
}
