import { MillraceError } from '../../kernel/rules/errors.ts'
import type { RecordsEnv } from '../env.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { inTurn } from '../trigger/turn.ts'
import type { Place } from './conditions.ts'
import { fail, isAlive, resultOf, type Item } from './item.ts'
import type { CheckedOptions } from './options.ts'
import { PostgresWriter } from './postgres-writer.ts'
import { dmlError, dmlFailed, type DmlResult, type DmlVerb } from './result.ts'
import { savepoint } from './savepoint.ts'
import { SqliteWriter } from './sqlite-writer.ts'
import type { Constant, Writer } from './writer.ts'

/** One call of a DML verb. */
export interface Call {
  readonly env: RecordsEnv
  readonly object: ObjectInfo
  readonly verb: DmlVerb
  readonly options: CheckedOptions
  readonly place: Place
  readonly writer: Writer
  /** What a trigger threw, to be told as the cause. */
  thrown: unknown
}

export function callOf(env: RecordsEnv, object: ObjectInfo, verb: DmlVerb, options: CheckedOptions): Call {
  if (object.definition.readOnly || object.definition.source !== undefined)
    throw new MillraceError('MILL_OBJECT_READ_ONLY', `${object.name} is read-only: ${verb} is not possible`, {
      data: { object: object.name, verb },
    })
  const place = { database: env.database, object, tenant: env.caller.tenant }
  const writer =
    env.database.kind === 'sqlite'
      ? new SqliteWriter(place, options.allOrNone)
      : new PostgresWriter(place, options.allOrNone)
  return { env, object, verb, options, place, writer, thrown: undefined }
}

class Undo extends Error {}

/**
 * Runs `work`, which notes errors on items, and answers a result for each. With allOrNone and an error on any, nothing of it stays and
 * MILL_DML_FAILED is thrown.
 */
export async function wholeCall(
  call: Call,
  items: readonly Item[],
  work: () => Promise<void>,
  created?: (item: Item) => boolean,
): Promise<DmlResult[]> {
  const { env, object, verb, options } = call
  if (items.length === 0) return []
  if (!options.allOrNone) {
    await inTurn(env.database, work)
    return items.map((item) => resultOf(item, created?.(item)))
  }
  if (items.every(isAlive)) {
    try {
      await inTurn(env.database, () =>
        savepoint(env.database, async () => {
          await work()
          if (!items.every(isAlive)) throw new Undo()
        }),
      )
      return items.map((item) => resultOf(item, created?.(item)))
    } catch (error) {
      if (!(error instanceof Undo)) throw error
    }
  }
  for (const item of items) {
    if (isAlive(item)) fail(item, undone)
    if (verb === 'insert' || created?.(item) === true) item.id = null
  }
  throw dmlFailed(
    object.name,
    verb,
    items.map((item) => resultOf(item)),
    call.thrown,
  )
}

const undone = dmlError(
  'ALL_OR_NONE_OPERATION_ROLLED_BACK',
  'the row was not written because another one of the call failed',
)

/** All fail when no role of the caller lets it do this to the object. */
export function demandRight(call: Call, right: 'create' | 'edit' | 'delete', items: readonly Item[]): void {
  const { env, object, options } = call
  if (options.mode === 'system' || env.access.mayObject(env.caller, object, right)) return
  const message = `no role of the caller lets it ${right} ${object.name}`
  for (const item of items) item.errors = [dmlError('INSUFFICIENT_ACCESS_OR_READONLY', message)]
}

/** Fields that every row of an insert, or of a change, gets. */
export function constantsOf({ env, object }: Call, verb: 'insert' | 'update'): Constant[] {
  const { tenant, version, createdAt, modifiedAt, softDelete } = object.definition
  const now = new Date(env.caller.now)
  const constants: Constant[] = []
  const add = (name: string | undefined, value: unknown): void => {
    if (name !== undefined) constants.push({ field: object.field(name), value })
  }
  add(modifiedAt, now)
  if (verb === 'update') return constants
  if (createdAt !== modifiedAt) add(createdAt, now)
  add(tenant, env.caller.tenant)
  add(version, 1)
  if (softDelete !== undefined && object.field(softDelete).type === 'boolean') add(softDelete, false)
  return constants
}
