import { describeValue } from '../../kernel/rules/describe-value.ts'
import type { FieldInfo, ObjectInfo } from '../object/schema.ts'
import { dmlError, type DmlError, type DmlResult } from './result.ts'
import type { Shape, Shapes } from './shape.ts'
import { checkOf, missing } from './validate.ts'

export type RecordId = string | number | bigint

/** One row on its way through a call. */
export interface Item {
  /** Its place in the call. */
  readonly index: number
  shape: Shape
  /** Values of `shape.written`, in the same order; checked, not encoded. */
  values: unknown[]
  /** null until the record has one. */
  id: RecordId | null
  /** What version or modified-at it expects; undefined: any. */
  guard: unknown
  /** null: nothing is wrong so far. */
  errors: DmlError[] | null
}

export const emptyShape: Shape = {
  written: [],
  idKey: undefined,
  guard: undefined,
  tenantKey: undefined,
  softDeleteKey: undefined,
  errors: [],
  missing: [],
}

export function fail(item: Item, error: DmlError): void {
  if (item.errors === null) item.errors = [error]
  else item.errors.push(error)
}

export const isAlive = (item: Item): boolean => item.errors === null

export function resultOf(item: Item, created?: boolean): DmlResult {
  const { id, errors } = item
  const result = { success: errors === null, id, errors: errors ?? none }
  return created === undefined ? result : { ...result, created: created && result.success }
}

const none: readonly DmlError[] = Object.freeze([])

export interface ReadOptions {
  readonly object: ObjectInfo
  readonly shapes: Shapes
  readonly verb: 'insert' | 'update'
  readonly tenant: string
  /** Whether required fields must be there already; triggers may still fill them. */
  readonly complete: boolean
}

/** A row as an item, with everything that can be said of it without the database. */
export function readItem(given: unknown, index: number, options: ReadOptions): Item {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const item: Item = { index, shape: emptyShape, values: [], id: null, guard: undefined, errors: null }
    fail(
      item,
      dmlError('INVALID_TYPE_ON_FIELD_IN_RECORD', `a row must be an object; got ${describeValue(given)}`),
    )
    return item
  }
  const row = given as Readonly<Record<string, unknown>>
  const keys = Object.keys(row)
  const shape = options.shapes.of(keys)
  const { written } = shape
  const values = new Array<unknown>(written.length)
  const item: Item = { index, shape, values, id: null, guard: undefined, errors: null }
  for (let at = 0; at < written.length; at += 1) {
    const { key, field, check } = written[at] as Shape['written'][number]
    let value = key === undefined ? field.default : row[key]
    if (key === undefined) value = (typeof value === 'function' ? (value as () => unknown)() : value) ?? null
    // Absent, as in JSON: not the same as null.
    if (value === undefined) return readItem(withoutUndefined(row), index, options)
    values[at] = value
    if (value === null) {
      if (field.required && options.complete) fail(item, missing(field))
      continue
    }
    const wrong = check(value)
    if (wrong !== null) fail(item, wrong)
  }
  readKeys(item, row, options)
  return item
}

function withoutUndefined(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined))
}

function readKeys(item: Item, row: Readonly<Record<string, unknown>>, options: ReadOptions): void {
  const { shape } = item
  const { object } = options
  const readKey = options.verb === 'insert' ? readNewId : readId
  if (shape.idKey !== undefined) readKey(item, row[shape.idKey], object.idField)
  if (options.verb === 'update' && item.id === null && item.errors === null)
    fail(
      item,
      dmlError('MISSING_ARGUMENT', `${object.idField.name} is missing: it says which record to update`, [
        object.idField.name,
      ]),
    )
  if (shape.guard !== undefined) readGuard(item, row[shape.guard.key], shape.guard)
  if (shape.tenantKey !== undefined) checkTenant(item, row[shape.tenantKey], options)
  if (shape.softDeleteKey !== undefined) checkSoftDelete(item, row[shape.softDeleteKey], object)
  for (const error of shape.errors) fail(item, error)
  if (options.complete) for (const error of shape.missing) fail(item, error)
}

/** An id of a row that need not be new. */
export function readId(item: Item, value: unknown, idField: FieldInfo): void {
  if (value === null || value === undefined) return
  const wrong = checkOf(idField)(value)
  if (wrong === null) item.id = value as RecordId
  else fail(item, { ...wrong, code: 'MALFORMED_ID' })
}

function readNewId(item: Item, value: unknown, idField: FieldInfo): void {
  readId(item, value, idField)
  if (item.id === null || !idField.readOnly) return
  item.id = null
  fail(
    item,
    dmlError('INVALID_FIELD_FOR_INSERT_UPDATE', `${idField.name} is made by the database`, [idField.name]),
  )
}

function readGuard(item: Item, value: unknown, { field }: NonNullable<Shape['guard']>): void {
  if (value === null || value === undefined) return
  const wrong = checkOf(field)(value)
  if (wrong === null) item.guard = value
  else fail(item, wrong)
}

function checkTenant(item: Item, value: unknown, { object, tenant }: ReadOptions): void {
  if (value === undefined || value === null || value === tenant) return
  const name = object.definition.tenant ?? ''
  fail(
    item,
    dmlError('INSUFFICIENT_ACCESS_OR_READONLY', `${name} names another tenant than that of the caller`, [
      name,
    ]),
  )
}

function checkSoftDelete(item: Item, value: unknown, { definition }: ObjectInfo): void {
  if (value === undefined || value === null || value === false) return
  const name = definition.softDelete ?? ''
  fail(item, dmlError('INVALID_FIELD_FOR_INSERT_UPDATE', `${name} is set by delete and undelete`, [name]))
}
