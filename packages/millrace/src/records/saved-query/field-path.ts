import { isMillraceError } from '../../kernel/rules/errors.ts'
import type { FieldInfo, ObjectInfo, Schema } from '../object/schema.ts'
import type { Path } from '../query/query.ts'

/** A field of an object or of one of its parents, looked up. */
export interface FieldPath {
  /** Whose field it is. */
  readonly object: ObjectInfo
  readonly field: FieldInfo
  /** As the schema spells it: `['Account', 'Owner', 'Name']`. */
  readonly path: Path
  /** For people: `Account: Owner: Name`. */
  readonly label: string
}

const deepest = 5

/** Looks up `Account.Owner.Name` from an object on; else what is wrong with it, with the nearest name. */
export function findField(
  schema: Schema,
  from: ObjectInfo,
  text: string,
): FieldPath | { readonly problem: string } {
  const parts = text.split('.').map((part) => part.trim())
  const ways = parts.slice(0, -1)
  if (ways.length > deepest)
    return { problem: `goes through ${ways.length} parents; at most ${deepest} are followed` }
  try {
    const steps: { readonly name: string; readonly label: string }[] = []
    let object = from
    const last = parts.at(-1) ?? ''
    for (const [at, way] of ways.entries()) {
      const reference = object.parent(way)
      const name = reference.relationship ?? way
      const targets = reference.references.map((target) => schema.object(target))
      if (targets.length > 1 && at + 1 < ways.length)
        return {
          problem: `${object.name}.${name} leads to several objects; only their own fields can be shown`,
        }
      steps.push({ name, label: reference.label === reference.name ? name : reference.label })
      // Of several objects those that have the field show it.
      object = targets.find((target) => target.find(last) !== undefined) ?? targets[0] ?? object
    }
    const field = object.field(last)
    return {
      object,
      field,
      path: [...steps.map(({ name }) => name), field.name],
      label: [...steps.map(({ label }) => label), field.label].join(': '),
    }
  } catch (error) {
    if (isMillraceError(error)) return { problem: error.message.replace(/\.$/, '') }
    throw error
  }
}
