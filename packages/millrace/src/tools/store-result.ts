import { encode, textOf } from './codec.ts'

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
