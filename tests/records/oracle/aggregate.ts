import type { Call, Operand, Query, Selected } from '../../../packages/millrace/src/records/query/query.ts'
import { compareValues } from './condition.ts'
import { fold } from './text.ts'
import { formatted } from './format.ts'
import { fieldAt, kindOf, ownPath, valueOf, zoneOf, type Kind } from './value.ts'
import type { Rec, Scope } from './world.ts'

/**
 * Groups and their functions ("Aggregate Functions", "GROUP BY", "GROUP BY ROLLUP", "GROUP BY CUBE"): all but COUNT() and COUNT(Id)
 * leave out nulls; null is a group of its own; a subtotal has null in what it sums up, and GROUPING says 1 there.
 */
export interface Group {
  readonly rows: readonly Rec[]
  readonly by: readonly Operand[]
  /** For each of `by`: its value, and whether this group is a subtotal over it. */
  readonly values: readonly unknown[]
  readonly summed: readonly boolean[]
}

const aggregates = ['COUNT', 'COUNT_DISTINCT', 'SUM', 'AVG', 'MIN', 'MAX']

const isAggregate = (operand: Operand): boolean =>
  operand.kind === 'call' &&
  (aggregates.includes(operand.call.name) ||
    operand.call.args.some((arg) => arg.kind !== 'scalar' && isAggregate(arg)))

export const isGrouped = ({ select, groupBy }: Pick<Query, 'select' | 'groupBy'>): boolean =>
  groupBy !== undefined || select.some((one) => one.kind === 'call' && isAggregate(one))

export function groupsOf(query: Query, scope: Scope, rows: readonly Rec[]): readonly Group[] {
  const by = query.groupBy?.by ?? []
  return setsOf(query.groupBy?.kind ?? 'plain', by.length).flatMap((summed) => {
    const groups = new Map<string, Group & { rows: Rec[] }>()
    // A total stands also where there is nothing to sum up.
    if (summed.every(Boolean)) groups.set('', { rows: [], by, values: by.map(() => null), summed })
    for (const rec of rows) {
      const values = by.map((operand, at) => (summed[at] ? null : valueOf(operand, scope, rec)))
      const key = summed.every(Boolean)
        ? ''
        : JSON.stringify(values.map((value, at) => same(value, kindOf(by[at] ?? operandless, scope))))
      const group = groups.get(key) ?? { rows: [], by, values, summed }
      group.rows.push(rec)
      groups.set(key, group)
    }
    return [...groups.values()]
  })
}

const operandless: Operand = { kind: 'field', path: [] }

function setsOf(kind: 'plain' | 'rollup' | 'cube', size: number): readonly (readonly boolean[])[] {
  if (kind === 'plain') return [new Array<boolean>(size).fill(false)]
  if (kind === 'rollup')
    return Array.from({ length: size + 1 }, (_, kept) =>
      Array.from({ length: size }, (_, at) => at >= size - kept),
    )
  return Array.from({ length: 2 ** size }, (_, bits) =>
    Array.from({ length: size }, (_, at) => (bits & (1 << at)) !== 0),
  )
}

/** What is one value in groups: texts that differ in case alone are. */
function same(value: unknown, { type, caseSensitive }: Kind): unknown {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'string' && type !== 'date' && !caseSensitive ? fold(value) : value
}

export function groupValue(operand: Operand, scope: Scope, group: Group): unknown {
  if (operand.kind === 'field') return group.values[indexOf(operand, scope, group)] ?? null
  const { call } = operand
  if (call.name === 'GROUPING') return group.summed[indexOf(argument(call), scope, group)] ? 1 : 0
  if (call.name === 'FORMAT')
    return formatted(
      groupValue(argument(call), scope, group),
      kindOf(argument(call), scope),
      zoneOf(scope.env),
    )
  if (!aggregates.includes(call.name)) return group.values[indexOf(operand, scope, group)] ?? null
  const [arg] = call.args
  if (arg === undefined || arg.kind === 'scalar') return group.rows.length
  const kind = kindOf(arg, scope)
  const values = group.rows
    .map((rec) => valueOf(arg, scope, rec))
    .filter((value) => value !== null && value !== undefined)
  return aggregate(call.name, values, kind)
}

function aggregate(name: string, values: readonly unknown[], kind: Kind): unknown {
  switch (name) {
    case 'COUNT':
      return values.length
    case 'COUNT_DISTINCT':
      return new Set(values.map((value) => same(value, kind))).size
    case 'SUM':
      return values.length === 0 ? null : sum(values)
    case 'AVG':
      return values.length === 0 ? null : sum(values) / values.length
    case 'MIN':
      return extreme(values, kind, (order) => order < 0)
    default:
      return extreme(values, kind, (order) => order > 0)
  }
}

const sum = (values: readonly unknown[]): number =>
  values.reduce<number>((total, value) => total + Number(value), 0)

function extreme(values: readonly unknown[], kind: Kind, better: (order: number) => boolean): unknown {
  return values.reduce<unknown>(
    (best, value) => (best === null || better(compareSorted(value, best, kind)) ? value : best),
    null,
  )
}

/** Order of two values in ORDER BY, MIN and MAX: a picklist goes by the order of its values. */
export function compareSorted(a: unknown, b: unknown, kind: Kind): number {
  if (kind.type !== 'picklist' || kind.field === undefined) return compareValues(a, b, kind)
  const place = (value: unknown) => kind.field?.values.findIndex((one) => one.value === value) ?? -1
  return place(a) - place(b)
}

function indexOf(operand: Operand, scope: Scope, { by }: Group): number {
  const wanted = nameOf(operand, scope)
  const at = by.findIndex((one) => nameOf(one, scope) === wanted)
  if (at < 0) throw new Error(`${wanted} is not grouped by`)
  return at
}

function argument({ name, args }: Call): Operand {
  const [arg] = args
  if (arg === undefined || arg.kind === 'scalar') throw new Error(`${name} of what?`)
  return arg
}

function nameOf(operand: Operand, scope: Scope): string {
  if (operand.kind === 'field') return ownPath(operand.path, scope).join('.').toLowerCase()
  return `${operand.call.name}(${operand.call.args.map((arg) => (arg.kind === 'scalar' ? '' : nameOf(arg, scope))).join()})`
}

/** A row of groups by the names its parts get: the alias, the field's own name, else expr0, expr1, … */
export function groupRecord(
  select: readonly Selected[],
  scope: Scope,
  group: Group,
): { readonly record: Record<string, unknown>; readonly folded: readonly string[] } {
  const record: Record<string, unknown> = {}
  const folded: string[] = []
  let unnamed = 0
  for (const one of select) {
    if (one.kind !== 'field' && one.kind !== 'call') throw new Error(`no ${one.kind} in groups`)
    const operand: Operand = one
    const own = one.kind === 'field' ? ownPath(one.path, scope) : undefined
    const name = (one.alias ?? own?.at(-1) ?? `expr${unnamed++}`).toLowerCase()
    record[name] = groupValue(operand, scope, group)
    const kind = own === undefined || fieldAt(own, scope) !== undefined ? kindOf(operand, scope) : undefined
    if (kind !== undefined && !kind.caseSensitive && kind.type !== 'date') folded.push(name)
  }
  return { record, folded }
}
