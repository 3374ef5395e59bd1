import { SuperJSON } from 'superjson'
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

const rich = new SuperJSON()

/** What superjson's own way of typed arrays (JSON numbers) would lose. */
rich.registerCustom<Float32Array, string[]>(
  {
    isApplicable: (value): value is Float32Array =>
      value instanceof Float32Array && !value.every(isJsonNumber),
    serialize: (value) => Array.from(value, numberText),
    deserialize: (texts) => Float32Array.from(texts, Number),
  },
  'Float32Array',
)
rich.registerCustom<Float64Array, string[]>(
  {
    isApplicable: (value): value is Float64Array =>
      value instanceof Float64Array && !value.every(isJsonNumber),
    serialize: (value) => Array.from(value, numberText),
    deserialize: (texts) => Float64Array.from(texts, Number),
  },
  'Float64Array',
)
rich.registerCustom<BigInt64Array, string[]>(
  {
    isApplicable: (value): value is BigInt64Array => value instanceof BigInt64Array,
    serialize: (value) => Array.from(value, String),
    deserialize: (texts) => BigInt64Array.from(texts, BigInt),
  },
  'BigInt64Array',
)
rich.registerCustom<BigUint64Array, string[]>(
  {
    isApplicable: (value): value is BigUint64Array => value instanceof BigUint64Array,
    serialize: (value) => Array.from(value, String),
    deserialize: (texts) => BigUint64Array.from(texts, BigInt),
  },
  'BigUint64Array',
)

function isJsonNumber(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0)
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/**
 * Dates, BigInt, Map, Set, RegExp, URL, typed arrays, undefined, NaN and the infinities survive; functions, symbols, class instances and
 * cycles are refused (MILL_INPUT_UNSERIALIZABLE), so that what comes out deep-equals what went in (I-15).
 */
export function encode(value: unknown, where: string, limits: EncodeLimits): Encoded {
  if (survey(value, where, []) === 'plain') {
    const json = JSON.stringify(value)
    checkSize(json, '', where, limits)
    checkStorableJson(json, where)
    return { json }
  }
  const { json: tree, meta } = serialize(value, where)
  const json = JSON.stringify(tree ?? null)
  // The map is stored too, and may be larger than what it describes.
  checkSize(json, meta === undefined ? '' : JSON.stringify(meta), where, limits)
  checkStorableJson(json, where)
  return { json, ...(meta === undefined ? {} : { types: meta }) }
}

function serialize(value: unknown, where: string): ReturnType<typeof rich.serialize> {
  try {
    return rich.serialize(value)
  } catch (cause) {
    // A key such as __proto__, which the type map cannot name.
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError('MILL_INPUT_UNSERIALIZABLE', `${where} cannot be stored: ${why}`, { cause })
  }
}

function checkSize(json: string, types: string, where: string, { maxBytes, tooLarge }: EncodeLimits): void {
  // UTF-8 has at most three bytes for each unit of the text, so most texts need no exact count.
  if ((json.length + types.length) * 3 <= maxBytes) return
  const bytes = Buffer.byteLength(json) + Buffer.byteLength(types)
  if (bytes <= maxBytes) return
  throw new MillraceError(tooLarge, `${where} has ${bytes} bytes as JSON, at most ${maxBytes} are allowed`, {
    data: { bytes, maxBytes },
  })
}

/** As one text: `{"json":…}`, and `"types"` only where it has some. */
export function textOf({ json, types }: Encoded): string {
  return types === undefined ? `{"json":${json}}` : `{"json":${json},"types":${JSON.stringify(types)}}`
}

export function decode(json: string, types: unknown): unknown {
  const value: unknown = JSON.parse(json)
  if (types === undefined || types === null) return value
  return rich.deserialize({ json: value as never, meta: types })
}

/** Of exactly these: an instance of a class that extends one would come back without what the class adds. */
const richPrototypes: ReadonlySet<unknown> = new Set(
  [
    ...[Date, Map, Set, RegExp, URL],
    ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
    ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
  ].map((known): unknown => known.prototype),
)
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
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length)
      throw refused(where, path, 'is a list with holes or with fields of its own')
    return surveyAll(value.entries(), where, path)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    if (Object.getOwnPropertySymbols(value).length > 0) throw refused(where, path, 'has a symbol as key')
    return surveyAll(Object.entries(value), where, path)
  }
  if (value instanceof Uint8Array && prototype === Buffer.prototype)
    throw refused(where, path, 'is a Buffer; pass a Uint8Array')
  if (!richPrototypes.has(prototype)) throw refused(where, path, `is an instance of ${classOf(value)}`)
  if (value instanceof Date && Number.isNaN(value.getTime())) throw refused(where, path, 'is an invalid Date')
  if (value instanceof Map) {
    surveyAll([...value.keys()].entries(), where, path)
    surveyAll([...value.values()].entries(), where, path)
  }
  if (value instanceof Set) surveyAll([...value].entries(), where, path)
  return 'rich'
}

function classOf(value: object): string {
  const maker: unknown = value.constructor
  return (typeof maker === 'function' && maker.name) || 'an unnamed class'
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
