import { describeValue } from '../../kernel/rules/describe-value.ts'
import { invalidOption } from '../../kernel/rules/option-fields.ts'
import type { RecordsEnv } from '../env.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { canonicalIds } from './canonical-ids.ts'
import { callOf, constantsOf, demandRight, wholeCall, type Call } from './call.ts'
import { change } from './change.ts'
import { emptyShape, fail, type Item, type RecordId } from './item.ts'
import { checkOptions, type DmlOptions } from './options.ts'
import { dmlError, type DmlResult } from './result.ts'
import { checkOf } from './validate.ts'
import { refuseTwice, type DmlRow } from './write-rows.ts'
import type { Constant } from './writer.ts'

/**
 * Deletes records, given as rows or as ids; an object with a soft-delete field keeps them, marked (semantics B-16). Throws as insert
 * does.
 */
export async function deleteRecords(
  env: RecordsEnv,
  object: ObjectInfo,
  rows: readonly (DmlRow | RecordId)[],
  options: DmlOptions = {},
): Promise<DmlResult[]> {
  const call = callOf(env, object, 'delete', checkOptions(options, `delete of ${object.name}`))
  const items = await itemsOf(call, rows)
  const softly = object.definition.softDelete !== undefined
  return wholeCall(call, items, () =>
    change(
      {
        call,
        operation: 'delete',
        write: (alive) =>
          softly ? call.writer.mark(alive, 'deleted', marks(call, true)) : call.writer.delete(alive),
      },
      items,
    ),
  )
}

/** Takes a soft delete back. Throws as insert does, and MILL_OPTIONS_INVALID for an object without a soft-delete field. */
export async function undelete(
  env: RecordsEnv,
  object: ObjectInfo,
  rows: readonly (DmlRow | RecordId)[],
  options: DmlOptions = {},
): Promise<DmlResult[]> {
  const where = `undelete of ${object.name}`
  if (object.definition.softDelete === undefined)
    throw invalidOption(where, 'needs an object with softDelete; what is deleted of this one is gone')
  const call = callOf(env, object, 'undelete', checkOptions(options, where))
  const items = await itemsOf(call, rows)
  return wholeCall(call, items, () =>
    change(
      { call, operation: 'undelete', write: (alive) => call.writer.mark(alive, 'live', marks(call, false)) },
      items,
    ),
  )
}

function marks(call: Call, deleted: boolean): Constant[] {
  const { object, env } = call
  const field = object.field(object.definition.softDelete ?? '')
  const when = deleted ? new Date(env.caller.now) : null
  return [{ field, value: field.type === 'boolean' ? deleted : when }, ...constantsOf(call, 'update')]
}

async function itemsOf(call: Call, rows: readonly (DmlRow | RecordId)[]): Promise<Item[]> {
  const items = rows.map((row, index) => itemOf(call.object, row, index))
  demandRight(call, 'delete', items)
  await canonicalIds(call.place, items)
  refuseTwice(items)
  return items
}

function itemOf(object: ObjectInfo, row: DmlRow | RecordId, index: number): Item {
  const item: Item = { index, shape: emptyShape, values: [], id: null, guard: undefined, errors: null }
  const { idField } = object
  const id = idIn(row, idField.name)
  if (id === undefined || id === null) {
    const got = describeValue(row)
    fail(
      item,
      dmlError('MISSING_ARGUMENT', `${idField.name} is missing: it says which record; got ${got}`, [
        idField.name,
      ]),
    )
    return item
  }
  const wrong = checkOf(idField)(id)
  if (wrong === null) item.id = id as RecordId
  else fail(item, { ...wrong, code: 'MALFORMED_ID' })
  return item
}

function idIn(row: unknown, idName: string): unknown {
  if (typeof row !== 'object' || row === null) return row
  const fields = row as Readonly<Record<string, unknown>>
  if (idName in fields) return fields[idName]
  const key = Object.keys(fields).find((name) => name.toLowerCase() === idName.toLowerCase())
  return key === undefined ? undefined : fields[key]
}
