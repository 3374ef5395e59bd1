import { describeValue } from './describe-value.ts'
import { parseDuration, type Duration } from './duration.ts'
import { choiceOf, invalidOption, optionFields } from './option-fields.ts'
import type { OnDuplicate, UniqueUntil } from './unique.ts'

export type UniquePart = string | number | boolean | Date

/** One concept for duplicate signatures, debounce, throttle and overlap (semantics Q-10). */
export interface UniqueOptions {
  /** What makes two jobs the same, within one definition and tenant. Parts of different type differ: `1` is not `'1'`. */
  readonly key: string | readonly UniquePart[]
  /** How long the key stays taken: until the job starts, until it ends, or for a time from its enqueue. @default 'done' */
  readonly until?: 'started' | 'done' | (Duration & Record<never, never>)
  /** What a second enqueue gets: MILL_DUPLICATE, the job that is there, or its place if it has not started. @default 'throw' */
  readonly on?: OnDuplicate
}

export interface UniqueRule {
  /** Canonical JSON of the parts; what storage takes is a hash of it, made elsewhere. */
  readonly signature: string
  readonly until: UniqueUntil
  readonly on: OnDuplicate
}

const maxParts = 20
const maxSignature = 10_000

/** Throws MILL_OPTIONS_INVALID, or MILL_DURATION_INVALID for an `until` that is no duration. */
export function normalizeUnique(options: unknown, where: string): UniqueRule {
  const given = optionFields(options, ['key', 'until', 'on'] as const, where)
  return {
    signature: signatureOf(given.key, `${where}.key`),
    until: untilOf(given.until, `${where}.until`),
    on: choiceOf(given.on, ['throw', 'return', 'replace'] as const, 'throw', `${where}.on`),
  }
}

function untilOf(until: unknown, where: string): UniqueUntil {
  if (until === undefined || until === 'done') return 'done'
  if (until === 'started') return 'started'
  const ms = parseDuration(until, where)
  if (ms === 0)
    throw invalidOption(where, "must be longer than nothing; use 'started' for the shortest bound")
  return { ms }
}

function signatureOf(key: unknown, where: string): string {
  const parts: readonly unknown[] = Array.isArray(key) ? key : [key]
  if (parts.length === 0 || key === '' || parts.length > maxParts) {
    throw invalidOption(
      where,
      `must be a text, or a list of 1 to ${maxParts} parts; got ${describeValue(key)}`,
    )
  }
  const signature = JSON.stringify(parts.map((part, index) => taggedPart(part, `${where}[${index}]`)))
  if (signature.length > maxSignature)
    throw invalidOption(where, `is longer than ${maxSignature} characters as JSON`)
  return signature
}

/** JSON tells text, numbers and booleans apart; a Date gets a tag, as it would be a text. */
function taggedPart(part: unknown, where: string): string | number | boolean | { readonly date: string } {
  if (typeof part === 'string' || typeof part === 'boolean') return part
  if (typeof part === 'number' && Number.isFinite(part)) return part
  if (part instanceof Date && !Number.isNaN(part.getTime())) return { date: part.toISOString() }
  throw invalidOption(
    where,
    `must be a text, a finite number, a boolean or a Date; got ${describeValue(part)}`,
  )
}
