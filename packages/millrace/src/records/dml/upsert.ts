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
import { fail, isAlive, readItem, type Item, type RecordId } from './item.ts'
import { checkOptions, type UpsertOptions } from './options.ts'
import { postgresTable } from './postgres-table.ts'
import { dmlError, type DmlResult } from './result.ts'
import { Sql } from './sql.ts'
import { insertItems, readingOf, refuseTwice, updateItems, type DmlRow } from './write-rows.ts'

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

  constructor(call: Call, by: FieldInfo, rows: readonly DmlRow[]) {
    this.#call = call
    this.#by = by
    this.#rows = rows
    const reading = { ...readingOf(call, 'insert'), complete: false }
    this.#items = rows.map((row, at) => readItem(row, at, reading))
  }

  /** Before anything is done. */
  async check(): Promise<void> {
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
    const { inserts, updates } = await this.#divide(alive)
    await this.#insert(inserts)
    // Somebody else was faster.
    const late = this.#by === this.#call.object.idField ? [] : inserts.filter((item) => this.#clashed(item))
    for (const item of late) item.errors = null
    const again = late.length === 0 ? { inserts: [], updates: [] } : await this.#divide(late)
    for (const item of again.inserts)
      fail(item, dmlError('DUPLICATE_VALUE', `${this.#by.label} is taken`, [this.#by.name]))
    for (const item of again.updates) this.#created.delete(item)
    await this.#update([...updates, ...again.updates])
  }

  #clashed({ errors }: Item): boolean {
    return (
      errors?.length === 1 &&
      errors[0]?.code === 'DUPLICATE_VALUE' &&
      errors[0].fields.includes(this.#by.name)
    )
  }

  #keyOf(item: Item): unknown {
    if (this.#by === this.#call.object.idField) return item.id
    return item.values[item.shape.written.findIndex(({ field }) => field === this.#by)]
  }

  #checkKeys(): void {
    const byId = this.#by === this.#call.object.idField
    if (byId) {
      refuseTwice(this.#items)
      return
    }
    const seen = new Set<unknown>()
    for (const item of this.#items) {
      const key = this.#keyOf(item)
      if (item.errors === null && (key === null || key === undefined))
        fail(
          item,
          dmlError('MISSING_ARGUMENT', `${this.#by.label} is missing: it says which record`, [this.#by.name]),
        )
      else if (seen.has(key))
        fail(
          item,
          dmlError('DUPLICATE_VALUE', `duplicate external id in list: ${String(key)}`, [this.#by.name]),
        )
      seen.add(key)
    }
  }

  async #divide(items: readonly Item[]): Promise<{ inserts: Item[]; updates: Item[] }> {
    if (this.#by === this.#call.object.idField)
      return {
        inserts: items.filter(({ id }) => id === null),
        updates: items.filter(({ id }) => id !== null),
      }
    const found = await this.#find(items)
    const inserts: Item[] = []
    const updates: Item[] = []
    for (const item of items) {
      const ids = found.get(String(this.#keyOf(item))) ?? []
      const [id] = ids
      if (ids.length > 1)
        fail(
          item,
          dmlError('DUPLICATE_EXTERNAL_ID', `more than one ${this.#call.object.name} has it`, [
            this.#by.name,
          ]),
        )
      else if (id === undefined) inserts.push(item)
      else {
        item.id = id
        updates.push(item)
      }
    }
    return { inserts, updates }
  }

  /** Ids of records by external id, of the caller's tenant. */
  async #find(items: readonly Item[]): Promise<Map<string, RecordId[]>> {
    const { place, object } = this.#call
    const { database } = place
    const keys = items.map((item) => encode(this.#by, this.#keyOf(item), database.kind))
    const column = `t.${identifier(this.#by.column)}`
    const sql = new Sql().text(`select t.${identifier(object.idField.column)} as id, ${column} as by`)
    sql.text(` from ${tableIdentifier(object.definition.table)} as t where ${column} `)
    if (database.kind === 'sqlite') {
      sql.text('in (select value from json_each(').value(jsonList(keys)).text('))')
      tenantIs(place, sql)
    } else {
      const facts = await postgresTable(database, object)
      const { tenant } = object.definition
      sql
        .text('= any (cast(')
        .value(arrayLiteral(keys))
        .text(` as ${facts.typeOf(this.#by.column)}[]))`)
      tenantIs(place, sql, tenant === undefined ? undefined : facts.typeOf(object.field(tenant).column))
    }
    const rows = await database.query(sql.text(isLive(object)).statement)
    const found = new Map<string, RecordId[]>()
    for (const { id, by } of rows) {
      const ids = found.get(String(by))
      if (ids === undefined) found.set(String(by), [id as RecordId])
      else ids.push(id as RecordId)
    }
    return found
  }

  async #insert(items: readonly Item[]): Promise<void> {
    const reading = readingOf(this.#call, 'insert')
    for (const item of items) {
      this.#created.add(item)
      this.#reread(item, reading)
    }
    demandRight(this.#call, 'create', items)
    // Whether a row has failed for good is known only when it was looked for again.
    const call = { ...this.#call, options: { ...this.#call.options, allOrNone: false } }
    await insertItems(call, items.filter(isAlive), reading)
    this.#call.thrown ??= call.thrown
  }

  async #update(items: readonly Item[]): Promise<void> {
    const reading = readingOf(this.#call, 'update')
    const byId = this.#by === this.#call.object.idField
    for (const item of items) this.#reread(item, reading, byId ? undefined : item.id)
    demandRight(this.#call, 'edit', items)
    await updateItems(this.#call, items.filter(isAlive), reading)
  }

  /** As a row of an insert or of an update, now that it is known which. */
  #reread(item: Item, reading: ReturnType<typeof readingOf>, id?: RecordId | null): void {
    const row = this.#rows[item.index] ?? {}
    const { idField } = this.#call.object
    const read = readItem(id === undefined ? row : { ...row, [idField.name]: id }, item.index, reading)
    Object.assign(item, {
      shape: read.shape,
      values: read.values,
      // In the one spelling.
      id: read.id === null ? null : (item.id ?? read.id),
      guard: read.guard,
      errors: read.errors,
    })
  }
}
