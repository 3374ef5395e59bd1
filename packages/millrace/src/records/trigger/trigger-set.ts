import { meant } from '../../kernel/rules/nearest-name.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Schema } from '../object/schema.ts'
import type { TriggerDefinition, TriggerOperation, TriggerTiming } from './trigger.ts'

const none: readonly TriggerDefinition[] = []

/** The triggers of an installation, in the order in which they run. */
export class TriggerSet {
  readonly #triggers = new Map<string, TriggerDefinition[]>()
  readonly size: number

  /** Throws MILL_TRIGGER_INVALID for a trigger of an object that is not there, and for two of one name. */
  constructor(schema: Schema, definitions: readonly TriggerDefinition[] = []) {
    this.size = definitions.length
    const names = new Set<string>()
    for (const trigger of definitions.toSorted((a, b) => a.order - b.order)) {
      if (names.has(trigger.name))
        throw new MillraceError('MILL_TRIGGER_INVALID', `two triggers are named ${trigger.name}.`)
      names.add(trigger.name)
      if (schema.find(trigger.object) === undefined) throw unknownObject(trigger, schema)
      for (const operation of trigger.before) this.#add('before', operation, trigger)
      for (const operation of trigger.after) this.#add('after', operation, trigger)
    }
  }

  of(object: string, operation: TriggerOperation, timing: TriggerTiming): readonly TriggerDefinition[] {
    return this.#triggers.get(key(object, operation, timing)) ?? none
  }

  #add(timing: TriggerTiming, operation: TriggerOperation, trigger: TriggerDefinition): void {
    const name = key(trigger.object, operation, timing)
    const others = this.#triggers.get(name) ?? []
    if (!others.includes(trigger)) this.#triggers.set(name, [...others, trigger])
  }
}

function key(object: string, operation: TriggerOperation, timing: TriggerTiming): string {
  return `${object.toLowerCase()} ${timing} ${operation}`
}

function unknownObject({ name, object }: TriggerDefinition, schema: Schema): MillraceError {
  const names = schema.objects.map((one) => one.name)
  return new MillraceError(
    'MILL_TRIGGER_INVALID',
    `trigger ${name} is for the object ${object}, which is not there${meant(object, names)}; add it to \`definitions\`.`,
    { data: { where: `trigger ${name}`, object } },
  )
}
