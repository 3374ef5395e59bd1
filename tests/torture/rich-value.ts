import { isDeepStrictEqual } from 'node:util'
import type { Work } from './work.ts'

/** One of many values of types that JSON alone would lose. */
export function richValue(n: number): unknown {
  return {
    at: new Date(1_600_000_000_000 + n * 86_400_001),
    big: 2n ** BigInt(60 + (n % 40)) + BigInt(n),
    names: new Map([[`ключ ${n}`, new Set([n, `\u2028 ${n} 💧`])]]),
    bytes: Uint8Array.from({ length: n % 9 }, (_, place) => (place * 37 + n) % 256),
    odd: [n % 2 === 0 ? -0 : NaN, n % 3 === 0 ? Infinity : undefined, null, `"\\' \t ${n}`],
  }
}

/** What is enqueued for a work: the ledger, which is JSON, only says which value it was. */
export function payloadOf(work: Work): Work {
  return work.rich === undefined ? work : ({ ...work, richValue: richValue(work.rich) } as Work)
}

/** What a handler was given, without the value; `intact`: the value is what was enqueued. */
export function workOf(payload: Work): { readonly work: Work; readonly intact: boolean } {
  const { richValue: value, ...work } = payload as Work & { readonly richValue?: unknown }
  const meant = work.rich === undefined ? undefined : richValue(work.rich)
  return { work, intact: isDeepStrictEqual(value, meant) }
}
