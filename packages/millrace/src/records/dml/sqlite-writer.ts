import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Statement } from '../database.ts'
import type { FieldInfo } from '../object/schema.ts'
import { encode } from '../sql/values.ts'
import { identifier, tableIdentifier } from '../object/identifier.ts'
import { bisect, Incomplete } from './bisect.ts'
import { isDeleted, isLive, tenantIs, type Place } from './conditions.ts'
import { rowError, type StatementKind } from './database-error.ts'
import { diagnose, jsonList, type Expected } from './diagnose.ts'
import { fail, isAlive, type Item, type RecordId } from './item.ts'
import { dmlError, type DmlError } from './result.ts'
import type { Shape } from './shape.ts'
import { Sql } from './sql.ts'
import { byId, chunks, type Constant, type Writer } from './writer.ts'

/** Stands for what differs from row to row in a statement that runs for each. */
const perRow = Symbol('per row')

/**
 * Inserts and updates run one prepared statement for each row within one call of the database: SQLite has no network to save, and so
 * each row has its own outcome. Deletes are one statement for all rows, which may point to each other.
 */
export class SqliteWriter implements Writer {
  readonly #place: Place
  readonly #allOrNone: boolean
  readonly #table: string

  constructor(place: Place, allOrNone: boolean) {
    this.#place = place
    this.#allOrNone = allOrNone
    this.#table = tableIdentifier(place.object.definition.table)
  }

  async insert(items: readonly Item[], constants: readonly Constant[]): Promise<void> {
    for (const group of groups(items, insertGroup)) {
      if (group[0]?.id === null) await this.#insertUnnamed(group, constants)
      else await this.#insertNamed(group, constants)
    }
  }

  async update(items: readonly Item[], constants: readonly Constant[]): Promise<void> {
    for (const group of groups(items, (item) => item.shape)) {
      const [first] = group
      if (first === undefined) continue
      const { shape } = first
      const guard = shape.guard?.field
      const sql = this.#updateOf(shape, constants)
      const lists = group.map((item) => {
        const values = this.#valuesOf(item)
        values.push(item.id)
        if (guard !== undefined) {
          const expected = encode(guard, item.guard, 'sqlite')
          values.push(expected, expected)
        }
        return values
      })
      const unchanged = await this.#each(group, sql, lists, 'update')
      if (unchanged.length > 0) await this.#explain(unchanged, 'live')
    }
  }

  delete(items: readonly Item[]): Promise<void> {
    return this.#together(items, 'delete', 'live', () =>
      new Sql().text(`delete from ${this.#table} as t where true${isLive(this.#place.object)}`),
    )
  }

  mark(items: readonly Item[], mark: 'deleted' | 'live', constants: readonly Constant[]): Promise<void> {
    const { object } = this.#place
    const expected = mark === 'deleted' ? 'live' : 'deleted'
    return this.#together(items, 'update', expected, () => {
      const sql = new Sql().text(`update ${this.#table} as t set `)
      this.#sets([], constants, sql)
      return sql.text(` where true${expected === 'live' ? isLive(object) : isDeleted(object)}`)
    })
  }

  /** One statement for all rows of a chunk; `head` is the statement up to where the rows are named. */
  async #together(
    items: readonly Item[],
    kind: StatementKind,
    expected: Expected,
    head: () => Sql,
  ): Promise<void> {
    const { database, object } = this.#place
    for (const chunk of chunks(byId(items))) {
      await bisect(chunk, {
        database,
        attempt: async (rows) => {
          const sql = tenantIs(this.#place, head())
          sql.text(` and t.${identifier(object.idField.column)} in (select value from json_each(`)
          sql.value(jsonList(rows.map(({ id }) => id))).text(')) returning 1')
          const done = await database.query(sql.statement)
          if (done.length !== rows.length) throw new Incomplete(`${done.length} of ${rows.length} rows`)
        },
        rowError: (error) => this.#rowError(error, kind),
        diagnose: (rows, error) =>
          error instanceof Incomplete ? diagnose(this.#place, rows, expected) : Promise.resolve(),
      })
      if (this.#allOrNone && !chunk.every(isAlive)) return
    }
  }

  async #insertNamed(items: readonly Item[], constants: readonly Constant[]): Promise<void> {
    const [first] = items
    if (first === undefined) return
    const sql = this.#insertOf(first.shape, constants, true)
    const lists = items.map((item) => {
      const values = this.#valuesOf(item)
      values.push(item.id)
      return values
    })
    for (const item of await this.#each(items, sql, lists, 'insert')) fail(item, leftOut)
  }

  /** The database makes the ids. */
  async #insertUnnamed(items: readonly Item[], constants: readonly Constant[]): Promise<void> {
    const [first] = items
    if (first === undefined) return
    const { database, object } = this.#place
    const { segments, params } = this.#insertOf(first.shape, constants, false).text(
      ` returning ${identifier(object.idField.column)} as id`,
    ).statement
    for (const item of items) {
      const values = this.#valuesOf(item)
      let at = 0
      try {
        const own = params.map((param) => (param === perRow ? values[at++] : param))
        const [row] = await database.query({ segments, params: own })
        if (row === undefined) fail(item, leftOut)
        else item.id = row['id'] as RecordId
      } catch (error) {
        fail(item, this.#blame(error, 'insert'))
      }
    }
  }

  /** Rows that the statement did not touch; those that failed have their errors. */
  async #each(items: readonly Item[], sql: Sql, lists: unknown[][], kind: StatementKind): Promise<Item[]> {
    const { statement } = sql
    const outcomes = await each(this.#place, statement, lists)
    const untouched: Item[] = []
    for (let at = 0; at < items.length; at += 1) {
      const outcome = outcomes[at]
      const item = items[at] as Item
      if (typeof outcome !== 'number') fail(item, this.#blame(outcome, kind))
      else if (outcome === 0) untouched.push(item)
    }
    return untouched
  }

  async #explain(items: readonly Item[], expected: Expected): Promise<void> {
    await diagnose(this.#place, items, expected)
    for (const item of items) if (isAlive(item)) fail(item, leftOut)
  }

  #blame(error: unknown, kind: StatementKind): DmlError {
    const wrong = this.#rowError(error, kind)
    if (wrong === null) throw error
    return wrong
  }

  #rowError(error: unknown, kind: StatementKind): DmlError | null {
    return error instanceof Incomplete ? leftOut : rowError(error, this.#place.object, kind, () => [])
  }

  #insertOf(shape: Shape, constants: readonly Constant[], named: boolean): Sql {
    const { object } = this.#place
    const own = constants.filter(({ field }) => !shape.written.some((one) => one.field === field))
    const columns = [
      ...shape.written.map(({ field }) => field.column),
      ...(named ? [object.idField.column] : []),
      ...own.map(({ field }) => field.column),
    ]
    const sql = new Sql().text(`insert into ${this.#table} `)
    if (columns.length === 0) return sql.text('default values')
    sql.text(`(${columns.map(identifier).join(', ')}) values (`)
    sql.list([...shape.written.map(() => perRow), ...(named ? [perRow] : []), ...own], (one) =>
      sql.value(one === perRow ? perRow : encoded(one as Constant)),
    )
    return sql.text(')')
  }

  #updateOf(shape: Shape, constants: readonly Constant[]): Sql {
    const { object } = this.#place
    const sql = new Sql().text(`update ${this.#table} as t set `)
    this.#sets(
      shape.written.map(({ field }) => field),
      constants,
      sql,
    )
    sql.text(` where t.${identifier(object.idField.column)} = `).value(perRow)
    const guard = shape.guard?.field
    if (guard !== undefined)
      sql
        .text(' and (')
        .value(perRow)
        .text(` is null or t.${identifier(guard.column)} = `)
        .value(perRow)
        .text(')')
    return tenantIs(this.#place, sql).text(isLive(object))
  }

  #sets(fields: readonly FieldInfo[], constants: readonly Constant[], sql: Sql): void {
    const { object } = this.#place
    const { version } = object.definition
    const sets = [
      ...fields.map((field) => () => sql.text(`${identifier(field.column)} = `).value(perRow)),
      ...constants.map((one) => () => sql.text(`${identifier(one.field.column)} = `).value(encoded(one))),
    ]
    if (version !== undefined) {
      const column = identifier(object.field(version).column)
      sets.push(() => sql.text(`${column} = coalesce(t.${column}, 0) + 1`))
    }
    const id = identifier(object.idField.column)
    if (sets.length === 0) sets.push(() => sql.text(`${id} = t.${id}`))
    sql.list(sets, (set) => set())
  }

  #valuesOf({ shape, values }: Item): unknown[] {
    const { written } = shape
    const list = new Array<unknown>(written.length)
    for (let at = 0; at < list.length; at += 1)
      list[at] = encode((written[at] as Shape['written'][number]).field, values[at], 'sqlite')
    return list
  }
}

const leftOut = dmlError(
  'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY',
  'the database left the row out, by a trigger or a policy of its own',
)

function encoded({ field, value }: Constant): unknown {
  return encode(field, value, 'sqlite')
}

/** Runs a statement for each list, which has the values for its `perRow` places in order. */
async function each(
  { database }: Place,
  { segments, params }: Statement,
  lists: unknown[][],
): Promise<(number | MillraceError)[]> {
  const constant = params.some((param) => param !== perRow)
  const all = constant
    ? lists.map((list) => {
        let at = 0
        return params.map((param) => (param === perRow ? list[at++] : param))
      })
    : lists
  if (database.each === undefined)
    throw new MillraceError('MILL_INTERNAL', 'rows are written in a transaction only')
  return database.each(segments, all)
}

function insertGroup(item: Item): unknown {
  return item.id === null ? item.shape : item.shape.written
}

/** Rows of one kind, in order. */
function groups(items: readonly Item[], key: (item: Item) => unknown): Iterable<readonly Item[]> {
  const [first] = items
  if (first === undefined) return []
  const of = key(first)
  return items.every((item) => key(item) === of) ? [items] : Map.groupBy(items, key).values()
}
