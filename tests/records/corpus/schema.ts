import { defineObject } from '../../../packages/millrace/src/records/object/define-object.ts'
import * as fields from '../../../packages/millrace/src/records/object/field.ts'
import type { ObjectDefinition } from '../../../packages/millrace/src/records/object/object.ts'
import { Schema, type FieldInfo } from '../../../packages/millrace/src/records/object/schema.ts'
import type { Rec, World } from '../oracle/world.ts'
import type { Demand } from './demand.ts'
import type { Model, ModelField, ModelObject } from './model.ts'

const instant = new Date('2026-11-24T09:30:00.000Z')

/** The types of fields that no definition tells, as some queries agree on them. */
export type Types = ReadonlyMap<ModelField, fields.FieldType>

/** Tables for what the queries use of a model, with three records each. */
export function worldOf(model: Model, types: Types): World {
  for (const object of [...model.objects.values()]) {
    if (!object.used) continue
    for (const field of usedFields(object))
      if (typeOf(field, types) === 'reference')
        for (const target of field.targets) model.object(target).used = true
  }
  const used = [...model.objects.values()].filter((object) => object.used)
  const schema = new Schema(used.map((object, at) => definitionOf(object, `o${at}`, model, types)))
  const rows = Object.fromEntries(
    schema.objects.map((object) => [
      object.name,
      [1, 2, 3].map((n): Rec => Object.fromEntries(object.fields.flatMap((field) => cells(field, n)))),
    ]),
  )
  return { schema, rows }
}

/** A value for each bind, of the type it is compared with. */
export function bindsOf({ binds }: Demand, types: Types): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    binds.map(({ name, compared, list }) => {
      const value = valueOf(typeof compared === 'string' ? compared : typeOf(compared, types), 1)
      if (Array.isArray(value)) return [name, list ? value : value.join(';')]
      return [name, list ? [value] : value]
    }),
  )
}

const usedFields = (object: ModelObject): ModelField[] =>
  [...object.fields.values()].filter((field) => field.used && field.type !== 'id')

function typeOf(field: ModelField, types: Types): fields.FieldType {
  const { name, type, targets } = field
  if (type === 'reference' && targets.length === 0) return 'text'
  const known = type ?? types.get(field)
  if (known !== undefined) return known
  if (/^(?:Created|LastModified)Date$|^SystemModstamp$/i.test(name)) return 'datetime'
  return /^(?:Is|Has)[A-Z]/.test(name) ? 'boolean' : 'text'
}

function definitionOf(object: ModelObject, table: string, model: Model, types: Types): ObjectDefinition {
  const columns = usedFields(object).map(
    (field, at) => [field.name, fieldOf(field, typeOf(field, types), `c${at}`, model)] as const,
  )
  const all: Record<string, fields.Field> = {
    Id: fields.id({ column: 'id' }),
    ...Object.fromEntries(columns),
  }
  const owner = Object.keys(all).find((name) => object.mine && name.toLowerCase() === 'ownerid')
  return defineObject({
    name: object.name,
    table,
    fields: all,
    ...(owner === undefined ? {} : { owner }),
  })
}

function fieldOf(field: ModelField, type: fields.FieldType, column: string, model: Model): fields.Field {
  switch (type) {
    case 'id':
    case 'reference':
      return fields.reference(
        field.targets.map((target) => model.object(target).name),
        {
          column,
          ...(field.targets.length > 1 ? { typeColumn: `${column}_type` } : {}),
          ...(field.relationship === undefined ? {} : { relationship: field.relationship }),
          ...(field.children === undefined ? {} : { children: field.children }),
        },
      )
    case 'number':
      return fields.number({ column })
    case 'integer':
      return fields.integer({ column })
    case 'currency':
      return fields.currency({ column })
    case 'boolean':
      return fields.boolean({ column })
    case 'date':
      return fields.date({ column })
    case 'datetime':
      return fields.datetime({ column })
    case 'multipicklist':
      return fields.multipicklist(['a', 'b'], { column, restricted: false })
    default:
      return fields.text({ column })
  }
}

function cells(field: FieldInfo, n: number): [string, unknown][] {
  if (field.type === 'id' || field.type === 'reference')
    return [
      [field.name, String(n)],
      ...(field.typeColumn === undefined
        ? []
        : [[`${field.name}:type`, field.references[0]] as [string, unknown]]),
    ]
  // The third record is empty.
  return [[field.name, n === 3 ? null : valueOf(field.type, n)]]
}

function valueOf(type: fields.FieldType, n: number): unknown {
  switch (type) {
    case 'id':
    case 'reference':
      return String(n)
    case 'number':
    case 'integer':
    case 'currency':
      return n
    case 'boolean':
      return n === 1
    case 'date':
      return '2026-11-24'
    case 'datetime':
      return instant
    case 'multipicklist':
      return ['a', 'b'].slice(0, n)
    default:
      return `text ${n}`
  }
}
