import { arrayLiteral } from '../../kernel/rules/array-literal.ts'
import { meant } from '../../kernel/rules/nearest-name.ts'
import { invalidOption } from '../../kernel/rules/option-fields.ts'
import type { RecordsEnv } from '../env.ts'
import type { FieldInfo, ObjectInfo } from '../object/schema.ts'
import { encode } from '../sql/values.ts'
import { identifier, tableIdentifier } from '../object/identifier.ts'
import { canonicalIds } from './canonical-ids.ts'
import { callOf, demandRight, wholeCall, type Call } from './call.ts'
import { isLive, tenantIs } from './conditions.ts'
import { jsonList } from './diagnose.ts'
import {
  emptyShape,
  fail,
  isAlive,
  readId,
  readItem,
  type Item,
  type ReadOptions,
  type RecordId,
} from './item.ts'
import { checkOptions, type UpsertOptions } from './options.ts'
import { postgresTable } from './postgres-table.ts'
import { dmlError, type DmlError, type DmlResult } from './result.ts'
import { Sql } from './sql.ts'
import { insertItems, readingOf, refuseTwice, updateItems, type DmlRow } from './write-rows.ts'
import { checkOf } from './validate.ts'

/**
 * Inserts rows that are new and updates the others, found by `by`, compared exactly, or by id: a row with an id is an update. Results say
 * which by `created`. A record that somebody else inserts meanwhile is found and updated. Throws as insert does.
 */
export async function upsert(
  env: RecordsEnv,
  object: ObjectInfo,
  rows: readonly DmlRow[],
  options: UpsertOptions = {},
): Promise<DmlResult[]> {
  const where = `upsert of ${object.name}`
  const checked = checkOptions(options, where, ['allOrNone', 'mode', 'by'])
  const by = keyField(object, options.by, where)
  const call = callOf(env, object, 'upsert', checked)
  const work = new Upsert(call, by, rows)
  await work.check()
  return wholeCall(
    call,
    work.all,
    () => work.run(),
    (item) => work.isNew(item),
  )
}

function keyField(object: ObjectInfo, by: string | undefined, where: string): FieldInfo {
  if (by === undefined) return object.idField
  const field = object.field(by)
  if (field === object.idField || field.externalId || field.unique) return field
  const keys = object.fields.filter((one) => one.externalId || one.unique).map(({ name }) => name)
  throw invalidOption(
    where,
    `by ${field.name} is not possible: the field is neither externalId nor unique${meant(by, keys)}`,
  )
}

class Upsert {
  readonly #call: Call
  readonly #by: FieldInfo
  readonly #rows: readonly DmlRow[]
  readonly #items: Item[]
  readonly #created = new Set<Item>()
  readonly #inserting: ReadOptions
  readonly #updating: ReadOptions

  constructor(call: Call, by: FieldInfo, rows: readonly DmlRow[]) {
    this.#call = call
    this.#by = by
    this.#rows = rows
    this.#inserting = readingOf(call, 'insert')
    this.#updating = readingOf(call, 'update')
    this.#items = rows.map((row, at) => (this.#isById ? this.#readById(row, at) : this.#readKeys(row, at)))
  }

  get #isById(): boolean {
    return this.#by === this.#call.object.idField
  }

  /** By the row alone it is known whether it is new. */
  #readById(row: DmlRow, at: number): Item {
    const { object } = this.#call
    const isNew = !isObject(row) || (valueOf(object, row, object.idField) ?? null) === null
    const item = readItem(row, at, isNew ? this.#inserting : this.#updating)
    if (isNew) this.#created.add(item)
    return item
  }

  /** What finds the record; the rest is read when it is known whether the row is new. */
  #readKeys(row: DmlRow, index: number): Item {
    // Says what it is instead.
    if (!isObject(row)) return readItem(row, index, this.#inserting)
    const { object } = this.#call
    const item: Item = { index, shape: emptyShape, values: [], id: null, guard: undefined, errors: null }
    readId(item, valueOf(object, row, object.idField), object.idField)
    const key = this.#keyOf(item) ?? null
    const wrong = key === null ? missingKey(this.#by) : checkOf(this.#by)(key)
    if (wrong !== null) fail(item, wrong)
    return item
  }

  /** Before anything is done. */
  async check(): Promise<void> {
    if (this.#isById) {
      const { inserts, updates } = this.#parted(this.#items)
      demandRight(this.#call, 'create', inserts)
      demandRight(this.#call, 'edit', updates)
    }
    await canonicalIds(this.#call.place, this.#items)
    this.#checkKeys()
  }

  get all(): readonly Item[] {
    return this.#items
  }

  isNew(item: Item): boolean {
    return this.#created.has(item)
  }

  async run(): Promise<void> {
    const alive = this.#items.filter(isAlive)
    if (this.#isById) {
      const { inserts, updates } = this.#parted(alive)
      await this.#insert(inserts)
      await this.#update(updates)
      return
    }
    const { inserts, updates } = await this.#divide(alive)
    this.#readInserts(inserts)
    this.#readUpdates(updates)
    if (this.#call.options.allOrNone && !this.#items.every(isAlive)) return
    await this.#insert(inserts)
    // Somebody else was faster.
    const late = inserts.filter((item) => this.#clashed(item))
    for (const item of late) item.errors = null
    const again = late.length === 0 ? { inserts: [], updates: [] } : await this.#divide(late)
    for (const item of again.inserts)
      fail(item, dmlError('DUPLICATE_VALUE', `${this.#by.label} is taken`, [this.#by.name]))
    this.#readUpdates(again.updates)
    await this.#update([...updates, ...again.updates])
  }

  #parted(items: readonly Item[]): { inserts: Item[]; updates: Item[] } {
    const inserts = items.filter((item) => this.#created.has(item))
    return { inserts, updates: items.filter((item) => !this.#created.has(item)) }
  }

  #clashed({ errors }: Item): boolean {
    return (
      errors?.length === 1 &&
      errors[0]?.code === 'DUPLICATE_VALUE' &&
      errors[0].fields.includes(this.#by.name)
    )
  }

  #keyOf({ index }: Item): unknown {
    return valueOf(this.#call.object, this.#rows[index] ?? {}, this.#by)
  }

  #checkKeys(): void {
    if (this.#isById) {
      refuseTwice(this.#items)
      return
    }
    const seen = new Set<string>()
    for (const item of this.#items.filter(isAlive)) {
      const key = textOf(this.#keyOf(item))
      if (seen.has(key)) this.#failTwice(item)
      seen.add(key)
    }
  }

  #failTwice(item: Item): void {
    const message = `duplicate external id in list: ${textOf(this.#keyOf(item))}`
    fail(item, dmlError('DUPLICATE_VALUE', message, [this.#by.name]))
  }

  async #divide(items: readonly Item[]): Promise<{ inserts: Item[]; updates: Item[] }> {
    const found = await this.#find(items)
    const inserts: Item[] = []
    const updates: Item[] = []
    const taken = new Set<RecordId>()
    for (const [at, item] of items.entries()) {
      const ids = found.get(at) ?? []
      const [id] = ids
      if (ids.length > 1)
        fail(
          item,
          dmlError('DUPLICATE_EXTERNAL_ID', `more than one ${this.#call.object.name} has it`, [
            this.#by.name,
          ]),
        )
      else if (id === undefined) inserts.push(item)
      // Two spellings of one key.
      else if (taken.has(id)) this.#failTwice(item)
      else {
        taken.add(id)
        item.id = id
        updates.push(item)
      }
    }
    return { inserts, updates }
  }

  /**
   * Ids of records of the caller's tenant by the place of their key among those of the items. The database compares: a number, a day or an
   * instant is another text there.
   */
  async #find(items: readonly Item[]): Promise<Map<number, RecordId[]>> {
    const { place, object } = this.#call
    const { database } = place
    const keys = items.map((item) => encode(this.#by, this.#keyOf(item), database.kind))
    const sql = new Sql().text(`select t.${identifier(object.idField.column)} as id, k.at as at from `)
    const facts = database.kind === 'sqlite' ? undefined : await postgresTable(database, object)
    const typeOf = (field: FieldInfo): string | undefined => facts?.typeOf(field.column)
    if (facts === undefined)
      sql.text('(select key as at, value from json_each(').value(jsonList(keys)).text(')) as k cross')
    else
      sql
        .text('unnest(cast(')
        .value(arrayLiteral(keys))
        .text(` as ${typeOf(this.#by) ?? 'text'}[])) with ordinality as k(value, at)`)
    sql.text(
      ` join ${tableIdentifier(object.definition.table)} as t on t.${identifier(this.#by.column)} = k.value`,
    )
    const { tenant } = object.definition
    tenantIs(place, sql, tenant === undefined ? undefined : typeOf(object.field(tenant)))
    const rows = await database.query(sql.text(isLive(object)).statement)
    const found = new Map<number, RecordId[]>()
    for (const { id, at } of rows) {
      // PostgreSQL counts from one.
      const place = Number(at) - (facts === undefined ? 0 : 1)
      found.set(place, [...(found.get(place) ?? []), id as RecordId])
    }
    return found
  }

  #readInserts(items: readonly Item[]): void {
    for (const item of items) {
      this.#created.add(item)
      this.#reread(item, this.#rows[item.index] ?? {}, this.#inserting)
    }
    demandRight(this.#call, 'create', items)
  }

  #readUpdates(items: readonly Item[]): void {
    const { idField } = this.#call.object
    for (const item of items) {
      this.#created.delete(item)
      this.#reread(item, { ...this.#rows[item.index], [idField.name]: item.id }, this.#updating)
    }
    demandRight(this.#call, 'edit', items)
  }

  /** Now that it is known whether the row is new. */
  #reread(item: Item, row: DmlRow, reading: ReadOptions): void {
    const { shape, values, id, guard, errors } = readItem(row, item.index, reading)
    // The id in the one spelling.
    Object.assign(item, { shape, values, id: id === null ? null : (item.id ?? id), guard, errors })
  }

  async #insert(items: readonly Item[]): Promise<void> {
    // Whether a row has failed for good is known only when it was looked for again.
    const call = { ...this.#call, options: { ...this.#call.options, allOrNone: false } }
    await insertItems(call, items.filter(isAlive), this.#inserting)
    this.#call.thrown ??= call.thrown
  }

  async #update(items: readonly Item[]): Promise<void> {
    await updateItems(this.#call, items.filter(isAlive), this.#updating)
  }
}

const isObject = (row: unknown): boolean => typeof row === 'object' && row !== null && !Array.isArray(row)

/** What a row has for a field, by its name in any case. */
function valueOf(object: ObjectInfo, row: DmlRow, field: FieldInfo): unknown {
  for (const key of Object.keys(row))
    if (row[key] !== undefined && object.find(key) === field) return row[key]
  return undefined
}

/** A key as text, to tell apart those of one field. */
function textOf(key: unknown): string {
  if (key instanceof Date) return key.toISOString()
  return typeof key === 'object' ? JSON.stringify(key) : `${key as string | number | bigint | boolean}`
}

function missingKey({ label, name }: FieldInfo): DmlError {
  return dmlError('MISSING_ARGUMENT', `${label} is missing: it says which record`, [name])
}
