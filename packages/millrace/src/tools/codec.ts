import superjson from 'superjson'
import { MillraceError, type ErrorCode } from '../kernel/rules/errors.ts'
import { checkStorableJson } from '../kernel/rules/text.ts'

/** A value as storage keeps it: readable JSON, and a type map where JSON alone would lose something. */
export interface Encoded {
  readonly json: string
  readonly types?: unknown
}

export interface EncodeLimits {
  readonly maxBytes: number
  readonly tooLarge: ErrorCode
}

/**
 * Dates, BigInt, Map, Set, RegExp, URL, typed arrays, undefined, NaN and the infinities survive; functions, symbols, class instances and
 * cycles are refused (MILL_INPUT_UNSERIALIZABLE), so that what comes out deep-equals what went in (I-15).
 */
export function encode(value: unknown, where: string, limits: EncodeLimits): Encoded {
  const kind = survey(value, where, [])
  let encoded: Encoded
  if (kind === 'plain') {
    encoded = { json: JSON.stringify(value) }
  } else {
    const { json, meta } = superjson.serialize(value)
    encoded = { json: JSON.stringify(json ?? null), ...(meta === undefined ? {} : { types: meta }) }
  }
  // UTF-8 has at most three bytes for each unit of the text, so most texts need no exact count.
  if (encoded.json.length * 3 > limits.maxBytes) {
    const bytes = Buffer.byteLength(encoded.json)
    if (bytes > limits.maxBytes) {
      throw new MillraceError(
        limits.tooLarge,
        `${where} has ${bytes} bytes as JSON, at most ${limits.maxBytes} are allowed`,
        { data: { bytes, maxBytes: limits.maxBytes } },
      )
    }
  }
  checkStorableJson(encoded.json, where)
  return encoded
}

export function decode(json: string, types: unknown): unknown {
  const value: unknown = JSON.parse(json)
  if (types === undefined || types === null) return value
  return superjson.deserialize({ json: value as never, meta: types })
}

const richClasses: readonly (abstract new (...args: never[]) => object)[] = [
  Date,
  Map,
  Set,
  RegExp,
  URL,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]
const deepest = 500

/** Whether JSON alone keeps the value, or it needs a type map; throws when neither can. */
function survey(value: unknown, where: string, path: (string | number)[]): 'plain' | 'rich' {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return 'plain'
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? 'plain' : 'rich'
    case 'bigint':
    case 'undefined':
      return 'rich'
    case 'object':
      return value === null ? 'plain' : surveyObject(value, where, path)
    default:
      throw refused(where, path, `is a ${typeof value}`)
  }
}

function surveyObject(value: object, where: string, path: (string | number)[]): 'plain' | 'rich' {
  if (path.length > deepest)
    throw refused(where, path.slice(0, 5), `is nested deeper than ${deepest} levels, or contains itself`)
  if (Array.isArray(value)) return surveyAll(value.entries(), where, path)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null)
    return surveyAll(Object.entries(value), where, path)
  if (value instanceof Map) {
    surveyAll([...value.keys()].entries(), where, path)
    surveyAll([...value.values()].entries(), where, path)
    return 'rich'
  }
  if (value instanceof Set) {
    surveyAll([...value].entries(), where, path)
    return 'rich'
  }
  if (value instanceof Date && Number.isNaN(value.getTime())) throw refused(where, path, 'is an invalid Date')
  if (value instanceof Uint8Array && value.constructor !== Uint8Array)
    throw refused(where, path, 'is a Buffer; pass a Uint8Array')
  if (richClasses.some((known) => value instanceof known)) return 'rich'
  throw refused(where, path, `is an instance of ${value.constructor.name || 'an unnamed class'}`)
}

function surveyAll(
  entries: Iterable<readonly [string | number, unknown]>,
  where: string,
  path: (string | number)[],
): 'plain' | 'rich' {
  let kind: 'plain' | 'rich' = 'plain'
  for (const [key, inner] of entries) {
    path.push(key)
    if (survey(inner, where, path) === 'rich') kind = 'rich'
    path.pop()
  }
  return kind
}

function refused(where: string, path: readonly (string | number)[], problem: string): MillraceError {
  const place = path.length === 0 ? where : `${where}.${path.join('.')}`
  return new MillraceError('MILL_INPUT_UNSERIALIZABLE', `${place} ${problem}, which cannot be stored`, {
    data: { path: [...path] },
  })
}
