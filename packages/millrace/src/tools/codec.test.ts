import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode, textOf, type Encoded } from './codec.ts'

function encoded(value: unknown, maxBytes = 1_000_000): Encoded {
  return encode(value, 'input', { maxBytes, tooLarge: 'MILL_PAYLOAD_TOO_LARGE' })
}

/** Through storage, which keeps both parts as JSON. */
function throughStorage(value: unknown): unknown {
  const { json, types } = encoded(value)
  return decode(json, types === undefined ? undefined : JSON.parse(JSON.stringify(types)))
}

describe('what comes out deep-equals what went in (I-15)', () => {
  const shared = { since: new Date(1) }
  test.for<[name: string, value: unknown]>([
    ['plain data', { a: [1, 'x', true, null, { b: [] }] }],
    ['Date', new Date('2030-01-01T00:00:00.123Z')],
    ['BigInt', 2n ** 80n],
    ['Map, with keys that are no text', new Map<unknown, unknown>([[{ a: 1n }, new Set([undefined])]])],
    ['Set', new Set([1, 'x', new Date(5)])],
    ['RegExp', /a\/b/giu],
    ['URL', new URL('https://example.com/a?b=c')],
    ['undefined', undefined],
    ['undefined in an object and a list', { a: undefined, b: [undefined, null] }],
    ['NaN', NaN],
    ['-0', -0],
    ['the infinities', [Infinity, -Infinity]],
    ['Int8Array', Int8Array.of(-1, 2)],
    ['Uint8Array', Uint8Array.of(0, 255)],
    ['Uint8ClampedArray', Uint8ClampedArray.of(7)],
    ['Int16Array', Int16Array.of(-300)],
    ['Uint16Array', Uint16Array.of(300)],
    ['Int32Array', Int32Array.of(-70_000)],
    ['Uint32Array', Uint32Array.of(4_000_000_000)],
    ['Float32Array', Float32Array.of(1.5, NaN, -0)],
    ['Float64Array', Float64Array.of(0.1, NaN, -0, Infinity, -Infinity)],
    ['BigInt64Array', BigInt64Array.of(-(2n ** 63n))],
    ['BigUint64Array', BigUint64Array.of(2n ** 64n - 1n)],
    ['an empty typed array', new Float64Array()],
    ['one value reached twice', [shared, shared]],
    ['keys with dots, backslashes and nothing', { 'a.b': 1n, 'c\\.d': { '': -0 }, '': new Date(0) }],
    [
      'nested',
      { orders: new Map([['first', [{ at: new Date(9), sums: new Set([1n]), bytes: Uint8Array.of(1) }]]]) },
    ],
  ])('%s', ([, value]) => {
    const back = throughStorage(value)
    expect(back).toStrictEqual(value)
    expect(isDeepStrictEqual(back, value)).toBe(true)
  })

  test('plain data is plain JSON, without a type map', () => {
    const value = JSON.parse('{"a":[1,"x"],"__proto__":2}') as unknown
    expect(encoded(value)).toStrictEqual({ json: '{"a":[1,"x"],"__proto__":2}' })
    expect(throughStorage(value)).toStrictEqual(value)
    expect(decode('[1]', null)).toEqual([1])
  })

  test('for any of the values it takes', () => {
    const unnamable = ['__proto__', 'constructor', 'prototype']
    const values = fc.anything({
      key: fc.string().filter((key) => !unnamable.includes(key)),
      values: [
        ...[fc.string(), fc.boolean(), fc.double(), fc.maxSafeInteger(), fc.bigInt()],
        ...[fc.date({ noInvalidDate: true }), fc.constantFrom(undefined, null, -0)],
        ...[fc.bigInt64Array(), fc.bigUint64Array()],
      ],
      withMap: true,
      withSet: true,
      withTypedArray: true,
    })
    fc.assert(fc.property(values, (value) => isDeepStrictEqual(throughStorage(value), value)))
  })
})

test.for([
  [{ a: [1, null] }, '{"json":{"a":[1,null]}}'],
  [[new Date(5)], '{"json":["1970-01-01T00:00:00.005Z"],"types":{"values":{"0":["Date"]},"v":1}}'],
] as const)('as one text, with types only where it has some: %o', ([value, text]) => {
  expect(textOf(encoded(value))).toBe(text)
  const { json, types } = JSON.parse(text) as { json: unknown; types?: unknown }
  expect(decode(JSON.stringify(json), types)).toEqual(value)
})

describe('refused, with the place', () => {
  class Money {
    readonly cents = 1
  }
  const unnamed = () =>
    class {
      readonly cents = 1
    }
  class Moment extends Date {}
  class Table extends Map<string, number> {}
  test.for<[name: string, value: unknown, path: (string | number)[], says: string]>([
    ['a function', () => 1, [], 'input is a function'],
    ['a function inside', { a: [0, { run: () => 1 }] }, ['a', 1, 'run'], 'input.a.1.run is a function'],
    ['a symbol', { a: Symbol('x') }, ['a'], 'input.a is a symbol'],
    ['a symbol as key', { a: { [Symbol('x')]: 1 } }, ['a'], 'input.a has a symbol as key'],
    ['a class instance', [new Money()], [0], 'input.0 is an instance of Money'],
    ['an unnamed class', { a: new (unnamed())() }, ['a'], 'input.a is an instance of an unnamed class'],
    ['a class that extends Date', new Moment(0), [], 'input is an instance of Moment'],
    ['a class that extends Map', new Table(), [], 'input is an instance of Table'],
    ['an Error', { a: new Error('x') }, ['a'], 'input.a is an instance of Error'],
    ['a promise', { a: Promise.resolve(1) }, ['a'], 'input.a is an instance of Promise'],
    ['an invalid Date', { at: new Date(NaN) }, ['at'], 'input.at is an invalid Date'],
    ['a Buffer', { bytes: Buffer.from('x') }, ['bytes'], 'input.bytes is a Buffer; pass a Uint8Array'],
    ['a function in a Map', { m: new Map([['k', () => 1]]) }, ['m', 0], 'input.m.0 is a function'],
    ['a symbol as key of a Map', new Map([[Symbol('x'), 1]]), [0], 'input.0 is a symbol'],
    ['a function in a Set', new Set([1, () => 1]), [1], 'input.1 is a function'],
    ['a list with holes', { a: new Array(2) }, ['a'], 'input.a is a list with holes'],
  ])('%s', ([, value, path, says]) => {
    expect(() => encoded(value)).toThrow(
      expect.objectContaining({
        code: 'MILL_INPUT_UNSERIALIZABLE',
        message: expect.stringContaining(says) as string,
        data: { path },
      }),
    )
  })

  test.for<[name: string, value: unknown]>([
    ['an object', Object.assign({}, { self: {} })],
    ['a Map', new Map<string, unknown>()],
    ['a list', [] as unknown[]],
  ])('%s that contains itself', ([, value]) => {
    if (value instanceof Map) value.set('self', value)
    else if (Array.isArray(value)) value.push(value)
    else Object.assign(value as object, { self: value })
    expect(() => encoded({ a: value })).toThrow(
      expect.objectContaining({
        code: 'MILL_INPUT_UNSERIALIZABLE',
        message: expect.stringContaining('contains itself') as string,
        data: { path: expect.arrayContaining(['a']) as unknown },
      }),
    )
  })

  test.for<[name: string, value: unknown]>([
    ['NUL', { a: 'x\0y' }],
    ['NUL in a key', { 'x\0y': 1 }],
    ['NUL beside rich data', { a: 'x\0', at: new Date(0) }],
    ['NUL in a Map', new Map([['x\0', 1]])],
    ['a lone high surrogate', ['\ud83d']],
    ['a lone low surrogate', { a: 'x\ude00' }],
  ])('text that not every database can hold: %s', ([, value]) => {
    expect(() => encoded(value)).toThrow(
      expect.objectContaining({
        code: 'MILL_TEXT_UNSTORABLE',
        data: { where: 'input', index: expect.any(Number) as number },
      }),
    )
  })

  test('pairs of surrogates and escaped backslashes are fine', () => {
    const value = ['😀', '\\u0000', '\\ud83d']
    expect(throughStorage(value)).toEqual(value)
  })

  test('a key that the type map cannot name', () => {
    expect(() => encoded({ constructor: 1n })).toThrow(
      expect.objectContaining({ code: 'MILL_INPUT_UNSERIALIZABLE' }),
    )
  })
})

describe('the size limit counts bytes', () => {
  test('of the JSON', () => {
    expect(encoded('12345678', 10).json).toBe('"12345678"')
    expect(() => encoded('123456789', 10)).toThrow(
      expect.objectContaining({ code: 'MILL_PAYLOAD_TOO_LARGE', data: { bytes: 11, maxBytes: 10 } }),
    )
    expect(encoded('äöü', 8).json).toBe('"äöü"')
    expect(() => encoded('äöü', 7)).toThrow(expect.objectContaining({ data: { bytes: 8, maxBytes: 7 } }))
  })

  test('and of the type map, with the code asked for', () => {
    const { json, types } = encoded([1n, 2n])
    const bytes = json.length + JSON.stringify(types).length
    expect(encoded([1n, 2n], bytes).json).toBe(json)
    expect(() =>
      encode([1n, 2n], 'result', { maxBytes: bytes - 1, tooLarge: 'MILL_RESULT_TOO_LARGE' }),
    ).toThrow(
      expect.objectContaining({ code: 'MILL_RESULT_TOO_LARGE', data: { bytes, maxBytes: bytes - 1 } }),
    )
  })
})
