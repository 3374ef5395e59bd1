import type { Query } from '../query/query.ts'

/** A query and the binds it names, as text that survives storing. */
export interface BoundQuery {
  readonly query: Query
  readonly binds: Readonly<Record<string, unknown>>
}

type Tagged =
  { readonly $date: string } | { readonly $bigint: string } | { readonly $set: readonly unknown[] }

/** JSON, in which dates, bigints and sets among the values keep what they are. Only binds that the query names are kept. */
export function encodeQuery(query: Query, binds: Readonly<Record<string, unknown>> = {}): string {
  const named = new Set<string>()
  collect(query, named)
  const kept = Object.entries(binds).filter(([name]) => named.has(name))
  return JSON.stringify({ query, binds: Object.fromEntries(kept) }, tag)
}

/** The reverse of `encodeQuery`. */
export function decodeQuery(text: string): BoundQuery {
  return JSON.parse(text, (_, value: unknown) => (isTagged(value) ? untag(value) : value)) as BoundQuery
}

/** `:account.Id` is looked up as it is written and inside of `account`. */
function collect(node: unknown, named: Set<string>): void {
  if (typeof node !== 'object' || node === null) return
  const { kind, name } = node as { readonly kind?: unknown; readonly name?: unknown }
  if (kind === 'value') return
  if (kind === 'bind' && typeof name === 'string') {
    named.add(name)
    named.add(name.split('.')[0] ?? name)
  }
  for (const child of Object.values(node)) collect(child, named)
}

/** `this` holds the value before its own `toJSON` made a text of it. */
function tag(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const given = this[key]
  if (given instanceof Date) return { $date: given.toISOString() } satisfies Tagged
  if (typeof given === 'bigint') return { $bigint: String(given) } satisfies Tagged
  if (given instanceof Set) return { $set: [...(given as Set<unknown>)] } satisfies Tagged
  return value
}

function isTagged(value: unknown): value is Tagged {
  if (typeof value !== 'object' || value === null) return false
  const keys = Object.keys(value)
  return keys.length === 1 && ['$date', '$bigint', '$set'].includes(keys[0] ?? '')
}

function untag(value: Tagged): unknown {
  if ('$date' in value) return new Date(value.$date)
  return '$bigint' in value ? BigInt(value.$bigint) : new Set(value.$set)
}
