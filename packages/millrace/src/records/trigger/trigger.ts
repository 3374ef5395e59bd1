import { describeValue } from '../../kernel/rules/describe-value.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { checkDefinitionName } from '../../kernel/rules/names.ts'
import { optionFields } from '../../kernel/rules/option-fields.ts'
import type { TriggerContext } from '../env.ts'
import { isObjectDefinition, type Fields, type ObjectDefinition, type RecordOf } from '../object/object.ts'

export type TriggerOperation = 'insert' | 'update' | 'delete' | 'undelete'
export type TriggerTiming = 'before' | 'after'

type IdOf<O> =
  O extends ObjectDefinition<infer F>
    ? {
        [K in keyof F]: F[K] extends { readonly valueType?: infer V; readonly type: 'id' } ? V : never
      }[keyof F]
    : never

/** What a trigger's handler gets: the whole batch of one call, not one record. */
export interface Change<O extends ObjectDefinition = ObjectDefinition> {
  readonly object: string
  readonly operation: TriggerOperation
  readonly timing: TriggerTiming
  /**
   * The records, with all their fields: as they will be (before) or are (after). Before an insert or update their fields may be set; what is
   * set is checked like what the caller gave. Empty on delete.
   */
  readonly new: RecordOf<O>[]
  /** The records as they were, by id. Empty on insert. */
  readonly old: ReadonlyMap<IdOf<O> | string | number, Readonly<RecordOf<O>>>
  /** `new`, or on delete what is in `old`: the records that the change is about, in the order of the call. */
  readonly rows: readonly Readonly<RecordOf<O>>[]
  /** The row fails with FIELD_CUSTOM_VALIDATION_EXCEPTION. `row` is one of `rows`. */
  addError(row: Readonly<RecordOf<O>>, message: string, field?: keyof RecordOf<O> & string): void
}

export type TriggerHandler<O extends ObjectDefinition = ObjectDefinition> = (
  change: Change<O>,
  ctx: TriggerContext,
) => void | Promise<void>

export interface TriggerOptions {
  /** `[A-Za-z][A-Za-z0-9_-]{0,79}`, unique across all definitions. */
  readonly name: string
  readonly before?: readonly TriggerOperation[]
  readonly after?: readonly TriggerOperation[]
  /** Lower ones run first; those of one order as they are defined. Default 0. */
  readonly order?: number
}

/** A trigger: a frozen value that knows no database. */
export interface TriggerDefinition {
  readonly kind: 'trigger'
  readonly name: string
  /** Name of the object. */
  readonly object: string
  readonly before: readonly TriggerOperation[]
  readonly after: readonly TriggerOperation[]
  readonly order: number
  readonly handler: TriggerHandler
}

export const triggerOperations: readonly TriggerOperation[] = ['insert', 'update', 'delete', 'undelete']

/**
 * Runs `handler` before or after records of the object change, with all of a call's records at once, in the same transaction. What it
 * throws fails all of them. Throws MILL_TRIGGER_INVALID.
 */
export function defineTrigger<F extends Fields>(
  object: ObjectDefinition<F>,
  options: TriggerOptions,
  handler: TriggerHandler<ObjectDefinition<F>>,
): TriggerDefinition {
  if (!isObjectDefinition(object))
    throw invalid('defineTrigger', `needs an object; got ${describeValue(object)}`)
  optionFields(options, ['name', 'before', 'after', 'order'], 'defineTrigger', 'MILL_TRIGGER_INVALID')
  const { name, before = [], after = [], order = 0 } = options
  checkDefinitionName(name, 'trigger')
  const where = `trigger ${name}`
  for (const [timing, list] of [
    ['before', before],
    ['after', after],
  ] as const) {
    const given: readonly unknown[] = Array.isArray(list) ? list : [list]
    const wrong = given.find((one) => !(triggerOperations as readonly unknown[]).includes(one))
    if (wrong === undefined && Array.isArray(list)) continue
    throw invalid(
      where,
      `has ${describeValue(wrong ?? list)} in ${timing}, which is a list of ${triggerOperations.join(', ')}`,
    )
  }
  if (before.length + after.length === 0) throw invalid(where, 'needs before or after, a list of operations')
  if (typeof order !== 'number' || Number.isNaN(order)) throw invalid(where, 'has an order that is no number')
  if (typeof handler !== 'function') throw invalid(where, 'has no handler')
  const undeletes = before.includes('undelete') || after.includes('undelete')
  if (undeletes && object.softDelete === undefined)
    throw invalid(where, `is for undelete, but ${object.name} has no softDelete`)
  return Object.freeze({
    kind: 'trigger',
    name,
    object: object.name,
    before: Object.freeze([...before]),
    after: Object.freeze([...after]),
    order,
    handler: handler,
  })
}

export function isTriggerDefinition(value: unknown): value is TriggerDefinition {
  return (
    typeof value === 'object' && value !== null && (value as Partial<TriggerDefinition>).kind === 'trigger'
  )
}

function invalid(where: string, what: string): MillraceError {
  return new MillraceError('MILL_TRIGGER_INVALID', `${where} ${what}.`, { data: { where } })
}
