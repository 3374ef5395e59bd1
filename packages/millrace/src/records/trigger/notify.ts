import { describeValue } from '../../kernel/rules/describe-value.ts'
import { invalidOption } from '../../kernel/rules/option-fields.ts'
import { canonicalIds } from '../dml/canonical-ids.ts'
import { emptyShape, isAlive, resultOf, type Item, type RecordId } from '../dml/item.ts'
import { readRecords, type RecordValues } from '../dml/read.ts'
import { dmlFailed } from '../dml/result.ts'
import { savepoint } from '../dml/savepoint.ts'
import { checkOf } from '../dml/validate.ts'
import type { RecordsEnv } from '../env.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { runTriggers } from './run.ts'
import { triggerOperations, type TriggerOperation } from './trigger.ts'
import { inTurn } from './turn.ts'

/**
 * Runs the after-triggers for records that the application has changed by its own statements, in the same transaction. `records` are ids, or
 * the records as they were (with their id), which triggers then find in `old`; without them `old` is empty, and after a delete has the
 * ids alone. Records that are not there are left out. Throws MILL_DML_FAILED when a trigger refuses one or throws (what the triggers did is undone,
 * what the application did is not), and MILL_OPTIONS_INVALID.
 */
export async function notifyChanged(
  env: RecordsEnv,
  object: ObjectInfo,
  operation: TriggerOperation,
  records: readonly (RecordId | Readonly<RecordValues>)[],
): Promise<void> {
  const where = `notifyChanged of ${object.name}`
  if (!triggerOperations.includes(operation))
    throw invalidOption(
      where,
      `needs one of ${triggerOperations.join(', ')}; got ${describeValue(operation)}`,
    )
  const given = records.map((record) => givenOf(object, record, where))
  const triggers = env.triggers.of(object.name, operation, 'after')
  if (triggers.length === 0 || given.length === 0) return
  const place = { database: env.database, object, tenant: env.caller.tenant }
  await canonicalIds(place, given)
  await inTurn(env.database, () =>
    savepoint(env.database, async () => {
      const ids = given.map(({ id }) => id)
      const current = operation === 'delete' ? null : await readRecords(place, ids, false)
      const told = current === null ? given : given.filter(({ id }) => current.has(String(id)))
      const items = told.map(({ id }, index): Item => ({
        index,
        shape: emptyShape,
        values: [],
        id,
        guard: undefined,
        errors: null,
      }))
      const records = told.map(({ id }) => Object.freeze(current?.get(String(id)) ?? {}))
      const olds = told.map(
        ({ id, old }) =>
          old ?? (operation === 'delete' ? Object.freeze({ [object.idField.name]: id }) : undefined),
      )
      const host = { env, object, thrown: undefined }
      await runTriggers(host, triggers, {
        operation,
        timing: 'after',
        items,
        new: operation === 'delete' ? [] : records,
        old: new Map(told.flatMap(({ id }, at) => (olds[at] === undefined ? [] : [[id, olds[at]] as const]))),
        rows: operation === 'delete' ? olds.map((old) => old ?? {}) : records,
      })
      if (items.every(isAlive)) return
      throw dmlFailed(
        object.name,
        operation,
        items.map((item) => resultOf(item)),
        host.thrown,
      )
    }),
  )
}

interface Given {
  id: RecordId
  readonly old: Readonly<RecordValues> | undefined
}

function givenOf(object: ObjectInfo, record: RecordId | Readonly<RecordValues>, where: string): Given {
  const { idField } = object
  const old = typeof record === 'object' ? Object.freeze({ ...record }) : undefined
  const id = old === undefined ? record : old[idField.name]
  const wrong = id === undefined || id === null ? { message: 'it is missing' } : checkOf(idField)(id)
  if (wrong !== null)
    throw invalidOption(where, `has a record without a good ${idField.name}: ${wrong.message}`)
  return { id: id as RecordId, old }
}
