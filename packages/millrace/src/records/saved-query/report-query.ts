import type { FieldType } from '../object/field.ts'
import type { ObjectInfo, Schema } from '../object/schema.ts'
import type { Call, Condition, Operand, Query, Selected } from '../query/query.ts'
import { findField } from './field-path.ts'
import { filtersCondition, rangeCondition, joined, type FilterContext } from './filter-condition.ts'
import { groupOperands } from './granularity.ts'
import { Issues } from './issues.ts'
import { checkScope, findObject, type QueryOptions, type RowsPlan } from './list-view-query.ts'
import { planColumn, planColumns, planSort, selectedOf, type PlannedColumn } from './columns.ts'
import { parseRelativeDate } from './relative-date.ts'
import type {
  Aggregate,
  AggregateFunction,
  CrossFilter,
  Grouping,
  ReportDefinition,
  TimeFrame,
} from './report.ts'

/** A grouping, looked up. */
export interface PlannedGrouping {
  readonly column: PlannedColumn
  readonly by: Grouping['by']
  readonly direction: 'asc' | 'desc'
  readonly operands: readonly Operand[]
}

export interface PlannedAggregate {
  readonly column: PlannedColumn
  readonly function: AggregateFunction
}

/** One statement with totals: for so many groupings across each level down, or with a plain GROUP BY the last of these alone. */
export interface GroupsPlan {
  readonly across: readonly PlannedGrouping[]
  readonly down: readonly PlannedGrouping[]
  /** Of each operand in turn it selects the value as `g0`, `g1`, … and in a rollup its GROUPING as `t0`, `t1`, … */
  readonly query: Query
}

export interface ReportPlan extends RowsPlan {
  readonly rows: readonly PlannedGrouping[]
  readonly across: readonly PlannedGrouping[]
  readonly aggregates: readonly PlannedAggregate[]
  /** Totals at each level: a rollup for each level across where that can be, else a statement for each level; none with a row limit. */
  readonly groups: readonly GroupsPlan[]
}

/**
 * A report as the queries that SOQL would make too: its rows, and GROUP BY ROLLUP for what stands at its levels. Throws
 * MILL_SAVED_QUERY_INVALID with every problem and its path.
 */
export function planReport(
  definition: ReportDefinition,
  schema: Schema,
  { timeZone = 'UTC' }: QueryOptions = {},
): ReportPlan {
  const issues = new Issues()
  const where = `report ${definition.name}`
  const object = findObject(schema, definition.object, issues, where)
  const context = { schema, timeZone, issues }
  const columns = planColumns(schema, object, definition.columns, issues)
  const sort = planSort(schema, object, definition.sort, issues)
  const condition = wholeCondition(context, object, definition)
  const rows = planGroupings(context, object, definition.groupings.rows, 'groupings.rows')
  const across = planGroupings(context, object, definition.groupings.columns, 'groupings.columns')
  const aggregates = planAggregates(context, object, definition)
  checkScope(object, definition.scope, issues)
  issues.throwIfAny(where)
  const base = {
    from: object.name,
    ...(condition === undefined ? {} : { where: condition }),
    scope: definition.scope,
  }
  return {
    ...{ object, columns, sort, rows, across, aggregates },
    limit: definition.rowLimit,
    query: { ...base, select: selectedOf(object, columns, sort) },
    // The totals of a report that ends after some rows would be of others.
    groups: definition.rowLimit === undefined ? groupPlans(base, object, rows, across, aggregates) : [],
  }
}

function wholeCondition(
  context: FilterContext,
  object: ObjectInfo,
  definition: ReportDefinition,
): Condition | undefined {
  const parts = [
    definition.timeFrame === undefined ? undefined : frameCondition(context, object, definition.timeFrame),
    filtersCondition(context, object, definition, ''),
    ...definition.crossFilters.map((cross, at) =>
      crossCondition(context, object, cross, `crossFilters[${at}]`),
    ),
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? undefined : joined('and', parts)
}

function frameCondition(
  { schema, timeZone, issues }: FilterContext,
  object: ObjectInfo,
  { field: text, range }: TimeFrame,
): Condition | undefined {
  const found = findField(schema, object, text)
  if ('problem' in found) {
    issues.add('timeFrame.field', found.problem)
    return undefined
  }
  const { type, name } = found.field
  if (type !== 'date' && type !== 'datetime') {
    issues.add('timeFrame.field', `${name} is of type ${type}; a time frame needs a date or datetime`)
    return undefined
  }
  const relative = typeof range === 'string' ? parseRelativeDate(range) : range
  if (relative === undefined || 'problem' in relative) {
    issues.add('timeFrame.range', relative?.problem ?? 'is no relative date')
    return undefined
  }
  return rangeCondition({ kind: 'field', path: found.path }, type, relative, timeZone)
}

/** Whose id is among the references of the children that fit. */
function crossCondition(
  context: FilterContext,
  object: ObjectInfo,
  cross: CrossFilter,
  path: string,
): Condition | undefined {
  const { schema, issues } = context
  const relationship = object.children.find(
    ({ name }) => name.toLowerCase() === cross.relationship.toLowerCase(),
  )
  if (relationship === undefined) {
    const names = object.children.map(({ name }) => name)
    issues.add(
      `${path}.relationship`,
      `${object.name} has no child relationship ${cross.relationship}; it has ${names.join(', ') || 'none'}`,
    )
    return undefined
  }
  const children = schema.object(relationship.object)
  const own = filtersCondition(context, children, cross, path)
  const reference: Operand = { kind: 'field', path: [relationship.field] }
  const there: Condition = { kind: 'compare', left: reference, op: '!=', right: { kind: 'null' } }
  return {
    kind: 'inQuery',
    left: { kind: 'field', path: [object.idField.name] },
    negated: cross.operator === 'without',
    query: {
      from: children.name,
      select: [{ kind: 'field', path: reference.path }],
      where: own === undefined ? there : { kind: 'and', of: [there, own] },
    },
  }
}

function planGroupings(
  { schema, issues }: FilterContext,
  object: ObjectInfo,
  groupings: readonly Grouping[],
  path: string,
): readonly PlannedGrouping[] {
  return groupings.flatMap(({ field: text, label, by, direction }, at) => {
    const found = findField(schema, object, text)
    const where = `${path}[${at}]`
    if ('problem' in found) {
      issues.add(`${where}.field`, found.problem)
      return []
    }
    const { field } = found
    const isDate = field.type === 'date' || field.type === 'datetime'
    if (field.type === 'json' || field.type === 'multipicklist')
      issues.add(`${where}.field`, `${field.name} is of type ${field.type}, which makes no groups`)
    if (by !== undefined && !isDate)
      issues.add(`${where}.by`, `${by} is for dates; ${field.name} is of type ${field.type}`)
    const span = by ?? (isDate ? 'day' : undefined)
    const column = planColumn(schema, found, label)
    return [{ column, by: span, direction, operands: groupOperands(field, found.path, span) }]
  })
}

const numbers: readonly FieldType[] = ['number', 'integer', 'currency']
/** Which fields a function takes. */
const typesOf: Readonly<Record<AggregateFunction, readonly FieldType[]>> = {
  sum: numbers,
  average: numbers,
  min: [...numbers, 'date', 'datetime'],
  max: [...numbers, 'date', 'datetime'],
  unique: [...numbers, 'date', 'datetime', 'text', 'picklist', 'id', 'reference', 'boolean'],
}

function planAggregates(
  { schema, issues }: FilterContext,
  object: ObjectInfo,
  { aggregates, groupings }: ReportDefinition,
): readonly PlannedAggregate[] {
  const byWeek = [...groupings.rows, ...groupings.columns].some(({ by }) => by === 'week')
  return aggregates.flatMap((aggregate, at) => {
    const found = findField(schema, object, aggregate.field)
    const path = `aggregates[${at}]`
    if ('problem' in found) {
      issues.add(`${path}.field`, found.problem)
      return []
    }
    const { type, name } = found.field
    const types = typesOf[aggregate.function]
    if (!types.includes(type))
      issues.add(
        `${path}.function`,
        `${aggregate.function} is not for ${name}, which is of type ${type}; it takes ${types.join(', ')}`,
      )
    if (byWeek && aggregate.function === 'unique')
      issues.add(
        `${path}.function`,
        'unique cannot be put together by week; group by day, month, quarter or year',
      )
    return [plannedAggregate(schema, aggregate, found)]
  })
}

function plannedAggregate(
  schema: Schema,
  { function: name, label }: Aggregate,
  found: Exclude<ReturnType<typeof findField>, { problem: string }>,
): PlannedAggregate {
  return { column: planColumn(schema, found, label ?? `${words[name]} ${found.label}`), function: name }
}

const words: Readonly<Record<AggregateFunction, string>> = {
  sum: 'Sum of',
  average: 'Average',
  min: 'Smallest',
  max: 'Largest',
  unique: 'Unique',
}

const soqlNames: Readonly<Record<AggregateFunction, string>> = {
  sum: 'SUM',
  average: 'AVG',
  min: 'MIN',
  max: 'MAX',
  unique: 'COUNT_DISTINCT',
}

/** SOQL has no longer ones. */
const longestRollup = 3

/**
 * GROUP BY ROLLUP (across, down) gives, beside shorter ones, each level down for so many groupings across: one statement for each
 * level across gives them all. Where that has too many fields for a rollup, each level is a statement of its own.
 */
function groupPlans(
  base: Pick<Query, 'from' | 'where' | 'scope'>,
  object: ObjectInfo,
  rows: readonly PlannedGrouping[],
  columns: readonly PlannedGrouping[],
  aggregates: readonly PlannedAggregate[],
): readonly GroupsPlan[] {
  const totals = totalsSelected(object, aggregates)
  const planOf = (
    kind: 'plain' | 'rollup',
    across: readonly PlannedGrouping[],
    down: readonly PlannedGrouping[],
  ): GroupsPlan => {
    const by = operandsOf([...across, ...down])
    const select = [...by.flatMap((operand, at) => groupSelected(kind, operand, at)), ...totals]
    return { across, down, query: { ...base, select, ...(by.length === 0 ? {} : { groupBy: { kind, by } }) } }
  }
  return [...prefixes(columns)].flatMap((across) =>
    operandsOf([...across, ...rows]).length <= longestRollup
      ? [planOf('rollup', across, rows)]
      : [...prefixes(rows)].map((down) => planOf('plain', across, down)),
  )
}

function operandsOf(groupings: readonly PlannedGrouping[]): readonly Operand[] {
  return groupings.flatMap(({ operands }) => operands)
}

function* prefixes<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let length = 0; length <= list.length; length += 1) yield list.slice(0, length)
}

function groupSelected(kind: 'plain' | 'rollup', operand: Operand, at: number): readonly Selected[] {
  const value: Selected = { ...operand, alias: `g${at}` }
  if (kind === 'plain') return [value]
  return [value, { kind: 'call', call: { name: 'GROUPING', args: [operand] }, alias: `t${at}` }]
}

/** The number of records `n`; of each aggregate `a0`, … and the number of its values `c0`, …: what averages are put together from. */
function totalsSelected(object: ObjectInfo, aggregates: readonly PlannedAggregate[]): readonly Selected[] {
  const selected = (name: string, operand: Operand, alias: string): Selected => ({
    kind: 'call',
    call: { name, args: [operand] } satisfies Call,
    alias,
  })
  return [
    selected('COUNT', { kind: 'field', path: [object.idField.name] }, 'n'),
    ...aggregates.flatMap(({ column, function: name }, at) => {
      const operand: Operand = { kind: 'field', path: column.path }
      const own = selected(soqlNames[name], operand, `a${at}`)
      return name === 'average' ? [own, selected('COUNT', operand, `c${at}`)] : [own]
    }),
  ]
}
