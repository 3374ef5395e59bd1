import { decode, encode, textOf } from './codec.ts'

export interface ResultServices {
  readonly maxResultBytes: number
}

/** A result is kept as `{ json, types }` only where it needs types. Throws MILL_RESULT_TOO_LARGE. */
export function storeResult(
  value: unknown,
  name: string,
  { maxResultBytes }: ResultServices,
): string | undefined {
  if (value === undefined) return undefined
  const limits = { maxBytes: maxResultBytes, tooLarge: 'MILL_RESULT_TOO_LARGE' } as const
  return textOf(encode(value, `result of ${name}`, limits))
}

/** What a handler returned, from its stored text. */
export function decodeResult(stored: string | null): unknown {
  if (stored === null) return undefined
  const { json, types } = JSON.parse(stored) as { json: unknown; types?: unknown }
  return types === undefined ? json : decode(JSON.stringify(json), types)
}
