import type { FieldType } from '../../../packages/millrace/src/records/object/field.ts'
import type { OwnObjects, StandardObjects } from './files.ts'

/** Where something is known from: a definition, or only that queries use it. */
export type Known = 'definition' | 'use'

export interface ModelField {
  readonly name: string
  readonly known: Known
  type: FieldType | undefined
  /** Of a reference: the objects it may point to, and its way to the parent. */
  targets: string[]
  relationship: string | undefined
  /** The way back, once a query goes it. */
  children: string | undefined
  used: boolean
}

export interface ModelObject {
  readonly name: string
  readonly known: Known
  readonly fields: Map<string, ModelField>
  /** The way to children -> the object, and its field where that is known. */
  readonly children: Map<string, readonly [object: string, field: string | undefined]>
  used: boolean
  mine: boolean
}

const ownTypes: Readonly<Record<string, FieldType>> = {
  ...{ Checkbox: 'boolean', Number: 'number', Percent: 'number', Summary: 'number', Currency: 'currency' },
  ...{ Date: 'date', DateTime: 'datetime', MultiselectPicklist: 'multipicklist' },
  ...{ Lookup: 'reference', MasterDetail: 'reference', MetadataRelationship: 'reference' },
  ...{ Hierarchy: 'reference', IndirectLookup: 'reference' },
}
const standardTypes: Readonly<Record<string, FieldType>> = {
  ...{ Boolean: 'boolean', Integer: 'integer', Long: 'integer', Decimal: 'number', Date: 'date' },
  ...{ Datetime: 'datetime', Id: 'reference' },
}
const users = ['Owner', 'CreatedBy', 'LastModifiedBy']

/**
 * The objects that the queries of one repository may name, in any case: its own, then the standard ones, then what nobody defines and
 * queries use all the same (what `usage.json` lists).
 */
export class Model {
  readonly objects = new Map<string, ModelObject>()

  constructor(own: OwnObjects, standard: StandardObjects) {
    for (const [name, { fields = {}, children = {} }] of Object.entries(own.objects)) {
      if (!isName(name)) continue
      const object = this.object(name, 'definition')
      for (const [field, { type, referenceTo }] of Object.entries(fields))
        // A standard field that the repository only labels anew has no type there.
        if (type !== undefined || referenceTo !== undefined)
          addField(object, field, 'definition', {
            type: referenceTo === undefined ? (ownTypes[type ?? ''] ?? 'text') : 'reference',
            targets: referenceTo === undefined || !isName(referenceTo) ? [] : [referenceTo],
          })
      for (const [relationship, [child, field]] of Object.entries(children))
        if (isName(child) && isName(field)) object.children.set(relationship.toLowerCase(), [child, field])
    }
    for (const [name, { fields, parents, children }] of Object.entries(standard.objects)) {
      const object = this.object(name, 'definition')
      for (const [field, type] of Object.entries(fields))
        if (!object.fields.has(field.toLowerCase()))
          addField(object, field, 'definition', { type: standardTypes[type] ?? 'text' })
      for (const [relationship, target] of Object.entries(parents)) this.#parent(object, relationship, target)
      for (const [relationship, child] of Object.entries(children))
        if (!object.children.has(relationship.toLowerCase()))
          object.children.set(relationship.toLowerCase(), [child, undefined])
    }
  }

  /** By name; made when there is none. */
  object(name: string, known: Known = 'use'): ModelObject {
    const found = this.objects.get(name.toLowerCase())
    if (found !== undefined) return found
    const object = { name, known, fields: new Map(), children: new Map(), used: false, mine: false }
    this.objects.set(name.toLowerCase(), object)
    return object
  }

  field(object: ModelObject, name: string): ModelField {
    const found = object.fields.get(name.toLowerCase()) ?? addField(object, name, 'use', {})
    found.used = true
    return found
  }

  /** The reference that a path goes through. */
  parent(object: ModelObject, relationship: string): ModelField {
    const lower = relationship.toLowerCase()
    const named = [...object.fields.values()].find((field) => field.relationship?.toLowerCase() === lower)
    const field = named ?? this.field(object, keyOf(relationship))
    field.relationship ??= relationship
    field.type = 'reference'
    if (field.targets.length === 0) field.targets.push(this.#target(relationship))
    field.used = true
    return field
  }

  /** The object of a child relationship, whose reference gets the way back. */
  child(object: ModelObject, relationship: string): ModelObject {
    const [name = relationship, fieldName] = object.children.get(relationship.toLowerCase()) ?? []
    const child = this.object(this.#singular(name))
    const field = this.#wayBack(object, child, relationship, fieldName)
    field.type = 'reference'
    if (!field.targets.some((target) => target.toLowerCase() === object.name.toLowerCase()))
      field.targets = [object.name]
    field.children = relationship
    field.used = true
    object.children.set(relationship.toLowerCase(), [child.name, field.name])
    return child
  }

  #wayBack(
    object: ModelObject,
    child: ModelObject,
    relationship: string,
    name: string | undefined,
  ): ModelField {
    const free = (field: ModelField): boolean =>
      field.children === undefined || field.children.toLowerCase() === relationship.toLowerCase()
    const known = name === undefined ? undefined : this.field(child, name)
    if (known !== undefined && free(known)) return known
    const pointing = [...child.fields.values()].find(
      (field) => field.targets.includes(object.name) && free(field),
    )
    return pointing ?? this.field(child, `${object.name}_${relationship}`.slice(0, 70))
  }

  #parent(object: ModelObject, relationship: string, target: string): void {
    const key = keyOf(relationship)
    const field = object.fields.get(key.toLowerCase()) ?? addField(object, key, 'definition', {})
    field.type = 'reference'
    field.relationship ??= relationship
    if (field.targets.length === 0) field.targets.push(target)
  }

  #target(relationship: string): string {
    if (users.includes(relationship)) return 'User'
    return /__r$/i.test(relationship) ? relationship.replace(/r$/i, 'c') : relationship
  }

  #singular(name: string): string {
    if (this.objects.has(name.toLowerCase())) return name
    const one = name.replace(/s?(__r)?$/i, (end) => (/__r$/i.test(end) ? '__c' : ''))
    return this.objects.has(one.toLowerCase()) ? one : name
  }
}

/** Some names still have a token of their packaging in front. */
const isName = (name: string): boolean => /^[A-Za-z]\w*$/.test(name)

/** `Owner` is led to by OwnerId, `Owner__r` by Owner__c. */
const keyOf = (relationship: string): string =>
  /__r$/i.test(relationship) ? relationship.replace(/r$/i, 'c') : `${relationship}Id`

function addField(
  object: ModelObject,
  name: string,
  known: Known,
  { type, targets = [] }: { readonly type?: FieldType | undefined; readonly targets?: readonly string[] },
): ModelField {
  const relationship = type === 'reference' && /__c$/i.test(name) ? name.replace(/c$/i, 'r') : undefined
  const field: ModelField = {
    ...{ name, known, type: /^id$/i.test(name) ? 'id' : type, targets: [...targets], relationship },
    ...{ children: undefined, used: false },
  }
  object.fields.set(name.toLowerCase(), field)
  return field
}
