import type { RecordsEnv } from '../env.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { canonicalIds } from './canonical-ids.ts'
import { callOf, constantsOf, demandRight, wholeCall, type Call } from './call.ts'
import { change } from './change.ts'
import { fail, isAlive, readItem, type Item, type ReadOptions } from './item.ts'
import { checkOptions, type DmlOptions } from './options.ts'
import { dmlError, type DmlResult } from './result.ts'
import { checkReferences } from './references.ts'
import { Shapes } from './shape.ts'
import type { Constant, Writer } from './writer.ts'

/** A row: fields by name, in any case. */
export type DmlRow = Readonly<Record<string, unknown>>

/**
 * New records, in the order of the rows; each gets an id (semantics B-16). Throws MILL_DML_FAILED with allOrNone, MILL_OBJECT_READ_ONLY,
 * and what is no row's fault, as MILL_STORAGE_…
 */
export async function insert(
  env: RecordsEnv,
  object: ObjectInfo,
  rows: readonly DmlRow[],
  options: DmlOptions = {},
): Promise<DmlResult[]> {
  const call = callOf(env, object, 'insert', checkOptions(options, `insert of ${object.name}`))
  const reading = readingOf(call, 'insert')
  const items = rows.map((row, at) => readItem(row, at, reading))
  await canonicalIds(call.place, items)
  demandRight(call, 'create', items)
  return wholeCall(call, items, () => insertItems(call, items, reading))
}

/**
 * Changes fields of records: a row has the id and the fields to change. A version or modified-at in the row is compared with the stored
 * one: STALE_RECORD. Throws as insert does.
 */
export async function update(
  env: RecordsEnv,
  object: ObjectInfo,
  rows: readonly DmlRow[],
  options: DmlOptions = {},
): Promise<DmlResult[]> {
  const call = callOf(env, object, 'update', checkOptions(options, `update of ${object.name}`))
  const reading = readingOf(call, 'update')
  const items = rows.map((row, at) => readItem(row, at, reading))
  demandRight(call, 'edit', items)
  await canonicalIds(call.place, items)
  refuseTwice(items)
  return wholeCall(call, items, () => updateItems(call, items, reading))
}

export function insertItems(call: Call, items: readonly Item[], reading: ReadOptions): Promise<void> {
  const { env, object, writer } = call
  const makesId = !object.idField.numeric && !object.idField.readOnly
  const given = new Set(items.filter(({ id }) => id !== null))
  return change(
    {
      call,
      operation: 'insert',
      reading,
      write: async (alive) => {
        if (makesId) for (const item of alive) item.id ??= env.newId()
        await checkReferences(call.place, env.schema, alive)
        await insertAll(writer, alive.filter(isAlive), constantsOf(call, 'insert'))
        for (const item of alive) if (!isAlive(item) && !given.has(item)) item.id = null
      },
    },
    items,
  )
}

/**
 * A row may point to one that stands behind it in the call: rows whose reference is broken come another time, as long as that brings some
 * of them in.
 */
async function insertAll(
  writer: Writer,
  items: readonly Item[],
  constants: readonly Constant[],
): Promise<void> {
  let left = items
  for (;;) {
    await writer.insert(left, constants)
    const dangling = left.filter(({ errors }) => errors?.[0]?.code === 'INVALID_CROSS_REFERENCE_KEY')
    if (dangling.length === 0 || dangling.length === left.length) return
    for (const item of dangling) item.errors = null
    left = dangling
  }
}

export function updateItems(call: Call, items: readonly Item[], reading: ReadOptions): Promise<void> {
  return change(
    {
      call,
      operation: 'update',
      reading,
      write: async (alive) => {
        await checkReferences(call.place, call.env.schema, alive)
        await call.writer.update(alive.filter(isAlive), constantsOf(call, 'update'))
      },
    },
    items,
  )
}

export function readingOf(call: Call, verb: 'insert' | 'update'): ReadOptions {
  const { env, object, options } = call
  const mayWrite =
    options.mode === 'system'
      ? () => true
      : (field: Parameters<typeof env.access.mayField>[2]) =>
          env.access.mayField(env.caller, object, field, verb === 'insert' ? 'create' : 'edit')
  return {
    object,
    shapes: new Shapes(object, verb, mayWrite),
    verb,
    tenant: env.caller.tenant,
    // Triggers may fill what is required; what they leave open is told after them.
    complete: env.triggers.of(object.name, verb, 'before').length === 0,
  }
}

/** The second row of one record fails, as in Apex. */
export function refuseTwice(items: readonly Item[]): void {
  const seen = new Set<string | number | bigint>()
  for (const item of items) {
    const { id } = item
    if (id === null) continue
    const before = seen.size
    seen.add(id)
    if (seen.size === before) fail(item, dmlError('DUPLICATE_VALUE', `duplicate id in list: ${id}`))
  }
}
