import { describeValue } from '../../kernel/rules/describe-value.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { RecordsEnv } from '../env.ts'
import { decode } from '../sql/values.ts'
import { notifyChanged } from './notify.ts'
import type { TriggerOperation } from './trigger.ts'

/** What a generated trigger of the database queues. */
interface Notice {
  readonly object: string
  readonly operation: TriggerOperation
  readonly ids: readonly string[]
  /** Of each record, its values by column before the change; null where they are not told. */
  readonly old: readonly (Readonly<Record<string, unknown>> | null)[]
}

/** Runs the after-triggers for the records of a notice. Throws as notifyChanged does, and MILL_INPUT_INVALID. */
export function tellNotice(env: RecordsEnv, input: unknown): Promise<void> {
  if (!isNotice(input))
    throw new MillraceError(
      'MILL_INPUT_INVALID',
      `a change notice is { object, operation, ids, old }; got ${describeValue(input)}`,
    )
  const object = env.schema.object(input.object)
  const { idField } = object
  const records = input.ids.map((text, at) => {
    const id = decode(idField, text, 'postgres') as string | number
    const old = input.old[at]
    if (old === undefined || old === null) return id
    const values = object.fields.map(
      (field) => [field.name, decode(field, old[field.column], 'postgres')] as const,
    )
    return { ...Object.fromEntries(values), [idField.name]: id }
  })
  return notifyChanged(env, object, input.operation, records)
}

function isNotice(input: unknown): input is Notice {
  if (typeof input !== 'object' || input === null) return false
  const { object, ids, old } = input as Partial<Record<keyof Notice, unknown>>
  return (
    typeof object === 'string' &&
    Array.isArray(old) &&
    Array.isArray(ids) &&
    ids.every((id) => typeof id === 'string')
  )
}
