import { meant } from '../../kernel/rules/nearest-name.ts'
import type { FieldInfo, ObjectInfo } from '../object/schema.ts'
import { dmlError, type DmlError } from './result.ts'
import { checkOf, missing, type Check } from './validate.ts'

export type WriteVerb = 'insert' | 'update'

/** A field that rows of a shape write. */
export interface Written {
  readonly field: FieldInfo
  /** Where the row has it; undefined: the field's default. */
  readonly key: string | undefined
  readonly check: Check
}

/** What rows with the same keys have in common: looked up once, however many rows there are. */
export interface Shape {
  readonly written: readonly Written[]
  readonly idKey: string | undefined
  /** Where the row says what it expects the version, or the time of the last change, to be. */
  readonly guard: { readonly field: FieldInfo; readonly key: string } | undefined
  readonly tenantKey: string | undefined
  readonly softDeleteKey: string | undefined
  /** What is wrong with every row of this shape. */
  readonly errors: readonly DmlError[]
  /** Required fields that it lacks: wrong unless a trigger fills them. */
  readonly missing: readonly DmlError[]
}

/** Whether the caller may write the field. */
type MayWrite = (field: FieldInfo) => boolean

/** The shapes of one call's rows. */
export class Shapes {
  readonly #object: ObjectInfo
  readonly #verb: WriteVerb
  readonly #mayWrite: MayWrite
  readonly #known = new Map<string, Shape>()
  #lastKeys: readonly string[] = []
  #last: Shape | null = null

  constructor(object: ObjectInfo, verb: WriteVerb, mayWrite: MayWrite) {
    this.#object = object
    this.#verb = verb
    this.#mayWrite = mayWrite
  }

  of(keys: readonly string[]): Shape {
    if (this.#last !== null && sameKeys(keys, this.#lastKeys)) return this.#last
    const name = JSON.stringify(keys)
    let shape = this.#known.get(name)
    if (shape === undefined) {
      shape = new ShapeMaker(this.#object, this.#verb, this.#mayWrite).make(keys)
      this.#known.set(name, shape)
    }
    this.#lastKeys = keys
    this.#last = shape
    return shape
  }
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false
  return true
}

class ShapeMaker {
  readonly #object: ObjectInfo
  readonly #verb: WriteVerb
  readonly #mayWrite: MayWrite
  readonly #errors: DmlError[] = []
  readonly #written: Written[] = []
  readonly #seen = new Map<FieldInfo, string>()

  constructor(object: ObjectInfo, verb: WriteVerb, mayWrite: MayWrite) {
    this.#object = object
    this.#verb = verb
    this.#mayWrite = mayWrite
  }

  make(keys: readonly string[]): Shape {
    for (const key of keys) this.#take(key)
    const lacking = this.#verb === 'insert' ? this.#lacking() : []
    const { idField, definition } = this.#object
    const keyOf = (name: string | undefined): string | undefined =>
      name === undefined ? undefined : this.#seen.get(this.#object.field(name))
    return {
      written: this.#written,
      idKey: this.#seen.get(idField),
      guard: this.#guard(keyOf(definition.version), keyOf(definition.modifiedAt)),
      tenantKey: keyOf(definition.tenant),
      softDeleteKey: this.#verb === 'update' ? keyOf(definition.softDelete) : undefined,
      errors: this.#errors,
      missing: lacking.map(missing),
    }
  }

  #take(key: string): void {
    const field = this.#object.find(key)
    if (field === undefined) {
      if (!isRelated(this.#object, key)) this.#refuse('INVALID_FIELD', this.#unknown(key), key)
      return
    }
    const twice = this.#seen.get(field)
    if (twice !== undefined) {
      this.#refuse('INVALID_FIELD', `${field.name} is given twice: as ${twice} and as ${key}`, field.name)
      return
    }
    this.#seen.set(field, key)
    if (!this.#isWritten(field)) return
    if (field.readOnly) {
      this.#refuse('INVALID_FIELD_FOR_INSERT_UPDATE', `${field.label} is read-only; leave it out`, field.name)
    } else if (!this.#mayWrite(field)) {
      this.#refuse(
        'INVALID_FIELD_FOR_INSERT_UPDATE',
        `no role of the caller lets it write ${field.label}`,
        field.name,
      )
    } else {
      this.#written.push({ field, key, check: checkOf(field) })
    }
  }

  /** Not: what finds or guards the record of an update, and what Millrace sets itself. */
  #isWritten(field: FieldInfo): boolean {
    const { tenant, version, createdAt, modifiedAt, softDelete } = this.#object.definition
    if (field.name === tenant || field === this.#object.idField) return false
    return this.#verb === 'insert' || ![version, createdAt, modifiedAt, softDelete].includes(field.name)
  }

  /** Adds the fields that have a default, and answers the required ones that are left. */
  #lacking(): FieldInfo[] {
    const { tenant, version, createdAt, modifiedAt } = this.#object.definition
    const own = [tenant, version, createdAt, modifiedAt, this.#object.idField.name]
    const lacking: FieldInfo[] = []
    for (const field of this.#object.fields) {
      if (this.#seen.has(field) || own.includes(field.name) || field.readOnly) continue
      if (field.default !== undefined) this.#written.push({ field, key: undefined, check: checkOf(field) })
      else if (field.required) lacking.push(field)
    }
    return lacking
  }

  #guard(version: string | undefined, modifiedAt: string | undefined): Shape['guard'] {
    const { definition } = this.#object
    if (this.#verb === 'insert') return undefined
    if (version !== undefined && definition.version !== undefined)
      return { field: this.#object.field(definition.version), key: version }
    if (modifiedAt !== undefined && definition.modifiedAt !== undefined)
      return { field: this.#object.field(definition.modifiedAt), key: modifiedAt }
    return undefined
  }

  #unknown(key: string): string {
    const names = this.#object.fields.map(({ name }) => name)
    return `${this.#object.name} has no field ${key}${meant(key, names)}`
  }

  #refuse(code: 'INVALID_FIELD' | 'INVALID_FIELD_FOR_INSERT_UPDATE', message: string, field: string): void {
    this.#errors.push(dmlError(code, message, [field]))
  }
}

/** A parent or children that a query brought along: rows of queries can be spread into an update. */
function isRelated(object: ObjectInfo, key: string): boolean {
  const name = key.toLowerCase()
  return (
    object.fields.some(({ relationship }) => relationship?.toLowerCase() === name) ||
    object.children.some((child) => child.name.toLowerCase() === name)
  )
}
