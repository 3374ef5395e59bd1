import { arrayLiteral } from '../../kernel/rules/array-literal.ts'
import type { FieldInfo } from '../object/schema.ts'
import { encode } from '../sql/values.ts'
import { ownWrite } from '../trigger/own-write.ts'
import { identifier, tableIdentifier } from '../object/identifier.ts'
import { bisect, Incomplete } from './bisect.ts'
import { isDeleted, isLive, tenantIs, typed, type Place } from './conditions.ts'
import { rowError, type StatementKind } from './database-error.ts'
import { diagnose, type Expected } from './diagnose.ts'
import { inOrder } from './in-order.ts'
import { isAlive, type Item, type RecordId } from './item.ts'
import { forgetTable, postgresTable, type PostgresTable } from './postgres-table.ts'
import { dmlError, type DmlError } from './result.ts'
import { Sql } from './sql.ts'
import { byId, chunks, type Constant, type Writer } from './writer.ts'

/** From here on the order of locks is left to the plan: for fewer rows than that a plan may begin with the table. */
const manyRows = 200

/** A column of values for `unnest`. */
interface ArrayColumn {
  readonly type: string
  readonly values: readonly unknown[]
}

/**
 * One statement for each chunk of rows, whose columns travel as arrays. Rows that exist are locked by ascending id before any is
 * changed, so that two such statements never wait for each other in a circle.
 */
export class PostgresWriter implements Writer {
  readonly #place: Place
  readonly #allOrNone: boolean
  readonly #table: string
  #facts: PostgresTable | null = null

  constructor(place: Place, allOrNone: boolean) {
    this.#place = place
    this.#allOrNone = allOrNone
    this.#table = tableIdentifier(place.object.definition.table)
  }

  async insert(items: readonly Item[], constants: readonly Constant[]): Promise<void> {
    const facts = await this.#load()
    const fields = unionOf(items)
    const filled = [...fields, ...constants.map(({ field }) => field)].filter(({ column }) =>
      facts.hasDefault(column),
    )
    for (const group of groupsBy(items, (item) => this.#presence(item, filled)))
      await this.#inChunks(group, 'insert', (chunk) => this.#insert(chunk, fields, filled, constants, facts))
  }

  async update(items: readonly Item[], constants: readonly Constant[]): Promise<void> {
    const facts = await this.#load()
    await this.#inChunks(byId(items), 'update', (chunk) => this.#update(chunk, constants, facts), 'live')
  }

  async delete(items: readonly Item[]): Promise<void> {
    const facts = await this.#load()
    await this.#inChunks(byId(items), 'delete', (chunk) => this.#delete(chunk, facts), 'live')
  }

  async mark(
    items: readonly Item[],
    mark: 'deleted' | 'live',
    constants: readonly Constant[],
  ): Promise<void> {
    const facts = await this.#load()
    const expected = mark === 'deleted' ? 'live' : 'deleted'
    await this.#inChunks(
      byId(items),
      'update',
      (chunk) => this.#mark(chunk, expected, constants, facts),
      expected,
    )
  }

  async #load(): Promise<PostgresTable> {
    this.#facts = await postgresTable(this.#place.database, this.#place.object)
    return this.#facts
  }

  async #inChunks(
    items: readonly Item[],
    kind: StatementKind,
    attempt: (chunk: readonly Item[]) => Promise<void>,
    expected?: Expected,
  ): Promise<void> {
    for (const chunk of chunks(items)) {
      await bisect(chunk, {
        database: this.#place.database,
        attempt,
        rowError: (error) => this.#rowError(error, kind),
        diagnose: async (rows, error) => {
          if (expected === undefined) return
          const locked = this.#rowError(error, kind)?.code === 'UNABLE_TO_LOCK_ROW'
          if (locked || error instanceof Incomplete) await diagnose(this.#place, rows, expected, locked)
        },
      })
      // Rows of an insert may come another time, when others are in.
      if (this.#allOrNone && kind !== 'insert' && !chunk.every(isAlive)) return
    }
  }

  #rowError(error: unknown, kind: StatementKind): DmlError | null {
    if (error instanceof Incomplete)
      return dmlError(
        'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY',
        'the database left the row out, by a trigger or a policy of its own',
      )
    const wrong = rowError(error, this.#place.object, kind, (name) => this.#facts?.columnsOf(name) ?? [])
    if (wrong === null || wrong.code === 'INVALID_TYPE_ON_FIELD_IN_RECORD') forgetTable(this.#place.object)
    return wrong
  }

  async #insert(
    items: readonly Item[],
    union: readonly FieldInfo[],
    filled: readonly FieldInfo[],
    constants: readonly Constant[],
    facts: PostgresTable,
  ): Promise<void> {
    const { object, database } = this.#place
    const [first] = items
    if (first === undefined) return
    // Rows of a group have the same of the columns that have a default; in the others absent and null are the same.
    const fields = union.filter((field) => !filled.includes(field) || holds(first, field))
    const own = constants.filter(({ field }) => !filled.includes(field) || !holds(first, field))
    const mixed = own.filter(({ field }) => fields.includes(field))
    const constant = own.filter((one) => !mixed.includes(one))
    const withId = first.id !== null
    const columns: ArrayColumn[] = [
      { type: facts.typeOf(object.idField.column), values: items.map(({ id }) => id) },
      ...fields.map((field) => ({
        type: facts.typeOf(field.column),
        values: columnOf(items, field, mixed.find((one) => one.field === field)?.value ?? null),
      })),
    ]
    const names = [...(withId ? [object.idField] : []), ...fields, ...constant.map(({ field }) => field)].map(
      ({ column }) => identifier(column),
    )
    const sql = this.#sql()
    if (withId) sql.text('with done as (')
    sql.text(`insert into ${this.#table} (${names.join(', ')}) select `)
    sql.text([...(withId ? ['v.id'] : []), ...fields.map((_, at) => `v.c${at}`)].join(', '))
    constant.forEach(({ field, value }, at) => {
      if (at > 0 || withId || fields.length > 0) sql.text(', ')
      typed(sql, encode(field, value, 'postgres'), facts.typeOf(field.column))
    })
    unnest(sql.text(' from '), columns)
    sql.text(
      ` with ordinality as v(${['id', ...fields.map((_, at) => `c${at}`), 'n'].join(', ')}) order by v.n`,
    )
    sql.text(
      withId
        ? ' returning 1) select count(*)::int as n from done'
        : ` returning ${identifier(object.idField.column)} as id`,
    )
    const rows = await database.query(sql.statement)
    if (withId) expectAll(items, rows[0]?.['n'])
    else {
      expectAll(items, rows.length)
      items.forEach((item, at) => {
        item.id = rows[at]?.['id'] as RecordId
      })
    }
  }

  async #update(items: readonly Item[], constants: readonly Constant[], facts: PostgresTable): Promise<void> {
    const { object } = this.#place
    const fields = unionOf(items)
    const alike = items.every(({ shape }) => shape === items[0]?.shape)
    const masks = alike
      ? null
      : items.map((item) => fields.map((field) => (holds(item, field) ? '1' : '0')).join(''))
    const guard = items.find((item) => item.guard !== undefined)?.shape.guard?.field
    const columns: ArrayColumn[] = [
      { type: facts.typeOf(object.idField.column), values: items.map(({ id }) => id) },
      ...fields.map((field) => ({ type: facts.typeOf(field.column), values: columnOf(items, field, null) })),
    ]
    const names = ['id', ...fields.map((_, at) => `c${at}`)]
    if (guard !== undefined) {
      columns.push({
        type: facts.typeOf(guard.column),
        values: items.map((item) => encode(guard, item.guard, 'postgres')),
      })
      names.push('guard')
    }
    if (masks !== null) {
      columns.push({ type: 'pg_catalog.text', values: masks })
      names.push('mask')
    }
    const byLock = items.length < manyRows || !facts.isUnique(object.idField.column)
    const sql = byLock ? this.#locked(items, facts, isLive(object)) : this.#sql().text('with ')
    sql.text(`done as (update ${this.#table} as t set `)
    const sets: (() => void)[] = fields.map((field, at) => () => {
      const own = identifier(field.column)
      sql.text(
        masks === null
          ? `${own} = v.c${at}`
          : `${own} = case when substr(v.mask, ${at + 1}, 1) = '1' then v.c${at} else t.${own} end`,
      )
    })
    this.#addAuto(sets, sql, constants, facts)
    sql.list(sets, (set) => set())
    unnest(sql.text(byLock ? ' from ready, ' : ' from '), columns)
    sql.text(` as v(${names.join(', ')}) where t.${identifier(object.idField.column)} = v.id`)
    tenantIs(this.#place, sql, facts.typeOf(tenantColumn(this.#place))).text(isLive(object))
    if (guard !== undefined) {
      const column = `t.${identifier(guard.column)}`
      // A Date holds milliseconds.
      const stored =
        guard.type === 'datetime' && guard.storedAs === 'native'
          ? `date_trunc('milliseconds', ${column})`
          : column
      sql.text(` and (v.guard is null or ${stored} = v.guard)`)
    }
    const counted = (): Promise<void> => this.#counted(items, sql)
    await (byLock ? counted() : inOrder(this.#place.database, counted))
  }

  async #delete(items: readonly Item[], facts: PostgresTable): Promise<void> {
    const { object } = this.#place
    const sql = this.#locked(items, facts, isLive(object), 'update')
    sql.text(
      `done as (delete from ${this.#table} as t using ready where t.${identifier(object.idField.column)} = any (`,
    )
    this.#ids(sql, items, facts).text(')')
    tenantIs(this.#place, sql, facts.typeOf(tenantColumn(this.#place)))
    await this.#counted(items, sql)
  }

  async #mark(
    items: readonly Item[],
    expected: Expected,
    constants: readonly Constant[],
    facts: PostgresTable,
  ): Promise<void> {
    const { object } = this.#place
    const condition = expected === 'live' ? isLive(object) : isDeleted(object)
    const sql = this.#locked(items, facts, condition)
    sql.text(`done as (update ${this.#table} as t set `)
    const sets: (() => void)[] = []
    this.#addAuto(sets, sql, constants, facts)
    sql.list(sets, (set) => set())
    sql.text(` from ready where t.${identifier(object.idField.column)} = any (`)
    this.#ids(sql, items, facts).text(')')
    tenantIs(this.#place, sql, facts.typeOf(tenantColumn(this.#place))).text(condition)
    await this.#counted(items, sql)
  }

  #sql(): Sql {
    return new Sql().text(ownWrite(this.#place.object))
  }

  /** The rows under lock, by ascending id; `ready` has one row once all are. */
  #locked(items: readonly Item[], facts: PostgresTable, condition: string, lock = 'no key update'): Sql {
    const { object } = this.#place
    const id = identifier(object.idField.column)
    const sql = this.#sql().text('with held as materialized (select 1 from unnest(')
    this.#ids(sql, items, facts)
    sql.text(`) with ordinality as v(id, n) join ${this.#table} as t on t.${id} = v.id where true`)
    tenantIs(this.#place, sql, facts.typeOf(tenantColumn(this.#place))).text(condition)
    return sql.text(` order by v.n for ${lock} of t), ready as materialized (select count(*) from held), `)
  }

  #ids(sql: Sql, items: readonly Item[], facts: PostgresTable): Sql {
    const type = facts.typeOf(this.#place.object.idField.column)
    return sql
      .text('cast(')
      .value(arrayLiteral(items.map(({ id }) => id)))
      .text(` as ${type}[])`)
  }

  #addAuto(sets: (() => void)[], sql: Sql, constants: readonly Constant[], facts: PostgresTable): void {
    const { object } = this.#place
    for (const { field, value } of constants) {
      sets.push(() => {
        sql.text(`${identifier(field.column)} = `)
        typed(sql, encode(field, value, 'postgres'), facts.typeOf(field.column))
      })
    }
    const { version } = object.definition
    if (version !== undefined) {
      const column = identifier(object.field(version).column)
      sets.push(() => sql.text(`${column} = coalesce(t.${column}, 0) + 1`))
    }
    const id = identifier(object.idField.column)
    if (sets.length === 0) sets.push(() => sql.text(`${id} = t.${id}`))
  }

  async #counted(items: readonly Item[], sql: Sql): Promise<void> {
    sql.text(' returning 1) select count(*)::int as n from done')
    const [row] = await this.#place.database.query(sql.statement)
    expectAll(items, row?.['n'])
  }

  #presence(item: Item, filled: readonly FieldInfo[]): string {
    return `${item.id === null ? 0 : 1}${filled.map((field) => (holds(item, field) ? '1' : '0')).join('')}`
  }
}

function tenantColumn({ object }: Place): string {
  const { tenant } = object.definition
  return tenant === undefined ? '' : object.field(tenant).column
}

function unnest(sql: Sql, columns: readonly ArrayColumn[]): Sql {
  return sql
    .text('unnest(')
    .list(columns, ({ type, values }) => sql.text('cast(').value(arrayLiteral(values)).text(` as ${type}[])`))
    .text(')')
}

function unionOf(items: readonly Item[]): readonly FieldInfo[] {
  const found = new Set<FieldInfo>()
  let last: unknown = null
  for (const { shape } of items) {
    if (shape === last) continue
    last = shape
    for (const { field } of shape.written) found.add(field)
  }
  return [...found]
}

function placeOf(item: Item, field: FieldInfo): number {
  return item.shape.written.findIndex((one) => one.field === field)
}

function holds(item: Item, field: FieldInfo): boolean {
  return placeOf(item, field) >= 0
}

/** A field's encoded values, one for each row. */
function columnOf(items: readonly Item[], field: FieldInfo, absent: unknown): unknown[] {
  let shape: unknown = null
  let at = -1
  return items.map((item) => {
    if (item.shape !== shape) {
      shape = item.shape
      at = placeOf(item, field)
    }
    return encode(field, at < 0 ? absent : item.values[at], 'postgres')
  })
}

function groupsBy(items: readonly Item[], key: (item: Item) => string): Iterable<readonly Item[]> {
  return Map.groupBy(items, key).values()
}

function expectAll(items: readonly Item[], count: unknown): void {
  if (count !== items.length) throw new Incomplete(`${String(count)} of ${items.length} rows`)
}
