import type { Admit, GatedRow, KeyChange, KeyState, Parked } from './limits.ts'

/** How soon the pump looks at a key that somebody waits for a slot of: the backstop for lost wakes. */
const slotCheckMs = 1000
/** The same when the slot is free: somebody was to be woken for it, and may not have been, or cannot take it. */
const idleCheckMs = 50
const maxCheckMs = 3_600_000
/** Refilled tokens are sums of fractions. */
const almost = 1e-9

/**
 * Takes a slot and a token of each of its keys for a row, or parks it at its first key without room. Who was woken goes
 * first, and nobody else passes those who wait: else a tenant that enqueues without end would keep taking what the
 * others were woken for. Room only shrinks during a call, so rows of one key are admitted in the order given. A key that
 * is not in `keys` (deleted) is no limit. Permits are for keys with slots only: a pure rate has nothing to give back when the work ends.
 */
export const admit: Admit = (rows, keys, nowMs) => {
  const gates = new Map(keys.map((key) => [key.id, gateOf(key, nowMs)]))
  const admitted: GatedRow[] = []
  const parked: Parked[] = []
  for (const row of [...rows.filter(({ woken }) => woken), ...rows.filter(({ woken }) => !woken)]) {
    const needed = row.keys.flatMap((id) => gates.get(id) ?? [])
    const closed = needed.find((gate) => refusal(gate, row) !== null)
    const reason = closed && refusal(closed, row)
    if (closed && reason) {
      closed.parked = reason
      if (fullness(closed) === null) closed.idle = true
      parked.push({ row, gate: closed.key.id, reason })
    } else {
      admitted.push(row)
      for (const gate of needed) take(gate)
    }
  }
  const all = [...gates.values()]
  return {
    admitted,
    parked,
    keys: all
      .filter(({ parked, taken, bucket }) => parked !== null || (taken > 0 && bucket !== null))
      .map(changeOf),
    permits: all
      .filter(({ key, taken }) => taken > 0 && key.slots !== null)
      .map(({ key, taken }) => ({ key: key.id, n: taken })),
  }
}

/**
 * Gives back `n` tokens of executions that were handed back unstarted; the pump may look at once when there is a whole
 * token. null when the key has no rate.
 */
export function refund(key: KeyState, n: number, nowMs: number): KeyChange | null {
  const bucket = bucketOf(key, nowMs)
  if (bucket === null) return null
  bucket.tokens = Math.min(bucket.burst, bucket.tokens + n)
  return {
    id: key.id,
    tokens: bucket.tokens,
    at: nowMs,
    nextInMs: hasToken(bucket) ? 0 : nextTokenInMs(bucket),
  }
}

interface Gate {
  readonly key: KeyState
  readonly nowMs: number
  /** null: no rate. */
  readonly bucket: Bucket | null
  taken: number
  parked: Parked['reason'] | null
  /** It had room for one that it parked. */
  idle: boolean
}

interface Bucket {
  readonly burst: number
  readonly perMs: number
  tokens: number
}

function gateOf(key: KeyState, nowMs: number): Gate {
  return { key, nowMs, bucket: bucketOf(key, nowMs), taken: 0, parked: null, idle: false }
}

/** Refilled to now. A new key starts full; a clock that went back refills nothing. */
function bucketOf({ burst, perMs, tokens, at }: KeyState, nowMs: number): Bucket | null {
  if (burst === null || perMs === null) return null
  if (tokens === null || at === null) return { burst, perMs, tokens: burst }
  return { burst, perMs, tokens: Math.min(burst, tokens + Math.max(0, nowMs - at) * perMs) }
}

const hasToken = ({ tokens }: Bucket): boolean => tokens >= 1 - almost

function refusal(gate: Gate, { woken }: GatedRow): Parked['reason'] | null {
  const full = fullness(gate)
  if (full !== null || woken || !gate.key.contended) return full
  return gate.key.slots === null ? 'rateLimited' : 'concurrencyLimited'
}

function fullness({ key, taken, bucket }: Gate): Parked['reason'] | null {
  if (key.slots !== null && key.used + taken >= key.slots) return 'concurrencyLimited'
  return bucket === null || hasToken(bucket) ? null : 'rateLimited'
}

function take(gate: Gate): void {
  gate.taken += 1
  if (gate.bucket !== null) gate.bucket.tokens = Math.max(0, gate.bucket.tokens - 1)
}

/** A key that waits for slots and one whose tokens changed: when the pump should look at it, and what to store. */
function changeOf({ key, nowMs, bucket, parked, idle }: Gate): KeyChange {
  const slotInMs = idle ? idleCheckMs : slotCheckMs
  if (bucket === null) return { id: key.id, tokens: key.tokens, at: key.at, nextInMs: slotInMs }
  const nextInMs = idle || parked === 'concurrencyLimited' ? slotInMs : nextTokenInMs(bucket)
  return { id: key.id, tokens: bucket.tokens, at: nowMs, nextInMs }
}

function nextTokenInMs({ tokens, perMs }: Bucket): number {
  const missing = Math.floor(tokens + almost) + 1 - tokens
  return Math.max(1, Math.min(maxCheckMs, Math.ceil(missing / perMs)))
}
