import { createHash } from 'node:crypto'
import { parseDuration } from '../kernel/rules/duration.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import type { LimitSpec } from '../kernel/rules/limits.ts'
import { optionFields } from '../kernel/rules/option-fields.ts'
import { checkStorable } from '../kernel/rules/text.ts'
import { flexKeyName } from '../kernel/storage/flex-queues.ts'
import type { ConcurrencyOptions, RateLimitOptions } from './definition.ts'

/** What a limit belongs to. */
export type LimitKind = 'definition' | 'queue' | 'tenant'

/** Throws MILL_OPTIONS_INVALID, as every limit does that nothing could pass. */
export function slots(
  kind: LimitKind,
  name: string,
  { limit, key, scope = 'global' }: ConcurrencyOptions,
  input: unknown,
): LimitSpec {
  const where = `concurrency of ${kind} ${name}`
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new MillraceError(
      'MILL_OPTIONS_INVALID',
      `${where} is ${String(limit)}; it must be a whole number from 1 to 100000`,
    )
  return {
    name: keyName('c', kind, name, key, input, where),
    slots: limit,
    rate: null,
    perProcess: scope === 'process',
  }
}

export function rate(
  kind: LimitKind,
  name: string,
  { limit, per, burst = limit, key }: RateLimitOptions,
  input: unknown,
): LimitSpec {
  const where = `rateLimit of ${kind} ${name}`
  const ms = parseDuration(per, `${where}: per`)
  if (!(limit > 0) || !Number.isFinite(limit) || ms <= 0 || !(burst >= 1) || !Number.isFinite(burst)) {
    throw new MillraceError(
      'MILL_OPTIONS_INVALID',
      `${where} must allow more than 0 starts in more than 0 ms, with a burst of at least 1`,
    )
  }
  return {
    name: keyName('r', kind, name, key, input, where),
    slots: null,
    rate: { burst, perMs: limit / ms },
    perProcess: false,
  }
}

/** Batches of a tenant that may be under way, and Holding (null: any number). */
export interface FlexLimits {
  readonly slots: number
  readonly most: number | null
}

export function flexQueue(tenant: string, { slots, most }: FlexLimits): LimitSpec {
  return { name: flexKeyName(tenant), slots, rate: null, perProcess: false, flex: { most } }
}

const longestKey = 200

function keyName(
  letter: string,
  kind: LimitKind,
  name: string,
  key: ConcurrencyOptions['key'],
  input: unknown,
  where: string,
): string {
  const own = typeof key === 'function' ? key(input) : key
  if (own !== undefined && (typeof own !== 'string' || own === ''))
    throw new MillraceError('MILL_OPTIONS_INVALID', `the key of ${where} must be a text that is not empty`)
  const full =
    typeof key === 'string'
      ? `${letter}:key:${key}`
      : `${letter}:${kind}:${name}${own === undefined ? '' : `:${own}`}`
  checkStorable(full, where)
  return full.length <= longestKey
    ? full
    : `${letter}:hash:${createHash('sha256').update(full).digest('hex')}`
}

/** Refuses at once what would otherwise refuse every enqueue; keys are made of inputs and come later. */
export function checkLimits(
  kind: LimitKind,
  name: string,
  limits: {
    readonly concurrency?: number | Omit<ConcurrencyOptions, 'key'>
    readonly rateLimit?: Omit<RateLimitOptions, 'key'>
  },
): void {
  const { concurrency, rateLimit } = limits
  if (concurrency !== undefined) {
    if (typeof concurrency !== 'number')
      optionFields(concurrency, ['limit', 'key', 'scope'], `concurrency of ${kind} ${name}`)
    const { limit, scope = 'global' } = typeof concurrency === 'number' ? { limit: concurrency } : concurrency
    slots(kind, name, { limit, scope }, undefined)
  }
  if (rateLimit !== undefined) {
    optionFields(rateLimit, ['limit', 'per', 'burst', 'key'], `rateLimit of ${kind} ${name}`)
    const { limit, per, burst = limit } = rateLimit
    rate(kind, name, { limit, per, burst }, undefined)
  }
}
