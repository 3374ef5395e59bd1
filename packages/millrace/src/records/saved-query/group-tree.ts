import type { FieldInfo } from '../object/schema.ts'
import type { Cell, CellWriter } from './cell.ts'
import { keyOf, spanLabel, type GroupKey } from './granularity.ts'
import type { PlannedColumn } from './columns.ts'
import type { GroupsPlan, PlannedAggregate, PlannedGrouping, ReportPlan } from './report-query.ts'

/** A group of a report, the whole of it included. */
export interface ReportGroup {
  /** What its records have in common at this level; of dates the first day of the span. null of the whole. */
  readonly key: Cell | null
  /** Number of records. */
  readonly count: number
  /** One for each aggregate of the report. */
  readonly aggregates: readonly Cell[]
  /** Groups of the next level down, in order. */
  readonly groups: readonly ReportGroup[]
  /** Of a matrix: the same records in groups across. */
  readonly across: readonly ReportGroup[]
}

interface Node {
  readonly key: GroupKey
  readonly grouping: PlannedGrouping | undefined
  count: number
  sums: Sums[]
  readonly down: Map<string, Node>
  readonly across: Map<string, Node>
}

/** What an aggregate is put together from. */
interface Sums {
  value: unknown
  /** Of an average: how many values. */
  count: number
}

/** Puts the rows of GROUP BY ROLLUP together: each stands for one level, told by GROUPING. */
export class GroupTree {
  readonly #plan: ReportPlan
  readonly #writer: CellWriter
  readonly #locale: string
  readonly #root: Node = nodeOf(null, undefined)
  readonly #names = new Map<string, string>()

  constructor(plan: ReportPlan, writer: CellWriter, locale: string) {
    this.#plan = plan
    this.#writer = writer
    this.#locale = locale
  }

  add({ across, down, query }: GroupsPlan, record: object): void {
    const row = record as Readonly<Record<string, unknown>>
    const groupings = [...across, ...down]
    const depth = query.groupBy?.kind === 'rollup' ? depthOf(groupings, row) : groupings.length
    // Years of a grouping by month, and what another statement gives.
    if (depth === undefined || depth < across.length) return
    let first = 0
    const steps = groupings.map((grouping) => {
      const values = grouping.operands.map((_, at) => row[`g${first + at}`])
      first += grouping.operands.length
      return { grouping, key: keyOf(grouping.by, values) }
    })
    const below = steps.slice(across.length, depth).reduce((node, step) => child(node.down, step), this.#root)
    const node = steps.slice(0, across.length).reduce((one, step) => child(one.across, step), below)
    addTo(node, row, this.#plan.aggregates)
  }

  /** Keys of the groups by a column. */
  keysOf(column: PlannedColumn): readonly unknown[] {
    const found = new Set<unknown>()
    const walk = (node: Node): void => {
      if (node.grouping?.column === column && node.key !== null) found.add(node.key)
      for (const one of [...node.down.values(), ...node.across.values()]) walk(one)
    }
    walk(this.#root)
    return [...found]
  }

  /** What a reference of this column is shown as. */
  name(column: PlannedColumn, id: unknown, label: string): void {
    this.#names.set(nameKey(column, id), label)
  }

  result(): ReportGroup {
    return this.#group(this.#root)
  }

  #group(node: Node): ReportGroup {
    return {
      key:
        node.grouping === undefined ? null : { value: node.key, label: this.#label(node.grouping, node.key) },
      count: node.count,
      aggregates: this.#plan.aggregates.map((aggregate, at) => this.#total(aggregate, node.sums[at])),
      groups: this.#sorted(node.down),
      across: this.#sorted(node.across),
    }
  }

  #sorted(nodes: ReadonlyMap<string, Node>): readonly ReportGroup[] {
    const groups = [...nodes.values()].map((node) => ({ rank: this.#rank(node), node }))
    const sign = groups[0]?.node.grouping?.direction === 'desc' ? -1 : 1
    return groups.sort((a, b) => sign * compareRanks(a.rank, b.rank)).map(({ node }) => this.#group(node))
  }

  /** References by name, picklists in the order of their values, everything else by value. */
  #rank({ key, grouping }: Node): string | number | null {
    if (key === null || grouping === undefined) return null
    const { field, named } = grouping.column
    if (named !== undefined) return this.#label(grouping, key).toLowerCase()
    if (field.type === 'picklist') return placeOf(field, String(key))
    if (typeof key === 'number') return key
    return typeof key === 'boolean' ? Number(key) : key.toLowerCase()
  }

  #label({ column, by }: PlannedGrouping, key: GroupKey): string {
    if (key === null) return ''
    if (by !== undefined) return spanLabel(by, String(key), this.#locale)
    return this.#names.get(nameKey(column, key)) ?? this.#writer.label(column.field, key)
  }

  #total({ column, function: name }: PlannedAggregate, sums: Sums | undefined): Cell {
    const value = sums?.value ?? null
    if (value === null) return { value: name === 'unique' ? 0 : null, label: name === 'unique' ? '0' : '' }
    if (name === 'unique') return { value, label: this.#writer.number(Number(value), 0, 0) }
    if (name === 'average' && column.field.type === 'integer')
      return { value, label: this.#writer.number(Number(value), 0, 2) }
    return { value, label: this.#writer.label(column.field, value) }
  }
}

/** How many groupings are there in a row; undefined when one of them is there in part. */
function depthOf(
  groupings: readonly PlannedGrouping[],
  row: Readonly<Record<string, unknown>>,
): number | undefined {
  let at = 0
  let depth = 0
  for (const { operands } of groupings) {
    const there = operands.map((_, part) => Number(row[`t${at + part}`]) === 0)
    at += operands.length
    if (there.every(Boolean)) depth += 1
    else return there.some(Boolean) ? undefined : depth
  }
  return depth
}

function nodeOf(key: GroupKey, grouping: PlannedGrouping | undefined): Node {
  return { key, grouping, count: 0, sums: [], down: new Map(), across: new Map() }
}

interface Step {
  readonly grouping: PlannedGrouping
  readonly key: GroupKey
}

/** Text in any case is one group; each level may show it in another spelling. */
function child(nodes: Map<string, Node>, { grouping, key }: Step): Node {
  const { caseSensitive, type } = grouping.column.field
  const isFolded = !caseSensitive && (type === 'text' || type === 'picklist')
  const text = JSON.stringify(isFolded && typeof key === 'string' ? key.toLowerCase() : key)
  let node = nodes.get(text)
  if (node === undefined) nodes.set(text, (node = nodeOf(key, grouping)))
  return node
}

/** The days of a week come as rows of their own. */
function addTo(
  node: Node,
  row: Readonly<Record<string, unknown>>,
  aggregates: readonly PlannedAggregate[],
): void {
  node.count += Number(row['n'])
  node.sums = aggregates.map(({ function: name }, at) => {
    const value = row[`a${at}`] ?? null
    const before = node.sums[at]
    const count = name === 'average' ? Number(row[`c${at}`]) : 0
    if (before === undefined || before.value === null) return { value, count }
    return value === null ? before : together(name, before, { value, count })
  })
}

function together(name: PlannedAggregate['function'], a: Sums, b: Sums): Sums {
  switch (name) {
    case 'average': {
      const count = a.count + b.count
      return { value: (Number(a.value) * a.count + Number(b.value) * b.count) / count, count }
    }
    case 'min':
      return isLess(b.value, a.value) ? b : a
    case 'max':
      return isLess(a.value, b.value) ? b : a
    default:
      return { value: Number(a.value) + Number(b.value), count: 0 }
  }
}

function isLess(a: unknown, b: unknown): boolean {
  return (a as number | string | Date) < (b as number | string | Date)
}

function compareRanks(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? -1 : 1
  return a < b ? -1 : 1
}

/** Values that are no longer in the list come after the others. */
function placeOf({ values }: FieldInfo, key: string): number {
  const at = values.findIndex(({ value }) => value.toLowerCase() === key.toLowerCase())
  return at < 0 ? values.length : at
}

function nameKey({ name }: PlannedColumn, id: unknown): string {
  return JSON.stringify([name, id])
}
