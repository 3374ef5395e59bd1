import pg from 'pg'

type Parse = (text: string) => unknown

export interface TypeParsers {
  getTypeParser(oid: number, format?: string): Parse
}

const identity: Parse = (text) => text
const float: Parse = (text) => Number(text)
const boolean: Parse = (text) => text === 't'
const json: Parse = (text) => JSON.parse(text) as unknown
const numberArray: Parse = (text) =>
  text === '{}'
    ? []
    : text
        .slice(1, -1)
        .split(',')
        .map((item) => (item === 'NULL' ? null : Number(item)))
const uuidArray: Parse = (text) =>
  text === '{}'
    ? []
    : text
        .slice(1, -1)
        .split(',')
        .map((item) => (item === 'NULL' ? null : item))

const oids = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  json: 114,
  float4: 700,
  float8: 701,
  int2Array: 1005,
  int4Array: 1007,
  textArray: 1009,
  int8Array: 1016,
  uuidArray: 2951,
} as const

const ownParsers = new Map<number, Parse>([
  [oids.bool, boolean],
  [oids.int8, float],
  [oids.int2, float],
  [oids.int4, float],
  [oids.json, json],
  [oids.float4, float],
  [oids.float8, float],
  [oids.int2Array, numberArray],
  [oids.int4Array, numberArray],
  [oids.int8Array, numberArray],
  [oids.textArray, parserOf(oids.textArray)],
  [oids.uuidArray, uuidArray],
])

/** For our own statements: whatever an application does to `pg.types` does not reach them. Numbers of ours are safe integers. */
export const ownTypes: TypeParsers = { getTypeParser: (oid) => ownParsers.get(oid) ?? identity }

/** For a user's statements: as `pg` is set, except that int8 is a number where it is safe, else a bigint. */
export const userTypes: TypeParsers = {
  getTypeParser: (oid, format) => (oid === oids.int8 ? integer : parserOf(oid, format)),
}

/** As `pg` is set; its types know only some of the numbers it takes. */
function parserOf(oid: number, format = 'text'): Parse {
  const get = pg.types.getTypeParser as unknown as (oid: number, format: string) => Parse
  return get(oid, format)
}

function integer(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}
