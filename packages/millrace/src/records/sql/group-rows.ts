import { sql } from 'kysely'
import type { Call, GroupBy, Operand } from '../query/query.ts'
import { ignoresCase, integerValue, kindOf, numberValue, type Expr } from './expr.ts'
import { callText, isAggregate, operandText, rowOperand, soleOperand } from './operand.ts'
import { isRanked, rankLength, rankText } from './order.ts'
import { invalid } from './refuse.ts'
import type { Scope } from './scope.ts'
import { list, type Sql } from './statement.ts'

/** Numbers of the keys that a grouping of ROLLUP or CUBE keeps; the others are null in its rows. */
export type KeySet = ReadonlySet<number>

/** Salesforce allows as many in ROLLUP and CUBE; a cube of them is eight groupings. */
const mostRolled = 3

/** Between the lower case of a text and the text itself, for MIN and MAX that compare by the first and show the second. */
const separator = '\u0001'

interface Key {
  /** As `keyOf` writes it. */
  readonly operand: string
  readonly row: Expr
  /** What is grouped by. */
  readonly by: Sql
  /** The text as it stands in the table, where `by` is its lower case. */
  readonly original: Sql | undefined
}

/** The rows that groups are made of: a subselect `q` of the keys and the arguments of aggregates. */
export class GroupRows {
  readonly scope: Scope
  readonly kind: GroupBy['kind']
  readonly #keys: readonly Key[]
  readonly #expressions: Sql[] = []
  readonly #columns = new Map<string, Sql>()

  constructor(scope: Scope, groupBy: GroupBy | undefined) {
    this.scope = scope
    this.kind = groupBy?.kind ?? 'plain'
    this.#keys = (groupBy?.by ?? []).map((operand) => this.#key(operand))
    if (this.kind !== 'plain' && this.#keys.length > mostRolled)
      throw invalid(`GROUP BY ${this.kind.toUpperCase()}`, `takes at most ${mostRolled} fields`)
  }

  /** The groupings of ROLLUP and CUBE. */
  sets(): KeySet[] {
    const numbers = this.#keys.map((_, at) => at)
    if (this.kind === 'rollup')
      return [numbers.length, ...numbers].map((length) => new Set(numbers.slice(0, length)))
    return Array.from(
      { length: 2 ** numbers.length },
      (_, left) => new Set(numbers.filter((at) => (left & (1 << at)) === 0)),
    )
  }

  /** `q`, when everything has been resolved. */
  select(found: Sql): Sql {
    const expressions = this.#expressions.length === 0 ? [sql`1 as ${sql.id('one')}`] : this.#expressions
    return sql`(select ${list(expressions)} from ${this.scope.from()}${found})`
  }

  groupBy(set: KeySet | undefined): Sql {
    const by = this.#keys.filter((_, at) => set?.has(at) ?? true).map((key) => key.by)
    if (by.length === 0) return sql``
    if (set !== undefined || this.kind === 'plain') return sql` group by ${list(by)}`
    return this.kind === 'rollup' ? sql` group by rollup(${list(by)})` : sql` group by cube(${list(by)})`
  }

  /** A value of a group: one of its keys or an aggregate. */
  resolve(operand: Operand, clause: string, set: KeySet | undefined): Expr {
    const at = this.#find(operand)
    if (at >= 0) {
      // What is shown needs rights that a filter does not, WITH SECURITY_ENFORCED.
      if (clause === 'SELECT') rowOperand(this.scope, operand, 'select', clause)
      return this.#keyValue(at, set)
    }
    if (operand.kind === 'call' && operand.call.name.toUpperCase() === 'GROUPING')
      return this.#grouping(operand.call, set)
    if (operand.kind === 'call' && isAggregate(operand.call)) return this.#aggregate(operand.call)
    throw invalid(
      operandText(operand),
      `is neither grouped by nor an aggregate, and so cannot stand in ${clause}`,
      {
        clause,
      },
    )
  }

  #find(operand: Operand): number {
    const wanted = this.#keyOf(operand)
    return this.#keys.findIndex((key) => key.operand === wanted)
  }

  #key(operand: Operand): Key {
    const name = this.#keyOf(operand)
    const row = rowOperand(this.scope, operand, 'filter', 'GROUP BY')
    const { field } = row
    if (kindOf(field) === 'json' || field.type === 'multipicklist')
      throw invalid(row.name, `is of type ${field.type}, which cannot be grouped by`, { field: row.name })
    const folds = ignoresCase(field)
    const { dialect } = this.scope
    return {
      operand: name,
      row,
      by: this.#column(`key ${name}`, () => (folds ? dialect.fold(row.sql) : row.sql)),
      original: folds ? this.#column(`original ${name}`, () => dialect.exact(row.sql)) : undefined,
    }
  }

  #keyValue(at: number, set: KeySet | undefined): Expr {
    const key = this.#keys[at]
    if (key === undefined) throw invalid('GROUP BY', 'has no such key')
    // The time behind a part is not there any more.
    const { period: _, ...row } = key.row
    const value = { ...row, notNull: false, required: row.required && this.kind === 'plain' }
    if (set !== undefined && !set.has(at)) return { ...value, sql: sql`null`, folded: true }
    if (key.original === undefined) return { ...value, sql: key.by }
    const shown = sql`min(${key.original})`
    const rolled = set === undefined && this.kind !== 'plain'
    return {
      ...value,
      sql: key.by,
      folded: true,
      shown: rolled ? sql`case when grouping(${key.by}) = 0 then ${shown} end` : shown,
    }
  }

  #grouping(call: Call, set: KeySet | undefined): Expr {
    const at = this.#find(soleOperand(call))
    const key = this.#keys[at]
    if (key === undefined || this.kind === 'plain')
      throw invalid(callText(call), 'needs a field of GROUP BY ROLLUP or CUBE')
    const native = sql`grouping(${key.by})`
    return {
      sql: set === undefined ? native : sql`${sql.lit(set.has(at) ? 0 : 1)}`,
      field: integerValue,
      name: callText(call),
      notNull: true,
      required: true,
    }
  }

  #aggregate(call: Call): Expr {
    const name = call.name.toUpperCase()
    const operand = soleOperand(call)
    const row = rowOperand(this.scope, operand, 'select', callText(call))
    const written = callText(call)
    const base = { name: written, notNull: false, required: false }
    if (kindOf(row.field) === 'json')
      throw invalid(written, 'is of a field of type json', { field: row.name })
    switch (name) {
      case 'COUNT':
        return {
          ...base,
          sql: sql`count(${this.#raw(operand, row)})`,
          field: integerValue,
          notNull: true,
          required: true,
        }
      case 'COUNT_DISTINCT': {
        const value = ignoresCase(row.field) ? this.#folded(operand, row) : this.#raw(operand, row)
        return {
          ...base,
          sql: sql`count(distinct ${value})`,
          field: integerValue,
          notNull: true,
          required: true,
        }
      }
      case 'SUM':
      case 'AVG': {
        if (kindOf(row.field) !== 'number')
          throw invalid(written, `needs a number; ${row.name} is of type ${row.field.type}`, {
            field: row.name,
          })
        const value = this.#raw(operand, row)
        return {
          ...base,
          sql: name === 'SUM' ? this.scope.dialect.sum(value) : sql`avg(${value})`,
          field: numberValue,
        }
      }
      default:
        return { ...base, ...this.#extreme(name === 'MIN' ? sql`min` : sql`max`, operand, row, written) }
    }
  }

  #extreme(
    least: Sql,
    operand: Operand,
    row: Expr,
    written: string,
  ): Pick<Expr, 'sql' | 'field' | 'shown' | 'folded' | 'unwrap'> {
    const { dialect } = this.scope
    const { field } = row
    const kind = kindOf(field)
    if (kind === 'boolean' || field.type === 'multipicklist')
      throw invalid(written, `is of ${row.name}, which is of type ${field.type} and has no order`, {
        field: row.name,
      })
    if (kind === 'text' && !field.caseSensitive) return this.#extremeText(least, operand, row)
    const value =
      (kind === 'key' && !field.numeric) || kind === 'text'
        ? this.#column(`exact ${this.#keyOf(operand)}`, () => dialect.exact(row.sql))
        : this.#raw(operand, row)
    return { sql: sql`${least}(${value})`, field }
  }

  /** Compared by lower case, picklists by the order of their values before that; shown as it stands in the table. */
  #extremeText(
    least: Sql,
    operand: Operand,
    row: Expr,
  ): Pick<Expr, 'sql' | 'field' | 'shown' | 'folded' | 'unwrap'> {
    const { dialect } = this.scope
    const { field } = row
    const hasRank = isRanked(field)
    const before = (): Sql => (hasRank ? sql`${rankText(dialect, row)} || ` : sql``)
    const name = this.#keyOf(operand)
    const compared = hasRank
      ? this.#column(`ranked ${name}`, () => sql`${before()}${dialect.fold(row.sql)}`)
      : this.#folded(operand, row)
    const whole = this.#column(
      `whole ${name}`,
      () => sql`${before()}${dialect.fold(row.sql)} || ${sql.lit(separator)} || ${dialect.exact(row.sql)}`,
    )
    const extreme = sql`${least}(${compared})`
    return {
      sql: hasRank ? sql`substr(${extreme}, ${sql.lit(rankLength + 1)})` : extreme,
      field,
      folded: true,
      shown: sql`${least}(${whole})`,
      unwrap: (value) => (typeof value === 'string' ? value.slice(value.indexOf(separator) + 1) : value),
    }
  }

  #raw(operand: Operand, row: Expr): Sql {
    return this.#column(`raw ${this.#keyOf(operand)}`, () => row.sql)
  }

  #folded(operand: Operand, row: Expr): Sql {
    return this.#column(`key ${this.#keyOf(operand)}`, () => this.scope.dialect.fold(row.sql))
  }

  /** A column of `q`, once per name. */
  #column(name: string, expression: () => Sql): Sql {
    const known = this.#columns.get(name)
    if (known !== undefined) return known
    const id = `v${this.#expressions.length}`
    this.#expressions.push(sql`${expression()} as ${sql.id(id)}`)
    const column = sql.id('q', id)
    this.#columns.set(name, column)
    return column
  }

  /** Two operands that mean the same have the same key. */
  #keyOf(operand: Operand): string {
    if (operand.kind === 'field') return this.scope.pathKey(operand.path)
    const { name, args } = operand.call
    return `${name.toUpperCase()}(${args.map((arg) => (arg.kind === 'scalar' ? '' : this.#keyOf(arg))).join(',')})`
  }
}
