import type { FieldInfo, ObjectInfo } from '../../../packages/millrace/src/records/object/schema.ts'
import type { Operand, Path } from '../../../packages/millrace/src/records/query/query.ts'
import { schema } from '../fixture.ts'

/** A field that a query over an object may name, by way of at most two parents. */
export interface Reachable {
  readonly path: Path
  readonly field: FieldInfo
  readonly operand: Operand
}

const known = new Map<string, readonly Reachable[]>()

export function reachable(object: ObjectInfo): readonly Reachable[] {
  const found = known.get(object.name) ?? walk(object, [], 2)
  known.set(object.name, found)
  return found
}

function walk(object: ObjectInfo, before: Path, parents: number): readonly Reachable[] {
  return object.fields.flatMap((field) => {
    const path = [...before, field.name]
    const own = { path, field, operand: { kind: 'field', path } as const }
    const [target, ...others] = field.references
    if (parents === 0 || target === undefined || others.length > 0 || field.relationship === undefined)
      return [own]
    return [own, ...walk(schema.object(target), [...before, field.relationship], parents - 1)]
  })
}

export const ofType = (object: ObjectInfo, ...types: readonly FieldInfo['type'][]): readonly Reachable[] =>
  reachable(object).filter(({ field }) => types.includes(field.type))
