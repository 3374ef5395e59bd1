import { isMillraceError, MillraceError, type ErrorCode } from '../../kernel/rules/errors.ts'
import { Skip, Snooze } from '../../kernel/runtime/execution-scope.ts'
import type { RecordsEnv } from '../env.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { fail, isAlive, type Item } from '../dml/item.ts'
import { dmlError } from '../dml/result.ts'
import { savepoint } from '../dml/savepoint.ts'
import { oneDeeper } from './turn.ts'
import type { Change, TriggerDefinition, TriggerOperation, TriggerTiming } from './trigger.ts'

/** Records of one call, as its triggers see them; `items` and `rows` are of one order. */
export interface Batch {
  readonly operation: TriggerOperation
  readonly timing: TriggerTiming
  readonly items: readonly Item[]
  readonly new: Record<string, unknown>[]
  readonly old: ReadonlyMap<unknown, Readonly<Record<string, unknown>>>
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

interface Host {
  readonly env: RecordsEnv
  readonly object: ObjectInfo
  thrown: unknown
}

/**
 * One after another, each with the whole batch, whatever an earlier one refused. What one throws fails all rows; errors that end the
 * execution as a whole are thrown on.
 */
export async function runTriggers(
  host: Host,
  triggers: readonly TriggerDefinition[],
  batch: Batch,
): Promise<void> {
  const { env, object } = host
  for (const trigger of triggers) {
    try {
      await oneDeeper(env.database, `trigger ${trigger.name}`, () =>
        savepoint(env.database, async () => trigger.handler(changeOf(object, batch), env.context)),
      )
    } catch (error) {
      if (endsAll(error)) throw error
      host.thrown ??= error
      const message = `${trigger.name}: execution of ${batch.timing} ${batch.operation} caused by: ${messageOf(error)}`
      for (const item of batch.items)
        if (isAlive(item)) fail(item, dmlError('CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY', message))
      return
    }
  }
}

function changeOf(object: ObjectInfo, { items, rows, ...batch }: Batch): Change {
  const places = new Map(rows.map((row, at) => [row, at]))
  const change = {
    object: object.name,
    operation: batch.operation,
    timing: batch.timing,
    new: batch.new,
    old: batch.old,
    rows,
    addError(row: Readonly<Record<string, unknown>>, message: string, field?: string): void {
      const item = items[places.get(row) ?? -1]
      if (item === undefined)
        throw new MillraceError(
          'MILL_OPTIONS_INVALID',
          'addError needs one of the rows that the trigger got.',
        )
      const fields = field === undefined ? [] : [object.field(field).name]
      fail(item, dmlError('FIELD_CUSTOM_VALIDATION_EXCEPTION', message, fields))
    },
  }
  return change as unknown as Change
}

const ending: ReadonlySet<ErrorCode> = new Set([
  'MILL_TRIGGER_DEPTH',
  'MILL_CONTEXT_CLOSED',
  'MILL_FENCED',
  'MILL_ABORTED',
  'MILL_COMMIT_UNKNOWN',
  'MILL_INTERNAL',
])

/** No row's fault: the attempt ends by it, or can only be made again. */
function endsAll(error: unknown): boolean {
  if (error instanceof Skip || error instanceof Snooze) return true
  return isMillraceError(error) && (error.retryable || ending.has(error.code))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
