import type { FieldInfo } from '../../../packages/millrace/src/records/object/schema.ts'
import type { FieldType } from '../../../packages/millrace/src/records/object/field.ts'
import type { Call, Operand, Path } from '../../../packages/millrace/src/records/query/query.ts'
import { formatted } from './format.ts'
import { dateFunction, dateFunctions } from './time.ts'
import { parentOf, type Found, type OracleEnv, type Rec, type Scope } from './world.ts'

/** What kind of value an operand has; decides how it compares. */
export interface Kind {
  readonly type: FieldType
  readonly caseSensitive: boolean
  readonly field?: FieldInfo
}

const numeric: Kind = { type: 'number', caseSensitive: true }
const textual: Kind = { type: 'text', caseSensitive: false }

/** `a.Name` and `Contact.Name` of a query over Contact a are Name. */
export function ownPath(path: Path, { alias, object }: Pick<Scope, 'alias' | 'object'>): Path {
  const [first = '', ...rest] = path
  if (rest.length === 0) return path
  const same = (name: string | undefined) => name?.toLowerCase() === first.toLowerCase()
  return same(alias) || same(object.name) ? rest : path
}

/** The field that a path ends at, by definitions alone. Of several possible parents the first that has it answers. */
export function fieldAt(path: Path, scope: Scope): FieldInfo | undefined {
  let objects = [scope.object]
  for (const step of path.slice(0, -1)) {
    objects = objects.flatMap((object) =>
      object.parent(step).references.flatMap((target) => scope.env.world.schema.find(target) ?? []),
    )
  }
  const last = path.at(-1) ?? ''
  return objects.map((object) => object.find(last)).find((field) => field !== undefined)
}

export function valueAt(path: Path, scope: Scope, rec: Rec): unknown {
  let at: Found | undefined = { object: scope.object, rec }
  for (const step of path.slice(0, -1)) {
    if (at === undefined) return null
    at = parentOf(at, at.object.parent(step).name, scope.env)
  }
  if (at === undefined) return null
  const last = path.at(-1) ?? ''
  const field = at.object.find(last)
  if (field === undefined) return last.toLowerCase() === 'type' ? at.object.name : null
  return at.rec[field.name] ?? null
}

export function kindOf(operand: Operand, scope: Scope): Kind {
  if (operand.kind === 'call') return kindOfCall(operand.call, scope)
  const path = ownPath(operand.path, scope)
  const field = fieldAt(path, scope)
  return field === undefined ? textual : { type: field.type, caseSensitive: field.caseSensitive, field }
}

function kindOfCall(call: Call, scope: Scope): Kind {
  if (call.name === 'FORMAT') return textual
  if (call.name === 'DAY_ONLY') return { type: 'date', caseSensitive: true }
  const [first] = call.args
  if (['MIN', 'MAX', 'TOLABEL'].includes(call.name) && first !== undefined && first.kind !== 'scalar')
    return kindOf(first, scope)
  return numeric
}

/** The value of an operand in one record; aggregates are not for here. */
export function valueOf(operand: Operand, scope: Scope, rec: Rec): unknown {
  if (operand.kind === 'field') return valueAt(ownPath(operand.path, scope), scope, rec)
  const { name, args } = operand.call
  const [first] = args
  if (first === undefined || first.kind === 'scalar') throw new Error(`${name} of what?`)
  if (dateFunctions.includes(name)) return dateFunction(name, ...clockOf(first, scope, rec))
  if (name === 'TOLABEL') return labelOf(kindOf(first, scope).field, valueOf(first, scope, rec))
  if (name === 'FORMAT') return formatted(valueOf(first, scope, rec), kindOf(first, scope), zoneOf(scope.env))
  throw new Error(`the oracle knows no ${name}`)
}

function clockOf(operand: Operand, scope: Scope, rec: Rec): [unknown, string] {
  if (operand.kind === 'field') return [valueOf(operand, scope, rec), 'UTC']
  const [inner] = operand.call.args
  if (operand.call.name !== 'CONVERTTIMEZONE' || inner === undefined || inner.kind === 'scalar')
    throw new Error(`no date function of ${operand.call.name}`)
  return [valueOf(inner, scope, rec), zoneOf(scope.env)]
}

export const zoneOf = ({ caller }: OracleEnv): string => caller.timeZone

export function labelOf(field: FieldInfo | undefined, value: unknown): unknown {
  const label = (one: unknown) => field?.values.find((choice) => choice.value === one)?.label ?? one
  return Array.isArray(value) ? value.map(label) : label(value)
}
