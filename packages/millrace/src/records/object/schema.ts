import { MillraceError } from '../../kernel/rules/errors.ts'
import { meant, nearestName } from '../../kernel/rules/nearest-name.ts'
import type { Field } from './field.ts'
import type { ObjectDefinition } from './object.ts'

/** A field with its name and column. */
export interface FieldInfo extends Field {
  readonly name: string
  readonly column: string
  readonly label: string
  /** Of a reference: the way to the parent in paths. */
  readonly relationship: string | undefined
}

/** Contacts of an Account: whose reference points here. */
export interface ChildRelationship {
  readonly name: string
  readonly object: string
  readonly field: string
}

/** One object, looked into by names in any case. */
export class ObjectInfo {
  readonly definition: ObjectDefinition
  readonly fields: readonly FieldInfo[]
  readonly idField: FieldInfo
  readonly children: readonly ChildRelationship[]
  readonly #byName: ReadonlyMap<string, FieldInfo>
  readonly #byRelationship: ReadonlyMap<string, FieldInfo>
  readonly #children: ReadonlyMap<string, ChildRelationship>

  constructor(definition: ObjectDefinition, children: readonly ChildRelationship[]) {
    this.definition = definition
    this.fields = Object.entries(definition.fields).map(([name, field]) => ({
      ...field,
      name,
      column: field.column ?? name,
      label: field.label ?? name,
      relationship: field.type === 'reference' ? (field.relationship ?? relationshipOf(name)) : undefined,
    }))
    this.children = children
    this.#byName = new Map(this.fields.map((field) => [field.name.toLowerCase(), field]))
    this.#byRelationship = new Map(
      this.fields.flatMap((field) =>
        field.relationship === undefined ? [] : [[field.relationship.toLowerCase(), field] as const],
      ),
    )
    this.#children = new Map(children.map((child) => [child.name.toLowerCase(), child]))
    this.idField = this.field(definition.idField)
  }

  get name(): string {
    return this.definition.name
  }

  /** Throws MILL_FIELD_UNKNOWN with the nearest name. */
  field(name: string): FieldInfo {
    const found = this.find(name)
    if (found !== undefined) return found
    throw unknown(
      'MILL_FIELD_UNKNOWN',
      `${this.name} has no field ${name}`,
      name,
      this.fields.map((field) => field.name),
      { object: this.name, field: name },
    )
  }

  find(name: string): FieldInfo | undefined {
    return this.#byName.get(name.toLowerCase())
  }

  /** The reference that leads to a parent: `Owner` of `Owner.Name`. Throws MILL_FIELD_UNKNOWN. */
  parent(relationship: string): FieldInfo {
    const found = this.#byRelationship.get(relationship.toLowerCase())
    if (found !== undefined) return found
    const names = this.fields.flatMap((field) => field.relationship ?? [])
    throw unknown(
      'MILL_FIELD_UNKNOWN',
      `${this.name} has no parent relationship ${relationship}`,
      relationship,
      names,
      { object: this.name, field: relationship },
    )
  }

  /** Throws MILL_FIELD_UNKNOWN. */
  child(relationship: string): ChildRelationship {
    const found = this.#children.get(relationship.toLowerCase())
    if (found !== undefined) return found
    const names = this.children.map((child) => child.name)
    throw unknown(
      'MILL_FIELD_UNKNOWN',
      `${this.name} has no child relationship ${relationship}`,
      relationship,
      names,
      { object: this.name, field: relationship },
    )
  }
}

/** The objects of an installation. */
export class Schema {
  readonly objects: readonly ObjectInfo[]
  readonly #byName: ReadonlyMap<string, ObjectInfo>

  /** Throws MILL_OBJECT_INVALID for a name twice, a reference to nowhere, and two child relationships of one name. */
  constructor(definitions: readonly ObjectDefinition[]) {
    const children = childrenOf(definitions)
    this.objects = definitions.map((one) => new ObjectInfo(one, children.get(one.name.toLowerCase()) ?? []))
    this.#byName = new Map(this.objects.map((one) => [one.name.toLowerCase(), one]))
    if (this.#byName.size < definitions.length) {
      const twice = definitions.find(
        (one, at) =>
          definitions.findIndex(({ name }) => name.toLowerCase() === one.name.toLowerCase()) !== at,
      )
      throw new MillraceError('MILL_OBJECT_INVALID', `two objects are named ${twice?.name}.`)
    }
  }

  /** By name in any case. Throws MILL_OBJECT_UNKNOWN with the nearest name. */
  object(name: string): ObjectInfo {
    const found = this.find(name)
    if (found !== undefined) return found
    throw unknown(
      'MILL_OBJECT_UNKNOWN',
      `there is no object ${name}`,
      name,
      this.objects.map((one) => one.name),
      { object: name },
    )
  }

  find(name: string): ObjectInfo | undefined {
    return this.#byName.get(name.toLowerCase())
  }
}

/** `OwnerId` leads to `Owner`, `Owner__c` to `Owner__r`. */
function relationshipOf(field: string): string {
  if (/.__c$/i.test(field)) return `${field.slice(0, -1)}r`
  return /.Id$/.test(field) ? field.slice(0, -2) : field
}

function childrenOf(definitions: readonly ObjectDefinition[]): Map<string, ChildRelationship[]> {
  const names = new Map(definitions.map(({ name }) => [name.toLowerCase(), name]))
  const found = new Map<string, ChildRelationship[]>()
  for (const { name: object, fields } of definitions) {
    for (const [field, { references, children }] of Object.entries(fields)) {
      for (const target of references) {
        if (!names.has(target.toLowerCase())) {
          const near = meant(target, [...names.values()])
          throw new MillraceError(
            'MILL_OBJECT_INVALID',
            `object ${object}, field ${field} points to ${target}, which is no object${near}.`,
          )
        }
        if (children === undefined) continue
        const own = found.get(target.toLowerCase()) ?? []
        const other = own.find((one) => one.name.toLowerCase() === children.toLowerCase())
        if (other !== undefined)
          throw new MillraceError(
            'MILL_OBJECT_INVALID',
            `${target} would have two child relationships ${children}: of ${other.object}.${other.field} and ${object}.${field}.`,
          )
        found.set(target.toLowerCase(), [...own, { name: children, object, field }])
      }
    }
  }
  return found
}

function unknown(
  code: 'MILL_FIELD_UNKNOWN' | 'MILL_OBJECT_UNKNOWN',
  what: string,
  given: string,
  names: readonly string[],
  data: Readonly<Record<string, unknown>>,
): MillraceError {
  const near = nearestName(given, names)
  return new MillraceError(code, `${what}${meant(given, names)}.`, {
    data: { ...data, ...(near === undefined ? {} : { near }) },
  })
}
