import { decode, encode } from '../codec.ts'

/** Of the records that a start brings along for one chunk. */
const limits = { maxBytes: 64 * 1_048_576, tooLarge: 'MILL_PAYLOAD_TOO_LARGE' } as const

/** Throws MILL_PAYLOAD_TOO_LARGE above 64 MiB, MILL_INPUT_UNSERIALIZABLE. */
export function storeRecords(records: readonly object[], where: string): string {
  const { json, types } = encode(records, `records of ${where}`, limits)
  return types === undefined ? `{"json":${json}}` : `{"json":${json},"types":${JSON.stringify(types)}}`
}

export function storedRecords(text: string): object[] {
  const { json, types } = JSON.parse(text) as { json: object[]; types?: unknown }
  return types === undefined ? json : (decode(JSON.stringify(json), types) as object[])
}
